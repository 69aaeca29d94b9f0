/* Portable pooling, forward. */
#include "ops/implementation.h"

#include <stdio.h>

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    const tsr_primitive *p = tsr_span_primitive(span, TSR_KIND_POOL2D);
    tsr_needs_strided(needs, p->inputs[0], 0, 0, 0, 0);
    tsr_needs_strided(needs, p->outputs[0], 0, 0, 0, 0);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = tsr_span_primitive(step->span, TSR_KIND_POOL2D);
    const tsr_pool2d_descriptor *d = &p->as.pool2d;
    bool max = d->mode == TSR_POOL_MAX;
    bool winner = p->output_count > 1 && tsr_span_stores(step->span, p->outputs[1]);
    bool y = tsr_span_stores(step->span, p->outputs[0]);
    char options[96];
    snprintf(options, sizeof options, "-DSTORE_Y=%d%s%s", y, max ? " -DMAXIMUM" : "",
             !winner                                ? ""
             : d->pool_height * d->pool_width > 255 ? " -DWINNER=ushort"
                                                    : " -DWINNER=uchar");
    tsr_launch *launch = tsr_step_launch(step, "pool2d.cl", options, "pool2d", &status);
    tsr_launch_value(step, launch, p->inputs[0], &status);
    tsr_launch_strides(step, launch, p->inputs[0], &status);
    if (y) {
        tsr_launch_value(step, launch, p->outputs[0], &status);
        tsr_launch_strides(step, launch, p->outputs[0], &status);
    }
    if (winner) tsr_launch_value(step, launch, p->outputs[1], &status);
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

const tsr_implementation tsr_implementation_pool2d = {
    .name = "pool2d", .anchor = TSR_KIND_POOL2D, .match = tsr_match_single, .supports = supports, .prepare = prepare};
