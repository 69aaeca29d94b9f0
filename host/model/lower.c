#include "model/lower.h"

#include <stdio.h>

int tsr_lower_value(tsr_lowering *lowering, const char *name, tsr_shape shape)
{
    if (lowering->status) return TSR_NONE;
    int32_t extent[TSR_MAX_RANK] = {lowering->batch};
    int64_t count = lowering->batch;
    for (int i = 0; i < shape.rank; i++) {
        extent[1 + i] = shape.extent[i];
        count *= shape.extent[i];
        if (count > INT32_MAX) {
            lowering->status = tsr_fail(TSR_UNSUPPORTED,
                                        "%s: a batch of %d samples has more than %d elements; use a smaller batch size",
                                        name, (int)lowering->batch, INT32_MAX);
            return TSR_NONE;
        }
    }
    int value = tsr_graph_value(lowering->graph, name, TSR_ROLE_TEMPORARY, TSR_F32, 1 + shape.rank, extent);
    if (value == TSR_NONE) lowering->status = tsr_fail_memory("the graph's values", sizeof(tsr_value));
    return value;
}

void tsr_lower_primitive(tsr_lowering *lowering, const tsr_layer *layer, tsr_primitive *primitive)
{
    if (lowering->status) return;
    primitive->layer = layer->number;
    if (tsr_graph_primitive(lowering->graph, primitive) == TSR_NONE)
        lowering->status = tsr_fail_memory("the graph's primitives", sizeof(tsr_primitive));
    lowering->value = primitive->outputs[0];
}

void tsr_lower_activation(tsr_lowering *lowering, const tsr_layer *layer, tsr_activation function)
{
    if (function == TSR_LINEAR) return;
    tsr_lower_pending(lowering);
    lowering->pending = true;
    lowering->activation = (tsr_activation_descriptor){.function = function,
                                                       .alpha = function == TSR_LEAKY_RELU ? 0.2f
                                                                : function == TSR_ELU      ? 1.0f
                                                                                           : 0.0f};
    lowering->pending_layer = layer;
}

void tsr_lower_pending(tsr_lowering *lowering)
{
    if (!lowering->pending || lowering->status) return;
    const tsr_layer *layer = lowering->pending_layer;
    tsr_value input = lowering->graph->values[lowering->value];
    int32_t columns = layer->output.extent[layer->output.rank - 1];
    tsr_primitive activation = {.kind = TSR_KIND_ACTIVATION,
                                .input_count = 1,
                                .inputs = {lowering->value},
                                .output_count = 1,
                                .as.activation = lowering->activation};
    activation.as.activation.rows = (int32_t)(tsr_value_count(&input) / (size_t)columns);
    activation.as.activation.columns = columns;
    char name[sizeof input.name];
    snprintf(name, sizeof name, "%s %s", layer->name, tsr_activation_name(lowering->activation.function));
    /* The extents of its input, which may not be flat yet behind a Flatten. */
    activation.outputs[0] =
        tsr_graph_value(lowering->graph, name, TSR_ROLE_TEMPORARY, TSR_F32, input.rank, input.extent);
    if (activation.outputs[0] == TSR_NONE) lowering->status = tsr_fail_memory("the graph's values", sizeof(tsr_value));
    tsr_lower_primitive(lowering, layer, &activation);
    lowering->pending = false;
}

bool tsr_lower_pending_is_monotone(const tsr_lowering *lowering)
{
    return lowering->pending && tsr_activation_monotone(&lowering->activation);
}
