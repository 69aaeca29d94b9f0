/* The covering: every implementation in turn claims each span it supports; what nobody reads is dropped; a span that
 * hides a value that another one needs, or that closes a circle of waiting, is banned and the covering repeats. */
#include "plan/cover.h"

#include "base/memory.h"
#include "device/tuning.h"
#include "ops/primitive.h"
#include "plan/span_key.h"

#include <stdio.h>
#include <string.h>

typedef struct covering {
    const tsr_graph *graph;
    const int *wanted;
    int wanted_count;
    const tsr_target *target;
    const char *only;
    const tsr_implementation *const *implementations;
    size_t implementation_count;
    bool *banned;  /* [implementation][primitive] */
    bool *claimed; /* by primitive */
    bool *all;     /* likewise, all of them: what matching is told without fusion, so that nothing joins the anchor */
    int *storer;   /* by value: the span that stores it, or TSR_NONE */
    bool *needed;  /* by value */
    bool *live;    /* by span */
    tsr_covered **spans;
    size_t span_count, span_capacity;
    tsr_cover *cover;
} covering;

void tsr_cover_clear(tsr_cover *cover)
{
    for (size_t i = 0; i < cover->count; i++) free(cover->steps[i]);
    free(cover->steps);
    free(cover->notes);
    *cover = (tsr_cover){0};
}

bool tsr_covered_reads(const tsr_covered *step, int value)
{
    for (int i = 0; i < step->needs.unread_count; i++)
        if (step->needs.unread[i] == value) return false;
    return tsr_span_reads(&step->span, value);
}

static void note(covering *c, const tsr_implementation *implementation, int anchor, const char *reason)
{
    for (size_t i = 0; i < c->cover->note_count; i++)
        if (c->cover->notes[i].implementation == implementation && c->cover->notes[i].anchor == anchor) return;
    if (!tsr_grow((void **)&c->cover->notes, &c->cover->note_capacity, c->cover->note_count + 1,
                  sizeof *c->cover->notes))
        return; /* the note is lost, the cover is not */
    tsr_cover_note *n = &c->cover->notes[c->cover->note_count++];
    *n = (tsr_cover_note){.implementation = implementation, .anchor = anchor};
    snprintf(n->reason, sizeof n->reason, "%s", reason);
}

/* The portable implementation of a single primitive bears its kind's name. */
static bool is_portable(const tsr_implementation *implementation)
{
    return strcmp(implementation->name, tsr_kind_name(implementation->anchor)) == 0;
}

static bool is_fused(const tsr_span *span)
{
    for (int i = 1; i < span->count; i++)
        if (span->graph->primitives[span->primitives[i]].kind != span->graph->primitives[span->primitives[0]].kind)
            return true;
    return false;
}

/* Whether the implementation may be used at all under the plan's options. */
static bool allowed(const covering *c, const tsr_implementation *implementation, const tsr_span *span)
{
    if (c->only) return strcmp(implementation->name, c->only) == 0 || is_portable(implementation);
    return c->target->fuse || !is_fused(span);
}

static bool same_span(const tsr_span *a, const tsr_span *b)
{
    if (a->count != b->count || memcmp(a->primitives, b->primitives, (size_t)a->count * sizeof *a->primitives) != 0)
        return false;
    for (int i = 0; i < a->store_count; i++)
        if (!tsr_span_stores(b, a->stores[i])) return false;
    return true;
}

/* Lets the implementation of this name take the span in the place of the one that found it, if it can. */
static bool give_to(const covering *c, const char *name, tsr_covered *found)
{
    tsr_covered *other = tsr_alloc(1, sizeof *other);
    bool given = false;
    for (size_t i = 0; other && i < c->implementation_count && !given; i++) {
        const tsr_implementation *implementation = c->implementations[i];
        if (strcmp(implementation->name, name) != 0) continue;
        for (int k = 0; k < found->span.count && !given; k++) {
            int anchor = found->span.primitives[k];
            if (c->graph->primitives[anchor].kind != implementation->anchor ||
                c->banned[i * c->graph->primitive_count + (size_t)anchor])
                continue;
            *other = (tsr_covered){.implementation = implementation, .anchor = anchor, .tuned = true};
            given = implementation->match(c->graph, anchor, c->claimed, &other->span) &&
                    same_span(&found->span, &other->span) &&
                    implementation->supports(c->target, &other->span, &other->needs);
        }
    }
    if (given) *found = *other;
    free(other);
    return given;
}

