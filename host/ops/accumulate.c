#include "ops/implementation.h"

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target, (void)span, (void)needs;
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = tsr_span_primitive(step->span, TSR_KIND_ACCUMULATE);
    tsr_launch *launch = tsr_step_launch(step, "accumulate.cl", "", "accumulate", &status);
    for (int i = 0; i < p->input_count; i++) tsr_launch_value(step, launch, p->inputs[i], &status);
    tsr_launch_int(launch, p->as.loss.rows, &status);
    tsr_launch_over(step, launch, 1, (size_t[]){1}, (size_t[]){1}, true, &status);
    return status;
}

const tsr_implementation tsr_implementation_accumulate = {.name = "accumulate",
                                                          .anchor = TSR_KIND_ACCUMULATE,
                                                          .match = tsr_match_single,
                                                          .supports = supports,
                                                          .prepare = prepare};
