/* Times a part of a graph with either of two tunings, in turn. */
#include "base/memory.h"
#include "base/time.h"
#include "ops/primitive.h"
#include "ops/twin.h"
#include "plan/internal.h"
#include "plan/tune.h"

#include <string.h>

enum { FEWEST_ROUNDS = 7, MOST_ROUNDS = 41, MOST_RUNS = 1000 };

/* A second of a candidate that takes this many times as long is not worth it. */
static const double hopeless = 3;

/* A plan of the whole graph with one of the tunings, on data of its own. */
typedef struct side {
    tsr_device *device;
    tsr_plan *plan;
    tsr_variables *variables;
    cl_mem *buffers; /* by value: of inputs */
    size_t value_count;
    int clock;       /* value that advances, or TSR_NONE */
    bool *concerned; /* by step */
} side;

static void clear_side(side *s)
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
        tsr_tune_fill(graph, v, data);
        for (size_t e = 0; e < count; e++) tsr_dtype_put(*bytes, e, data[e], graph->values[v].dtype);
    }
    bool made = data && *bytes;
    free(data);
    return made ? TSR_OK : tsr_fail_memory("a measurement", count * sizeof *data);
}

/* Parameters and the optimizer's moments. */
static tsr_status make_variables(side *s, const tsr_graph *graph)
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

static tsr_status bind_inputs(side *s, const tsr_graph *graph)
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

static tsr_status make_side(tsr_device *device, const tsr_tune_work *work, int which, side *s)
{
    *s = (side){.device = device, .value_count = work->graph.value_count, .clock = TSR_NONE};
    const tsr_plan_options options = {.gemm = work->order.gemm, .tuning = &work->tunings[which]};
    for (size_t i = 0; i < work->graph.primitive_count; i++)
        if (work->graph.primitives[i].kind == TSR_KIND_ADVANCE) s->clock = work->graph.primitives[i].inputs[0];
    s->buffers = tsr_alloc(s->value_count, sizeof(cl_mem));
    if (!s->buffers) return tsr_fail_memory("a measurement", s->value_count * sizeof(cl_mem));
    tsr_status status = make_variables(s, &work->graph);
    if (!status)
        status = tsr_plan_create(device, &work->graph, work->wanted, (int)work->order.wanted_count, &options,
                                 s->variables, &s->plan);
    if (!status && !(s->concerned = tsr_alloc(s->plan->cover.count, sizeof *s->concerned)))
        status = tsr_fail_memory("a measurement", s->plan->cover.count);
    return status ? status : bind_inputs(s, &work->graph);
}

/* Whether the primitive is the step's own rather than a cheap one that it computes again. */
static bool owns(const tsr_plan *plan, const tsr_covered *step, int primitive)
{
    const tsr_primitive *p = &plan->graph.primitives[primitive];
    if (!tsr_primitive_row_of(p->kind)->cheap) return true;
    for (int i = 0; i < p->output_count; i++)
        if (tsr_span_stores(&step->span, p->outputs[i])) return true;
    return false;
}

/* Finds the steps of both sides that compute the marked primitives, and whatever else these compute. */
static void find_concerned(side sides[2], bool *marked)
{
    for (bool grew = true; grew;) {
        grew = false;
        for (int k = 0; k < 2; k++)
            for (size_t i = 0; i < sides[k].plan->cover.count; i++) {
                const tsr_covered *step = sides[k].plan->cover.steps[i];
                bool touches = false;
                for (int p = 0; p < step->span.count; p++)
                    touches |= marked[step->span.primitives[p]] && owns(sides[k].plan, step, step->span.primitives[p]);
                if (!touches || sides[k].concerned[i]) continue;
                sides[k].concerned[i] = grew = true;
                for (int p = 0; p < step->span.count; p++)
                    if (owns(sides[k].plan, step, step->span.primitives[p])) marked[step->span.primitives[p]] = true;
            }
    }
}

