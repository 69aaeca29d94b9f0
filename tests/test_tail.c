/* The small end of a network in one launch, on CPU-class devices by one work-item and on GPUs by one work-group,
 * against the twins. */
#include "support/tester.h"

#include "device/device.h"
#include "ops/implementation.h"

#include <math.h>
#include <stdlib.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

typedef enum end { STORE_GRADIENTS, ADAM, MOMENTUM, SGD, FROZEN, EVALUATE, PREDICT } end;

typedef struct tail_case {
    int32_t rows, inputs, classes;
    bool bias, gather;
    int32_t below; /* inputs of a dense layer below, whose activation the tail computes; 0: x is an input */
    bool dropout;
    bool data;         /* the gradient by data, with the masks that belong to what is above */
    bool masked;       /* although there is no dense layer below, an activation's gradient follows */
    bool mask_reads_x; /* which reads what enters at the top */
    tsr_activation function;
    end end;
    uint32_t vector_width, seed;
    double poison; /* put among the inputs, unless 0 */
    bool stopped;
    bool late; /* the updates read the mark as it was before this batch */
} tail_case;

/* Values of the graph that several primitives read. */
typedef struct shared {
    int clock, counts, loss_sum, counts_after, learning_rate;
} shared;

static void add(test_case *t, tsr_kind kind, const tsr_primitive *like, int inputs, const int *input, int outputs,
                const int *output)
{
    tsr_primitive p = *like;
    p.kind = kind;
    p.input_count = inputs;
    p.output_count = outputs;
    memcpy(p.inputs, input, (size_t)inputs * sizeof *input);
    memcpy(p.outputs, output, (size_t)outputs * sizeof *output);
    test_primitive(t, &p);
}

static int like(test_case *t, const char *name, int value)
{
    tsr_value v = t->graph.values[value];
    return test_value(t, name, TSR_ROLE_TEMPORARY, v.dtype, v.rank, v.extent);
}

/* A value that takes over the storage of `old`. */
static int replacement(test_case *t, int old)
{
    tsr_value v = t->graph.values[old];
    int made = test_value(t, "new", v.role, v.dtype, v.rank, v.extent);
    t->graph.values[made].slot = v.slot;
    t->graph.values[made].moment = v.moment;
    t->graph.values[made].replaces = old;
    return made;
}

static const tsr_primitive *last(const test_case *t)
{
    return &t->graph.primitives[t->graph.primitive_count - 1];
}

static shared add_shared(test_case *t, const tail_case *c)
{
    static const int32_t one = 1, two = 2, four = 4;
    shared s = {.clock = test_input(t, "clock", TSR_I32, 1, &four),
                .counts = test_input(t, "counts", TSR_I32, 1, &four),
                .loss_sum = test_input(t, "loss sum", TSR_F32, 1, &two),
                .learning_rate = test_input(t, "learning rate", TSR_F32, 1, &one)};
    test_set(t, s.clock, (double[]){7, 2, 2 + c->rows, 0});
    test_set(t, s.counts, (double[]){100, 320, c->stopped, c->stopped ? 6 : 0});
    test_set(t, s.loss_sum, (double[]){12.5, 0.25});
    test_set(t, s.learning_rate, (double[]){0.0625});
    return s;
}

/* Integers, so that relu's masks have no doubt, with the poison in one place. */
static int add_input(test_case *t, const tail_case *c, const char *name, int32_t columns)
{
    int x = test_input(t, name, TSR_F32, 2, (int32_t[]){c->rows, columns});
    size_t count = (size_t)c->rows * (size_t)columns;
    double *data = malloc(count * sizeof *data);
    ck_assert(data != NULL);
    uint32_t state = 12345u + c->seed;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = (double)(state >> 8) / 0x1p24 * 7 - 3;
        data[i] = floor(data[i]);
    }
    if (c->poison != 0) data[count / 2] = c->poison;
    test_set(t, x, data);
    free(data);
    return x;
}

/* Weights small enough for logits of a few units. */
static void set_weights(test_case *t, int w, uint32_t seed)
{
    size_t count = tsr_value_count(&t->graph.values[w]), inputs = (size_t)t->graph.values[w].extent[0];
    double *data = malloc(count * sizeof *data);
    ck_assert(data != NULL);
    uint32_t state = 777u + seed;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525u + 1013904223u;
        data[i] = ((double)(state >> 8) / 0x1p24 - 0.5) * 4 / sqrt((double)inputs);
    }
    test_set(t, w, data);
    free(data);
}