/* Whether the span could be left to shorter ones: portable implementations take single primitives, or all of a kind. */
static bool can_fall_apart(const tsr_covered *found)
{
    return found->span.count > 1 && !is_portable(found->implementation);
}

/* Asks tuning about a span that an implementation would take; false when it is left to shorter ones. */
static tsr_status ask_tuning(covering *c, tsr_covered *found, bool *take)
{
    if (!c->target->tuning || !c->target->tuning->count) return TSR_OK;
    tsr_text key = {0};
    tsr_span_key(&found->span, c->wanted, c->wanted_count, c->target, &key);
    bool failed = key.failed;
    const tsr_tuning_entry *entry = failed ? NULL : tsr_tuning_find(c->target->tuning, key.data);
    tsr_text_clear(&key);
    if (failed) return tsr_fail_memory("a span", TSR_TUNING_TEXT);
    if (!entry) return TSR_OK;
    const tsr_implementation *first = found->implementation;
    int anchor = found->anchor;
    if (strcmp(entry->choice, first->name) == 0) return TSR_OK;
    if (strcmp(entry->choice, TSR_TUNING_APART) == 0) {
        *take = !can_fall_apart(found);
        if (!*take) note(c, first, anchor, "tuning found shorter spans to be faster");
    } else if (give_to(c, entry->choice, found)) {
        char reason[192];
        snprintf(reason, sizeof reason, "tuning found %.96s to be faster", entry->choice);
        note(c, first, anchor, reason);
    }
    return TSR_OK;
}

/* Finds the span that the implementation would take at the primitive; *take says whether it is free and supported. */
static tsr_status find_span(covering *c, const tsr_implementation *implementation, int anchor, tsr_covered *found,
                            bool *take)
{
    *found = (tsr_covered){.implementation = implementation, .anchor = anchor};
    *take = implementation->match(c->graph, anchor, c->target->fuse ? c->claimed : c->all, &found->span) &&
            allowed(c, implementation, &found->span);
    for (int i = 0; *take && i < found->span.count; i++) {
        int p = found->span.primitives[i];
        if (c->claimed[p] && !tsr_primitive_row_of(c->graph->primitives[p].kind)->cheap) *take = false;
    }
    bool named = c->only && strcmp(c->only, implementation->name) == 0;
    if (*take &&
        !(implementation->supports(c->target, &found->span, &found->needs) &&
          (named || !implementation->suits || implementation->suits(c->target, &found->span, &found->needs)))) {
        note(c, implementation, anchor, found->needs.reason);
        *take = false;
    }
    return *take ? ask_tuning(c, found, take) : TSR_OK;
}

/* Marks the primitives that a span claims, and what it stores. */
static void mark_claimed(covering *c, const tsr_covered *found)
{
    for (int i = 0; i < found->span.count; i++) {
        const tsr_primitive *p = &c->graph->primitives[found->span.primitives[i]];
        bool stored = false;
        for (int k = 0; k < p->output_count; k++) stored |= tsr_span_stores(&found->span, p->outputs[k]);
        /* A cheap primitive inside, which is not stored, is computed again here and stays free for others. */
        if (stored || !tsr_primitive_row_of(p->kind)->cheap) c->claimed[found->span.primitives[i]] = true;
    }
    for (int i = 0; i < found->span.store_count; i++)
        if (c->storer[found->span.stores[i]] == TSR_NONE) c->storer[found->span.stores[i]] = (int)c->span_count;
}

