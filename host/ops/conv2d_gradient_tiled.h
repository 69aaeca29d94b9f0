/* What the gradients of a convolution for GPUs have in common: the host's side of cl/conv2d_gradient_tiled.cl. */
#ifndef TSR_OPS_CONV2D_GRADIENT_TILED_H
#define TSR_OPS_CONV2D_GRADIENT_TILED_H

#include "ops/conv2d_gradient.h"
#include "ops/tile.h"

/* Sets the first arguments: dy, y, winner and the pool's padding, the grid of windows. */
void tsr_conv2d_gradient_tiled_arguments(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *gradient,
                                         tsr_status *status);

#endif
