/* The twins of a graph: exact values of its primitives, one after another in double precision, and how far a kernel in
 * single precision may be from them.
 *
 * Where inputs are integers and the twin's sums stay below 2^24, convolution, dense, max pool, relu and their gradients
 * must agree exactly. Otherwise a bound travels along: a sum of L terms may be off by (L + 8) 2^-24 times the sum of
 * the terms' magnitudes, plus what its inputs' bounds contribute; an elementwise function by a few units in the last
 * place plus what its inputs' bounds make of it. Not-a-number and infinities must be met. */
#ifndef TSR_OPS_TWIN_H
#define TSR_OPS_TWIN_H

#include "ops/graph.h"

typedef struct tsr_twin_value {
    double *exact, *bound; /* by element; NULL: not known yet */
    bool integer;          /* integers without a bound */
} tsr_twin_value;

typedef struct tsr_twins {
    const tsr_graph *graph;
    tsr_twin_value *values; /* by value */
} tsr_twins;

/* Nothing is known yet. The graph must stay alive and as it is. */
tsr_status tsr_twins_create(const tsr_graph *graph, tsr_twins *twins);
void tsr_twins_clear(tsr_twins *twins);

/* Gives the value the data, each number as the value's type holds it. */
tsr_status tsr_twins_set(tsr_twins *twins, int value, const double *data);

/* Computes the outputs of a primitive whose inputs are known. */
tsr_status tsr_twins_evaluate(tsr_twins *twins, const tsr_primitive *primitive);

/* Whether element `e` of a value may be `got`: within `slack` times the bound. Of a pool's winners, whether that cell
 * may be the largest. */
bool tsr_twins_agree(const tsr_twins *twins, int value, size_t e, double got, double slack);

/* Element `e` of an array of that type, as a double, and the reverse. */
double tsr_dtype_get(const void *data, size_t e, tsr_dtype dtype);
void tsr_dtype_put(void *data, size_t e, double number, tsr_dtype dtype);

#endif
