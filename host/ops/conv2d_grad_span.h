/* What the implementations of a convolution's gradients have in common: conv2d_grad_data or conv2d_grad_weights,
 * perhaps with a pool2d_grad and an activation_grad before it. */
#ifndef TSR_OPS_CONV2D_GRAD_SPAN_H
#define TSR_OPS_CONV2D_GRAD_SPAN_H

#include "ops/implementation.h"

typedef struct tsr_conv2d_grad_span {
    const tsr_conv2d_descriptor *conv2d;
    const tsr_pool2d_descriptor *pool;           /* NULL: none */
    const tsr_activation_descriptor *activation; /* NULL: none */
    const tsr_primitive *gather;                 /* NULL: x comes from outside */
    int dy;                                      /* the gradient that enters the span */
    int from;                                    /* what the activation's gradient is computed from, or TSR_NONE */
    int winner;                                  /* or TSR_NONE */
    int x, w;                                    /* the one that is read; the other one is TSR_NONE */
    int dx, dw, db;                              /* those that the span stores; otherwise TSR_NONE */
    int32_t rows, columns;                       /* of the convolution's result */
    int32_t top, left;                           /* padding before x */
    int32_t pool_rows, pool_columns;             /* of the pool's result; rows and columns without a pool */
    int32_t pool_top, pool_left;                 /* padding before the convolution's result */
} tsr_conv2d_grad_span;

/* Reads a span that a chain of those kinds matched. */
tsr_conv2d_grad_span tsr_conv2d_grad_span_of(const tsr_span *span);

/* Into how many stacked partial sums a portable kernel splits the weight gradient: by the shape alone, so that large
 * GPUs are busy and sums do not grow too long, in at most 4 million floats. `rows` are what is split. */
int32_t tsr_conv2d_grad_partials(const tsr_conv2d_descriptor *conv2d, int32_t rows, int32_t columns);

#endif
