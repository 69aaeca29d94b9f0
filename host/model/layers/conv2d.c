/* Conv2D: a convolution, then an activation. */
#include "model/layers/layers.h"
#include "model/lower.h"

static tsr_conv2d_descriptor descriptor(const tsr_layer *layer, int32_t batch)
{
    const tsr_conv2d_config *config = layer->config;
    return (tsr_conv2d_descriptor){
        .batch = batch,
        .height = layer->input.extent[0],
        .width = layer->input.extent[1],
        .channels = layer->input.extent[2],
        .filters = config->filters,
        .kernel_height = config->kernel_size[0],
        .kernel_width = config->kernel_size[1],
        .stride_height = config->strides[0],
        .stride_width = config->strides[1],
        .padding = config->padding,
        .bias = !config->no_bias,
    };
}

static tsr_status infer(tsr_layer *layer)
{
    const tsr_conv2d_config *config = layer->config;
    if (layer->input.rank != 3)
        return tsr_fail(TSR_INVALID_ARGUMENT,
                        "layer %s: Conv2D wants images (height, width, channels), but what reaches it is flat",
                        layer->name);
    layer->output.rank = 3;
    for (int i = 0; i < 2; i++) {
        layer->output.extent[i] =
            tsr_window_output(layer->input.extent[i], config->kernel_size[i], config->strides[i], config->padding);
        if (layer->output.extent[i] < 1)
            return tsr_fail(TSR_INVALID_ARGUMENT,
                            "layer %s: its output would be empty, since a kernel of %dx%d does not fit into %dx%d",
                            layer->name, (int)config->kernel_size[0], (int)config->kernel_size[1],
                            (int)layer->input.extent[0], (int)layer->input.extent[1]);
    }
    layer->output.extent[2] = config->filters;
    return TSR_OK;
}

static void parameters(tsr_layer *layer)
{
    const tsr_conv2d_config *config = layer->config;
    tsr_conv2d_descriptor c = descriptor(layer, 1);
    double taps = (double)c.kernel_height * c.kernel_width;
    layer->parameters[0] = (tsr_parameter){.name = "kernel",
                                           .rank = 4,
                                           .extent = {c.kernel_height, c.kernel_width, c.channels, c.filters},
                                           .initializer = config->kernel_initializer,
                                           .fan_in = taps * c.channels,
                                           .fan_out = taps * c.filters};
    layer->parameters[1] = (tsr_parameter){.name = "bias",
                                           .rank = 1,
                                           .extent = {c.filters},
                                           .initializer = config->bias_initializer,
                                           .fan_in = c.filters,
                                           .fan_out = c.filters};
    layer->parameter_count = c.bias ? 2 : 1;
}

static void lower(const tsr_layer *layer, tsr_lowering *lowering)
{
    const tsr_conv2d_config *config = layer->config;
    tsr_lower_pending(lowering);
    tsr_primitive conv2d = {.kind = TSR_KIND_CONV2D, .input_count = 1 + layer->parameter_count, .output_count = 1};
    conv2d.as.conv2d = descriptor(layer, lowering->batch);
    conv2d.inputs[0] = lowering->value;
    for (int i = 0; i < layer->parameter_count; i++) conv2d.inputs[1 + i] = lowering->parameters[layer->first_slot + i];
    conv2d.outputs[0] = tsr_lower_value(lowering, layer->name, layer->output);
    tsr_lower_primitive(lowering, layer, &conv2d);
    tsr_lower_activation(lowering, layer, config->activation);
}

static const tsr_field fields[] = {
    {.name = "filters", .type = TSR_FIELD_INT, .offset = offsetof(tsr_conv2d_config, filters)},
    {.name = "kernel_size", .type = TSR_FIELD_PAIR, .offset = offsetof(tsr_conv2d_config, kernel_size)},
    {.name = "strides", .type = TSR_FIELD_PAIR, .offset = offsetof(tsr_conv2d_config, strides), .otherwise = 1},
    {.name = "padding", .type = TSR_FIELD_PADDING, .offset = offsetof(tsr_conv2d_config, padding)},
    TSR_FIELD_DATA_FORMAT,
    {.name = "dilation_rate", .type = TSR_FIELD_CONSTANT, .text = "[1, 1]"},
    {.name = "groups", .type = TSR_FIELD_CONSTANT, .text = "1"},
    {.name = "activation", .type = TSR_FIELD_ACTIVATION, .offset = offsetof(tsr_conv2d_config, activation)},
    {.name = "use_bias", .type = TSR_FIELD_NOT, .offset = offsetof(tsr_conv2d_config, no_bias)},
    TSR_FIELDS_OF_WEIGHTS(tsr_conv2d_config),
};

const tsr_layer_class tsr_layer_conv2d = {.name = "Conv2D",
                                          .stem = "conv2d",
                                          .config_size = sizeof(tsr_conv2d_config),
                                          .fields = fields,
                                          .field_count = TSR_COUNT_OF(fields),
                                          .infer = infer,
                                          .parameters = parameters,
                                          .lower = lower};
