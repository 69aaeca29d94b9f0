/* Times the matrix products of a graph, one by one. */
#include "base/memory.h"
#include "base/quantile.h"
#include "ops/dense.h"
#include "plan/tune_side.h"

#include <math.h>
#include <string.h>

enum { ROUNDS = 7, LOOKS = 3 };

static tsr_status time_step(tsr_tune_side *side, size_t step, double seconds, double *median)
{
    double times[ROUNDS], once, best = INFINITY;
    memset(side->concerned, 0, side->plan->cover.count * sizeof *side->concerned);
    side->concerned[step] = true;
    tsr_status status = TSR_OK;
    for (int i = 0; i < LOOKS && !status; i++) { /* a busy machine may hold up any single one */
        status = tsr_tune_side_time(side, false, 1, &once);
        if (once < best) best = once;
    }
    int runs = best > 0 && seconds / ROUNDS / best < 1000 ? (int)(seconds / ROUNDS / best) : 1000;
    for (int i = 0; i < ROUNDS && !status; i++)
        status = tsr_tune_side_time(side, false, runs < 1 ? 1 : runs, &times[i]);
    if (!status) *median = tsr_quantile(times, ROUNDS, 0.5);
    return status;
}

tsr_status tsr_tune_time_products(tsr_device *device, const tsr_tune_work *work, tsr_tune_reply *reply)
{
    tsr_tune_side side = {0};
    double whole;
    const tsr_plan_options options = {.gemm = work->order.gemm, .no_fusion = true};
    tsr_status status = tsr_tune_side_create(device, work, &options, &side);
    if (!status) status = tsr_tune_side_time(&side, true, 1, &whole);
    for (size_t s = 0; !status && s < side.plan->cover.count && reply->product_count < TSR_TUNE_PRODUCTS; s++) {
        const tsr_span *span = &side.plan->cover.steps[s]->span;
        if (!tsr_is_dense_product(work->graph.primitives[span->primitives[0]].kind)) continue;
        tsr_dense_product product = tsr_dense_product_of(span);
        reply->work[reply->product_count] = (double)product.rows * product.columns * product.depth;
        status = time_step(&side, s, work->order.seconds, &reply->times[reply->product_count]);
        reply->product_count++;
    }
    tsr_tune_side_clear(&side);
    return status;
}
