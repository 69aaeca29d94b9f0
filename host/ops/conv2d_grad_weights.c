/* Portable gradient of a convolution by its weights and bias. */
#include "ops/conv2d_grad_span.h"

#include <stdio.h>

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    tsr_conv2d_grad_span s = tsr_conv2d_grad_span_of(span);
    int32_t partials = tsr_conv2d_grad_partials(s.conv2d, s.conv2d->batch * s.rows, s.columns);
    tsr_needs_strided(needs, s.dy, 0, 0, 0, 0);
    tsr_needs_strided(needs, s.x, 0, 0, 0, 0);
    if (s.dw != TSR_NONE) tsr_needs_partials(needs, s.dw, partials);
    if (s.db != TSR_NONE) tsr_needs_partials(needs, s.db, partials);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_grad_span s = tsr_conv2d_grad_span_of(step->span);
    const tsr_conv2d_descriptor *c = s.conv2d;
    char options[64];
    snprintf(options, sizeof options, "-DWEIGHTS=%d -DBIAS=%d", s.dw != TSR_NONE, s.db != TSR_NONE);
    tsr_launch *launch = tsr_step_launch(step, "conv2d_grad_weights.cl", options, "conv2d_grad_weights", &status);
    tsr_launch_value(step, launch, s.dy, &status);
    tsr_launch_strides(step, launch, s.dy, &status);
    tsr_launch_value(step, launch, s.x, &status);
    tsr_launch_strides(step, launch, s.x, &status);
    if (s.dw != TSR_NONE) {
        tsr_launch_value(step, launch, s.dw, &status);
        tsr_launch_int(launch, tsr_step_view(step, s.dw)->partial_stride, &status);
    }
    if (s.db != TSR_NONE) {
        tsr_launch_value(step, launch, s.db, &status);
        tsr_launch_int(launch, tsr_step_view(step, s.db)->partial_stride, &status);
    }
    int32_t weights = s.dw != TSR_NONE ? c->kernel_height * c->kernel_width * c->channels * c->filters : 0;
    int32_t all_rows = c->batch * s.rows, partials = tsr_conv2d_grad_partials(c, all_rows, s.columns);
    const int32_t numbers[] = {weights,          partials,        all_rows, s.rows,      s.columns,
                               c->filters,       c->height,       c->width, c->channels, c->kernel_width,
                               c->stride_height, c->stride_width, s.top,    s.left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    const size_t global[2] = {(size_t)weights + (s.db != TSR_NONE ? (size_t)c->filters : 0), (size_t)partials};
    const size_t local[2] = {64, 1};
    tsr_launch_over(step, launch, 2, global, local, true, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_weights = {.name = "conv2d_grad_weights",
                                                                   .anchor = TSR_KIND_CONV2D_GRAD_WEIGHTS,
                                                                   .match = tsr_match_single,
                                                                   .supports = supports,
                                                                   .prepare = prepare};
