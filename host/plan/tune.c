/* The search: for each span of a graph's cover the other implementations that could take it are measured in its place,
 * and the best one that is faster beyond the noise, right, and no loss to the whole graph becomes its choice. */
#include "plan/tune.h"

#include "base/memory.h"
#include "base/time.h"
#include "ops/primitive.h"
#include "plan/cover.h"
#include "plan/span_key.h"

#include <stdio.h>
#include <string.h>

/* Seconds of rounds: for a span, and for a whole graph. */
static const double span_seconds = 0.3, graph_seconds = 1;

/* A candidate is taken when three of four rounds gain at least this part of the time. */
static const double least_gain = 0.03;

/* What gains for itself is refused where all of the graph loses: in three of four rounds, or this part of the time. A
 * small span's gain is lost in the noise of the whole, which does not speak against it. */
static const double most_loss = 0.01;

/* What takes this many times as long in the place of an implementation is not tried there again, for other shapes. */
static const double far_slower = 10;

/* Seconds to spend where nothing is said; and for a candidate, which gets a third of the budget within these limits. */
static const double usual_budget = 60, longest_candidate = 30, shortest_candidate = 1;

enum { MOST_CANDIDATES = 16 };

typedef struct candidate {
    const char *name;
    double before, after, upper;
} candidate;

/* The pass over a graph. */
typedef struct pass {
    tsr_tuner *tuner;
    const char *what;
    const tsr_graph *graph;
    const int *wanted;
    int wanted_count;
    tsr_target target; /* with the tuner's choices */
    size_t first;      /* of the tuner's entries that this pass has added */
} pass;

tsr_status tsr_tuner_begin(tsr_tuner *t, tsr_device *device, const tsr_tune_options *options)
{
    *t = (tsr_tuner){.device = device, .options = options, .began = tsr_seconds()};
    if (!options || !options->worker || !options->worker[0])
        return tsr_fail(TSR_INVALID_ARGUMENT, "tuning needs the command line of a worker");
    if (!(options->budget >= 0 && options->budget < 1e9))
        return tsr_fail(TSR_INVALID_ARGUMENT, "tuning with a budget of %g s: it must be from 0 to 1e9",
                        options->budget);
    if (!(options->timeout >= 0 && options->timeout < 1e9))
        return tsr_fail(TSR_INVALID_ARGUMENT, "tuning with a timeout of %g s: it must be from 0 to 1e9",
                        options->timeout);
    double budget = options->budget > 0 ? options->budget : usual_budget;
    t->deadline = t->began + budget;
    t->limit = budget / 3 > longest_candidate ? longest_candidate : budget / 3;
    if (t->limit < shortest_candidate) t->limit = shortest_candidate;
    t->whole_limit = t->limit;
    if (options->timeout > 0) t->limit = options->timeout;
    if (t->whole_limit < t->limit) t->whole_limit = t->limit;
    t->worker = (tsr_tune_process){.command = options->worker, .interrupted = options->interrupted};
    return TSR_OK;
}

void tsr_tuner_end(tsr_tuner *t)
{
    tsr_tune_stop(&t->worker);
    tsr_tuning_clear(&t->found);
    tsr_tuning_clear(&t->stored);
    tsr_tuning_clear(&t->hopeless);
    tsr_device_forget_tuning(t->device);
}

void tsr_tune_report(const tsr_tuner *t, tsr_tune_event event)
{
    event.elapsed = tsr_seconds() - t->began;
    if (t->options->report) t->options->report(t->options->context, &event);
}

tsr_status tsr_tune_save(tsr_tuner *t)
{
    tsr_tuning all;
    tsr_status status = tsr_tuning_copy(&t->stored, &all);
    for (size_t i = 0; i < t->found.count && !status; i++) {
        const tsr_tuning_entry *e = &t->found.entries[i];
        status = tsr_tuning_put(&all, e->key, e->choice, e->before, e->after);
    }
    if (!status) status = tsr_tuning_store(t->device, &all);
    tsr_tuning_clear(&all);
    return status;
}

