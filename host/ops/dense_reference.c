/* The dense layer and its gradients: definitions in plain C. x is (rows, inputs), w (inputs, units), y (rows, units).
 */
#include "ops/primitive.h"

#include <stdio.h>

/* y[m,u] = b[u] + sum over k of x[m,k] w[k,u]. */
static void dense(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_dense_descriptor *d = &primitive->as.dense;
    const double *x = inputs[0], *w = inputs[1], *b = d->bias ? inputs[2] : NULL;
    size_t rows = (size_t)d->rows, depth = (size_t)d->inputs, units = (size_t)d->units;
    for (size_t m = 0; m < rows; m++)
        for (size_t u = 0; u < units; u++) {
            double sum = b ? b[u] : 0;
            for (size_t k = 0; k < depth; k++) sum += x[m * depth + k] * w[k * units + u];
            outputs[0][m * units + u] = sum;
        }
}

/* dx[m,k] = sum over u of dy[m,u] w[k,u]. */
static void dense_grad_data(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_dense_descriptor *d = &primitive->as.dense;
    const double *dy = inputs[0], *w = inputs[1];
    size_t rows = (size_t)d->rows, depth = (size_t)d->inputs, units = (size_t)d->units;
    for (size_t m = 0; m < rows; m++)
        for (size_t k = 0; k < depth; k++) {
            double sum = 0;
            for (size_t u = 0; u < units; u++) sum += dy[m * units + u] * w[k * units + u];
            outputs[0][m * depth + k] = sum;
        }
}

/* dw[k,u] = sum over m of x[m,k] dy[m,u]; db[u] = sum over m of dy[m,u]. */
static void dense_grad_weights(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_dense_descriptor *d = &primitive->as.dense;
    const double *dy = inputs[0], *x = inputs[1];
    size_t rows = (size_t)d->rows, depth = (size_t)d->inputs, units = (size_t)d->units;
    for (size_t k = 0; k < depth; k++)
        for (size_t u = 0; u < units; u++) {
            double sum = 0;
            for (size_t m = 0; m < rows; m++) sum += x[m * depth + k] * dy[m * units + u];
            outputs[0][k * units + u] = sum;
        }
    for (size_t u = 0; d->bias && u < units; u++) {
        double sum = 0;
        for (size_t m = 0; m < rows; m++) sum += dy[m * units + u];
        outputs[1][u] = sum;
    }
}

static tsr_status differentiate(tsr_graph *graph, int primitive, const int *output_gradients, const bool *wanted,
                                int *input_gradients)
{
    const tsr_primitive forward = graph->primitives[primitive];
    int dy = output_gradients[0];
    bool bias = forward.as.dense.bias;
    if (dy == TSR_NONE) return TSR_OK;
    if (wanted[0]) {
        tsr_primitive data = {.kind = TSR_KIND_DENSE_GRAD_DATA,
                              .layer = forward.layer,
                              .input_count = 2,
                              .inputs = {dy, forward.inputs[1]},
                              .output_count = 1,
                              .as.dense = forward.as.dense};
        data.outputs[0] = tsr_gradient_value(graph, forward.inputs[0]);
        if (data.outputs[0] == TSR_NONE || tsr_graph_primitive(graph, &data) == TSR_NONE)
            return tsr_fail_memory("the graph", sizeof data);
        input_gradients[0] = data.outputs[0];
    }
    if (wanted[1] || (bias && wanted[2])) {
        tsr_primitive weights = {.kind = TSR_KIND_DENSE_GRAD_WEIGHTS,
                                 .layer = forward.layer,
                                 .input_count = 2,
                                 .inputs = {dy, forward.inputs[0]},
                                 .output_count = bias ? 2 : 1,
                                 .as.dense = forward.as.dense};
        for (int i = 0; i < weights.output_count; i++)
            if ((weights.outputs[i] = tsr_gradient_value(graph, forward.inputs[1 + i])) == TSR_NONE)
                return tsr_fail_memory("the graph", sizeof weights);
        if (tsr_graph_primitive(graph, &weights) == TSR_NONE) return tsr_fail_memory("the graph", sizeof weights);
        for (int i = 0; i < weights.output_count; i++)
            if (wanted[1 + i]) input_gradients[1 + i] = weights.outputs[i];
    }
    return TSR_OK;
}

const tsr_primitive_row tsr_dense_row = {.reference = dense, .differentiate = differentiate};
const tsr_primitive_row tsr_dense_grad_data_row = {.reference = dense_grad_data};
const tsr_primitive_row tsr_dense_grad_weights_row = {.reference = dense_grad_weights};
