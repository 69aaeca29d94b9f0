#include "ops/conv2d_gradient_tiled.h"

#include "ops/activation.h"

#include <stdio.h>

int tsr_conv2d_gradient_tiled_options(const tsr_conv2d_gradient *gradient, char *options)
{
    const tsr_conv2d_descriptor *c = gradient->conv2d;
    const tsr_pool2d_descriptor *p = gradient->pool;
    char activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(gradient->activation, activation);
    int length =
        snprintf(options, TSR_GRADIENT_TILED_OPTIONS,
                 "-D KERNEL_HEIGHT=%d -D KERNEL_WIDTH=%d -D STRIDE_HEIGHT=%d -D STRIDE_WIDTH=%d -D CHANNELS=%d "
                 "-D FILTERS=%d -D ACTIVATED=%d%s",
                 c->kernel_height, c->kernel_width, c->stride_height, c->stride_width, c->channels, c->filters,
                 gradient->activation != NULL, activation);
    if (p)
        length += snprintf(options + length, (size_t)(TSR_GRADIENT_TILED_OPTIONS - length),
                           " -D POOL_HEIGHT=%d -D POOL_WIDTH=%d -D POOL_STRIDE_HEIGHT=%d -D POOL_STRIDE_WIDTH=%d",
                           p->pool_height, p->pool_width, p->stride_height, p->stride_width);
    return length;
}

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
