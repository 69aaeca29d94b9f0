/* Dropout: in training drops elements at random and scales the others up; otherwise nothing. */
#include "base/random.h"
#include "model/layers/layers.h"
#include "model/lower.h"

static tsr_status infer(tsr_layer *layer)
{
    layer->output = layer->input;
    return TSR_OK;
}

static void lower(const tsr_layer *layer, tsr_lowering *lowering)
{
    const tsr_dropout_config *config = layer->config;
    if (!lowering->training || config->rate == 0) return;
    tsr_lower_pending(lowering);
    tsr_primitive dropout = {.kind = TSR_KIND_DROPOUT, .input_count = 2, .output_count = 1};
    int32_t count = lowering->batch;
    for (int i = 0; i < layer->input.rank; i++) count *= layer->input.extent[i];
    dropout.as.dropout = (tsr_dropout_descriptor){.count = count,
                                                  .rate = config->rate,
                                                  .seed = lowering->seed,
                                                  .stream = (uint32_t)(TSR_STREAM_DROPOUT + layer->class_number)};
    dropout.inputs[0] = lowering->value;
    dropout.inputs[1] = lowering->clock;
    dropout.outputs[0] = tsr_lower_value(lowering, layer->name, layer->output);
    tsr_lower_primitive(lowering, layer, &dropout);
}

static const tsr_field fields[] = {
    {.name = "rate", .type = TSR_FIELD_FLOAT, .offset = offsetof(tsr_dropout_config, rate), .minimum = 0, .limit = 1},
    {.name = "noise_shape", .type = TSR_FIELD_CONSTANT, .text = "null"},
    {.name = "seed", .type = TSR_FIELD_FREE, .text = "null"},
};

const tsr_layer_class tsr_layer_dropout = {.name = "Dropout",
                                           .stem = "dropout",
                                           .config_size = sizeof(tsr_dropout_config),
                                           .fields = fields,
                                           .field_count = TSR_COUNT_OF(fields),
                                           .infer = infer,
                                           .lower = lower};