/* The names of the layers whose work it is, each once; whether there were any. */
static bool add_layers(const pass *p, const tsr_covered *step, tsr_text *text)
{
    int count = 0;
    for (int i = 0; i < step->span.count; i++) {
        int layer = p->graph->primitives[step->span.primitives[i]].layer;
        bool known = layer == TSR_NONE;
        for (int k = 0; k < i; k++) known |= p->graph->primitives[step->span.primitives[k]].layer == layer;
        if (!known) tsr_text_add(text, "%s%s", count++ ? ", " : "", p->tuner->layer_names[layer]);
    }
    return count > 0;
}

/* The step as people know it: "conv2d_1, max_pooling2d_1: conv2d, pool2d, activation". */
static void describe(const pass *p, const tsr_covered *step, tsr_text *text)
{
    int kind = TSR_NONE;
    tsr_text_add(text, add_layers(p, step, text) ? ": " : "");
    for (int i = 0; i < step->span.count; i++) {
        const tsr_primitive *q = &p->graph->primitives[step->span.primitives[i]];
        if ((int)q->kind != kind) tsr_text_add(text, "%s%s", i ? ", " : "", tsr_kind_name(q->kind));
        kind = (int)q->kind;
    }
}

tsr_tune_outcome tsr_tune_order_of(tsr_tuner *t, const tsr_tune_question *q, tsr_tune_reply *reply)
{
    const tsr_device_info *info = &t->device->info;
    size_t count = q->graph->primitive_count;
    bool *marked = tsr_alloc(count, sizeof *marked);
    if (!marked) {
        t->worker.error = tsr_fail_memory("tuning", count);
        return TSR_OUTCOME_ERROR;
    }
    for (size_t i = 0; i < count; i++) marked[i] = !q->span || tsr_span_has(q->span, (int)i);
    tsr_tune_work work = {.order = {.magic = TSR_TUNE_MAGIC,
                                    .task = q->task,
                                    .gemm = q->gemm,
                                    .seconds = q->seconds,
                                    .primitive_count = (uint32_t)count,
                                    .value_count = (uint32_t)q->graph->value_count,
                                    .wanted_count = (uint32_t)q->wanted_count},
                          .graph = *q->graph,
                          .wanted = (int *)(uintptr_t)q->wanted, /* it is only sent */
                          .marked = marked,
                          .tunings = {*q->before, *q->after}};
    snprintf(work.order.device, sizeof work.order.device, "%s %s", info->platform, info->name);
    tsr_tune_outcome outcome = tsr_tune_ask(&t->worker, &work, q->limit, t->deadline, reply);
    free(marked);
    return outcome;
}

tsr_status tsr_tune_status_of(tsr_tuner *t, tsr_tune_outcome outcome)
{
    if (outcome == TSR_OUTCOME_TIME_UP) t->time_up = true;
    if (outcome == TSR_OUTCOME_INTERRUPTED) return tsr_fail(TSR_INTERRUPTED, "interrupted; what was found is kept");
    return outcome == TSR_OUTCOME_ERROR ? t->worker.error : TSR_OK;
}

double tsr_tune_check_limit(const tsr_tuner *t)
{
    double left = t->deadline - tsr_seconds();
    return left < t->whole_limit ? left : t->whole_limit;
}

static tsr_tune_outcome ask(const pass *p, tsr_tune_task task, double seconds, double limit, const tsr_span *span,
                            const tsr_tuning *before, const tsr_tuning *after, tsr_tune_reply *reply)
{
    return tsr_tune_order_of(p->tuner,
                             &(tsr_tune_question){.task = task,
                                                  .gemm = p->target.gemm,
                                                  .seconds = seconds,
                                                  .limit = limit,
                                                  .graph = p->graph,
                                                  .wanted = p->wanted,
                                                  .wanted_count = p->wanted_count,
                                                  .span = span,
                                                  .before = before,
                                                  .after = after},
                             reply);
}

