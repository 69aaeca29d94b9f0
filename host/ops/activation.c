#include "ops/activation.h"

#include <math.h>
#include <stdio.h>

bool tsr_activation_elementwise(const tsr_activation_descriptor *activation)
{
    return activation->function != TSR_SOFTMAX && isfinite(activation->alpha);
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
}
