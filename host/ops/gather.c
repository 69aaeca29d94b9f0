#include "ops/elementwise.h"

#include <stdio.h>

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    const tsr_gather_descriptor *g = &tsr_span_primitive(span, TSR_KIND_GATHER)->as.gather;
    if (g->source == TSR_U16) return tsr_refuse(needs, "samples of 16 bits are not supported");
    if (g->source == TSR_I32 && g->scale != 1) return tsr_refuse(needs, "integers are gathered without a scale");
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = tsr_span_primitive(step->span, TSR_KIND_GATHER);
    const tsr_gather_descriptor *g = &p->as.gather;
    bool cpu = tsr_is_cpu_class(step->target);
    const char *source = g->source == TSR_U8 ? "uchar" : g->source == TSR_I32 ? "int" : "float";
    char options[96], vector[TSR_VECTOR_OPTION];
    tsr_vector_option(step->target, vector);
    snprintf(options, sizeof options, "-DSOURCE=%s -DTARGET=%s%s", source, g->source == TSR_I32 ? "int" : "float",
             vector);
    tsr_launch *launch = tsr_step_launch(step, "gather.cl", options, "gather", &status);
    for (int i = 0; i < 3; i++) tsr_launch_value(step, launch, p->inputs[i], &status);
    tsr_launch_value(step, launch, p->outputs[0], &status);
    tsr_launch_float(launch, g->scale, &status);
    tsr_launch_int(launch, g->batch, &status);
    tsr_launch_int(launch, g->sample, &status);
    /* On CPUs a sample a work-item, unless it is large. */
    int32_t chunk = cpu ? (g->sample < 16384 ? g->sample : 16384) : 1;
    tsr_launch_int(launch, chunk, &status);
    size_t global[2] = {(size_t)tsr_divide_up(g->sample, chunk), (size_t)g->batch};
    size_t wide[2] = {64, 1}, tall[2] = {1, 64}, alone[2] = {1, 1};
    tsr_launch_over(step, launch, 2, global, cpu ? alone : global[0] >= 64 ? wide : tall, true, &status);
    return status;
}

const tsr_implementation tsr_implementation_gather = {
    .name = "gather", .anchor = TSR_KIND_GATHER, .match = tsr_match_single, .supports = supports, .prepare = prepare};
