/* Adds the gradients of a graph, from its outputs backwards. Each primitive knows the primitives of its own gradient.
 */
#include "base/memory.h"
#include "ops/primitive.h"
#include "plan/plan.h"

#include <string.h>

/* depends[v]: some parameter reaches value v, so its gradient is wanted. */
static void mark_dependents(const tsr_graph *graph, bool *depends)
{
    for (size_t v = 0; v < graph->value_count; v++) depends[v] = graph->values[v].role == TSR_ROLE_PARAMETER;
    for (size_t i = 0; i < graph->primitive_count; i++) {
        const tsr_primitive *p = &graph->primitives[i];
        bool any = false;
        for (int k = 0; k < p->input_count; k++) any |= depends[p->inputs[k]];
        for (int k = 0; k < p->output_count; k++) depends[p->outputs[k]] |= any;
    }
}

static tsr_status differentiate_one(tsr_graph *graph, int number, const bool *depends, int *gradients)
{
    const tsr_primitive p = graph->primitives[number]; /* a copy: the array grows */
    int output_gradients[TSR_MAX_OUTPUTS], input_gradients[TSR_MAX_INPUTS];
    bool wanted[TSR_MAX_INPUTS], any = false, reached = false;
    for (int k = 0; k < p.output_count; k++) {
        output_gradients[k] = gradients[p.outputs[k]];
        reached |= output_gradients[k] != TSR_NONE;
    }
    for (int k = 0; k < p.input_count; k++) {
        input_gradients[k] = TSR_NONE;
        wanted[k] = depends[p.inputs[k]];
        any |= wanted[k];
    }
    if (!reached || !any) return TSR_OK;
    const tsr_primitive_row *row = tsr_primitive_row_of(p.kind);
    if (!row->differentiate)
        return tsr_fail(TSR_UNSUPPORTED, "%s has no gradient, so nothing below it can be trained",
                        tsr_kind_name(p.kind));
    tsr_status status = row->differentiate(graph, number, output_gradients, wanted, input_gradients);
    for (int k = 0; k < p.input_count && !status; k++) {
        if (input_gradients[k] == TSR_NONE) continue;
        if (gradients[p.inputs[k]] != TSR_NONE)
            return tsr_fail(TSR_UNSUPPORTED, "value %s is read by more than one layer, whose gradients cannot be added",
                            graph->values[p.inputs[k]].name);
        gradients[p.inputs[k]] = input_gradients[k];
    }
    return status;
}

tsr_status tsr_differentiate_graph(tsr_graph *graph, const int *outputs, const int *output_gradients, int count,
                                   int *gradient_of, int slots)
{
    tsr_status status = TSR_OK;
    size_t values = graph->value_count;
    int primitives = (int)graph->primitive_count;
    bool *depends = tsr_alloc(values, sizeof *depends);
    int *gradients = tsr_alloc(values, sizeof *gradients);
    if (!depends || !gradients) {
        status = tsr_fail_memory("the gradients", values * sizeof *gradients);
        goto done;
    }
    for (size_t v = 0; v < values; v++) gradients[v] = TSR_NONE;
    for (int i = 0; i < count; i++) gradients[outputs[i]] = output_gradients[i];
    for (int s = 0; s < slots; s++) gradient_of[s] = TSR_NONE;
    mark_dependents(graph, depends);
    for (int i = primitives - 1; i >= 0 && !status; i--) status = differentiate_one(graph, i, depends, gradients);
    for (size_t v = 0; v < values && !status; v++) {
        const tsr_value *value = &graph->values[v];
        if (value->role == TSR_ROLE_PARAMETER && value->replaces == TSR_NONE && value->slot < slots)
            gradient_of[value->slot] = gradients[v];
    }
done:
    free(depends);
    free(gradients);
    return status;
}
