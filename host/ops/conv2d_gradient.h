/* What the implementations of a convolution's gradients have in common: the span, perhaps with the gradients of a pool
 * and of an activation before it, and its geometry; and for CPU-class devices the options and first arguments of
 * kernels that include conv2d_gradient.cl. */
#ifndef TSR_OPS_CONV2D_GRADIENT_H
#define TSR_OPS_CONV2D_GRADIENT_H

#include "ops/conv2d_images.h"

#define TSR_CONV2D_GRADIENT_OPTIONS 1024

typedef struct tsr_conv2d_gradient {
    const tsr_conv2d_descriptor *conv2d;
    const tsr_pool2d_descriptor *pool;           /* NULL: none */
    const tsr_activation_descriptor *activation; /* NULL: none, or one that is linear */
    const tsr_primitive *gather;                 /* that makes x; NULL: none */
    int dy;                                      /* the gradient that enters the span */
    int y;                                       /* what the activation's is computed from; TSR_NONE without one */
    int winner;                                  /* TSR_NONE without a max pool */
    int x, w;                                    /* the one that is read; the other one is TSR_NONE */
    int dx, dw, db;                              /* those that the span stores; otherwise TSR_NONE */
    bool sparse;                                 /* relu, in the span or before it, makes many gradients zero */
    int32_t output_rows, output_columns;         /* of the convolution's output */
    int32_t rows, columns;                       /* of dy's grid: the pool's windows, or the same as above */
    int32_t top, left, pool_top, pool_left;      /* padding before the first cell */
    int32_t padded_rows, padded_columns;         /* of an image with the border that the kernel reaches into */
} tsr_conv2d_gradient;

/* Describes a span that a chain of those kinds matched. */
tsr_conv2d_gradient tsr_conv2d_gradient_of(const tsr_span *span);

/* Refuses to start from the winners of a pool that has none, or from an activation that is not elementwise. */
bool tsr_conv2d_gradient_winners_supported(const tsr_conv2d_gradient *gradient, tsr_needs *needs);

/* Into how many stacked partial sums a portable kernel splits the weight gradient: by the shape alone, so that large
 * GPUs are busy and sums do not grow too long, in at most 4 million floats. Rows of dy's grid are what is split. */
int32_t tsr_conv2d_gradient_partial_count(const tsr_conv2d_gradient *gradient);
/* Whether most gradients are not zero: behind no relu, and no max pool in the span. */
bool tsr_conv2d_gradient_dense(const tsr_conv2d_gradient *gradient);
/* So few filters that all of them have sums in registers together. */
enum { TSR_GRADIENT_FEW = 8 };
/* For CPU-class devices: whether the weights' gradient takes the least time with vectors along the rows of the kernel
 * and each patch read once for all filters: dense gradients, few filters, rows that fill a vector, and images enough to
 * be shared out. */
bool tsr_conv2d_gradient_along_rows(const tsr_conv2d_gradient *gradient, const tsr_target *target);
/* Asks for `partitions` partial sums of dw and db. */
void tsr_conv2d_gradient_partials(const tsr_conv2d_gradient *gradient, int32_t partitions, tsr_needs *needs);
/* The options WEIGHTS and BIAS that say which of the two are stored, and their arguments: buffer and partial stride of
 * each that is. */
const char *tsr_conv2d_gradient_store_options(const tsr_conv2d_gradient *gradient);
void tsr_conv2d_gradient_stores(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *gradient,
                                tsr_status *status);

/* Matches conv2d_grad_data or conv2d_grad_weights with the gradients of a max pool of at most
 * 255 cells and of an elementwise activation before it, and, for the weights, with the gather that makes x: each where
 * it is there and not claimed. */
bool tsr_conv2d_gradient_match(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);

/* Names the operands that the kernels address by strides, and those that they do not read. */
void tsr_conv2d_gradient_needs(const tsr_conv2d_gradient *gradient, tsr_needs *needs);

/* An image with a border as wide as what the kernel reaches into from all cells of all pool windows, those beyond the
 * convolution's output too: where its first pixel lies in it, and its size. */
typedef struct tsr_conv2d_gradient_border {
    int32_t top, left, rows, columns;
} tsr_conv2d_gradient_border;
tsr_conv2d_gradient_border tsr_conv2d_gradient_border_of(const tsr_conv2d_gradient *gradient);

/* How sums are kept in registers: `vector` floats a vector, `rows` kernel rows (a divisor of the kernel's height) of
 * `vectors` vectors each at a time. There are `most` sums at most, and at least half as many where that is possible:
 * sixteen vector registers hold TSR_GRADIENT_SUMS, an operand and a factor, and half of them hide the latency of
 * additions. */
enum { TSR_GRADIENT_SUMS = 12 };
typedef struct tsr_conv2d_gradient_block {
    int32_t vector, rows, vectors;
} tsr_conv2d_gradient_block;
tsr_conv2d_gradient_block tsr_conv2d_gradient_block_of(const tsr_conv2d_gradient *gradient, const tsr_target *target,
                                                       int32_t most);
/* The largest divisor of the kernel's height that is at most `limit`, or 1. */
int32_t tsr_conv2d_gradient_rows(const tsr_conv2d_gradient *gradient, int32_t limit);

/* The -D options of the convolution, pool, activation and vector width; `options` has room for
 * TSR_CONV2D_GRADIENT_OPTIONS bytes, of which those after the returned length are free for more. */
int tsr_conv2d_gradient_options(const tsr_conv2d_gradient *gradient, int32_t vector, char *options);

/* Sets the first arguments: dy, y, winner, the strides of dy and y, the grid of windows and the pool's padding. */
void tsr_conv2d_gradient_arguments(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *gradient,
                                   tsr_status *status);

/* For the weights, where kernels read images with a border as wide as the padding: asks for a halo of x, refuses what
 * integers cannot address, and says how many floats of the workspace a copy takes where x has no such halo. */
bool tsr_conv2d_gradient_padded_needs(const tsr_conv2d_gradient *gradient, tsr_needs *needs, size_t *copy);
/* Launches that copy, to the start of the workspace, if it is needed; returns its floats, or 0 without one. */
size_t tsr_conv2d_gradient_pad(tsr_step *step, const tsr_conv2d_gradient *gradient, tsr_status *status);
/* The arguments of the images with the border: the buffer, and the layout that begins with the border. */
void tsr_conv2d_gradient_padded(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *gradient, size_t copied,
                                tsr_status *status);

#endif
