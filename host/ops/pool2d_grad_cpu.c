/* pool2d_grad on CPU-class devices. */
#include "ops/pool2d_span.h"

#include <stdio.h>

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "its kernel is for CPUs");
    const tsr_primitive *p = tsr_span_primitive(span, TSR_KIND_POOL2D_GRAD);
    tsr_needs_strided(needs, p->inputs[0], 0, 0, 0, 0);
    tsr_needs_strided(needs, p->outputs[0], 0, 0, 0, 0);
    return true;
}

/* Whether windows stick out of the image along an axis. */
static bool is_padded(int32_t n, int32_t size, int32_t stride, tsr_padding padding)
{
    int32_t windows = tsr_window_output(n, size, stride, padding), before = tsr_window_before(n, size, stride, padding);
    return before > 0 || (windows - 1) * stride - before + size > n;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = tsr_span_primitive(step->span, TSR_KIND_POOL2D_GRAD);
    const tsr_pool2d_descriptor *d = &p->as.pool2d;
    bool max = d->mode == TSR_POOL_MAX;
    bool padded = is_padded(d->height, d->pool_height, d->stride_height, d->padding) ||
                  is_padded(d->width, d->pool_width, d->stride_width, d->padding);
    char options[TSR_POOL2D_OPTIONS];
    int length = tsr_pool2d_options(d, step->target, options);
    snprintf(options + length, sizeof options - (size_t)length, "%s%s%s", max ? " -DWINNER=" : "",
             max ? tsr_pool2d_winner_type(d) : "", padded ? " -DPADDED" : "");
    tsr_launch *launch = tsr_step_launch(step, "pool2d_grad_cpu.cl", options, "pool2d_grad_cpu", &status);
    tsr_launch_value(step, launch, p->inputs[0], &status);
    tsr_launch_strides(step, launch, p->inputs[0], &status);
    if (max) tsr_launch_value(step, launch, p->inputs[1], &status);
    tsr_launch_value(step, launch, p->outputs[0], &status);
    tsr_launch_strides(step, launch, p->outputs[0], &status);
    /* Windows that hold a cell, rounded up: as many are read for it. */
    int64_t down = tsr_divide_up(d->pool_height, d->stride_height);
    int64_t across = tsr_divide_up(d->pool_width, d->stride_width);
    tsr_pool2d_launch(step, launch, d, d->height, d->width * down * across * d->channels, &status);
    return status;
}

const tsr_implementation tsr_implementation_pool2d_grad_cpu = {.name = "pool2d_grad_cpu",
                                                               .anchor = TSR_KIND_POOL2D_GRAD,
                                                               .match = tsr_match_single,
                                                               .supports = supports,
                                                               .prepare = prepare};
