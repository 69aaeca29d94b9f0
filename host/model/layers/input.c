/* InputLayer: the images that reach the network. */
#include "model/layers/layers.h"

static tsr_status infer(tsr_layer *layer)
{
    const tsr_input_config *config = layer->config;
    layer->output = (tsr_shape){.rank = 3, .extent = {config->height, config->width, config->channels}};
    layer->input = layer->output;
    return TSR_OK;
}

/* The gather that makes the batch is there before the first layer is lowered. */
static void lower(const tsr_layer *layer, tsr_lowering *lowering)
{
    (void)layer, (void)lowering;
}

static const tsr_field fields[] = {
    /* Keras 2's key, which Keras 3 reads as well; Keras 3's own. */
    {.name = "batch_input_shape", .type = TSR_FIELD_SHAPE, .offset = offsetof(tsr_input_config, height)},
    {.name = "batch_shape", .type = TSR_FIELD_SHAPE, .offset = offsetof(tsr_input_config, height), .unwritten = true},
    {.name = "sparse", .type = TSR_FIELD_CONSTANT, .text = "false", .unwritten = true},
    {.name = "ragged", .type = TSR_FIELD_CONSTANT, .text = "false", .unwritten = true},
    {.name = "optional", .type = TSR_FIELD_CONSTANT, .text = "false", .unwritten = true},
};

const tsr_layer_class tsr_layer_input = {.name = "InputLayer",
                                         .stem = "input_layer",
                                         .config_size = sizeof(tsr_input_config),
                                         .fields = fields,
                                         .field_count = TSR_COUNT_OF(fields),
                                         .infer = infer,
                                         .lower = lower};
