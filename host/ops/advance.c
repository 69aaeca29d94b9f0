#include "ops/implementation.h"

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target, (void)span, (void)needs;
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = tsr_span_primitive(step->span, TSR_KIND_ADVANCE);
    tsr_launch *launch = tsr_step_launch(step, "advance.cl", "", "advance", &status);
    tsr_launch_value(step, launch, p->inputs[0], &status);
    tsr_launch_value(step, launch, p->inputs[1], &status);
    tsr_launch_int(launch, p->as.batch, &status);
    tsr_launch_over(step, launch, 1, (size_t[]){1}, (size_t[]){1}, true, &status);
    return status;
}

const tsr_implementation tsr_implementation_advance = {
    .name = "advance", .anchor = TSR_KIND_ADVANCE, .match = tsr_match_single, .supports = supports, .prepare = prepare};
