/* What the implementations of a convolution's forward span have in common: conv2d, perhaps with a pool and an
 * activation behind it and a gather before it; or conv2d_grad_data of stride 1, which is a convolution too, of dy with
 * the filters turned round:
 *   dx[n,i,j,c] = sum over (p,q,f) of dy[n, i - (kh-1-top) + p, j - (kw-1-left) + q, f] * w[kh-1-p, kw-1-q, c, f] */
#ifndef TSR_OPS_CONV2D_SPAN_H
#define TSR_OPS_CONV2D_SPAN_H

#include "ops/implementation.h"

typedef struct tsr_conv2d_span {
    tsr_conv2d_descriptor conv2d;                /* what is computed; of a gradient only the sizes are set */
    const tsr_conv2d_descriptor *filters;        /* the primitive's, that the filters belong to */
    bool backward;                               /* conv2d_grad_data: the filters are read turned round */
    const tsr_pool2d_descriptor *pool;           /* NULL: none */
    const tsr_activation_descriptor *activation; /* NULL: none */
    const tsr_primitive *gather;                 /* NULL: x comes from outside */
    int x, w, b, y, winner;                      /* values; b and winner may be TSR_NONE, and winner is so when the span
                                                    does not store it */
    int32_t conv_rows, conv_columns;             /* of the convolution's result */
    int32_t rows, columns;                       /* of y */
    int32_t top, left;                           /* padding before x */
    int32_t pool_top, pool_left;                 /* padding before the convolution's result */
    /* Size and stride of the pool's windows; 1 without a pool. */
    int32_t pool_height, pool_width, pool_stride_height, pool_stride_width;
    bool pool_padded; /* some windows reach beyond the convolution's result */
} tsr_conv2d_span;

/* Matches what ends in an activation or in a pool: activation, pool2d?, conv2d; and pool2d, conv2d; the _gathered ones
 * with the gather of x where it is there. */
bool tsr_conv2d_match_activation(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);
bool tsr_conv2d_match_pool(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);
bool tsr_conv2d_match_activation_gathered(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);
bool tsr_conv2d_match_pool_gathered(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);

/* Reads a span that a chain of those kinds matched. */
tsr_conv2d_span tsr_conv2d_span_of(const tsr_span *span);

/* Refuses gradients that are not a convolution, and those behind a max pool, where most of dy is zero: lists of what is
 * not zero are faster. */
bool tsr_conv2d_span_backward_supported(const tsr_span *span, tsr_needs *needs);

/* Refuses what no fused kernel does: softmax, pools whose windows overlap (cells would be computed more than once), and
 * winners of more than a byte. */
bool tsr_conv2d_span_supported(const tsr_conv2d_span *s, const tsr_span *span, tsr_needs *needs);

#endif
