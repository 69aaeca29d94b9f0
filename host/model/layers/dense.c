/* Dense: a matrix product over the last axis, then an activation. */
#include "model/layers/layers.h"
#include "model/lower.h"

static tsr_status infer(tsr_layer *layer)
{
    const tsr_dense_config *config = layer->config;
    layer->output = layer->input;
    layer->output.extent[layer->output.rank - 1] = config->units;
    return TSR_OK;
}

static int32_t inputs_of(const tsr_layer *layer)
{
    return layer->input.extent[layer->input.rank - 1];
}

static void parameters(tsr_layer *layer)
{
    const tsr_dense_config *config = layer->config;
    layer->parameters[0] = (tsr_parameter){.name = "kernel",
                                           .rank = 2,
                                           .extent = {inputs_of(layer), config->units},
                                           .initializer = config->kernel_initializer,
                                           .fan_in = inputs_of(layer),
                                           .fan_out = config->units};
    layer->parameters[1] = (tsr_parameter){.name = "bias",
                                           .rank = 1,
                                           .extent = {config->units},
                                           .initializer = config->bias_initializer,
                                           .fan_in = config->units,
                                           .fan_out = config->units};
    layer->parameter_count = config->no_bias ? 1 : 2;
}

static void lower(const tsr_layer *layer, tsr_lowering *lowering)
{
    const tsr_dense_config *config = layer->config;
    tsr_lower_pending(lowering);
    tsr_primitive dense = {.kind = TSR_KIND_DENSE, .input_count = 1 + layer->parameter_count, .output_count = 1};
    int32_t rows = lowering->batch;
    for (int i = 0; i < layer->input.rank - 1; i++) rows *= layer->input.extent[i];
    dense.as.dense = (tsr_dense_descriptor){
        .rows = rows, .inputs = inputs_of(layer), .units = config->units, .bias = !config->no_bias};
    dense.inputs[0] = lowering->value;
    for (int i = 0; i < layer->parameter_count; i++) dense.inputs[1 + i] = lowering->parameters[layer->first_slot + i];
    dense.outputs[0] = tsr_lower_value(lowering, layer->name, layer->output);
    tsr_lower_primitive(lowering, layer, &dense);
    tsr_lower_activation(lowering, layer, config->activation);
}

static const tsr_field fields[] = {
    {.name = "units", .type = TSR_FIELD_INT, .offset = offsetof(tsr_dense_config, units)},
    {.name = "activation", .type = TSR_FIELD_ACTIVATION, .offset = offsetof(tsr_dense_config, activation)},
    {.name = "use_bias", .type = TSR_FIELD_NOT, .offset = offsetof(tsr_dense_config, no_bias)},
    TSR_FIELDS_OF_WEIGHTS(tsr_dense_config),
    {.name = "quantization_config", .type = TSR_FIELD_CONSTANT, .text = "null", .unwritten = true},
};

const tsr_layer_class tsr_layer_dense = {.name = "Dense",
                                         .stem = "dense",
                                         .config_size = sizeof(tsr_dense_config),
                                         .fields = fields,
                                         .field_count = TSR_COUNT_OF(fields),
                                         .infer = infer,
                                         .parameters = parameters,
                                         .lower = lower};
