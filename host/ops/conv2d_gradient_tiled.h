/* What the gradients of a convolution for GPUs have in common: the host's side of cl/conv2d_gradient_tiled.cl. */
#ifndef TSR_OPS_CONV2D_GRADIENT_TILED_H
#define TSR_OPS_CONV2D_GRADIENT_TILED_H

#include "ops/conv2d_gradient.h"
#include "ops/tile.h"

enum { TSR_GRADIENT_TILED_OPTIONS = 640 };

/* The -D options of the convolution, pool and activation; `options` has room for TSR_GRADIENT_TILED_OPTIONS bytes, of
 * which those after the returned length are free for more. */
int tsr_conv2d_gradient_tiled_options(const tsr_conv2d_gradient *gradient, char *options);

/* Sets the first arguments: dy, y, winner, the grid of windows and the pool's padding. */
void tsr_conv2d_gradient_tiled_arguments(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *gradient,
                                         tsr_status *status);

#endif