static int add_labels(test_case *t, const tail_case *c, shared s)
{
    double labels[128], order[128];
    int32_t samples = c->gather ? c->rows + 5 : c->rows;
    for (int32_t i = 0; i < samples; i++) {
        labels[i] = (i * 5 + c->classes - 1) % c->classes;
        order[i] = (i * 3 + 1) % samples;
    }
    int source = test_input(t, "labels", TSR_I32, 1, &samples);
    test_set(t, source, labels);
    if (!c->gather) return source;
    int order_value = test_input(t, "order", TSR_I32, 1, &samples);
    test_set(t, order_value, order);
    int gathered = test_value(t, "batch labels", TSR_ROLE_TEMPORARY, TSR_I32, 1, &c->rows);
    tsr_primitive p = {.as.gather = {.batch = c->rows, .sample = 1, .source = TSR_I32, .scale = 1}};
    add(t, TSR_KIND_GATHER, &p, 3, (int[]){source, order_value, s.clock}, 1, &gathered);
    return gathered;
}

/* What the forward pass leaves to the backward one. */
typedef struct forward {
    int from; /* what the activation's gradient reads */
    int x;    /* input of the last dense layer */
    tsr_primitive activation, dropout, dense;
} forward;

static forward add_forward(test_case *t, const tail_case *c, shared s)
{
    forward f = {0};
    if (c->below) {
        tsr_dense_descriptor below = {c->rows, c->below, c->inputs, true};
        f.from = f.x = test_dense(t, &below, add_input(t, c, "x", c->below));
        f.x = test_activation(t, c->function, 0.25f, f.x);
        f.activation = *last(t);
        if (tsr_activation_gradient_from_output(&f.activation.as.activation)) f.from = f.x;
    } else {
        f.x = f.from = add_input(t, c, "x", c->inputs);
        if (!c->mask_reads_x) f.from = add_input(t, c, "from", c->inputs);
    }
    if (c->dropout) {
        int dropped = like(t, "dropped", f.x);
        f.dropout.as.dropout = (tsr_dropout_descriptor){
            .count = c->rows * c->inputs, .rate = 0.375f, .seed = 0x123456789abcull + c->seed, .stream = 3};
        add(t, TSR_KIND_DROPOUT, &f.dropout, 2, (int[]){f.x, s.clock}, 1, &dropped);
        f.x = dropped;
    }
    test_dense(t, &(tsr_dense_descriptor){c->rows, c->inputs, c->classes, c->bias}, f.x);
    f.dense = *last(t);
    set_weights(t, f.dense.inputs[1], c->seed);
    return f;
}

static tsr_primitive add_loss(test_case *t, const tail_case *c, int logits, int labels, shared *s)
{
    tsr_primitive p = {.as.loss = {c->rows, c->classes}};
    int output[2] = {test_value(t, "losses", TSR_ROLE_TEMPORARY, TSR_F32, 1, &c->rows),
                     test_value(t, "hits", TSR_ROLE_TEMPORARY, TSR_I32, 1, &c->rows)};
    add(t, TSR_KIND_SOFTMAX_CROSS_ENTROPY, &p, 2, (int[]){logits, labels}, 2, output);
    int sums[2] = {replacement(t, s->loss_sum), replacement(t, s->counts)};
    add(t, TSR_KIND_ACCUMULATE, &p, 5, (int[]){output[0], output[1], s->loss_sum, s->counts, s->clock}, 2, sums);
    s->counts_after = sums[1];
    return p;
}

