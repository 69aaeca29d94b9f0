#include "ops/implementation.h"

#include <stdio.h>

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    const tsr_loss_descriptor *d = &span->graph->primitives[span->primitives[0]].as.loss;
    return d->classes > 0 || tsr_refuse(needs, "there are no classes");
}

/* Both are "logits, labels -> outputs" by rows, with the kernel named after the primitive. */
static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = &step->span->graph->primitives[step->span->primitives[0]];
    const tsr_loss_descriptor *d = &p->as.loss;
    bool stored[2] = {tsr_span_stores(step->span, p->outputs[0]),
                      p->output_count > 1 && tsr_span_stores(step->span, p->outputs[1])};
    char options[32];
    snprintf(options, sizeof options, "-DLOSSES=%d -DHITS=%d", stored[0], stored[1]);
    if (p->kind == TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD) options[0] = '\0'; /* it has the one output */
    tsr_launch *launch = tsr_step_launch(step, "softmax_cross_entropy.cl", options, tsr_kind_name(p->kind), &status);
    for (int i = 0; i < p->input_count; i++) tsr_launch_value(step, launch, p->inputs[i], &status);
    for (int i = 0; i < p->output_count; i++)
        if (stored[i]) tsr_launch_value(step, launch, p->outputs[i], &status);
    tsr_launch_int(launch, d->rows, &status);
    tsr_launch_int(launch, d->classes, &status);
    tsr_launch_elements(step, launch, (size_t)d->rows, &status);
    return status;
}

const tsr_implementation tsr_implementation_softmax_cross_entropy = {.name = "softmax_cross_entropy",
                                                                     .anchor = TSR_KIND_SOFTMAX_CROSS_ENTROPY,
                                                                     .match = tsr_match_single,
                                                                     .supports = supports,
                                                                     .prepare = prepare};
const tsr_implementation tsr_implementation_softmax_cross_entropy_grad = {.name = "softmax_cross_entropy_grad",
                                                                          .anchor = TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD,
                                                                          .match = tsr_match_single,
                                                                          .supports = supports,
                                                                          .prepare = prepare};
