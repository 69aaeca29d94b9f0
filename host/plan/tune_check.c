/* Checks the steps of a tuning against their twins: each span as a graph of its own, on data that fit. */
#include "base/memory.h"
#include "base/time.h"
#include "ops/twin.h"
#include "plan/internal.h"
#include "plan/tune.h"

#include <stdio.h>

/* What a twin computes in a second, and how often it is run for its bounds: for an estimate. */
static const double twin_flops = 5e8, twin_runs = 3;

/* A span by itself. */
typedef struct alone {
    tsr_graph graph;
    int *values; /* by value of the whole graph: the number here */
    int *wanted;
    int wanted_count;
    tsr_twins twins;
    tsr_plan *plan;
    cl_mem *buffers; /* by value: what is bound */
} alone;

static void clear_alone(alone *a)
{
    tsr_plan_free(a->plan);
    for (size_t v = 0; a->buffers && v < a->graph.value_count; v++)
        if (a->buffers[v]) clReleaseMemObject(a->buffers[v]);
    tsr_twins_clear(&a->twins);
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

static tsr_status isolate(const tsr_covered *step, alone *a)
{
    const tsr_graph *whole = step->span.graph;
    bool made = true;
    *a = (alone){.values = tsr_alloc(whole->value_count, sizeof *a->values),
                 .wanted = tsr_alloc((size_t)step->span.store_count, sizeof *a->wanted)};
    if (!a->values || !a->wanted) return tsr_fail_memory("a check", whole->value_count * sizeof *a->values);
    for (size_t v = 0; v < whole->value_count; v++) a->values[v] = TSR_NONE;
    for (int i = 0; i < step->span.count && made; i++) {
        tsr_primitive p = whole->primitives[step->span.primitives[i]];
        for (int k = 0; k < p.input_count && made; k++)
            made = (p.inputs[k] = take_value(a, &step->span, p.inputs[k])) != TSR_NONE;
        for (int k = 0; k < p.output_count && made; k++)
            made = (p.outputs[k] = take_value(a, &step->span, p.outputs[k])) != TSR_NONE;
        made = made && tsr_graph_primitive(&a->graph, &p) != TSR_NONE;
    }
    if (!made) return tsr_fail_memory("a check", 0);
    for (int i = 0; i < step->span.store_count; i++) a->wanted[a->wanted_count++] = a->values[step->span.stores[i]];
    a->buffers = tsr_alloc(a->graph.value_count, sizeof(cl_mem));
    return a->buffers ? TSR_OK : tsr_fail_memory("a check", a->graph.value_count * sizeof(cl_mem));
}

static tsr_status run_twins(alone *a)
{
    tsr_status status = tsr_twins_create(&a->graph, &a->twins);
    for (int v = 0; v < (int)a->graph.value_count && !status; v++) {
        if (tsr_graph_maker(&a->graph, v) != TSR_NONE) continue;
        double *data = tsr_alloc(tsr_value_count(&a->graph.values[v]), sizeof *data);
        if (!data) return tsr_fail_memory("a check", tsr_value_count(&a->graph.values[v]) * sizeof *data);
        tsr_tune_fill(&a->graph, v, data);
        status = tsr_twins_set(&a->twins, v, data);
        free(data);
    }
    for (size_t p = 0; p < a->graph.primitive_count && !status; p++)
        status = tsr_twins_evaluate(&a->twins, &a->graph.primitives[p]);
    return status;
}

static tsr_status bind_value(tsr_device *device, alone *a, int v)
{
    const tsr_value *value = &a->graph.values[v];
    size_t bytes = tsr_value_bytes(value);
    void *data = tsr_alloc(bytes, 1);
    if (!data) return tsr_fail_memory("a check", bytes);
    for (size_t e = 0; e < tsr_value_count(value); e++)
        tsr_dtype_put(data, e, a->twins.values[v].exact[e], value->dtype);
    tsr_status status = tsr_buffer_create(device, CL_MEM_READ_WRITE, bytes, value->name, &a->buffers[v]);
    if (!status) status = tsr_buffer_write(device, a->buffers[v], 0, data, bytes);
    if (!status) status = tsr_plan_bind(a->plan, v, a->buffers[v]);
    free(data);
    return status;
}

static tsr_status run_plan(tsr_device *device, alone *a, const tsr_covered *step, tsr_gemm gemm)
{
    const tsr_plan_options options = {.gemm = gemm, .guard = true, .only = step->implementation->name};
    tsr_status status = tsr_plan_create(device, &a->graph, a->wanted, a->wanted_count, &options, NULL, &a->plan);
    for (int v = 0; v < (int)a->graph.value_count && !status; v++)
        if (tsr_graph_maker(&a->graph, v) == TSR_NONE) status = bind_value(device, a, v);
    if (!status) status = tsr_plan_run(a->plan);
    return status ? status : tsr_plan_check_guards(a->plan);
}

static tsr_status compare_value(alone *a, int v, double slack, tsr_tune_reply *reply)
{
    const tsr_value *value = &a->graph.values[v];
    void *data = tsr_alloc(tsr_value_bytes(value), 1);
    tsr_status status = data ? tsr_plan_read(a->plan, v, data) : tsr_fail_memory("a check", tsr_value_bytes(value));
    for (size_t e = 0; e < tsr_value_count(value) && !status && reply->right; e++) {
        double got = tsr_dtype_get(data, e, value->dtype);
        if (tsr_twins_agree(&a->twins, v, e, got, slack)) continue;
        reply->right = false;
        snprintf(reply->text, sizeof reply->text,
                 "its result is wrong: element %zu of %s is %.6g, not %.6g within %.2g", e, value->name, got,
                 a->twins.values[v].exact[e], slack * a->twins.values[v].bound[e]);
    }
    free(data);
    return status;
}

static tsr_status check_step(tsr_device *device, const tsr_covered *step, tsr_gemm gemm, tsr_tune_reply *reply)
{
    alone a;
    double slack = step->implementation->slack > 0 ? step->implementation->slack : 1;
    tsr_status status = isolate(step, &a);
    if (!status) status = run_twins(&a);
    if (!status) status = run_plan(device, &a, step, gemm);
    for (int i = 0; i < a.wanted_count && !status && reply->right; i++)
        status = compare_value(&a, a.wanted[i], slack, reply);
    clear_alone(&a);
    return status;
}

static bool brings_parameters(const tsr_tuning *tuning)
{
    for (size_t i = 0; i < tuning->count; i++)
        if (tsr_tuning_clblast_kernel(&tuning->entries[i])) return true;
    return false;
}

/* Whether the first tuning leads to the same step; parameters that the second one brings make a call of CLBlast
 * another. */
static bool has_step(const tsr_tune_work *work, const tsr_cover *cover, const tsr_covered *step)
{
    if (step->implementation->enqueue && brings_parameters(&work->tunings[1]) && !brings_parameters(&work->tunings[0]))
        return false;
    for (size_t i = 0; i < cover->count; i++)
        if (cover->steps[i]->implementation == step->implementation && cover->steps[i]->anchor == step->anchor &&
            cover->steps[i]->span.count == step->span.count)
            return true;
    return false;
}

static double seconds_of_twins(const tsr_covered *step)
{
    return twin_runs * tsr_span_flops(&step->span) / twin_flops;
}

tsr_status tsr_tune_check(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply)
{
    tsr_cover covers[2] = {{0}};
    double seconds = 0;
    tsr_status status = TSR_OK;
    reply->right = true;
    for (int k = 0; k < 2 && !status; k++) {
        tsr_target target = {.device = device,
                             .gemm = work->order.gemm,
                             .fuse = true,
                             .vector_width = device->info.vector_width,
                             .tuning = &work->tunings[k]};
        status = tsr_cover_graph(&work->graph, work->wanted, (int)work->order.wanted_count, &target, NULL, &covers[k]);
    }
    for (size_t s = 0; s < covers[1].count && !status; s++)
        if (!has_step(work, &covers[0], covers[1].steps[s])) seconds += seconds_of_twins(covers[1].steps[s]);
    if (!status && seconds > work->order.seconds) {
        reply->right = false;
        snprintf(reply->text, sizeof reply->text, "to check its result would take about %.0f s, more than is left",
                 seconds);
    }
    for (size_t s = 0; s < covers[1].count && !status && reply->right; s++)
        if (!has_step(work, &covers[0], covers[1].steps[s]))
            status = check_step(device, covers[1].steps[s], work->order.gemm, reply);
    tsr_cover_clear(&covers[0]);
    tsr_cover_clear(&covers[1]);
    return status;
}