void tsr_tune_refuse(tsr_tuner *t, const char *name, const char *reason)
{
    t->result.refused++;
    tsr_tune_report(t, (tsr_tune_event){.news = TSR_TUNE_REFUSED, .name = name, .reason = reason});
}

/* The found choices with one more. */
static tsr_status with_choice(const tsr_tuner *t, const char *key, const char *name, tsr_tuning *tuning)
{
    tsr_status status = tsr_tuning_copy(&t->found, tuning);
    if (!status) status = tsr_tuning_put(tuning, key, name, 0, 0);
    if (status) tsr_tuning_clear(tuning);
    return status;
}

/* Remembers that the candidate is no use in the place of the step's implementation. */
static tsr_status give_up(tsr_tuner *t, const tsr_covered *step, const char *name)
{
    char pair[256];
    snprintf(pair, sizeof pair, "%s %s", step->implementation->name, name);
    return tsr_tuning_put(&t->hopeless, pair, name, 0, 0);
}

static bool is_hopeless(const tsr_tuner *t, const tsr_covered *step, const char *name)
{
    char pair[256];
    snprintf(pair, sizeof pair, "%s %s", step->implementation->name, name);
    return tsr_tuning_find(&t->hopeless, pair) != NULL;
}

/* Times a candidate in the place of the step; *faster says whether it gains. */
static tsr_status time_candidate(pass *p, const tsr_covered *step, const char *key, candidate *c, bool *faster)
{
    tsr_tuner *t = p->tuner;
    tsr_tune_reply reply;
    tsr_tuning tuning;
    *faster = false;
    if (is_hopeless(t, step, c->name)) return TSR_OK;
    tsr_status status = with_choice(t, key, c->name, &tuning);
    if (status) return status;
    tsr_tune_outcome outcome =
        ask(p, TSR_TASK_COMPARE, span_seconds, t->limit, &step->span, &t->found, &tuning, &reply);
    tsr_tuning_clear(&tuning);
    if (outcome != TSR_OUTCOME_REPLY && outcome != TSR_OUTCOME_FAILED) return tsr_tune_status_of(t, outcome);
    if (outcome == TSR_OUTCOME_REPLY && reply.status == TSR_OK && reply.same) return TSR_OK;
    t->result.candidates++;
    if (outcome == TSR_OUTCOME_FAILED || reply.status != TSR_OK) {
        tsr_tune_refuse(t, c->name, reply.text);
        return give_up(t, step, c->name);
    }
    c->before = reply.before, c->after = reply.after, c->upper = reply.upper;
    *faster = reply.upper < 1 - least_gain;
    tsr_tune_report(t, (tsr_tune_event){.news = *faster ? TSR_TUNE_FASTER : TSR_TUNE_SLOWER,
                                        .name = c->name,
                                        .before = c->before,
                                        .after = c->after});
    return reply.ratio > far_slower ? give_up(t, step, c->name) : TSR_OK;
}

/* Whether a comparison of all of a graph speaks against what gained in its parts. */
static bool is_loss(const tsr_tune_reply *reply)
{
    return reply->lower > 1 || reply->ratio > 1 + most_loss;
}