static void add_update(test_case *t, const tail_case *c, int w, int dw, shared s)
{
    tsr_primitive p = {.as.update = {.optimizer = c->end == ADAM ? TSR_OPTIMIZER_ADAM : TSR_OPTIMIZER_SGD,
                                     .beta_1 = 0.9f,
                                     .beta_2 = 0.999f,
                                     .epsilon = 1e-7f,
                                     .momentum = c->end == MOMENTUM ? 0.9f : 0}};
    tsr_value value = t->graph.values[w];
    p.as.update.count = (int32_t)tsr_value_count(&value);
    t->graph.values[dw].slot = value.slot;
    int inputs[7] = {w, dw, s.learning_rate, s.clock, c->late ? s.counts : s.counts_after}, outputs[3];
    int moments = c->end == ADAM ? 2 : c->end == MOMENTUM ? 1 : 0;
    outputs[0] = replacement(t, w);
    for (int m = 0; m < moments; m++) {
        int moment = test_value(t, m ? "v" : "m", TSR_ROLE_STATE, TSR_F32, value.rank, value.extent);
        t->graph.values[moment].slot = value.slot;
        t->graph.values[moment].moment = m;
        test_fill_value(t, moment, m ? TEST_POSITIVE : TEST_RANDOM);
        inputs[5 + m] = moment;
        outputs[1 + m] = replacement(t, moment);
    }
    add(t, TSR_KIND_UPDATE, &p, 5 + moments, inputs, 1 + moments, outputs);
}

static void add_data(test_case *t, const tail_case *c, const forward *f, int dlogits, shared s)
{
    int dx = like(t, "dx", f->x);
    add(t, TSR_KIND_DENSE_GRAD_DATA, &f->dense, 2, (int[]){dlogits, f->dense.inputs[1]}, 1, &dx);
    if (c->dropout) {
        int undropped = like(t, "undropped", dx);
        add(t, TSR_KIND_DROPOUT_GRAD, &f->dropout, 2, (int[]){dx, s.clock}, 1, &undropped);
        dx = undropped;
    }
    if (c->below || c->masked) test_activation_grad(t, c->function, 0.25f, dx, f->from);
}

static void add_weights(test_case *t, const tail_case *c, const forward *f, int dlogits, shared s)
{
    int db;
    tsr_primitive p = f->dense;
    int dw = test_dense_grad_weights(t, &p.as.dense, dlogits, f->x, &db);
    if (c->end == STORE_GRADIENTS) return;
    add_update(t, c, f->dense.inputs[1], dw, s);
    if (c->bias) add_update(t, c, f->dense.inputs[2], db, s);
}

/* Returns counts', or the probabilities. */
static int build(test_case *t, const tail_case *c)
{
    shared s = add_shared(t, c);
    if (c->end == PREDICT) return test_activation(t, TSR_SOFTMAX, 0, add_forward(t, c, s).dense.outputs[0]);
    int labels = add_labels(t, c, s);
    forward f = add_forward(t, c, s);
    int logits = f.dense.outputs[0];
    tsr_primitive loss = add_loss(t, c, logits, labels, &s);
    if (c->end == EVALUATE) return s.counts_after;
    int dlogits = like(t, "dlogits", logits);
    add(t, TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD, &loss, 2, (int[]){logits, labels}, 1, &dlogits);
    if (c->data) add_data(t, c, &f, dlogits, s);
    if (c->end != FROZEN) add_weights(t, c, &f, dlogits, s);
    return s.counts_after;
}

/* Asks for everything that nobody reads, and for one value more, unless that is TSR_NONE. */
static void want(test_case *t, int value)
{
    for (int v = 0; v < (int)t->graph.value_count; v++) {
        bool unread = tsr_graph_maker(&t->graph, v) != TSR_NONE && tsr_graph_reader(&t->graph, v, 0) == TSR_NONE;
        if (unread || v == value) test_want(t, v);
    }
}

/* The first value of this name. */
static int named(const test_case *t, const char *name)
{
    for (int v = 0; v < (int)t->graph.value_count; v++)
        if (strcmp(t->graph.values[v].name, name) == 0) return v;
    ck_abort_msg("there is no value %s", name);
}

/* The implementation for the device's class. */
static const char *implementation(end wanted)
{
    bool cpu = test_device()->info.type == TSR_DEVICE_CPU;
    if (wanted == PREDICT) return cpu ? "tail_prediction_cpu" : "tail_prediction_group";
    if (wanted == EVALUATE) return cpu ? "tail_evaluation_cpu" : "tail_evaluation_group";
    return cpu ? "tail_cpu" : "tail_group";
}

static void run(const tail_case *c)
{
    test_case t = {.fill = TEST_INTEGERS, .seed = c->seed};
    want(&t, build(&t, c));
    int fused = (int)t.graph.primitive_count - (c->below > 0);
    test_run_case(&t, &(test_options){.only = implementation(c->end), .fused = fused, .vector_width = c->vector_width});
}

