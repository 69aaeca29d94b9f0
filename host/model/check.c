/* Every implementation of the list on a case of its own: the largest span of the small networks that it takes. */
#include "plan/check.h"

#include "base/memory.h"
#include "model/check_networks.h"
#include "tessera/check.h"

#include <stdio.h>
#include <string.h>

/* A span that an implementation supports. */
typedef struct small_case {
    const tsr_graph *graph;
    int anchor, number;
    int size; /* primitives and stored values */
} small_case;

typedef struct cases {
    tsr_device *device;
    tsr_check_graphs graphs;
    bool *unclaimed; /* for matching: nothing is claimed */
    const tsr_implementation *implementation;
    small_case *list;
    size_t count, capacity;
    char refusal[192]; /* why a span that matched is not supported; empty: none matched */
} cases;

/* Whether the implementation takes a span at the primitive, because it is asked for or also by itself; then it is in
 * *found. */
static bool find_span(cases *c, const tsr_graph *graph, int anchor, bool asked, tsr_covered *found)
{
    const tsr_implementation *implementation = c->implementation;
    const tsr_target target = {.device = c->device,
                               .fuse = true,
                               .vector_width = c->device->info.vector_width,
                               .only = asked ? implementation->name : NULL};
    *found = (tsr_covered){.implementation = implementation, .anchor = anchor};
    if (graph->primitives[anchor].kind != implementation->anchor ||
        !implementation->match(graph, anchor, c->unclaimed, &found->span))
        return false;
    if (implementation->supports(&target, &found->span, &found->needs)) return true;
    if (!c->refusal[0]) snprintf(c->refusal, sizeof c->refusal, "%s", found->needs.reason);
    return false;
}

/* Larger ones first; among equals the later ones, which are the less usual. */
static int by_size(const void *a, const void *b)
{
    const small_case *left = a, *right = b;
    return left->size != right->size ? right->size - left->size : right->number - left->number;
}

/* All spans of the networks that the implementation supports, larger ones first. */
static tsr_status find_cases(cases *c, tsr_covered *found)
{
    c->count = 0;
    c->refusal[0] = '\0';
    for (int g = 0; g < c->graphs.count; g++)
        for (int p = 0; p < (int)c->graphs.graphs[g].primitive_count; p++) {
            if (!find_span(c, &c->graphs.graphs[g], p, true, found)) continue;
            if (!tsr_grow((void **)&c->list, &c->capacity, c->count + 1, sizeof *c->list))
                return tsr_fail_memory("a check", (c->count + 1) * sizeof *c->list);
            c->list[c->count] = (small_case){.graph = &c->graphs.graphs[g],
                                             .anchor = p,
                                             .number = (int)c->count,
                                             .size = found->span.count + found->span.store_count};
            c->count++;
        }
    if (c->count) qsort(c->list, c->count, sizeof *c->list, by_size);
    return TSR_OK;
}

/* Whether it takes one of the cases without being asked for. */
static bool is_usual(cases *c, tsr_covered *found)
{
    for (size_t i = 0; i < c->count; i++)
        if (find_span(c, c->list[i].graph, c->list[i].anchor, false, found)) return true;
    return false;
}

/* Runs the first case that the implementation takes by itself as well. */
static void run_case(cases *c, tsr_covered *found, tsr_span_check *span, tsr_implementation_check *check)
{
    tsr_status status = TSR_OK;
    *span = (tsr_span_check){0};
    for (size_t i = 0; i < c->count && !span->taken && !status; i++)
        if (find_span(c, c->list[i].graph, c->list[i].anchor, true, found))
            status = tsr_check_span(c->device, found, TSR_GEMM_AUTO, span);
    check->share = span->share;
    check->build_seconds = span->build_seconds;
    check->text = NULL;
    if (status) {
        check->outcome = TSR_CHECK_FAILED;
        check->text = tsr_last_error();
    } else if (span->taken) {
        check->outcome = span->right ? TSR_CHECK_RIGHT : TSR_CHECK_WRONG;
        if (!span->right) check->text = span->text;
    } else if (!c->count && c->refusal[0]) {
        check->outcome = TSR_CHECK_UNSUPPORTED;
        check->text = c->refusal;
    } else {
        check->outcome = TSR_CHECK_FAILED;
        check->text = "none of the small networks has a span for it";
    }
}

static size_t most_primitives(const tsr_check_graphs *graphs)
{
    size_t most = 0;
    for (int g = 0; g < graphs->count; g++)
        if (graphs->graphs[g].primitive_count > most) most = graphs->graphs[g].primitive_count;
    return most;
}

tsr_status tsr_check_implementations(tsr_device *device, int from,
                                     bool (*report)(void *context, const tsr_implementation_check *check),
                                     void *context)
{
    cases c = {.device = device};
    tsr_span_check span;
    size_t count;
    const tsr_implementation *const *list = tsr_implementations(&count);
    tsr_covered *found = tsr_alloc(1, sizeof *found);
    tsr_status status = found ? tsr_check_graphs_create(&c.graphs) : tsr_fail_memory("a check", sizeof *found);
    if (status) goto done;
    size_t most = most_primitives(&c.graphs);
    c.unclaimed = tsr_alloc(most, sizeof *c.unclaimed);
    if (!c.unclaimed) status = tsr_fail_memory("a check", most);
    for (int i = from < 0 ? 0 : from; i < (int)count && !status; i++) {
        tsr_implementation_check check = {.number = i, .count = (int)count, .name = list[i]->name};
        c.implementation = list[i];
        if ((status = find_cases(&c, found))) break;
        check.usual = is_usual(&c, found);
        bool goes_on = report(context, &check);
        if (goes_on) {
            run_case(&c, found, &span, &check);
            goes_on = report(context, &check);
        }
        if (!goes_on) status = tsr_fail(TSR_INTERRUPTED, "the check of device %s was stopped", device->info.name);
    }
done:
    tsr_check_graphs_clear(&c.graphs);
    free(c.unclaimed);
    free(c.list);
    free(found);
    return status;
}
