/* The dense layer's gradients fused with the update of its parameters, on CPU-class devices, against the twins. */
#include "support/dense_cases.h"

#include "device/device.h"
#include "ops/implementation.h"

/* What the span holds besides the weights' gradient and the update of the weights. */
typedef struct fused_case {
    dense_case dense;
    bool data, mask;
    tsr_activation function; /* of the mask */
    bool mask_reads_x;       /* rather than a value of its own */
    tsr_update_descriptor update;
    int moments;
    bool stopped;
    bool want_data; /* although a mask reads it */
} fused_case;

static const tsr_update_descriptor adam = {
    .optimizer = TSR_OPTIMIZER_ADAM, .beta_1 = 0.9f, .beta_2 = 0.999f, .epsilon = 1e-7f};
static const tsr_update_descriptor momentum = {.optimizer = TSR_OPTIMIZER_SGD, .momentum = 0.9f};
static const tsr_update_descriptor sgd = {.optimizer = TSR_OPTIMIZER_SGD};

/* Values that all updates of a graph read. */
typedef struct shared {
    int learning_rate, clock, counts;
} shared;

static shared add_shared(test_case *t, bool stopped)
{
    shared s = {.learning_rate = test_input(t, "learning_rate", TSR_F32, 1, (int32_t[]){1}),
                .clock = test_input(t, "clock", TSR_I32, 1, (int32_t[]){4}),
                .counts = test_input(t, "counts", TSR_I32, 1, (int32_t[]){4})};
    test_set(t, s.learning_rate, (double[]){0.0625});
    test_set(t, s.clock, (double[]){3, 0, 0, 0});
    test_set(t, s.counts, (double[]){5, 64, stopped, stopped ? 2 : 0});
    return s;
}

/* The update of a parameter by its gradient; the moments are states of their own. */
static void add_update(test_case *t, const fused_case *c, int w, int dw, shared s)
{
    tsr_primitive p = {.kind = TSR_KIND_UPDATE, .input_count = 5, .as.update = c->update};
    const int inputs[] = {w, dw, s.learning_rate, s.clock, s.counts};
    memcpy(p.inputs, inputs, sizeof inputs);
    tsr_value like = t->graph.values[w];
    p.as.update.count = (int32_t)tsr_value_count(&like);
    t->graph.values[dw].slot = like.slot;
    for (int m = 0; m < c->moments; m++) {
        int moment = test_value(t, m ? "v" : "m", TSR_ROLE_STATE, TSR_F32, like.rank, like.extent);
        t->graph.values[moment].slot = like.slot;
        t->graph.values[moment].moment = m;
        test_fill_value(t, moment, m ? TEST_POSITIVE : TEST_RANDOM);
        p.inputs[p.input_count++] = moment;
    }
    for (int o = 0; o <= c->moments; o++) {
        int old = o ? p.inputs[4 + o] : w;
        tsr_value value = t->graph.values[old];
        int fresh = test_value(t, o == 0 ? "w'" : o == 1 ? "m'" : "v'", value.role, TSR_F32, value.rank, value.extent);
        t->graph.values[fresh].slot = value.slot;
        t->graph.values[fresh].moment = value.moment;
        t->graph.values[fresh].replaces = old;
        p.outputs[p.output_count++] = fresh;
    }
    test_primitive(t, &p);
}

static void build(test_case *t, const fused_case *c, shared s, shared s_bias)
{
    const tsr_dense_descriptor *d = &c->dense.dense;
    int dy = test_input(t, "dy", TSR_F32, 2, (int32_t[]){d->rows, d->units});
    int x = test_input(t, "x", TSR_F32, 2, (int32_t[]){d->rows, d->inputs}), w;
    if (c->data) {
        int dx = test_dense_grad_data(t, d, dy, &w);
        int from = x;
        if (c->mask && !c->mask_reads_x) from = test_input(t, "below", TSR_F32, 2, (int32_t[]){d->rows, d->inputs});
        if (c->mask) test_activation_grad(t, c->function, 0.25f, dx, from);
    } else {
        w = test_value(t, "w", TSR_ROLE_PARAMETER, TSR_F32, 2, (int32_t[]){d->inputs, d->units});
    }
    int db, dw = test_dense_grad_weights(t, d, dy, x, &db);
    add_update(t, c, w, dw, s);
    if (d->bias) {
        int b = test_value(t, "b", TSR_ROLE_PARAMETER, TSR_F32, 1, &d->units);
        add_update(t, c, b, db, s_bias);
    }
}

static void run(const fused_case *c)
{
    test_case t = {.fill = c->dense.fill, .seed = c->dense.seed};
    shared s = add_shared(&t, c->stopped);
    build(&t, c, s, s);
    for (int v = 0; v < (int)t.graph.value_count && c->want_data; v++) {
        int maker = tsr_graph_maker(&t.graph, v);
        if (maker != TSR_NONE && (tsr_graph_reader(&t.graph, v, 0) == TSR_NONE ||
                                  t.graph.primitives[maker].kind == TSR_KIND_DENSE_GRAD_DATA))
            test_want(&t, v);
    }
    test_run_case(&t, &(test_options){.only = "dense_grad_update_cpu", .vector_width = c->dense.vector_width});
}