START_TEST(agrees_with_the_twins)
{
    static const int32_t rows[] = {1, 2, 3, 32, 53}, inputs[] = {1, 7, 100, 129}, classes[] = {1, 2, 10, 17};
    static const uint32_t widths[] = {4, 8, 16};
    static const tsr_activation functions[] = {TSR_RELU, TSR_TANH, TSR_LEAKY_RELU, TSR_GELU};
    /* What is below: nothing; dropout; a dense layer; both; only a mask; dropout and a mask that reads x. */
    const int levels[] = {COUNT(rows), COUNT(inputs), COUNT(classes), COUNT(widths), COUNT(functions), 6, 7, 2, 2, 2};
    int chosen[80 * COUNT(levels)], count = test_cover_pairs(levels, COUNT(levels), chosen, 80);
    for (int i = 0; i < count; i++) {
        const int *k = chosen + i * COUNT(levels);
        run(&(tail_case){.rows = rows[k[0]],
                         .inputs = inputs[k[1]],
                         .classes = classes[k[2]],
                         .vector_width = widths[k[3]],
                         .function = functions[k[4]],
                         .dropout = (k[5] & 1) && k[6] != PREDICT,
                         .below = k[5] == 2 || k[5] == 3 ? 5 : 0,
                         .masked = k[5] > 3,
                         .mask_reads_x = k[5] == 5,
                         .end = (end)k[6],
                         .bias = k[7],
                         .gather = k[8],
                         .data = k[9] || k[6] == FROZEN,
                         .seed = (uint32_t)i});
    }
}
END_TEST

/* A batch whose loss is not finite sets the mark and stops its own updates; what leaves at the bottom is not finite as
 * it is with the twins. */
START_TEST(a_loss_that_is_not_finite_stops_its_own_updates)
{
    const double poisons[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++)
        for (int below = 0; below < 2; below++)
            run(&(tail_case){.rows = 9,
                             .inputs = 21,
                             .classes = 10,
                             .bias = true,
                             .gather = true,
                             .below = below ? 5 : 0,
                             .dropout = i == 0,
                             .data = true,
                             .function = TSR_LEAKY_RELU,
                             .end = i == 1 ? SGD : ADAM,
                             .poison = poisons[i],
                             .seed = (uint32_t)(2 * i + below)});
}
END_TEST

/* Not-a-number reaches all classes of its row, and no other row. */
START_TEST(predictions_of_what_is_not_finite)
{
    const double poisons[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++)
        run(&(tail_case){.rows = 9, .inputs = 21, .classes = 10, .bias = true, .end = PREDICT, .poison = poisons[i]});
}
END_TEST

START_TEST(nothing_changes_while_the_mark_is_set)
{
    for (int i = 0; i < 3; i++)
        run(&(tail_case){.rows = 5,
                         .inputs = 19,
                         .classes = 3,
                         .bias = true,
                         .data = true,
                         .end = i == 0   ? ADAM
                                : i == 1 ? MOMENTUM
                                         : SGD,
                         .stopped = true});
}
END_TEST

/* A label outside the classes makes the loss not-a-number. */
START_TEST(labels_outside_the_classes)
{
    for (int i = 0; i < 2; i++) {
        tail_case c = {.rows = 3, .inputs = 16, .classes = 4, .bias = true, .data = true, .end = ADAM};
        test_case t = {.fill = TEST_INTEGERS};
        want(&t, build(&t, &c));
        test_set(&t, named(&t, "labels"), (double[]){1, i ? 4 : -1, 2});
        test_run_case(&t, &(test_options){.only = implementation(ADAM)});
    }
}
END_TEST

static const tail_case reference = {.rows = 32,
                                    .inputs = 100,
                                    .classes = 10,
                                    .bias = true,
                                    .gather = true,
                                    .below = 200,
                                    .dropout = true,
                                    .data = true,
                                    .function = TSR_RELU,
                                    .end = ADAM};

/* Whether a plan that also wants the value of this name uses the tail; the number of its steps is put into *steps. */
static bool is_used(const tail_case *c, const tsr_plan_options *options, const char *name, int *steps)
{
    test_case t = {.fill = TEST_INTEGERS};
    build(&t, c);
    want(&t, name ? named(&t, name) : TSR_NONE);
    tsr_plan *plan;
    check_ok(tsr_plan_create(test_device(), &t.graph, t.wanted, t.wanted_count, options, NULL, &plan));
    bool used = false;
    *steps = tsr_plan_step_count(plan);
    for (int i = 0; i < *steps; i++) used |= strncmp(tsr_plan_step(plan, i)->implementation->name, "tail_", 5) == 0;
    tsr_plan_free(plan);
    test_clear_case(&t);
    return used;
}

