/* Portable convolution. */
#include "ops/conv2d_span.h"

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    const tsr_primitive *p = tsr_span_primitive(span, TSR_KIND_CONV2D);
    tsr_needs_strided(needs, p->inputs[0], 0, 0, 0, 0);
    tsr_needs_strided(needs, p->outputs[0], 0, 0, 0, 0);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_span s = tsr_conv2d_span_of(step->span);
    const tsr_conv2d_descriptor *c = &s.conv2d;
    tsr_launch *launch = tsr_step_launch(step, "conv2d.cl", c->bias ? "-DBIAS" : "", "conv2d", &status);
    tsr_launch_value(step, launch, s.x, &status);
    tsr_launch_strides(step, launch, s.x, &status);
    tsr_launch_value(step, launch, s.w, &status);
    if (c->bias) tsr_launch_value(step, launch, s.b, &status);
    tsr_launch_value(step, launch, s.y, &status);
    tsr_launch_strides(step, launch, s.y, &status);
    size_t count = tsr_value_count(&step->span->graph->values[s.y]);
    const int32_t numbers[] = {
        (int32_t)count,   s.rows,          s.columns,        c->filters,      c->height, c->width, c->channels,
        c->kernel_height, c->kernel_width, c->stride_height, c->stride_width, s.top,     s.left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    tsr_launch_elements(step, launch, count, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d = {
    .name = "conv2d", .anchor = TSR_KIND_CONV2D, .match = tsr_match_single, .supports = supports, .prepare = prepare};