/* Claims the span that the implementation finds at the primitive, if it is free and supported. */
static tsr_status claim(covering *c, size_t which, int anchor)
{
    const tsr_implementation *implementation = c->implementations[which];
    bool take;
    if (c->claimed[anchor] || c->graph->primitives[anchor].kind != implementation->anchor ||
        c->banned[which * c->graph->primitive_count + (size_t)anchor])
        return TSR_OK;
    tsr_covered *found = tsr_alloc(1, sizeof *found);
    if (!found) return tsr_fail_memory("a span", sizeof *found);
    tsr_status status = find_span(c, implementation, anchor, found, &take);
    if (!status && take && !tsr_grow((void **)&c->spans, &c->span_capacity, c->span_count + 1, sizeof *c->spans))
        status = tsr_fail_memory("the spans", sizeof *c->spans);
    if (status || !take) {
        free(found);
        return status;
    }
    mark_claimed(c, found);
    c->spans[c->span_count++] = found;
    return TSR_OK;
}

static void forget_spans(covering *c)
{
    for (size_t i = 0; i < c->span_count; i++) free(c->spans[i]);
    c->span_count = 0;
}

static tsr_status claim_all(covering *c)
{
    forget_spans(c);
    memset(c->claimed, 0, c->graph->primitive_count * sizeof *c->claimed);
    for (size_t v = 0; v < c->graph->value_count; v++) c->storer[v] = TSR_NONE;
    for (size_t i = 0; i < c->implementation_count; i++)
        for (int p = (int)c->graph->primitive_count - 1; p >= 0; p--) {
            tsr_status status = claim(c, i, p);
            if (status) return status;
        }
    for (size_t p = 0; p < c->graph->primitive_count; p++)
        if (!c->claimed[p])
            return tsr_fail(TSR_UNSUPPORTED, "no implementation of %s fits device %s: %s",
                            tsr_kind_name(c->graph->primitives[p].kind), c->target->device->info.name,
                            c->cover->note_count ? c->cover->notes[c->cover->note_count - 1].reason
                                                 : "there is none in the list");
    return TSR_OK;
}

/* Marks the spans and values that the wanted values need, from the end backwards. */
static tsr_status mark_live(covering *c)
{
    free(c->live);
    c->live = tsr_alloc(c->span_count, sizeof *c->live);
    if (!c->live) return tsr_fail_memory("the spans", c->span_count);
    memset(c->needed, 0, c->graph->value_count * sizeof *c->needed);
    for (int i = 0; i < c->wanted_count; i++) c->needed[c->wanted[i]] = true;
    for (bool grew = true; grew;) {
        grew = false;
        for (size_t s = 0; s < c->span_count; s++) {
            bool useful = false;
            for (int i = 0; !c->live[s] && i < c->spans[s]->span.store_count; i++) {
                int value = c->spans[s]->span.stores[i];
                useful |= c->needed[value] && c->storer[value] == (int)s;
            }
            if (!useful) continue;
            c->live[s] = grew = true;
            for (int i = 0; i < c->spans[s]->span.count; i++) {
                const tsr_primitive *p = &c->graph->primitives[c->spans[s]->span.primitives[i]];
                for (int k = 0; k < p->input_count; k++)
                    if (tsr_covered_reads(c->spans[s], p->inputs[k])) c->needed[p->inputs[k]] = true;
            }
        }
    }
    return TSR_OK;
}

static void ban(covering *c, const tsr_covered *span, const char *reason)
{
    for (size_t i = 0; i < c->implementation_count; i++)
        if (c->implementations[i] == span->implementation)
            c->banned[i * c->graph->primitive_count + (size_t)span->anchor] = true;
    note(c, span->implementation, span->anchor, reason);
}

