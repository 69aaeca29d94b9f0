#include "ops/elementwise.h"

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    float rate = span->graph->primitives[span->primitives[0]].as.dropout.rate;
    return (rate >= 0 && rate < 1) || tsr_refuse(needs, "dropout needs a rate from 0 up to 1, not %g", (double)rate);
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = &step->span->graph->primitives[step->span->primitives[0]];
    const tsr_dropout_descriptor *d = &p->as.dropout;
    char options[TSR_VECTOR_OPTION];
    tsr_vector_option(step->target, options);
    tsr_launch *launch = tsr_step_launch(step, "dropout.cl", options, "dropout", &status);
    tsr_launch_value(step, launch, p->inputs[0], &status);
    tsr_launch_value(step, launch, p->inputs[1], &status);
    tsr_launch_value(step, launch, p->outputs[0], &status);
    tsr_launch_uint(launch, (uint32_t)d->seed, &status);
    tsr_launch_uint(launch, (uint32_t)(d->seed >> 32), &status);
    tsr_launch_uint(launch, d->stream, &status);
    tsr_launch_float(launch, d->rate, &status);
    tsr_launch_float(launch, (float)(1 / (1 - (double)d->rate)), &status);
    tsr_launch_uint(launch, (uint32_t)d->count, &status);
    tsr_launch_elementwise(step, launch, ((size_t)d->count + 3) / 4, 32, &status);
    return status;
}

const tsr_implementation tsr_implementation_dropout = {
    .name = "dropout", .anchor = TSR_KIND_DROPOUT, .match = tsr_match_single, .supports = supports, .prepare = prepare};
const tsr_implementation tsr_implementation_dropout_grad = {.name = "dropout_grad",
                                                            .anchor = TSR_KIND_DROPOUT_GRAD,
                                                            .match = tsr_match_single,
                                                            .supports = supports,
                                                            .prepare = prepare};
