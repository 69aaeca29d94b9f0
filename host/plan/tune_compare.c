/* Times a part of a graph with either of two tunings, in turn. */
#include "base/quantile.h"
#include "base/time.h"
#include "ops/primitive.h"
#include "plan/tune_side.h"

#include <math.h>

enum { FEWEST_ROUNDS = 7, MOST_ROUNDS = 41, MOST_RUNS = 1000, FEWEST_LOOKS = 2, MOST_LOOKS = 5 };

/* A second of a candidate that takes this many times as long is not worth it. */
static const double hopeless = 3;

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
static void find_concerned(tsr_tune_side sides[2], bool *marked)
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

/* How long a run of each takes at best: a busy machine may hold up any single one. While the second one seems hopeless
 * it is looked at again, for as long as `seconds` allow. */
static tsr_status look(tsr_tune_side sides[2], bool whole, double seconds, double best[2])
{
    double once, began = 0;
    for (int k = 0; k < 2; k++) { /* the first run of a kernel may compile it */
        tsr_status status = tsr_tune_side_time(&sides[k], true, 1, &once);
        if (status) return status;
        best[k] = INFINITY;
    }
    for (int i = 0; i < MOST_LOOKS; i++) {
        if (i == 1) began = tsr_seconds(); /* what the first ones take counts for nothing */
        if (i >= FEWEST_LOOKS && (best[1] <= hopeless * best[0] || tsr_seconds() - began >= seconds)) break;
        for (int k = 0; k < 2; k++) {
            tsr_status status = tsr_tune_side_time(&sides[k], whole, 1, &once);
            if (status) return status;
            if (once < best[k]) best[k] = once;
        }
    }
    return TSR_OK;
}

/* Rounds of one and the other, of which now this and now that goes first. */
static tsr_status measure(tsr_tune_side sides[2], const tsr_tune_work *work, bool whole, tsr_tune_reply *reply)
{
    double times[2][MOST_ROUNDS], ratios[MOST_ROUNDS], once[2], spent = work->order.seconds;
    int rounds = 0, runs, most = most_runs(work, whole);
    tsr_status looked = look(sides, whole, spent, once);
    if (looked) return looked;
    reply->before = once[0], reply->after = once[1];
    reply->lower = reply->ratio = reply->upper = once[1] / once[0];
    if (reply->ratio > hopeless) return TSR_OK;
    runs = (int)(spent / (2 * FEWEST_ROUNDS + 6) / (once[0] + once[1]) * 2);
    if (runs > most) runs = most;
    if (runs < 1) runs = 1;
    double began = tsr_seconds();
    while (rounds < MOST_ROUNDS && (rounds < FEWEST_ROUNDS || tsr_seconds() - began < spent)) {
        for (int k = 0; k < 2; k++) {
            int which = (rounds + k) % 2;
            tsr_status status = tsr_tune_side_time(&sides[which], whole, runs, &times[which][rounds]);
            if (status) return status;
        }
        ratios[rounds] = times[1][rounds] / times[0][rounds];
        rounds++;
    }
    reply->before = tsr_quantile(times[0], rounds, 0.5);
    reply->after = tsr_quantile(times[1], rounds, 0.5);
    reply->ratio = tsr_quantile(ratios, rounds, 0.5);
    reply->lower = tsr_quantile(ratios, rounds, 0.25);
    reply->upper = tsr_quantile(ratios, rounds, 0.75);
    return TSR_OK;
}

tsr_status tsr_tune_warm(tsr_device *device, const tsr_tune_work *work)
{
    tsr_tune_side side = {0};
    double seconds;
    const tsr_plan_options options = {.gemm = work->order.gemm, .tuning = &work->tunings[0]};
    tsr_status status = tsr_tune_side_create(device, work, &options, &side);
    if (!status) status = tsr_tune_side_time(&side, true, 1, &seconds);
    tsr_tune_side_clear(&side);
    return status;
}

tsr_status tsr_tune_compare(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply)
{
    tsr_tune_side sides[2] = {{0}};
    bool whole = true;
    for (size_t p = 0; p < work->graph.primitive_count; p++) whole &= work->marked[p];
    tsr_status status = TSR_OK;
    for (int k = 0; k < 2 && !status; k++) {
        const tsr_plan_options options = {.gemm = work->order.gemm, .tuning = &work->tunings[k]};
        status = tsr_tune_side_create(device, work, &options, &sides[k]);
    }
    if (!status && !(reply->same = same_cover(&sides[0].plan->cover, &sides[1].plan->cover))) {
        find_concerned(sides, work->marked);
        status = measure(sides, work, whole, reply);
    }
    tsr_tune_side_clear(&sides[0]);
    tsr_tune_side_clear(&sides[1]);
    return status;
}
