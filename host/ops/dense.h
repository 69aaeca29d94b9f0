/* The dense layer's matrix products, as its implementations share them. */
#ifndef TSR_OPS_DENSE_H
#define TSR_OPS_DENSE_H

#include "ops/implementation.h"

/* c = a b of a dense primitive: which values, their extents, and how they lie. */
typedef struct tsr_dense_product {
    int a, b, c;                  /* values */
    int32_t rows, columns, depth; /* c is rows x columns */
    bool a_by_depth;              /* a[row][depth] rather than a[depth][row] */
    bool b_by_depth;              /* b[column][depth] rather than b[depth][column] */
    int32_t a_stride, b_stride;   /* elements from one row of the memory to the next */
    int bias;                     /* value that is added to every row of c, or TSR_NONE */
    int bias_gradient;            /* value of the sums of b's columns, or TSR_NONE */
} tsr_dense_product;

/* Whether it is a product: dense, dense_grad_data or dense_grad_weights. */
bool tsr_is_dense_product(tsr_kind kind);

/* The product of a span of one such primitive. */
tsr_dense_product tsr_dense_product_of(const tsr_span *span);

/* What goes with a product wherever it is computed (dense_bias.c); each adds a launch to the step.
 * Puts the bias into every row of c, for a product that adds to it. */
void tsr_dense_bias(tsr_step *step, const tsr_dense_product *product, tsr_status *status);
/* Adds up the stack of `chunks` partial sums in the workspace into c. */
void tsr_dense_sum(tsr_step *step, const tsr_dense_product *product, int32_t chunks, tsr_status *status);
/* Computes product->bias_gradient. */
void tsr_dense_bias_gradient(tsr_step *step, const tsr_dense_product *product, tsr_status *status);

#endif