/* Optimizers, masks and spans take turns over the shapes. Gradients are integers: near a gradient of zero Adam's step
 * depends on its last bits. */
START_TEST(agrees_with_the_twins)
{
    static const tsr_activation functions[] = {TSR_RELU, TSR_TANH, TSR_LEAKY_RELU, TSR_GELU};
    const tsr_update_descriptor *updates[] = {&adam, &momentum, &sgd};
    dense_case cases[DENSE_CASES];
    int count = test_dense_cases(cases);
    for (int i = 0; i < count; i++) {
        fused_case c = {.dense = cases[i],
                        .data = i % 4 != 0,
                        .mask = i % 4 > 1,
                        .function = functions[i / 4 % 4],
                        .mask_reads_x = i % 2,
                        .update = *updates[i % 3],
                        .moments = 2 - i % 3,
                        .want_data = i % 8 > 5};
        c.dense.fill = i % 5 ? TEST_INTEGERS : TEST_SPARSE;
        run(&c);
    }
}
END_TEST

/* More rows than are transposed at a time, the last group of fewer than a block has, and more units. */
START_TEST(takes_large_gradients_in_parts)
{
    static const dense_case shapes[] = {{.dense = {134, 20, 19, true}, .fill = TEST_INTEGERS, .vector_width = 16},
                                        {.dense = {259, 20, 9, true}, .fill = TEST_INTEGERS, .vector_width = 8},
                                        {.dense = {40, 17, 700, true}, .fill = TEST_INTEGERS, .vector_width = 16},
                                        {.dense = {134, 17, 150, false}, .fill = TEST_INTEGERS, .vector_width = 16}};
    for (int i = 0; i < 4; i++) {
        fused_case c = {.dense = shapes[i],
                        .data = true,
                        .mask = true,
                        .function = TSR_RELU,
                        .update = adam,
                        .moments = 2,
                        .want_data = i % 2};
        run(&c);
    }
}
END_TEST

START_TEST(nothing_changes_while_the_stop_mark_is_set)
{
    fused_case c = {.dense = {.dense = {3, 21, 19, true}, .fill = TEST_NAN},
                    .data = true,
                    .update = adam,
                    .moments = 2,
                    .stopped = true};
    run(&c);
}
END_TEST

/* Infinite weights beside a vector that is moved left, with gradients that are zero: no lane may count twice. */
START_TEST(infinities)
{
    for (uint32_t seed = 0; seed < 4; seed++) {
        fused_case c = {.dense = {.dense = {5, 9, 19, true}, .fill = TEST_INFINITE, .seed = seed, .vector_width = 8},
                        .data = true,
                        .update = sgd};
        run(&c);
    }
}
END_TEST

static int steps(const fused_case *c, bool other_rate, bool want_gradient)
{
    test_case t = {.fill = TEST_INTEGERS};
    shared s = add_shared(&t, false), s_bias = s;
    if (other_rate) s_bias.learning_rate = test_input(&t, "another", TSR_F32, 1, (int32_t[]){1});
    build(&t, c, s, s_bias);
    int wanted[TEST_MAX_VALUES], count = 0;
    for (int v = 0; v < (int)t.graph.value_count; v++) {
        bool made = tsr_graph_maker(&t.graph, v) != TSR_NONE;
        bool gradient = t.graph.values[v].role == TSR_ROLE_GRADIENT;
        if (made && (tsr_graph_reader(&t.graph, v, 0) == TSR_NONE || (want_gradient && gradient))) wanted[count++] = v;
    }
    tsr_plan *plan;
    check_ok(tsr_plan_create(test_device(), &t.graph, wanted, count, NULL, NULL, &plan));
    int n = tsr_plan_step_count(plan);
    tsr_plan_free(plan);
    test_clear_case(&t);
    return n;
}

/* The span is left alone where its inside is wanted or its updates differ. */
START_TEST(claims)
{
    if (test_device()->info.type != TSR_DEVICE_CPU) return;
    fused_case c = {.dense = {.dense = {4, 12, 6, true}}, .data = true, .update = adam, .moments = 2};
    ck_assert_int_eq(steps(&c, false, false), 1);
    ck_assert_int_gt(steps(&c, true, false), 1);
    ck_assert_int_gt(steps(&c, false, true), 1);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, agrees_with_the_twins);
    tcase_add_test(tests, takes_large_gradients_in_parts);
    tcase_add_test(tests, nothing_changes_while_the_stop_mark_is_set);
    tcase_add_test(tests, infinities);
    tcase_add_test(tests, claims);
}

int main(void)
{
    return test_run_on_cpus("dense_grad_cpu", add_tests);
}
