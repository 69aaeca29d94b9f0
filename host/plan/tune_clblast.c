/* CLBlast's parameters for a device: each set is timed on all products of a graph, in a process of its own since sets
 * last as long as the process, and the combination with the smallest sum is taken. */
#include "plan/tune.h"

#include "base/memory.h"
#include "base/time.h"
#include "ops/clblast_parameters.h"
#include "ops/dense.h"

#include <stdio.h>
#include <string.h>

static const char direct[] = "XgemmDirect", indirect[] = "Xgemm", routine[] = "GemmRoutine";
static const char always_direct[] = "XGEMM_MIN_INDIRECT_SIZE=1000000", never_direct[] = "XGEMM_MIN_INDIRECT_SIZE=1";

/* Seconds for a product; how much slower CLBlast may be than native kernels for its parameters to be worth a look; by
 * how much they must gain, in all rounds but one. */
static const double product_seconds = 0.06, hopeless = 5, least_gain = 0.03;
/* The part of the time that is left which this may take: the spans come after it. */
static const double share = 0.5;
/* And the part of it in which native kernels must be compiled and have run, or they hang. */
static const double warm_share = 0.75;
enum { MOST_SETS = 16, ROUNDS = 5 };

typedef struct times {
    const char *text; /* the set's; NULL: CLBlast's own */
    double seconds[TSR_TUNE_PRODUCTS];
} times;

typedef struct search {
    tsr_tuner *tuner;
    tsr_tune_question question; /* about the products; its task, gemm and `after` change */
    int count;                  /* of products */
    double work[TSR_TUNE_PRODUCTS];
    times sets[2][MOST_SETS]; /* direct, indirect; the first ones are CLBlast's own */
    int set_counts[2];
    bool stopped; /* without a verdict: time is up, or one of the times cannot be had */
} search;

static double sum(const double *seconds, int count)
{
    double all = 0;
    for (int i = 0; i < count; i++) all += seconds[i];
    return all;
}

static tsr_status put(tsr_tuning *tuning, const char *kernel, const char *text)
{
    char key[64];
    snprintf(key, sizeof key, "%s%s", TSR_TUNING_CLBLAST, kernel);
    return text ? tsr_tuning_put(tuning, key, text, 0, 0) : TSR_OK;
}

/* Does something with the products with parameters in force; *done says whether that succeeded, and when it was a
 * check, whether all was right. `name` is what a refusal names. */
static tsr_status ask(search *s, tsr_tune_task task, tsr_gemm gemm, const tsr_tuning *parameters, const char *name,
                      tsr_tune_reply *reply, bool *done)
{
    double limit = task == TSR_TASK_WARM    ? warm_share * (s->tuner->deadline - tsr_seconds())
                   : task == TSR_TASK_CHECK ? tsr_tune_check_limit(s->tuner)
                                            : s->tuner->limit;
    *done = false;
    s->question.task = task;
    s->question.seconds = task == TSR_TASK_CHECK ? limit : product_seconds;
    s->question.limit = limit;
    s->question.gemm = gemm;
    s->question.after = parameters;
    tsr_tune_outcome outcome = tsr_tune_order_of(s->tuner, &s->question, reply);
    if (outcome != TSR_OUTCOME_REPLY && outcome != TSR_OUTCOME_FAILED) {
        tsr_status status = tsr_tune_status_of(s->tuner, outcome);
        s->stopped = status || s->tuner->time_up;
        return status;
    }
    *done = outcome == TSR_OUTCOME_REPLY && reply->status == TSR_OK && (task != TSR_TASK_CHECK || reply->right);
    if (reply->too_long) s->stopped = true;
    if (!*done) tsr_tune_refuse(s->tuner, name, reply->text);
    return TSR_OK;
}

/* Times the products; *done says whether there are times. */
static tsr_status time_products(search *s, tsr_gemm gemm, const tsr_tuning *parameters, const char *name,
                                double *seconds, bool *done)
{
    tsr_tune_reply reply;
    tsr_status status = ask(s, TSR_TASK_PRODUCTS, gemm, parameters, name, &reply, done);
    if (!*done) return status;
    s->count = reply.product_count;
    memcpy(s->work, reply.work, sizeof s->work);
    memcpy(seconds, reply.times, sizeof reply.times);
    return TSR_OK;
}