/* Whether a fast candidate is right, and no loss to the graph as a whole. */
static tsr_status accept_candidate(pass *p, const char *key, const candidate *c, bool *accepted)
{
    tsr_tuner *t = p->tuner;
    tsr_tune_reply reply;
    tsr_tuning tuning;
    char reason[192];
    *accepted = false;
    tsr_status status = with_choice(t, key, c->name, &tuning);
    if (status) return status;
    double limit = tsr_tune_check_limit(t);
    tsr_tune_outcome outcome = ask(p, TSR_TASK_CHECK, limit, limit, NULL, &t->found, &tuning, &reply);
    bool right = outcome == TSR_OUTCOME_REPLY && reply.status == TSR_OK && reply.right;
    if (right) outcome = ask(p, TSR_TASK_COMPARE, graph_seconds, t->whole_limit, NULL, &t->found, &tuning, &reply);
    tsr_tuning_clear(&tuning);
    if (outcome != TSR_OUTCOME_REPLY && outcome != TSR_OUTCOME_FAILED) return tsr_tune_status_of(t, outcome);
    if (!right || outcome == TSR_OUTCOME_FAILED || reply.status != TSR_OK) {
        tsr_tune_refuse(t, c->name, reply.text);
    } else if (is_loss(&reply)) {
        snprintf(reason, sizeof reason, "with it all of %s takes longer, %.3f ms rather than %.3f", p->what,
                 reply.after * 1e3, reply.before * 1e3);
        tsr_tune_refuse(t, c->name, reason);
    } else {
        *accepted = true;
    }
    return TSR_OK;
}

static int compare_candidates(const void *a, const void *b)
{
    double left = ((const candidate *)a)->after, right = ((const candidate *)b)->after;
    return (left > right) - (left < right);
}

/* Measures the candidates for a step and settles its choice. */
static tsr_status tune_step(pass *p, const tsr_covered *step, const char *key, const char *const *names, int count)
{
    tsr_tuner *t = p->tuner;
    tsr_text what = {0};
    candidate fast[MOST_CANDIDATES];
    int fast_count = 0, tries = 0;
    const char *choice = step->implementation->name;
    double before = 0, after = 0;
    bool accepted = false;
    tsr_status status = TSR_OK;
    for (int i = 0; i < count; i++) tries += !is_hopeless(t, step, names[i]);
    describe(p, step, &what);
    if (tries) tsr_tune_report(t, (tsr_tune_event){.news = TSR_TUNE_SPAN, .what = what.data, .name = choice});
    tsr_text_clear(&what);
    for (int i = 0; i < count && !status && !t->time_up; i++) {
        bool faster;
        fast[fast_count] = (candidate){.name = names[i]};
        status = time_candidate(p, step, key, &fast[fast_count], &faster);
        if (!status && faster) fast_count++;
    }
    if (status || t->time_up) return status;
    qsort(fast, (size_t)fast_count, sizeof *fast, compare_candidates);
    for (int i = 0; i < fast_count && !accepted; i++) {
        status = accept_candidate(p, key, &fast[i], &accepted);
        if (status || t->time_up) return status;
        if (accepted) choice = fast[i].name, before = fast[i].before, after = fast[i].after;
    }
    t->result.spans += tries > 0;
    status = tsr_tuning_put(&t->found, key, choice, before, after);
    if (!status) status = tsr_tune_save(t);
    if (status || !accepted) return status;
    t->result.chosen++;
    tsr_tune_report(t, (tsr_tune_event){.news = TSR_TUNE_CHOSEN, .name = choice, .before = before, .after = after});
    return TSR_OK;
}

/* The step with the most work among those that have candidates and no entry yet; *count is 0 when there is none. */
static tsr_status next_step(pass *p, const tsr_cover *cover, const tsr_covered **step, tsr_text *key,
                            const char **names, int *count)
{
    double most = -1;
    *count = 0;
    for (size_t s = 0; s < cover->count; s++) {
        const char *candidates[MOST_CANDIDATES];
        tsr_text found = {0};
        double flops = tsr_span_flops(&cover->steps[s]->span);
        if (flops <= most) continue;
        tsr_span_key(&cover->steps[s]->span, p->wanted, p->wanted_count, &p->target, &found);
        if (found.failed) {
            tsr_text_clear(&found);
            return tsr_fail_memory("tuning", TSR_TUNING_TEXT);
        }
        int number = 0;
        if (found.length <= TSR_TUNING_TEXT && !tsr_tuning_find(&p->tuner->found, found.data))
            number = tsr_cover_alternatives(p->graph, &p->target, cover->steps[s], candidates, MOST_CANDIDATES);
        if (number == 0) {
            tsr_text_clear(&found);
            continue;
        }
        tsr_text_clear(key);
        *key = found;
        *step = cover->steps[s];
        *count = number;
        memcpy(names, candidates, (size_t)number * sizeof *names);
        most = flops;
    }
    return TSR_OK;
}

