/* Portable pooling, backward. */
#include "ops/implementation.h"

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    const tsr_primitive *p = tsr_span_primitive(span, TSR_KIND_POOL2D_GRAD);
    tsr_needs_strided(needs, p->inputs[0], 0, 0, 0, 0);
    tsr_needs_strided(needs, p->outputs[0], 0, 0, 0, 0);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = tsr_span_primitive(step->span, TSR_KIND_POOL2D_GRAD);
    const tsr_pool2d_descriptor *d = &p->as.pool2d;
    const char *options = d->mode != TSR_POOL_MAX                ? ""
                          : d->pool_height * d->pool_width > 255 ? "-DWINNER=ushort"
                                                                 : "-DWINNER=uchar";
    tsr_launch *launch = tsr_step_launch(step, "pool2d_grad.cl", options, "pool2d_grad", &status);
    tsr_launch_value(step, launch, p->inputs[0], &status);
    tsr_launch_strides(step, launch, p->inputs[0], &status);
    if (d->mode == TSR_POOL_MAX) tsr_launch_value(step, launch, p->inputs[1], &status);
    tsr_launch_value(step, launch, p->outputs[0], &status);
    tsr_launch_strides(step, launch, p->outputs[0], &status);
    size_t count = tsr_value_count(&step->span->graph->values[p->outputs[0]]);
    const int32_t numbers[] = {
        (int32_t)count,
        tsr_window_output(d->height, d->pool_height, d->stride_height, d->padding),
        tsr_window_output(d->width, d->pool_width, d->stride_width, d->padding),
        d->channels,
        d->height,
        d->width,
        d->pool_height,
        d->pool_width,
        d->stride_height,
        d->stride_width,
        tsr_window_before(d->height, d->pool_height, d->stride_height, d->padding),
        tsr_window_before(d->width, d->pool_width, d->stride_width, d->padding),
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    tsr_launch_elements(step, launch, count, &status);
    return status;
}

const tsr_implementation tsr_implementation_pool2d_grad = {.name = "pool2d_grad",
                                                           .anchor = TSR_KIND_POOL2D_GRAD,
                                                           .match = tsr_match_single,
                                                           .supports = supports,
                                                           .prepare = prepare};
