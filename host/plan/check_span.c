/* A span checked by itself: its primitives as a graph of their own, run by its implementation on data that fit. */
#include "base/memory.h"
#include "base/time.h"
#include "ops/twin.h"
#include "plan/check.h"
#include "plan/internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct alone {
    const tsr_covered *step; /* in the whole graph */
    tsr_graph graph;
    int *values; /* by value of the whole graph: the number here */
    int *wanted;
    int wanted_count;
    tsr_plan *plan;
    cl_mem *buffers; /* by value: what is bound */
    tsr_span_check *check;
} alone;

static void clear_alone(alone *a)
{
    tsr_plan_free(a->plan);
    for (size_t v = 0; a->buffers && v < a->graph.value_count; v++)
        if (a->buffers[v]) clReleaseMemObject(a->buffers[v]);
    tsr_graph_clear(&a->graph);
    free(a->buffers);
    free(a->values);
    free(a->wanted);
}

/* The value's number in the graph of the span; what others make there is an input here. */
static int take_value(alone *a, const tsr_span *span, int value)
{
    if (a->values[value] != TSR_NONE) return a->values[value];
    const tsr_value *v = &span->graph->values[value];
    bool inside = v->maker != TSR_NONE && tsr_span_has(span, v->maker);
    bool kept = inside || v->role == TSR_ROLE_PARAMETER || v->role == TSR_ROLE_STATE;
    int old = inside && v->replaces != TSR_NONE ? take_value(a, span, v->replaces) : TSR_NONE;
    int number = tsr_graph_value(&a->graph, v->name, kept ? v->role : TSR_ROLE_INPUT, v->dtype, v->rank, v->extent);
    if (number == TSR_NONE) return TSR_NONE;
    a->graph.values[number].replaces = old;
    a->graph.values[number].slot = v->slot;
    a->graph.values[number].moment = v->moment;
    return a->values[value] = number;
}

static tsr_status isolate(alone *a)
{
    const tsr_span *span = &a->step->span;
    const tsr_graph *whole = span->graph;
    bool made = true;
    a->values = tsr_alloc(whole->value_count, sizeof *a->values);
    a->wanted = tsr_alloc((size_t)span->store_count, sizeof *a->wanted);
    if (!a->values || !a->wanted) return tsr_fail_memory("a check", whole->value_count * sizeof *a->values);
    for (size_t v = 0; v < whole->value_count; v++) a->values[v] = TSR_NONE;
    for (int i = 0; i < span->count && made; i++) {
        tsr_primitive p = whole->primitives[span->primitives[i]];
        for (int k = 0; k < p.input_count && made; k++)
            made = (p.inputs[k] = take_value(a, span, p.inputs[k])) != TSR_NONE;
        for (int k = 0; k < p.output_count && made; k++)
            made = (p.outputs[k] = take_value(a, span, p.outputs[k])) != TSR_NONE;
        made = made && tsr_graph_primitive(&a->graph, &p) != TSR_NONE;
    }
    if (!made) return tsr_fail_memory("a check", 0);
    for (int i = 0; i < span->store_count; i++) a->wanted[a->wanted_count++] = a->values[span->stores[i]];
    a->buffers = tsr_alloc(a->graph.value_count, sizeof(cl_mem));
    return a->buffers ? TSR_OK : tsr_fail_memory("a check", a->graph.value_count * sizeof(cl_mem));
}

/* Gives a value that nobody makes a buffer with data. */
static tsr_status bind_value(tsr_device *device, alone *a, int v)
{
    const tsr_value *value = &a->graph.values[v];
    size_t bytes = tsr_value_bytes(value), count = tsr_value_count(value);
    void *data = tsr_alloc(bytes, 1);
    double *numbers = tsr_alloc(count, sizeof *numbers);
    tsr_status status = data && numbers ? TSR_OK : tsr_fail_memory("a check", count * sizeof *numbers);
    if (status) goto done;
    tsr_check_fill(&a->graph, v, numbers);
    for (size_t e = 0; e < count; e++) tsr_dtype_put(data, e, numbers[e], value->dtype);
    status = tsr_buffer_create(device, CL_MEM_READ_WRITE, bytes, value->name, &a->buffers[v]);
    if (!status) status = tsr_buffer_write(device, a->buffers[v], 0, data, bytes);
    if (!status) status = tsr_plan_bind(a->plan, v, a->buffers[v]);
done:
    free(data);
    free(numbers);
    return status;
}

/* Whether the implementation has the whole span in the plan: what is around a primitive may decide about that. */
static bool is_taken(const alone *a)
{
    for (int s = 0; s < tsr_plan_step_count(a->plan); s++) {
        const tsr_step *step = tsr_plan_step(a->plan, s);
        if (step->implementation == a->step->implementation && step->span->count >= a->step->span.count) return true;
    }
    return false;
}

static void note(void *context, const tsr_checked *checked)
{
    tsr_span_check *check = ((alone *)context)->check;
    check->share = fmax(check->share, checked->share);
    if (checked->right || !check->right) return;
    check->right = false;
    snprintf(check->text, sizeof check->text, "%s", checked->text);
}

static tsr_status make_plan(tsr_device *device, alone *a, tsr_gemm gemm)
{
    const tsr_plan_options options = {.gemm = gemm, .guard = true, .only = a->step->implementation->name};
    double began = tsr_seconds();
    tsr_status status = tsr_plan_create(device, &a->graph, a->wanted, a->wanted_count, &options, NULL, &a->plan);
    a->check->build_seconds = tsr_seconds() - began;
    return status;
}

tsr_status tsr_check_span(tsr_device *device, const tsr_covered *step, tsr_gemm gemm, tsr_span_check *check)
{
    alone a = {.step = step, .check = check};
    *check = (tsr_span_check){.right = true};
    tsr_status status = isolate(&a);
    if (!status) status = make_plan(device, &a, gemm);
    check->taken = !status && is_taken(&a);
    if (!status && !check->taken) goto done;
    for (int v = 0; v < (int)a.graph.value_count && !status; v++)
        if (tsr_graph_maker(&a.graph, v) == TSR_NONE) status = bind_value(device, &a, v);
    if (!status) status = tsr_check_plan(device, a.plan, note, &a);
done:
    clear_alone(&a);
    return status;
}
