/* Dropout and its gradient: definitions in plain C. */
#include "ops/primitive.h"

#include "base/random.h"

/* y[e] = u(e) >= rate ? x[e] / (1 - rate) : 0. The mask is a function of the seed, the stream, the clock's step and e,
 * so the gradient is the same function of dy. */
static void dropout(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_dropout_descriptor *d = &primitive->as.dropout;
    uint32_t step = (uint32_t)(int32_t)inputs[1][0];
    for (size_t e = 0; e < (size_t)d->count; e++) {
        float u = tsr_uniform(d->seed, d->stream, step, e);
        outputs[0][e] = u >= d->rate ? inputs[0][e] / (1 - (double)d->rate) : 0;
    }
}

static tsr_status differentiate(tsr_graph *graph, int number, const int *output_gradients, const bool *wanted,
                                int *input_gradients)
{
    const tsr_primitive forward = graph->primitives[number]; /* a copy: the array grows */
    if (!wanted[0] || output_gradients[0] == TSR_NONE) return TSR_OK;
    tsr_primitive gradient = {.kind = TSR_KIND_DROPOUT_GRAD,
                              .layer = forward.layer,
                              .input_count = 2,
                              .inputs = {output_gradients[0], forward.inputs[1]},
                              .output_count = 1,
                              .as = forward.as};
    gradient.outputs[0] = input_gradients[0] = tsr_gradient_value(graph, forward.inputs[0]);
    if (input_gradients[0] == TSR_NONE || tsr_graph_primitive(graph, &gradient) == TSR_NONE)
        return tsr_fail_memory("the gradient of dropout", sizeof gradient);
    return TSR_OK;
}

const tsr_primitive_row tsr_dropout_row = {.reference = dropout, .differentiate = differentiate, .cheap = true};
const tsr_primitive_row tsr_dropout_grad_row = {.reference = dropout, .cheap = true};
