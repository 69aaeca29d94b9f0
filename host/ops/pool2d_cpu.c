/* pool2d on CPU-class devices. */
#include "ops/pool2d_span.h"

#include <stdio.h>

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "its kernel is for CPUs");
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
    bool winner = p->output_count > 1 && tsr_span_stores(step->span, p->outputs[1]);
    bool y = tsr_span_stores(step->span, p->outputs[0]);
    char options[TSR_POOL2D_OPTIONS];
    int length = tsr_pool2d_options(d, step->target, options);
    snprintf(options + length, sizeof options - (size_t)length, " -DSTORE_Y=%d%s%s%s", y,
             d->mode == TSR_POOL_AVERAGE ? " -DPOOL_AVERAGE" : "", winner ? " -DWINNER=" : "",
             winner ? tsr_pool2d_winner_type(d) : "");
    tsr_launch *launch = tsr_step_launch(step, "pool2d_cpu.cl", options, "pool2d_cpu", &status);
    tsr_launch_value(step, launch, p->inputs[0], &status);
    tsr_launch_strides(step, launch, p->inputs[0], &status);
    if (y) {
        tsr_launch_value(step, launch, p->outputs[0], &status);
        tsr_launch_strides(step, launch, p->outputs[0], &status);
    }
    if (winner) tsr_launch_value(step, launch, p->outputs[1], &status);
    int32_t rows = tsr_window_output(d->height, d->pool_height, d->stride_height, d->padding);
    int32_t columns = tsr_window_output(d->width, d->pool_width, d->stride_width, d->padding);
    tsr_pool2d_launch(step, launch, d, rows, (int64_t)columns * d->channels * d->pool_height * d->pool_width, &status);
    return status;
}

const tsr_implementation tsr_implementation_pool2d_cpu = {.name = "pool2d_cpu",
                                                          .anchor = TSR_KIND_POOL2D,
                                                          .match = tsr_match_single,
                                                          .supports = supports,
                                                          .prepare = prepare};
