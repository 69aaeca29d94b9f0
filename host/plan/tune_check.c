/* Checks the steps in which one tuning differs from another against their twins. */
#include "plan/check.h"
#include "plan/tune.h"

#include <stdio.h>

static tsr_status check_step(tsr_device *device, const tsr_covered *step, tsr_gemm gemm, tsr_tune_reply *reply)
{
    tsr_span_check check;
    tsr_status status = tsr_check_span(device, step, gemm, &check);
    if (status) return status;
    reply->right = check.taken && check.right;
    if (!check.taken)
        snprintf(reply->text, sizeof reply->text, "its result cannot be checked: it does not take the span by itself");
    else if (!check.right)
        snprintf(reply->text, sizeof reply->text, "its result is wrong: %s", check.text);
    return TSR_OK;
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
        if (!has_step(work, &covers[0], covers[1].steps[s]))
            seconds += tsr_check_seconds(tsr_span_flops(&covers[1].steps[s]->span));
    if (!status && seconds > work->order.seconds) {
        reply->right = false;
        reply->too_long = true;
        snprintf(reply->text, sizeof reply->text, "to check its result would take about %.3g s, where there are %.3g",
                 seconds, work->order.seconds);
    }
    for (size_t s = 0; s < covers[1].count && !status && reply->right; s++)
        if (!has_step(work, &covers[0], covers[1].steps[s]))
            status = check_step(device, covers[1].steps[s], work->order.gemm, reply);
    tsr_cover_clear(&covers[0]);
    tsr_cover_clear(&covers[1]);
    return status;
}
