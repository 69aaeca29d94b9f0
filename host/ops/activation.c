#include "ops/activation.h"

#include "base/text.h"
#include "ops/elementwise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

bool tsr_activation_elementwise(const tsr_activation_descriptor *activation)
{
    bool parameter = activation->function == TSR_ELU || activation->function == TSR_LEAKY_RELU;
    return activation->function != TSR_SOFTMAX && (!parameter || isfinite(activation->alpha));
}

void tsr_activation_options(const tsr_activation_descriptor *activation, char *options)
{
    static const char *const names[] = {
#define TSR_ACTIVATION_OPTION(name, text, monotone, from) #name,
        TSR_ACTIVATION_LIST(TSR_ACTIVATION_OPTION)
#undef TSR_ACTIVATION_OPTION
    };
    tsr_activation function = activation ? activation->function : TSR_LINEAR;
    int length = snprintf(options, TSR_ACTIVATION_OPTIONS, " -DACTIVATION=ACTIVATION_%s", names[function]);
    if (function == TSR_ELU || function == TSR_LEAKY_RELU)
        snprintf(options + length, TSR_ACTIVATION_OPTIONS - (size_t)length, " -DALPHA=%af -DACTIVATION_FROM_INPUT=%d",
                 (double)activation->alpha, !tsr_activation_gradient_from_output(activation));
    tsr_text_point(options);
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    const tsr_activation_descriptor *a = &span->graph->primitives[span->primitives[0]].as.activation;
    bool parameter = a->function == TSR_ELU || a->function == TSR_LEAKY_RELU;
    return !parameter || isfinite(a->alpha) ||
           tsr_refuse(needs, "%s needs a finite alpha, not %g", tsr_activation_name(a->function), (double)a->alpha);
}

/* Both are "inputs -> output": elementwise, or by rows for softmax; the kernel has the primitive's name. */
static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    const tsr_primitive *p = &step->span->graph->primitives[step->span->primitives[0]];
    const tsr_activation_descriptor *a = &p->as.activation;
    bool softmax = a->function == TSR_SOFTMAX;
    char options[TSR_ACTIVATION_OPTIONS + TSR_VECTOR_OPTION] = "-DACTIVATION_SOFTMAX_ROWS";
    if (!softmax) {
        tsr_activation_options(a, options);
        tsr_vector_option(step->target, options + strlen(options));
    }
    tsr_launch *launch = tsr_step_launch(step, "activation.cl", options, tsr_kind_name(p->kind), &status);
    for (int i = 0; i < p->input_count; i++) tsr_launch_value(step, launch, p->inputs[i], &status);
    tsr_launch_value(step, launch, p->outputs[0], &status);
    if (softmax) {
        tsr_launch_int(launch, a->rows, &status);
        tsr_launch_int(launch, a->columns, &status);
        tsr_launch_elements(step, launch, (size_t)a->rows, &status);
    } else {
        tsr_launch_elementwise(step, launch, (size_t)a->rows * (size_t)a->columns, 512, &status);
    }
    return status;
}

const tsr_implementation tsr_implementation_activation = {.name = "activation",
                                                          .anchor = TSR_KIND_ACTIVATION,
                                                          .match = tsr_match_single,
                                                          .supports = supports,
                                                          .prepare = prepare};
const tsr_implementation tsr_implementation_activation_grad = {.name = "activation_grad",
                                                               .anchor = TSR_KIND_ACTIVATION_GRAD,
                                                               .match = tsr_match_single,
                                                               .supports = supports,
                                                               .prepare = prepare};