/* The reference network's tail and the layer below are two steps; what the tail hides is computed without it where it
 * is wanted. */
START_TEST(claims)
{
    int steps;
    ck_assert(is_used(&reference, NULL, NULL, &steps));
    ck_assert_int_eq(steps, 2);
    tail_case evaluation = reference;
    evaluation.end = EVALUATE;
    evaluation.dropout = false;
    ck_assert(is_used(&evaluation, NULL, NULL, &steps));
    ck_assert_int_eq(steps, 2);
    tail_case prediction = evaluation;
    prediction.end = PREDICT;
    ck_assert(is_used(&prediction, NULL, NULL, &steps));
    ck_assert_int_eq(steps, 2);
    prediction.below = 0;
    ck_assert(!is_used(&prediction, NULL, "dense", &steps));
    ck_assert(!is_used(&reference, &(tsr_plan_options){.no_fusion = true}, NULL, &steps));
    if (test_has_clblast())
        ck_assert(!is_used(&reference, &(tsr_plan_options){.gemm = TSR_GEMM_CLBLAST}, NULL, &steps));
    ck_assert(!is_used(&reference, NULL, "losses", &steps));
    ck_assert(!is_used(&reference, NULL, "dlogits", &steps));
    ck_assert(!is_used(&evaluation, NULL, "losses", &steps));
    tail_case large = reference;
    large.inputs = 2000;
    ck_assert(!is_used(&large, NULL, NULL, &steps));
}
END_TEST

/* The sums of this batch cannot both stop the updates and be added after them. */
START_TEST(updates_by_an_older_mark_are_none_of_its_own)
{
    tail_case c = {.rows = 6, .inputs = 18, .classes = 4, .bias = true, .data = true, .end = SGD, .late = true};
    int steps;
    ck_assert(!is_used(&c, NULL, NULL, &steps));
    for (int poisoned = 0; poisoned < 2; poisoned++) {
        test_case t = {.fill = TEST_INTEGERS};
        if (poisoned) c.poison = (double)NAN;
        want(&t, build(&t, &c));
        test_run_case(&t, &(test_options){0});
    }
}
END_TEST

/* The dense layer below leaves its partial sums to the tail to add, unless somebody wants the sum. */
START_TEST(adds_the_partial_sums_of_the_layer_below)
{
    for (int wanted = 0; wanted < 2; wanted++) {
        test_case t = {.fill = TEST_INTEGERS};
        build(&t, &reference);
        int below = named(&t, "dense");
        want(&t, wanted ? below : TSR_NONE);
        tsr_plan *plan;
        check_ok(tsr_plan_create(test_device(), &t.graph, t.wanted, t.wanted_count, NULL, NULL, &plan));
        ck_assert_int_eq(tsr_plan_view(plan, below)->partials, wanted ? 1 : 3);
        tsr_plan_free(plan);
        test_run_case(&t, &(test_options){.vector_width = 8});
    }
}
END_TEST

/* On GPUs the group shrinks to what the device allows, down to one work-item. */
START_TEST(group_shrinks_to_the_device)
{
    tsr_device_info *info = &test_device()->info, whole = *info;
    for (int i = 0; i < 2; i++) {
        info->max_work_items[0] = i ? 1 : 7;
        run(&reference);
    }
    *info = whole;
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, agrees_with_the_twins);
    tcase_add_test(tests, a_loss_that_is_not_finite_stops_its_own_updates);
    tcase_add_test(tests, predictions_of_what_is_not_finite);
    tcase_add_test(tests, nothing_changes_while_the_mark_is_set);
    tcase_add_test(tests, updates_by_an_older_mark_are_none_of_its_own);
    tcase_add_test(tests, labels_outside_the_classes);
    tcase_add_test(tests, claims);
    tcase_add_test(tests, group_shrinks_to_the_device);
    tcase_add_test(tests, adds_the_partial_sums_of_the_layer_below);
}

int main(void)
{
    return test_run_both_classes("tail", add_tests);
}
