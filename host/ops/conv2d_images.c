#include "ops/conv2d_images.h"

tsr_conv2d_layout tsr_conv2d_layout_of(const tsr_step *step, int value, int32_t rows, int32_t columns, int32_t channels)
{
    const tsr_view *view = tsr_step_view(step, value);
    if (step->span->graph->values[value].rank == 4)
        return (tsr_conv2d_layout){.origin = view->origin, .image = view->stride[0], .row = view->stride[1]};
    return (tsr_conv2d_layout){.image = rows * columns * channels, .row = columns * channels};
}

void tsr_conv2d_launch_layout(tsr_launch *launch, tsr_conv2d_layout layout, tsr_status *status)
{
    tsr_launch_int(launch, layout.origin, status);
    tsr_launch_int(launch, layout.image, status);
    tsr_launch_int(launch, layout.row, status);
}

void tsr_conv2d_launch_images(tsr_step *step, tsr_launch *launch, const tsr_primitive *gather, int x,
                              const tsr_conv2d_descriptor *conv2d, tsr_status *status)
{
    const tsr_conv2d_descriptor *c = conv2d;
    int source = gather ? gather->inputs[0] : x;
    tsr_conv2d_layout dense = {.image = c->height * c->width * c->channels, .row = c->width * c->channels};
    tsr_launch_value(step, launch, source, status);
    tsr_launch_value(step, launch, gather ? gather->inputs[1] : source, status);
    tsr_launch_value(step, launch, gather ? gather->inputs[2] : source, status);
    tsr_conv2d_launch_layout(
        launch, gather ? dense : tsr_conv2d_layout_of(step, source, c->height, c->width, c->channels), status);
    tsr_launch_float(launch, gather ? gather->as.gather.scale : 1.0f, status);
}

const char *tsr_conv2d_image_options(const tsr_primitive *gather)
{
    if (!gather) return " -D X_TYPE=float -D SCALED=0 -D GATHERED=0";
    return gather->as.gather.source == TSR_U8 ? " -D X_TYPE=uchar -D SCALED=1 -D GATHERED=1"
                                              : " -D X_TYPE=float -D SCALED=1 -D GATHERED=1";
}
