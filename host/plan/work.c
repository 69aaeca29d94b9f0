/* What the profile says of a plan's steps: whose work each does, and how much. */
#include "base/memory.h"
#include "ops/primitive.h"
#include "plan/internal.h"

#include <stdio.h>
#include <string.h>

/* Adds a layer's name to the list, once; what does not fit is left out. */
static void add_layer(const char *name, tsr_profile_work *work)
{
    size_t length = strlen(name), used = strlen(work->layers);
    for (const char *at = work->layers; (at = strstr(at, name)); at += length) {
        bool begins = at == work->layers || at[-1] == ' ', ends = at[length] == '\0' || at[length] == ',';
        if (begins && ends) return;
    }
    if (used + length + 3 > sizeof work->layers) return;
    snprintf(work->layers + used, sizeof work->layers - used, "%s%s", used ? ", " : "", name);
}

/* Convolutions and matrix products are what counts. */
static bool is_product(tsr_kind kind)
{
    switch (kind) {
    case TSR_KIND_CONV2D:
    case TSR_KIND_CONV2D_GRAD_DATA:
    case TSR_KIND_CONV2D_GRAD_WEIGHTS:
    case TSR_KIND_DENSE:
    case TSR_KIND_DENSE_GRAD_DATA:
    case TSR_KIND_DENSE_GRAD_WEIGHTS:
        return true;
    default:
        return false;
    }
}

tsr_status tsr_plan_name_work(tsr_plan *plan)
{
    const char *const *names = plan->options.layer_names;
    plan->options.layer_names = NULL; /* the caller's, and not needed again */
    if (!plan->device->profile || !names) return TSR_OK;
    if (!(plan->work = tsr_alloc(plan->cover.count, sizeof *plan->work)))
        return tsr_fail_memory("the plan", plan->cover.count * sizeof *plan->work);
    for (size_t s = 0; s < plan->cover.count; s++) {
        const tsr_span *span = &plan->cover.steps[s]->span;
        for (int i = 0; i < span->count; i++) {
            const tsr_primitive *p = &plan->graph.primitives[span->primitives[i]];
            if (p->layer != TSR_NONE) add_layer(names[p->layer], &plan->work[s]);
            if (is_product(p->kind)) plan->work[s].flops += tsr_primitive_flops(&plan->graph, p);
        }
    }
    return TSR_OK;
}