/* Times the products by native kernels, whose compilation is not to count as a candidate's time. */
static tsr_status time_native(search *s, double *seconds, bool *done)
{
    static const tsr_tuning none = {0};
    static const char name[] = "native kernels";
    tsr_tune_reply reply;
    tsr_status status = ask(s, TSR_TASK_WARM, TSR_GEMM_NATIVE, &none, name, &reply, done);
    return *done ? time_products(s, TSR_GEMM_NATIVE, &none, name, seconds, done) : status;
}

/* Times one set of a kernel, with that kernel used for all products. */
static tsr_status time_set(search *s, const char *kernel, const char *text)
{
    int which = strcmp(kernel, indirect) == 0;
    times *to = &s->sets[which][s->set_counts[which]];
    char name[256];
    bool done;
    tsr_tuning parameters = {0};
    snprintf(name, sizeof name, "%s %s", kernel, text ? text : "as CLBlast has it");
    tsr_status status = put(&parameters, kernel, text);
    if (!status) status = put(&parameters, routine, which ? never_direct : always_direct);
    if (!status) status = time_products(s, TSR_GEMM_CLBLAST, &parameters, name, to->seconds, &done);
    tsr_tuning_clear(&parameters);
    if (status || !done) return status;
    to->text = text;
    s->set_counts[which]++;
    if (text) s->tuner->result.candidates++;
    double own = sum(s->sets[which][0].seconds, s->count), now = sum(to->seconds, s->count);
    if (text)
        tsr_tune_report(s->tuner, (tsr_tune_event){.news = now < own ? TSR_TUNE_FASTER : TSR_TUNE_SLOWER,
                                                   .name = name,
                                                   .before = own,
                                                   .after = now});
    return TSR_OK;
}

static tsr_status time_sets(search *s)
{
    const char *const kernels[] = {direct, indirect};
    tsr_status status = TSR_OK;
    for (int k = 0; k < 2 && !status && !s->stopped; k++) {
        status = time_set(s, kernels[k], NULL);
        if (s->set_counts[k] == 0) return status; /* without CLBlast's own there is nothing to compare with */
        for (const tsr_clblast_set *set = tsr_clblast_sets(); set->kernel && !status && !s->stopped; set++)
            if (strcmp(set->kernel, kernels[k]) == 0 && s->set_counts[k] < MOST_SETS)
                status = time_set(s, set->kernel, set->text);
    }
    return status;
}

static double threshold_of(const char *text)
{
    return strtod(strchr(text, '=') + 1, NULL);
}

/* The combination of sets and threshold with the smallest sum. */
static tsr_status combine(const search *s, tsr_tuning *best)
{
    double least = -1;
    tsr_status status = TSR_OK;
    for (int d = 0; d < s->set_counts[0]; d++)
        for (int i = 0; i < s->set_counts[1]; i++)
            for (const tsr_clblast_set *set = tsr_clblast_sets(); set->kernel && !status; set++) {
                if (strcmp(set->kernel, routine) != 0) continue;
                double edge = threshold_of(set->text), all = 0;
                for (int p = 0; p < s->count; p++)
                    all += s->work[p] < edge * edge * edge ? s->sets[0][d].seconds[p] : s->sets[1][i].seconds[p];
                if (least >= 0 && all >= least) continue;
                least = all;
                tsr_tuning_clear(best);
                status = put(best, direct, s->sets[0][d].text);
                if (!status) status = put(best, indirect, s->sets[1][i].text);
                if (!status) status = put(best, routine, set->text);
            }
    return status;
}

/* Times CLBlast's own parameters and the best ones in turn; *gains says whether these are better beyond the noise. The
 * times are the fastest. */
static tsr_status compare(search *s, const tsr_tuning *best, double *before, double *after, bool *gains)
{
    static const tsr_tuning none = {0};
    double seconds[TSR_TUNE_PRODUCTS], sums[2];
    int better = 0;
    bool done = true;
    tsr_status status = TSR_OK;
    for (int i = 0; i < 2 * ROUNDS; i++) {
        status = time_products(s, TSR_GEMM_CLBLAST, i % 2 ? best : &none, "CLBlast", seconds, &done);
        s->stopped |= !done; /* what is stored stays: this says nothing against it */
        if (status || !done) break;
        double *fastest = i % 2 ? after : before;
        sums[i % 2] = sum(seconds, s->count);
        if (i < 2 || sums[i % 2] < *fastest) *fastest = sums[i % 2];
        if (i % 2) better += sums[1] < (1 - least_gain) * sums[0];
    }
    *gains = !status && done && better >= ROUNDS - 1;
    return status;
}

