#include "plan/tune_side.h"

#include "base/memory.h"
#include "base/time.h"
#include "ops/twin.h"
#include "plan/check.h"

void tsr_tune_side_clear(tsr_tune_side *s)
{
    tsr_plan_free(s->plan);
    tsr_variables_free(s->variables);
    for (size_t v = 0; s->buffers && v < s->value_count; v++)
        if (s->buffers[v]) clReleaseMemObject(s->buffers[v]);
    free(s->buffers);
    free(s->concerned);
}

static tsr_status fill_bytes(const tsr_graph *graph, int v, void **bytes)
{
    size_t count = tsr_value_count(&graph->values[v]);
    double *data = tsr_alloc(count, sizeof *data);
    *bytes = tsr_alloc(tsr_value_bytes(&graph->values[v]), 1);
    if (data && *bytes) {
        tsr_check_fill(graph, v, data);
        for (size_t e = 0; e < count; e++) tsr_dtype_put(*bytes, e, data[e], graph->values[v].dtype);
    }
    bool made = data && *bytes;
    free(data);
    return made ? TSR_OK : tsr_fail_memory("a measurement", count * sizeof *data);
}

/* Parameters and the optimizer's moments. */
static tsr_status make_variables(tsr_tune_side *s, const tsr_graph *graph)
{
    int slots = 0, moments = 0;
    size_t *counts = tsr_alloc(graph->value_count, sizeof *counts);
    tsr_status status = counts ? TSR_OK : tsr_fail_memory("a measurement", graph->value_count * sizeof *counts);
    for (size_t v = 0; v < graph->value_count && !status; v++) {
        const tsr_value *value = &graph->values[v];
        if (value->role == TSR_ROLE_STATE && value->moment >= moments) moments = value->moment + 1;
        if (value->role != TSR_ROLE_PARAMETER) continue;
        if (value->slot >= slots) slots = value->slot + 1;
        counts[value->slot] = tsr_value_count(value);
    }
    if (!status && slots) status = tsr_variables_create(s->device, counts, slots, moments, &s->variables);
    free(counts);
    for (size_t v = 0; v < graph->value_count && !status; v++) {
        const tsr_value *value = &graph->values[v];
        void *bytes;
        if (value->role != TSR_ROLE_PARAMETER || value->replaces != TSR_NONE) continue;
        status = fill_bytes(graph, (int)v, &bytes);
        if (!status) status = tsr_variables_write(s->variables, value->slot, TSR_NONE, bytes);
        free(bytes);
    }
    return status;
}

static tsr_status bind_inputs(tsr_tune_side *s, const tsr_graph *graph)
{
    tsr_status status = TSR_OK;
    for (size_t v = 0; v < graph->value_count && !status; v++) {
        const tsr_value *value = &graph->values[v];
        void *bytes = NULL;
        if (value->role != TSR_ROLE_INPUT || value->replaces != TSR_NONE) continue;
        status = fill_bytes(graph, (int)v, &bytes);
        if (!status)
            status =
                tsr_buffer_create(s->device, CL_MEM_READ_WRITE, tsr_value_bytes(value), value->name, &s->buffers[v]);
        if (!status) status = tsr_buffer_write(s->device, s->buffers[v], 0, bytes, tsr_value_bytes(value));
        if (!status) status = tsr_plan_bind(s->plan, (int)v, s->buffers[v]);
        free(bytes);
    }
    return status;
}

tsr_status tsr_tune_side_create(tsr_device *device, const tsr_tune_work *work, const tsr_plan_options *options,
                                tsr_tune_side *s)
{
    *s = (tsr_tune_side){.device = device, .value_count = work->graph.value_count, .clock = TSR_NONE};
    for (size_t i = 0; i < work->graph.primitive_count; i++)
        if (work->graph.primitives[i].kind == TSR_KIND_ADVANCE) s->clock = work->graph.primitives[i].inputs[0];
    s->buffers = tsr_alloc(s->value_count, sizeof(cl_mem));
    if (!s->buffers) return tsr_fail_memory("a measurement", s->value_count * sizeof(cl_mem));
    tsr_status status = make_variables(s, &work->graph);
    if (!status)
        status = tsr_plan_create(device, &work->graph, work->wanted, (int)work->order.wanted_count, options,
                                 s->variables, &s->plan);
    if (!status && !(s->concerned = tsr_alloc(s->plan->cover.count, sizeof *s->concerned)))
        status = tsr_fail_memory("a measurement", s->plan->cover.count);
    return status ? status : bind_inputs(s, &work->graph);
}

static tsr_status run_concerned(tsr_tune_side *s)
{
    tsr_status status = TSR_OK;
    for (size_t i = 0; i < s->plan->cover.count && !status; i++)
        if (s->concerned[i]) status = tsr_plan_run_step(s->plan, (int)i);
    return status;
}

tsr_status tsr_tune_side_time(tsr_tune_side *s, bool whole, int runs, double *seconds)
{
    static const int32_t clock[] = {3, 0, 0, 0};
    tsr_status status = TSR_OK;
    if (whole && s->clock != TSR_NONE)
        status = tsr_buffer_write(s->device, s->buffers[s->clock], 0, clock, sizeof clock);
    if (!status) status = tsr_device_finish(s->device);
    double start = tsr_seconds();
    for (int i = 0; i < runs && !status; i++) status = whole ? tsr_plan_run(s->plan) : run_concerned(s);
    if (!status) status = tsr_device_finish(s->device);
    *seconds = (tsr_seconds() - start) / runs;
    return status;
}
