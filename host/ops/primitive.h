/* What each kind of primitive is: its twin, its gradient, and what it costs. One row a kind; the row lives in the file
 * of the primitive's stem (host/ops/<stem>_reference.c has the twin). */
#ifndef TSR_OPS_PRIMITIVE_H
#define TSR_OPS_PRIMITIVE_H

#include "ops/graph.h"

/* The plain-C twin, the definition of the primitive: operands are dense, in the primitive's order, every type as
 * double. An operand that replaces another (clock', w') is an array of its own. */
typedef void (*tsr_reference)(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs);

/* Adds to the graph the primitives that compute the gradient of the inputs of `primitive`. output_gradients[i] is the
 * value of the gradient of output i, or TSR_NONE; input_gradients[i] is set to the value of the gradient of input i for
 * each i with wanted[i], and left TSR_NONE where there is none. */
typedef tsr_status (*tsr_differentiate)(tsr_graph *graph, int primitive, const int *output_gradients,
                                        const bool *wanted, int *input_gradients);

typedef struct tsr_primitive_row {
    tsr_reference reference;
    tsr_differentiate differentiate; /* NULL: it has no gradient */
    bool cheap;                      /* elementwise or a gather: another span may compute it again for itself */
} tsr_primitive_row;

const tsr_primitive_row *tsr_primitive_row_of(tsr_kind kind);

/* Makes the value of the gradient of `of`: "d" and its name, the same extents; of a parameter, a gradient of the same
 * slot. TSR_NONE when memory is short. */
int tsr_gradient_value(tsr_graph *graph, int of);

/* Floating-point operations of the primitive, a multiply-add counted as two, and the bytes of its dense operands. */
double tsr_primitive_flops(const tsr_graph *graph, const tsr_primitive *primitive);
double tsr_primitive_bytes(const tsr_graph *graph, const tsr_primitive *primitive);

/* The rows, defined beside the twins. */
#define TSR_PRIMITIVE_ROW(name, stem) extern const tsr_primitive_row tsr_##stem##_row;
TSR_PRIMITIVE_LIST(TSR_PRIMITIVE_ROW)
#undef TSR_PRIMITIVE_ROW

#endif
