/* What the pooling implementations for CPU-class devices share. */
#ifndef TSR_OPS_POOL2D_SPAN_H
#define TSR_OPS_POOL2D_SPAN_H

#include "ops/implementation.h"

#define TSR_POOL2D_OPTIONS 256

/* Floats a vector: the device's width, or the largest power of two that the channels fill. */
int32_t tsr_pool2d_vector(const tsr_pool2d_descriptor *pool, const tsr_target *target);

/* The -D options of the windows and the vector; `options` has room for TSR_POOL2D_OPTIONS bytes, of which those after
 * the returned length are free for more. */
int tsr_pool2d_options(const tsr_pool2d_descriptor *pool, const tsr_target *target, char *options);

/* The type of winners, "uchar" or "ushort". */
const char *tsr_pool2d_winner_type(const tsr_pool2d_descriptor *pool);

/* Sets the last arguments of the kernels, extents and padding, and the index space: groups of rows of `row_cells`
 * cells each, `rows` of them an image. */
void tsr_pool2d_launch(tsr_step *step, tsr_launch *launch, const tsr_pool2d_descriptor *pool, int32_t rows,
                       int64_t row_cells, tsr_status *status);

#endif
