/* Flatten: one row a sample. Values lie in memory row by row already, so it computes nothing. */
#include "model/layers/layers.h"
#include "model/lower.h"

static tsr_status infer(tsr_layer *layer)
{
    layer->output.rank = 1;
    layer->output.extent[0] = 1;
    for (int i = 0; i < layer->input.rank; i++) layer->output.extent[0] *= layer->input.extent[i];
    return TSR_OK;
}

/* A softmax before it is over the channels still. */
static void lower(const tsr_layer *layer, tsr_lowering *lowering)
{
    (void)layer;
    tsr_lower_pending(lowering);
}

static const tsr_field fields[] = {TSR_FIELD_DATA_FORMAT};

const tsr_layer_class tsr_layer_flatten = {.name = "Flatten",
                                           .stem = "flatten",
                                           .config_size = sizeof(tsr_flatten_config),
                                           .fields = fields,
                                           .field_count = TSR_COUNT_OF(fields),
                                           .infer = infer,
                                           .lower = lower};
