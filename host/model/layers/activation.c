/* Activation: an elementwise function, or softmax over the last axis. */
#include "model/layers/layers.h"
#include "model/lower.h"

static tsr_status infer(tsr_layer *layer)
{
    layer->output = layer->input;
    return TSR_OK;
}

static void lower(const tsr_layer *layer, tsr_lowering *lowering)
{
    const tsr_activation_config *config = layer->config;
    tsr_lower_activation(lowering, layer, config->activation);
}

static const tsr_field fields[] = {
    {.name = "activation", .type = TSR_FIELD_ACTIVATION, .offset = offsetof(tsr_activation_config, activation)},
};

const tsr_layer_class tsr_layer_activation = {.name = "Activation",
                                              .stem = "activation",
                                              .config_size = sizeof(tsr_activation_config),
                                              .fields = fields,
                                              .field_count = TSR_COUNT_OF(fields),
                                              .infer = infer,
                                              .lower = lower};
