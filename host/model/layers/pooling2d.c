/* MaxPooling2D and AveragePooling2D. */
#include "model/layers/layers.h"
#include "model/lower.h"

#include <stdio.h>

static tsr_status infer(tsr_layer *layer)
{
    const tsr_pooling2d_config *config = layer->config;
    if (layer->input.rank != 3)
        return tsr_fail(TSR_INVALID_ARGUMENT,
                        "layer %s: %s wants images (height, width, channels), but what reaches it is flat", layer->name,
                        layer->class->name);
    layer->output = layer->input;
    for (int i = 0; i < 2; i++) {
        layer->output.extent[i] =
            tsr_window_output(layer->input.extent[i], config->pool_size[i], config->strides[i], config->padding);
        if (layer->output.extent[i] < 1)
            return tsr_fail(TSR_INVALID_ARGUMENT,
                            "layer %s: its output would be empty, since a window of %dx%d does not fit into %dx%d",
                            layer->name, (int)config->pool_size[0], (int)config->pool_size[1],
                            (int)layer->input.extent[0], (int)layer->input.extent[1]);
    }
    if (layer->class == &tsr_layer_max_pooling2d &&
        (int64_t)config->pool_size[0] * config->pool_size[1] > TSR_POOL_CELLS)
        return tsr_fail(TSR_UNSUPPORTED, "layer %s: a window of %dx%d has more than the %d cells that are supported",
                        layer->name, (int)config->pool_size[0], (int)config->pool_size[1], TSR_POOL_CELLS);
    return TSR_OK;
}

static void lower_pool(const tsr_layer *layer, tsr_lowering *lowering, tsr_pool_mode mode)
{
    const tsr_pooling2d_config *config = layer->config;
    tsr_primitive pool = {.kind = TSR_KIND_POOL2D, .input_count = 1, .output_count = 1};
    pool.as.pool2d = (tsr_pool2d_descriptor){
        .mode = mode,
        .batch = lowering->batch,
        .height = layer->input.extent[0],
        .width = layer->input.extent[1],
        .channels = layer->input.extent[2],
        .pool_height = config->pool_size[0],
        .pool_width = config->pool_size[1],
        .stride_height = config->strides[0],
        .stride_width = config->strides[1],
        .padding = config->padding,
    };
    pool.inputs[0] = lowering->value;
    pool.outputs[0] = tsr_lower_value(lowering, layer->name, layer->output);
    if (mode == TSR_POOL_MAX) {
        char name[96];
        snprintf(name, sizeof name, "%s winner", layer->name);
        pool.outputs[pool.output_count++] = tsr_lower_value(lowering, name, layer->output);
        if (!lowering->status)
            lowering->graph->values[pool.outputs[1]].dtype =
                (int64_t)config->pool_size[0] * config->pool_size[1] > 255 ? TSR_U16 : TSR_U8;
    }
    tsr_lower_primitive(lowering, layer, &pool);
}

/* A monotone activation before it is applied to the winners alone: the same values, a fraction of the work. */
static void lower_max(const tsr_layer *layer, tsr_lowering *lowering)
{
    if (!tsr_lower_pending_is_monotone(lowering)) tsr_lower_pending(lowering);
    lower_pool(layer, lowering, TSR_POOL_MAX);
}

static void lower_average(const tsr_layer *layer, tsr_lowering *lowering)
{
    tsr_lower_pending(lowering);
    lower_pool(layer, lowering, TSR_POOL_AVERAGE);
}

static const tsr_field fields[] = {
    {.name = "pool_size", .type = TSR_FIELD_PAIR, .offset = offsetof(tsr_pooling2d_config, pool_size), .otherwise = 2},
    {.name = "strides",
     .type = TSR_FIELD_PAIR,
     .offset = offsetof(tsr_pooling2d_config, strides),
     .otherwise = TSR_FIELD_LIKE_BEFORE},
    {.name = "padding", .type = TSR_FIELD_PADDING, .offset = offsetof(tsr_pooling2d_config, padding)},
    TSR_FIELD_DATA_FORMAT,
};

const tsr_layer_class tsr_layer_max_pooling2d = {.name = "MaxPooling2D",
                                                 .stem = "max_pooling2d",
                                                 .config_size = sizeof(tsr_pooling2d_config),
                                                 .fields = fields,
                                                 .field_count = TSR_COUNT_OF(fields),
                                                 .infer = infer,
                                                 .lower = lower_max};

const tsr_layer_class tsr_layer_average_pooling2d = {.name = "AveragePooling2D",
                                                     .stem = "average_pooling2d",
                                                     .config_size = sizeof(tsr_pooling2d_config),
                                                     .fields = fields,
                                                     .field_count = TSR_COUNT_OF(fields),
                                                     .infer = infer,
                                                     .lower = lower_average};