static bool same_cover(const tsr_cover *a, const tsr_cover *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = a->steps[i]->implementation == b->steps[i]->implementation && a->steps[i]->anchor == b->steps[i]->anchor;
    return same;
}

static tsr_status run_concerned(side *s)
{
    tsr_status status = TSR_OK;
    for (size_t i = 0; i < s->plan->cover.count && !status; i++)
        if (s->concerned[i]) status = tsr_plan_run_step(s->plan, (int)i);
    return status;
}

/* Seconds of a run of the concerned steps, of `runs` one after another; whole: of the graph from its beginning. */
static tsr_status time_side(side *s, bool whole, int runs, double *seconds)
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

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double quantile(double *values, int count, double part)
{
    qsort(values, (size_t)count, sizeof *values, compare_numbers);
    return values[(int)(part * (count - 1) + 0.5)];
}

/* How often the order of the samples lets a run be repeated. */
static int most_runs(const tsr_tune_work *work, bool whole)
{
    int64_t most = MOST_RUNS;
    for (size_t i = 0; whole && i < work->graph.primitive_count; i++) {
        const tsr_primitive *p = &work->graph.primitives[i];
        int64_t runs =
            p->kind == TSR_KIND_GATHER ? work->graph.values[p->inputs[1]].extent[0] / p->as.gather.batch : most;
        if (runs < most) most = runs;
    }
    return most < 1 ? 1 : (int)most;
}

/* Rounds of one and the other, of which now this and now that goes first. */
static tsr_status measure(side sides[2], const tsr_tune_work *work, bool whole, tsr_tune_reply *reply)
{
    double times[2][MOST_ROUNDS], ratios[MOST_ROUNDS], once[2], began = tsr_seconds(), spent = work->order.seconds;
    int rounds = 0, runs, most = most_runs(work, whole);
    for (int k = 0; k < 2; k++) { /* the first run of a kernel may compile it, the second tells how long it takes */
        tsr_status status = time_side(&sides[k], true, 1, &once[k]);
        if (!status) status = time_side(&sides[k], whole, 1, &once[k]);
        if (!status) status = time_side(&sides[k], whole, 1, &once[k]);
        if (status) return status;
    }
    reply->before = once[0], reply->after = once[1];
    reply->ratio = reply->upper = once[1] / once[0];
    if (reply->ratio > hopeless) return TSR_OK;
    runs = (int)(spent / (2 * FEWEST_ROUNDS + 6) / (once[0] + once[1]) * 2);
    if (runs > most) runs = most;
    if (runs < 1) runs = 1;
    began = tsr_seconds();
    while (rounds < MOST_ROUNDS && (rounds < FEWEST_ROUNDS || tsr_seconds() - began < spent)) {
        for (int k = 0; k < 2; k++) {
            int which = (rounds + k) % 2;
            tsr_status status = time_side(&sides[which], whole, runs, &times[which][rounds]);
            if (status) return status;
        }
        ratios[rounds] = times[1][rounds] / times[0][rounds];
        rounds++;
    }
    reply->before = quantile(times[0], rounds, 0.5);
    reply->after = quantile(times[1], rounds, 0.5);
    reply->ratio = quantile(ratios, rounds, 0.5);
    reply->upper = quantile(ratios, rounds, 0.75);
    return TSR_OK;
}

tsr_status tsr_tune_compare(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply)
{
    side sides[2] = {{0}};
    bool whole = true;
    for (size_t p = 0; p < work->graph.primitive_count; p++) whole &= work->marked[p];
    tsr_status status = make_side(device, work, 0, &sides[0]);
    if (!status) status = make_side(device, work, 1, &sides[1]);
    if (!status && !(reply->same = same_cover(&sides[0].plan->cover, &sides[1].plan->cover))) {
        find_concerned(sides, work->marked);
        status = measure(sides, work, whole, reply);
    }
    clear_side(&sides[0]);
    clear_side(&sides[1]);
    return status;
}