/* Bans the spans that hide a value somebody needs; *hidden says whether there were any. */
static tsr_status ban_hiding(covering *c, bool *hidden)
{
    *hidden = false;
    for (size_t v = 0; v < c->graph->value_count; v++) {
        int maker = tsr_graph_maker(c->graph, (int)v);
        if (!c->needed[v] || maker == TSR_NONE || c->storer[v] != TSR_NONE) continue;
        bool found = false;
        for (size_t s = 0; s < c->span_count; s++) {
            if (c->spans[s]->span.count < 2 || !tsr_span_has(&c->spans[s]->span, maker)) continue;
            char reason[192];
            snprintf(reason, sizeof reason, "it would hide %s, which is needed elsewhere", c->graph->values[v].name);
            ban(c, c->spans[s], reason);
            found = *hidden = true;
        }
        if (!found)
            return tsr_fail(TSR_INTERNAL, "value %s is needed, but %s does not store it", c->graph->values[v].name,
                            tsr_kind_name(c->graph->primitives[maker].kind));
    }
    return TSR_OK;
}

/* Whether `later` has to wait for `earlier`: it reads what that makes, or overwrites what that reads. */
static bool waits_for(const covering *c, const tsr_covered *later, const tsr_covered *earlier)
{
    for (int i = 0; i < earlier->span.store_count; i++) {
        int value = earlier->span.stores[i];
        if (c->spans[c->storer[value]] == earlier && tsr_covered_reads(later, value)) return true;
    }
    for (int i = 0; i < later->span.store_count; i++) {
        int old = c->graph->values[later->span.stores[i]].replaces;
        if (old != TSR_NONE && tsr_covered_reads(earlier, old)) return true;
    }
    return false;
}

/* Counts for each live span how many others it has to wait for. */
static void count_waiting(const covering *c, size_t *waiting)
{
    for (size_t s = 0; s < c->span_count; s++)
        for (size_t t = 0; c->live[s] && t < c->span_count; t++)
            waiting[s] += t != s && c->live[t] && waits_for(c, c->spans[s], c->spans[t]);
}

/* The span that comes next: of those that wait for nobody the one that was found first in the graph; TSR_NONE when all
 * that are left wait. */
static int next_span(const covering *c, const bool *done, const size_t *waiting)
{
    int best = TSR_NONE;
    for (size_t s = 0; s < c->span_count; s++)
        if (c->live[s] && !done[s] && waiting[s] == 0 &&
            (best == TSR_NONE || c->spans[s]->anchor < c->spans[best]->anchor))
            best = (int)s;
    return best;
}

/* Bans the spans of several primitives that are left over: they, or others through them, wait for each other. */
static tsr_status ban_circle(covering *c, const bool *done)
{
    bool any = false;
    for (size_t s = 0; s < c->span_count; s++)
        if (c->live[s] && !done[s] && c->spans[s]->span.count > 1) {
            ban(c, c->spans[s], "its spans would wait for each other in a circle");
            any = true;
        }
    c->cover->count = 0;
    return any ? TSR_OK : tsr_fail(TSR_INTERNAL, "the primitives of the graph wait for each other in a circle");
}

/* Orders the live spans into the cover's steps, in the order of the primitives where there is a choice. *circle says
 * that some wait for each other; those of several primitives are banned then. */
static tsr_status order(covering *c, bool *circle)
{
    tsr_status status = TSR_OK;
    size_t count = 0;
    for (size_t s = 0; s < c->span_count; s++) count += c->live[s];
    free(c->cover->steps);
    c->cover->count = 0;
    c->cover->steps = tsr_alloc(count, sizeof *c->cover->steps);
    bool *done = tsr_alloc(c->span_count, sizeof *done);
    size_t *waiting = tsr_alloc(c->span_count, sizeof *waiting);
    *circle = false;
    if (!c->cover->steps || !done || !waiting) {
        status = tsr_fail_memory("the steps", count * sizeof *c->cover->steps);
        goto done;
    }
    count_waiting(c, waiting);
    while (c->cover->count < count) {
        int next = next_span(c, done, waiting);
        if (next == TSR_NONE) {
            *circle = true;
            status = ban_circle(c, done);
            goto done;
        }
        done[next] = true;
        c->cover->steps[c->cover->count++] = c->spans[next];
        for (size_t s = 0; s < c->span_count; s++)
            if (c->live[s] && !done[s] && waits_for(c, c->spans[s], c->spans[next])) waiting[s]--;
    }
done:
    free(done);
    free(waiting);
    return status;
}

