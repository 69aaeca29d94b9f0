#include "ops/conv2d_gradient_tiled.h"

void tsr_conv2d_gradient_tiled_arguments(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *gradient,
                                         tsr_status *status)
{
    const tsr_conv2d_gradient *g = gradient;
    tsr_launch_value(step, launch, g->dy, status);
    if (g->activation) tsr_launch_value(step, launch, g->y, status);
    if (g->pool) {
        tsr_launch_value(step, launch, g->winner, status);
        tsr_launch_int(launch, g->pool_top, status);
        tsr_launch_int(launch, g->pool_left, status);
    }
    tsr_launch_int(launch, g->rows, status);
    tsr_launch_int(launch, g->columns, status);
}
