/* Portable gradient of a convolution by its input. */
#include "ops/conv2d_gradient.h"

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    tsr_needs_strided(needs, g.dy, 0, 0, 0, 0);
    if (g.dx != TSR_NONE) tsr_needs_strided(needs, g.dx, 0, 0, 0, 0);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    const tsr_conv2d_descriptor *c = g.conv2d;
    tsr_launch *launch = tsr_step_launch(step, "conv2d_grad_data.cl", "", "conv2d_grad_data", &status);
    tsr_launch_value(step, launch, g.dy, &status);
    tsr_launch_strides(step, launch, g.dy, &status);
    tsr_launch_value(step, launch, g.w, &status);
    tsr_launch_value(step, launch, g.dx, &status);
    tsr_launch_strides(step, launch, g.dx, &status);
    size_t count = tsr_value_count(&step->span->graph->values[g.dx]);
    const int32_t numbers[] = {
        (int32_t)count,   g.output_rows,   g.output_columns, c->filters,      c->height, c->width, c->channels,
        c->kernel_height, c->kernel_width, c->stride_height, c->stride_width, g.top,     g.left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    tsr_launch_elements(step, launch, count, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_data = {.name = "conv2d_grad_data",
                                                                .anchor = TSR_KIND_CONV2D_GRAD_DATA,
                                                                .match = tsr_match_single,
                                                                .supports = supports,
                                                                .prepare = prepare};
