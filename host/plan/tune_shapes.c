/* Matrix products of given shapes, timed. */
#include "plan/tune.h"

#include <stdio.h>

static tsr_status add_product(tsr_graph *graph, int number, const tsr_dense_descriptor *d, int *y)
{
    char name[32];
    tsr_primitive p = {.kind = TSR_KIND_DENSE, .layer = TSR_NONE, .input_count = 2, .output_count = 1, .as.dense = *d};
    p.as.dense.bias = false;
    if (d->rows < 1 || d->inputs < 1 || d->units < 1)
        return tsr_fail(TSR_INVALID_ARGUMENT, "a product of %d rows, %d inputs, %d units: each must be at least 1",
                        d->rows, d->inputs, d->units);
    snprintf(name, sizeof name, "product %d", number);
    p.inputs[0] = tsr_graph_value(graph, name, TSR_ROLE_INPUT, TSR_F32, 2, (int32_t[]){d->rows, d->inputs});
    p.inputs[1] = tsr_graph_value(graph, name, TSR_ROLE_PARAMETER, TSR_F32, 2, (int32_t[]){d->inputs, d->units});
    *y = p.outputs[0] = tsr_graph_value(graph, name, TSR_ROLE_TEMPORARY, TSR_F32, 2, (int32_t[]){d->rows, d->units});
    bool made = p.inputs[0] != TSR_NONE && p.inputs[1] != TSR_NONE && *y != TSR_NONE;
    if (made) graph->values[p.inputs[1]].slot = number;
    return made && tsr_graph_primitive(graph, &p) != TSR_NONE ? TSR_OK : tsr_fail_memory("a product", sizeof p);
}

tsr_status tsr_tune_measure_products(tsr_device *device, const tsr_dense_descriptor *shapes, int count,
                                     const tsr_tune_options *options, tsr_product_times *times)
{
    tsr_tuner t;
    tsr_graph graph = {0};
    int wanted[TSR_TUNE_PRODUCTS];
    if (count < 1 || count > TSR_TUNE_PRODUCTS)
        return tsr_fail(TSR_INVALID_ARGUMENT, "%d products, where from 1 to %d can be timed together", count,
                        TSR_TUNE_PRODUCTS);
    tsr_status status = tsr_tuner_begin(&t, device, options);
    if (status) return status;
    for (int i = 0; i < count && !status; i++) {
        times[i] = (tsr_product_times){0};
        status = add_product(&graph, i, &shapes[i], &wanted[i]);
    }
    if (!status) status = tsr_tune_products(&t, &graph, wanted, count, times);
    tsr_graph_clear(&graph);
    tsr_tuner_end(&t);
    return status;
}
