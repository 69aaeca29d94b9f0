/* Portable gradient of a convolution by its weights and bias. */
#include "ops/conv2d_gradient.h"

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    tsr_needs_strided(needs, g.dy, 0, 0, 0, 0);
    tsr_needs_strided(needs, g.x, 0, 0, 0, 0);
    tsr_conv2d_gradient_partials(&g, tsr_conv2d_gradient_partial_count(&g), needs);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    const tsr_conv2d_descriptor *c = g.conv2d;
    const char *options = tsr_conv2d_gradient_store_options(&g);
    tsr_launch *launch = tsr_step_launch(step, "conv2d_grad_weights.cl", options, "conv2d_grad_weights", &status);
    tsr_launch_value(step, launch, g.dy, &status);
    tsr_launch_strides(step, launch, g.dy, &status);
    tsr_launch_value(step, launch, g.x, &status);
    tsr_launch_strides(step, launch, g.x, &status);
    tsr_conv2d_gradient_stores(step, launch, &g, &status);
    int32_t weights = g.dw != TSR_NONE ? c->kernel_height * c->kernel_width * c->channels * c->filters : 0;
    int32_t all_rows = c->batch * g.rows, partials = tsr_conv2d_gradient_partial_count(&g);
    const int32_t numbers[] = {weights,          partials,        all_rows, g.rows,      g.columns,
                               c->filters,       c->height,       c->width, c->channels, c->kernel_width,
                               c->stride_height, c->stride_width, g.top,    g.left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    const size_t global[2] = {(size_t)weights + (g.db != TSR_NONE ? (size_t)c->filters : 0), (size_t)partials};
    const size_t local[2] = {64, 1};
    tsr_launch_over(step, launch, 2, global, local, true, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_weights = {.name = "conv2d_grad_weights",
                                                                   .anchor = TSR_KIND_CONV2D_GRAD_WEIGHTS,
                                                                   .match = tsr_match_single,
                                                                   .supports = supports,
                                                                   .prepare = prepare};