/* Measures the graph as a whole without tuning and with it; when that is a loss, what this pass has chosen goes. */
static tsr_status finish(pass *p)
{
    static const tsr_tuning none = {0};
    tsr_tuner *t = p->tuner;
    tsr_tune_reply reply;
    tsr_tune_outcome outcome = ask(p, TSR_TASK_COMPARE, graph_seconds, t->whole_limit, NULL, &none, &t->found, &reply);
    if (outcome != TSR_OUTCOME_REPLY && outcome != TSR_OUTCOME_FAILED) return tsr_tune_status_of(t, outcome);
    if (outcome == TSR_OUTCOME_REPLY && reply.status == TSR_OK && reply.same) {
        tsr_tune_report(t, (tsr_tune_event){.news = TSR_TUNE_PASSED, .what = p->what});
        return TSR_OK;
    }
    if (outcome == TSR_OUTCOME_REPLY && reply.status == TSR_OK && !is_loss(&reply)) {
        tsr_tune_report(t, (tsr_tune_event){
                               .news = TSR_TUNE_PASSED, .what = p->what, .before = reply.before, .after = reply.after});
        return TSR_OK;
    }
    for (size_t i = t->found.count; i > p->first; i--) {
        const tsr_tuning_entry *e = &t->found.entries[i - 1];
        if (!tsr_tuning_is_choice(e)) continue;
        tsr_tuning_remove(&t->stored, e->key);
        tsr_tuning_remove(&t->found, e->key);
    }
    tsr_tune_refuse(t, "all of these choices together",
                    outcome == TSR_OUTCOME_FAILED || reply.status ? reply.text : "they are slower than without tuning");
    return tsr_tune_save(t);
}

/* Lets the worker compile what the graph needs without tuning: that is not to count as a candidate's time. */
static tsr_status warm(pass *p)
{
    tsr_tuner *t = p->tuner;
    tsr_tune_reply reply;
    double left = t->deadline - tsr_seconds();
    tsr_tune_outcome outcome = ask(p, TSR_TASK_WARM, 0, left, NULL, &t->found, &t->found, &reply);
    if (outcome == TSR_OUTCOME_REPLY && reply.status) return tsr_fail(reply.status, "%s: %s", p->what, reply.text);
    if (outcome == TSR_OUTCOME_FAILED)
        return tsr_fail(TSR_DEVICE, "%s cannot be tuned, since even without tuning %s", p->what, reply.text);
    return outcome == TSR_OUTCOME_REPLY ? TSR_OK : tsr_tune_status_of(t, outcome);
}

tsr_status tsr_tune_graph(tsr_tuner *t, const char *what, const tsr_graph *graph, const int *wanted, int wanted_count)
{
    pass p = {.tuner = t,
              .what = what,
              .graph = graph,
              .wanted = wanted,
              .wanted_count = wanted_count,
              .target = {.device = t->device,
                         .fuse = true,
                         .vector_width = t->device->info.vector_width,
                         .tuning = &t->found},
              .first = t->found.count};
    tsr_tune_report(t, (tsr_tune_event){.news = TSR_TUNE_PASS, .what = what});
    tsr_status status = warm(&p);
    for (int count = 1; count && !status && !t->time_up;) {
        tsr_cover cover;
        tsr_text key = {0};
        const tsr_covered *step = NULL;
        const char *names[MOST_CANDIDATES];
        if ((status = tsr_cover_graph(graph, wanted, wanted_count, &p.target, NULL, &cover))) break;
        status = next_step(&p, &cover, &step, &key, names, &count);
        if (!status && count) status = tune_step(&p, step, key.data, names, count);
        tsr_text_clear(&key);
        tsr_cover_clear(&cover);
    }
    return status || t->time_up ? status : finish(&p);
}