/* Drops from the steps' stores what nobody reads, and asks again what they need for the rest. */
static tsr_status settle(covering *c)
{
    for (size_t s = 0; s < c->cover->count; s++) {
        tsr_covered *step = c->cover->steps[s];
        int kept = 0;
        for (int i = 0; i < step->span.store_count; i++) {
            int value = step->span.stores[i];
            if (c->needed[value] && c->spans[c->storer[value]] == step) step->span.stores[kept++] = value;
        }
        step->span.store_count = kept;
        step->needs = (tsr_needs){0};
        if (!step->implementation->supports(c->target, &step->span, &step->needs))
            return tsr_fail(TSR_INTERNAL, "%s takes back that it supports its span: %s", step->implementation->name,
                            step->needs.reason);
    }
    return TSR_OK;
}

tsr_status tsr_cover_graph(const tsr_graph *graph, const int *wanted, int wanted_count, const tsr_target *target,
                           const char *only, tsr_cover *cover)
{
    tsr_status status = TSR_OK;
    covering c = {
        .graph = graph, .wanted = wanted, .wanted_count = wanted_count, .target = target, .only = only, .cover = cover};
    *cover = (tsr_cover){0};
    c.implementations = tsr_implementations(&c.implementation_count);
    c.banned = tsr_alloc(c.implementation_count * graph->primitive_count, sizeof *c.banned);
    c.claimed = tsr_alloc(graph->primitive_count, sizeof *c.claimed);
    c.all = tsr_alloc(graph->primitive_count, sizeof *c.all);
    c.storer = tsr_alloc(graph->value_count, sizeof *c.storer);
    c.needed = tsr_alloc(graph->value_count, sizeof *c.needed);
    if (!c.banned || !c.claimed || !c.all || !c.storer || !c.needed) {
        status = tsr_fail_memory("the cover", c.implementation_count * graph->primitive_count);
        goto done;
    }
    for (size_t p = 0; p < graph->primitive_count; p++) c.all[p] = true;
    /* Each round bans at least one span, and single primitives are never banned: it ends. */
    for (bool again = true; again && !status;) {
        again = false;
        status = claim_all(&c);
        if (!status) status = mark_live(&c);
        if (!status) status = ban_hiding(&c, &again);
        if (!status && !again) status = order(&c, &again);
    }
    if (!status) status = settle(&c);
done:
    /* The steps now belong to the cover. */
    for (size_t i = 0; i < c.span_count; i++) {
        bool kept = false;
        for (size_t s = 0; s < cover->count; s++) kept |= cover->steps[s] == c.spans[i];
        if (!kept) free(c.spans[i]);
    }
    free(c.spans);
    free(c.banned);
    free(c.claimed);
    free(c.all);
    free(c.storer);
    free(c.needed);
    free(c.live);
    if (status) tsr_cover_clear(cover);
    return status;
}

int tsr_cover_alternatives(const tsr_graph *graph, const tsr_target *target, const tsr_covered *step,
                           const char **names, int capacity)
{
    covering c = {.graph = graph, .target = target};
    int count = 0;
    c.implementations = tsr_implementations(&c.implementation_count);
    c.banned = tsr_alloc(c.implementation_count * graph->primitive_count, sizeof *c.banned);
    c.claimed = tsr_alloc(graph->primitive_count, sizeof *c.claimed);
    tsr_covered *other = tsr_alloc(1, sizeof *other);
    for (size_t i = 0; c.banned && c.claimed && other && i < c.implementation_count && count < capacity; i++) {
        *other = *step;
        if (c.implementations[i] != step->implementation && give_to(&c, c.implementations[i]->name, other))
            names[count++] = c.implementations[i]->name;
    }
    if (count < capacity && can_fall_apart(step)) names[count++] = TSR_TUNING_APART;
    free(c.banned);
    free(c.claimed);
    free(other);
    return count;
}