/* Whether what the best parameters compute is right. */
static tsr_status check(search *s, const tsr_tuning *best, bool *right)
{
    tsr_tune_reply reply;
    return ask(s, TSR_TASK_CHECK, TSR_GEMM_CLBLAST, best, "CLBlast's parameters", &reply, right);
}

/* The choices that were measured with other parameters go, and so do those; the new ones are put in their place. */
static tsr_status replace(tsr_tuner *t, const tsr_tuning *best, double before, double after)
{
    tsr_status status = TSR_OK;
    for (size_t i = t->stored.count; i-- > 0;)
        if (tsr_tuning_by_clblast(&t->stored.entries[i])) tsr_tuning_remove(&t->stored, t->stored.entries[i].key);
    for (size_t i = t->found.count; i-- > 0;)
        if (tsr_tuning_by_clblast(&t->found.entries[i])) tsr_tuning_remove(&t->found, t->found.entries[i].key);
    for (size_t i = 0; i < best->count && !status; i++)
        status = tsr_tuning_put(&t->found, best->entries[i].key, best->entries[i].choice, before, after);
    return status ? status : tsr_tune_save(t);
}

/* Times the products by native kernels, and then by CLBlast as it is, where there is such; *done says for each whether
 * there are times. */
static tsr_status time_both(search *s, double *native, double *own, bool done[2])
{
    static const tsr_tuning none = {0};
    done[1] = false;
    tsr_status status = time_native(s, native, &done[0]);
    if (!done[0] || !tsr_clblast_sets()->kernel) return status;
    tsr_tune_report(s->tuner, (tsr_tune_event){.news = TSR_TUNE_SPAN,
                                               .what = "products of dense layers by CLBlast",
                                               .name = "its own parameters"});
    return time_products(s, TSR_GEMM_CLBLAST, &none, "CLBlast", own, &done[1]);
}

/* Whether CLBlast, as it is, comes near the native kernels on these products. */
static tsr_status look(search *s, bool *worth)
{
    double native[TSR_TUNE_PRODUCTS], own[TSR_TUNE_PRODUCTS];
    char reason[160];
    bool done[2];
    *worth = false;
    tsr_status status = time_both(s, native, own, done);
    if (!done[1]) return status;
    *worth = sum(own, s->count) < hopeless * sum(native, s->count);
    if (*worth) return TSR_OK;
    snprintf(reason, sizeof reason, "with its own it takes %.3f ms where native kernels take %.3f",
             sum(own, s->count) * 1e3, sum(native, s->count) * 1e3);
    tsr_tune_refuse(s->tuner, "other parameters", reason);
    return TSR_OK;
}

/* A value of a product by itself: what is made elsewhere is an input. */
static int take_value(tsr_graph *to, const tsr_graph *from, int value, bool made, int *slots)
{
    const tsr_value *v = &from->values[value];
    bool parameter = v->role == TSR_ROLE_PARAMETER;
    tsr_role role = made || parameter ? v->role : TSR_ROLE_INPUT;
    int number = tsr_graph_value(to, v->name, role, v->dtype, v->rank, v->extent);
    if (number != TSR_NONE && (parameter || role == TSR_ROLE_GRADIENT)) to->values[number].slot = (*slots)++;
    return number;
}

/* The products of a graph, each by itself, and what they make. */
static tsr_status take_products(const tsr_graph *from, tsr_graph *to, int *wanted, int *wanted_count)
{
    bool made = true;
    int slots = 0, count = 0;
    *wanted_count = 0;
    for (size_t i = 0; i < from->primitive_count && count < TSR_TUNE_PRODUCTS; i++) {
        tsr_primitive p = from->primitives[i];
        if (!tsr_is_dense_product(p.kind)) continue;
        for (int k = 0; k < p.input_count; k++)
            made &= (p.inputs[k] = take_value(to, from, p.inputs[k], false, &slots)) != TSR_NONE;
        for (int k = 0; k < p.output_count; k++) {
            made &= (p.outputs[k] = take_value(to, from, p.outputs[k], true, &slots)) != TSR_NONE;
            wanted[(*wanted_count)++] = p.outputs[k];
        }
        made = made && tsr_graph_primitive(to, &p) != TSR_NONE;
        if (!made) return tsr_fail_memory("the products", sizeof p);
        count++;
    }
    return TSR_OK;
}

