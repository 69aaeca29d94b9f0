#include "ops/elementwise.h"

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target, (void)span, (void)needs;
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = tsr_span_primitive(step->span, TSR_KIND_SUM_PARTIALS);
    const tsr_partials_descriptor *d = &p->as.partials;
    char options[TSR_VECTOR_OPTION];
    tsr_vector_option(step->target, options);
    tsr_launch *launch = tsr_step_launch(step, "sum_partials.cl", options, "sum_partials", &status);
    tsr_launch_value(step, launch, p->inputs[0], &status);
    tsr_launch_value(step, launch, p->outputs[0], &status);
    /* The value may itself lie as a stack: then that many times as many. */
    tsr_launch_int(launch, d->partials * tsr_step_view(step, p->inputs[0])->partials, &status);
    tsr_launch_elementwise(step, launch, (size_t)d->count, 512, &status);
    return status;
}

const tsr_implementation tsr_implementation_sum_partials = {.name = "sum_partials",
                                                            .anchor = TSR_KIND_SUM_PARTIALS,
                                                            .match = tsr_match_single,
                                                            .supports = supports,
                                                            .prepare = prepare};
