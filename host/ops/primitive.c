#include "ops/primitive.h"

#include <stdio.h>

const tsr_primitive_row *tsr_primitive_row_of(tsr_kind kind)
{
    static const tsr_primitive_row *const rows[] = {
#define TSR_ROW_ADDRESS(name, stem) &tsr_##stem##_row,
        TSR_PRIMITIVE_LIST(TSR_ROW_ADDRESS)
#undef TSR_ROW_ADDRESS
    };
    return rows[kind];
}

int tsr_gradient_value(tsr_graph *graph, int of)
{
    tsr_value value = graph->values[of]; /* a copy: the array grows */
    char name[sizeof value.name];
    snprintf(name, sizeof name, "d%.*s", (int)sizeof name - 2, value.name);
    bool parameter = value.role == TSR_ROLE_PARAMETER;
    int gradient = tsr_graph_value(graph, name, parameter ? TSR_ROLE_GRADIENT : TSR_ROLE_TEMPORARY, TSR_F32, value.rank,
                                   value.extent);
    if (gradient != TSR_NONE && parameter) graph->values[gradient].slot = value.slot;
    return gradient;
}

double tsr_primitive_flops(const tsr_graph *graph, const tsr_primitive *primitive)
{
    switch (primitive->kind) {
    case TSR_KIND_CONV2D:
    case TSR_KIND_CONV2D_GRAD_DATA:
    case TSR_KIND_CONV2D_GRAD_WEIGHTS: {
        const tsr_conv2d_descriptor *c = &primitive->as.conv2d;
        return 2.0 * c->batch * c->channels * c->filters * c->kernel_height * c->kernel_width *
               tsr_window_output(c->height, c->kernel_height, c->stride_height, c->padding) *
               tsr_window_output(c->width, c->kernel_width, c->stride_width, c->padding);
    }
    case TSR_KIND_DENSE:
    case TSR_KIND_DENSE_GRAD_DATA:
    case TSR_KIND_DENSE_GRAD_WEIGHTS:
        return 2.0 * primitive->as.dense.rows * primitive->as.dense.inputs * primitive->as.dense.units;
    case TSR_KIND_POOL2D:
        return (double)tsr_value_count(&graph->values[primitive->outputs[0]]) * primitive->as.pool2d.pool_height *
               primitive->as.pool2d.pool_width;
    default:
        return (double)tsr_value_count(&graph->values[primitive->outputs[0]]);
    }
}

double tsr_primitive_bytes(const tsr_graph *graph, const tsr_primitive *primitive)
{
    double bytes = 0;
    for (int i = 0; i < primitive->input_count; i++) {
        /* A gather reads a batch of the data set, not all of it. */
        const tsr_value *value = &graph->values[primitive->inputs[i]];
        bytes += primitive->kind == TSR_KIND_GATHER
                     ? (i == 0 ? (double)tsr_value_count(&graph->values[primitive->outputs[0]]) *
                                     (double)tsr_dtype_size(value->dtype)
                               : 4.0 * primitive->as.gather.batch)
                     : (double)tsr_value_bytes(value);
    }
    for (int i = 0; i < primitive->output_count; i++)
        bytes += (double)tsr_value_bytes(&graph->values[primitive->outputs[i]]);
    return bytes;
}