/* Searches, and settles the parameters. */
static tsr_status settle(search *s)
{
    bool gains = false, right = false;
    double before = 0, after = 0;
    tsr_tuning best = {0};
    tsr_status status = time_sets(s);
    if (!status && !s->stopped && s->set_counts[0] && s->set_counts[1]) {
        status = combine(s, &best);
        if (!status) status = compare(s, &best, &before, &after, &gains);
        if (!status && gains) status = check(s, &best, &right);
        if (!(gains && right)) tsr_tuning_clear(&best);
        if (!status && !s->stopped) {
            status = replace(s->tuner, &best, before, after);
            if (!status && best.count) {
                s->tuner->result.chosen++;
                tsr_tune_report(s->tuner, (tsr_tune_event){.news = TSR_TUNE_CHOSEN,
                                                           .name = "the best combination",
                                                           .before = before,
                                                           .after = after});
            }
        }
    }
    tsr_tuning_clear(&best);
    return status;
}

static search *new_search(tsr_tuner *t, const tsr_graph *graph, const int *wanted, int wanted_count)
{
    static const tsr_tuning none = {0};
    search *s = tsr_alloc(1, sizeof *s);
    if (!s) return NULL;
    s->tuner = t;
    s->question = (tsr_tune_question){.graph = graph, .wanted = wanted, .wanted_count = wanted_count, .before = &none};
    return s;
}

tsr_status tsr_tune_clblast(tsr_tuner *t, const tsr_graph *graph)
{
    int wanted[TSR_TUNE_PRODUCTS * TSR_MAX_OUTPUTS], wanted_count;
    tsr_graph products = {0};
    bool worth = false;
    if (!tsr_clblast_sets()->kernel) return TSR_OK;
    double deadline = t->deadline, now = tsr_seconds();
    t->deadline = now + share * (deadline - now);
    tsr_status status = take_products(graph, &products, wanted, &wanted_count);
    search *s = new_search(t, &products, wanted, wanted_count);
    if (!s) status = tsr_fail_memory("tuning", sizeof *s);
    if (!status && wanted_count) status = look(s, &worth);
    if (!status && worth) status = settle(s);
    t->deadline = deadline;
    if (t->time_up && tsr_seconds() < deadline) {
        t->time_up = false;
        tsr_tune_report(s->tuner,
                        (tsr_tune_event){.news = TSR_TUNE_REFUSED,
                                         .name = "other parameters",
                                         .reason = "half of the time has gone; a larger budget has room for all sets"});
    }
    tsr_graph_clear(&products);
    free(s);
    return status;
}

tsr_status tsr_tune_products(tsr_tuner *t, const tsr_graph *graph, const int *wanted, int wanted_count,
                             tsr_product_times *result)
{
    double native[TSR_TUNE_PRODUCTS], own[TSR_TUNE_PRODUCTS];
    bool done[2];
    search *s = new_search(t, graph, wanted, wanted_count);
    if (!s) return tsr_fail_memory("tuning", sizeof *s);
    tsr_status status = time_both(s, native, own, done);
    for (int p = 0; done[0] && p < s->count; p++) result[p].native = native[p];
    for (int p = 0; done[1] && p < s->count; p++) result[p].clblast = result[p].tuned = own[p];
    if (done[1]) status = time_sets(s);
    for (int k = 0; k < 2 && !status; k++)
        for (int i = 0; i < s->set_counts[k]; i++)
            for (int p = 0; p < s->count; p++)
                if (s->sets[k][i].seconds[p] < result[p].tuned) {
                    result[p].tuned = s->sets[k][i].seconds[p];
                    result[p].kernel = k ? indirect : direct;
                    result[p].set = s->sets[k][i].text;
                }
    free(s);
    return status;
}
