#include "plan/check.h"

#include "base/memory.h"
#include "ops/twin.h"
#include "plan/internal.h"

#include <math.h>
#include <stdio.h>

typedef struct checking {
    tsr_device *device;
    tsr_plan *plan;
    tsr_twins twins;
    void (*report)(void *context, const tsr_checked *checked);
    void *context;
} checking;

double tsr_check_seconds(double flops)
{
    const double flops_a_second = 5e8, runs = 3; /* a twin is run anew for its bounds */
    return runs * flops / flops_a_second;
}

/* Reads what lies in a value on the device, as doubles; *data is the caller's. */
static tsr_status read_value(checking *c, int v, double **data)
{
    const tsr_value *value = &c->plan->graph.values[v];
    size_t count = tsr_value_count(value);
    void *raw = tsr_alloc(tsr_value_bytes(value), 1);
    *data = tsr_alloc(count, sizeof **data);
    tsr_status status =
        raw && *data ? tsr_plan_read(c->plan, v, raw) : tsr_fail_memory("a check", count * sizeof **data);
    for (size_t e = 0; e < count && !status; e++) (*data)[e] = tsr_dtype_get(raw, e, value->dtype);
    free(raw);
    return status;
}

/* Values that nobody makes are taken from the device before they are replaced. */
static tsr_status take_inputs(checking *c)
{
    const tsr_graph *graph = &c->plan->graph;
    tsr_status status = TSR_OK;
    for (int v = 0; v < (int)graph->value_count && !status; v++) {
        double *data = NULL;
        if (tsr_graph_maker(graph, v) != TSR_NONE || !tsr_plan_view(c->plan, v)->buffer) continue;
        status = read_value(c, v, &data);
        if (!status) status = tsr_twins_set(&c->twins, v, data);
        free(data);
    }
    return status;
}

static tsr_status run_twins(checking *c, const tsr_span *span)
{
    tsr_status status = TSR_OK;
    for (int i = 0; i < span->count && !status; i++) {
        const tsr_primitive *p = &span->graph->primitives[span->primitives[i]];
        for (int k = 0; k < p->input_count; k++)
            if (!c->twins.values[p->inputs[k]].exact)
                return tsr_fail(TSR_INTERNAL, "%s cannot be checked: its operand %s is not there",
                                tsr_kind_name(p->kind), span->graph->values[p->inputs[k]].name);
        status = tsr_twins_evaluate(&c->twins, p);
    }
    return status;
}

static void compare(const checking *c, const double *data, double slack, tsr_checked *checked)
{
    const tsr_value *value = &c->plan->graph.values[checked->value];
    const tsr_twin_value *twin = &c->twins.values[checked->value];
    checked->right = checked->finite = true;
    for (size_t e = 0; e < tsr_value_count(value); e++) {
        double wanted = twin->exact[e], error = fabs(data[e] - wanted), allowed = slack * twin->bound[e];
        bool agrees = tsr_twins_agree(&c->twins, checked->value, e, data[e], slack);
        if (data[e] == wanted || (isnan(data[e]) && isnan(wanted)) || (agrees && value->dtype != TSR_F32)) continue;
        double share = agrees ? error / allowed : (double)INFINITY;
        if (!isfinite(error)) error = (double)INFINITY;
        if (!agrees && allowed > 0 && error / allowed > 1) share = error / allowed;
        checked->error = fmax(checked->error, error);
        checked->share = fmax(checked->share, share);
        if (!agrees && isfinite(wanted)) checked->finite = false;
        if (agrees || !checked->right) continue;
        checked->right = false;
        snprintf(checked->text, sizeof checked->text, "element %zu of %s is %.6g, not %.6g within %.2g", e, value->name,
                 data[e], wanted, allowed);
    }
}

/* Compares a value that the step has stored. Those after it go on from what the device has, except from stacks of
 * partial sums, which are added here and there in another order, and from wrong places and counts, which would lead
 * twins astray. */
static tsr_status check_value(checking *c, int step, int v)
{
    const tsr_implementation *implementation = c->plan->cover.steps[step]->implementation;
    tsr_checked checked = {.step = step, .value = v};
    double *data = NULL;
    tsr_status status = read_value(c, v, &data);
    if (!status) {
        compare(c, data, implementation->slack > 0 ? implementation->slack : 1, &checked);
        c->report(c->context, &checked);
        bool usable = checked.right || c->plan->graph.values[v].dtype == TSR_F32;
        if (usable && tsr_plan_view(c->plan, v)->partials <= 1) status = tsr_twins_set(&c->twins, v, data);
    }
    free(data);
    return status;
}

static tsr_status check_step(checking *c, int step)
{
    const tsr_span *span = &c->plan->cover.steps[step]->span;
    tsr_status status = run_twins(c, span);
    for (int i = 0; i < span->store_count && !status; i++) status = check_value(c, step, span->stores[i]);
    return status;
}

tsr_status tsr_check_plan(tsr_device *device, tsr_plan *plan, void (*report)(void *context, const tsr_checked *checked),
                          void *context)
{
    checking c = {.device = device, .plan = plan, .report = report, .context = context};
    tsr_status status = tsr_twins_create(&plan->graph, &c.twins);
    if (!status) status = take_inputs(&c);
    if (!status) status = tsr_plan_run(plan);
    if (!status) status = tsr_device_finish(device);
    if (!status) status = tsr_plan_check_guards(plan);
    for (int s = 0; s < (int)plan->cover.count && !status; s++) status = check_step(&c, s);
    tsr_twins_clear(&c.twins);
    return status;
}
