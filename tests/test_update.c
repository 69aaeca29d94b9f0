/* update: a parameter at a time against its twin, and all of a model's in one launch. */
#include "support/tester.h"

#include "device/device.h"
#include "ops/optimizer.h"
#include "ops/primitive.h"

#include <math.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static const tsr_update_descriptor optimizers[] = {
    {TSR_OPTIMIZER_ADAM, 0, 0.9f, 0.999f, 1e-7f, 0},
    {TSR_OPTIMIZER_ADAM, 0, 0, 0.5f, 1e-3f, 0},
    {TSR_OPTIMIZER_SGD, 0, 0, 0, 0, 0},
    {TSR_OPTIMIZER_SGD, 0, 0, 0, 0, 0.9f},
};

/* What all updates of a graph read. */
typedef struct shared {
    int learning_rate, clock, counts;
} shared;

static shared add_shared(test_case *t, double learning_rate, double step, double stop)
{
    static const int32_t one = 1, four = 4;
    shared s = {.learning_rate = test_input(t, "learning_rate", TSR_F32, 1, &one),
                .clock = test_input(t, "clock", TSR_I32, 1, &four),
                .counts = test_input(t, "counts", TSR_I32, 1, &four)};
    test_set(t, s.learning_rate, &learning_rate);
    test_set(t, s.clock, (double[]){step, 0, 0, 0});
    test_set(t, s.counts, (double[]){0, 0, stop, 0});
    return s;
}

/* Adds an update of a new parameter with moments of its slot; its gradient is `dw`. */
static void add_update(test_case *t, tsr_update_descriptor d, const shared *s, int dw)
{
    tsr_primitive p = {.kind = TSR_KIND_UPDATE, .input_count = 5, .output_count = 1, .as.update = d};
    p.as.update.count = (int32_t)tsr_value_count(&t->graph.values[dw]);
    int32_t count = p.as.update.count;
    int moments = tsr_optimizer_moments(&d);
    int w = test_value(t, "w", TSR_ROLE_PARAMETER, TSR_F32, 1, &count), slot = t->graph.values[w].slot;
    p.inputs[0] = w;
    p.inputs[1] = dw;
    p.inputs[2] = s->learning_rate;
    p.inputs[3] = s->clock;
    p.inputs[4] = s->counts;
    p.outputs[0] = test_value(t, "w'", TSR_ROLE_PARAMETER, TSR_F32, 1, &count);
    t->graph.values[p.outputs[0]].replaces = w;
    t->graph.values[p.outputs[0]].slot = slot;
    t->slots = slot + 1;
    for (int m = 0; m < moments; m++) {
        int old = test_value(t, m ? "v" : "m", TSR_ROLE_STATE, TSR_F32, 1, &count);
        int new = test_value(t, m ? "v'" : "m'", TSR_ROLE_STATE, TSR_F32, 1, &count);
        t->graph.values[new].replaces = old;
        t->graph.values[old].slot = t->graph.values[new].slot = slot;
        t->graph.values[old].moment = t->graph.values[new].moment = m;
        if (m) test_fill_value(t, old, TEST_POSITIVE);
        p.inputs[p.input_count++] = old;
        p.outputs[p.output_count++] = new;
    }
    test_primitive(t, &p);
}

START_TEST(covers_pairs)
{
    const int32_t counts[] = {1, 15, 16, 17, 255, 257, 9001};
    const double steps[] = {1, 2, 1000, 30001, 2147483647};
    const double rates[] = {0.001, 0, 0.1}, stops[] = {0, 0, 1};
    const uint32_t widths[] = {1, 4, 0};
    const test_fill fills[] = {TEST_RANDOM, TEST_SPARSE, TEST_NAN};
    const int levels[] = {COUNT(optimizers), COUNT(counts), COUNT(steps), COUNT(rates),
                          COUNT(stops),      COUNT(widths), COUNT(fills)};
    int cases[64 * 7], count = test_cover_pairs(levels, 7, cases, 64);
    for (int i = 0; i < count; i++) {
        const int *k = cases + 7 * i;
        test_case t = {.fill = TEST_RANDOM, .seed = (uint32_t)i};
        shared s = add_shared(&t, rates[k[3]], steps[k[2]], stops[k[4]]);
        int dw = test_input(&t, "dw", TSR_F32, 1, &counts[k[1]]);
        test_fill_value(&t, dw, fills[k[6]]);
        add_update(&t, optimizers[k[0]], &s, dw);
        test_run_case(&t, &(test_options){.only = "update", .vector_width = widths[k[5]]});
    }
}
END_TEST

/* Buffers of the caller's own: one step all the same, with a launch for each parameter. */
START_TEST(separate_buffers_are_updated_one_by_one)
{
    for (int o = 0; o < COUNT(optimizers); o++) {
        test_case t = {.fill = TEST_RANDOM};
        shared s = add_shared(&t, 0.01, 3, 0);
        const int32_t counts[] = {7, 300, 1};
        for (int i = 0; i < COUNT(counts); i++)
            add_update(&t, optimizers[o], &s, test_input(&t, "dw", TSR_F32, 1, &counts[i]));
        test_run_case(&t, &(test_options){.only = "update"});
    }
}
END_TEST

/* Parameters of a model: what the variables and the gradients hold, and what the twin makes of it. */
enum { PARAMETERS = 5, LARGEST = 6001 };
static const int32_t extents[PARAMETERS] = {LARGEST, 33, 1, 1024, 10};

typedef struct model {
    test_case t;
    tsr_variables *variables;
    tsr_plan *plan;
    int stacks[PARAMETERS], wanted[3 * PARAMETERS], wanted_count;
    cl_mem buffers[PARAMETERS + 3];
} model;

/* A formula for the data: what is 0 for gradients, 1 for weights, 2 and 3 for moments; the last is not negative. */
static float number(int parameter, int what, int i)
{
    return (float)(((i + 1) * (what + 3) * 7919 + parameter * 31) % 1009) / 1009 - (what == 3 ? 0 : 0.4f);
}

/* A graph in which each gradient is the sum of two arrays of the caller's, as a layer's would come from the plan. */
static void build_model(model *n, const tsr_update_descriptor *optimizer, int stop)
{
    *n = (model){0};
    int moments = tsr_optimizer_moments(optimizer);
    size_t counts[PARAMETERS];
    shared s = add_shared(&n->t, 0, 0, 0);
    for (int i = 0; i < PARAMETERS; i++) {
        counts[i] = (size_t)extents[i];
        tsr_primitive sum = {.kind = TSR_KIND_SUM_PARTIALS, .input_count = 1, .output_count = 1};
        sum.as.partials = (tsr_partials_descriptor){2, extents[i]};
        sum.inputs[0] = n->stacks[i] = test_input(&n->t, "stack", TSR_F32, 2, (int32_t[]){2, extents[i]});
        sum.outputs[0] = test_value(&n->t, "dw", TSR_ROLE_GRADIENT, TSR_F32, 1, &extents[i]);
        add_update(&n->t, *optimizer, &s, test_primitive(&n->t, &sum));
        const tsr_primitive *update = &n->t.graph.primitives[n->t.graph.primitive_count - 1];
        for (int k = 0; k < update->output_count; k++) n->wanted[n->wanted_count++] = update->outputs[k];
    }
    check_ok(tsr_variables_create(test_device(), counts, PARAMETERS, moments, &n->variables));
    check_ok(tsr_plan_create(test_device(), &n->t.graph, n->wanted, n->wanted_count, NULL, n->variables, &n->plan));
    const float rate = 0.01f;
    const int32_t clock[4] = {5, 0, 0, 0}, marks[4] = {0, 0, stop, 4};
    const void *const data[] = {&rate, clock, marks};
    const int values[] = {s.learning_rate, s.clock, s.counts};
    for (int i = 0; i < PARAMETERS + 3; i++) {
        static float stack[2 * LARGEST];
        int value = i < 3 ? values[i] : n->stacks[i - 3];
        for (int e = 0; i >= 3 && e < 2 * extents[i - 3]; e++) stack[e] = number(i, 0, e);
        size_t bytes = tsr_value_bytes(&n->t.graph.values[value]);
        check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, bytes, "an operand", &n->buffers[i]));
        check_ok(tsr_buffer_write(test_device(), n->buffers[i], 0, i < 3 ? data[i] : stack, bytes));
        check_ok(tsr_plan_bind(n->plan, value, n->buffers[i]));
    }
    for (int i = 0; i < PARAMETERS; i++)
        for (int what = 1; what <= 1 + moments; what++) {
            static float values_of[LARGEST];
            for (int e = 0; e < extents[i]; e++) values_of[e] = number(i, what, e);
            check_ok(tsr_variables_write(n->variables, i, what - 2 < 0 ? TSR_NONE : what - 2, values_of));
        }
}

static void clear_model(model *n)
{
    tsr_plan_free(n->plan);
    tsr_variables_free(n->variables);
    for (int i = 0; i < PARAMETERS + 3; i++) clReleaseMemObject(n->buffers[i]);
    test_clear_case(&n->t);
}

/* The parameter's variables are what the twin makes of what build_model wrote. */
static void check_parameter(model *n, const tsr_update_descriptor *optimizer, int parameter, int stop)
{
    static double w[LARGEST], dw[LARGEST], m[LARGEST], v[LARGEST], results[3][LARGEST];
    static float got[LARGEST];
    int32_t count = extents[parameter];
    for (int e = 0; e < count; e++) {
        w[e] = number(parameter, 1, e);
        m[e] = number(parameter, 2, e);
        v[e] = number(parameter, 3, e);
        dw[e] = number(parameter + 3, 0, e) + number(parameter + 3, 0, e + count);
    }
    tsr_primitive p = {.kind = TSR_KIND_UPDATE, .as.update = *optimizer};
    p.as.update.count = count;
    const double rate = (double)0.01f, clock[4] = {5}, marks[4] = {0, 0, stop, 4};
    tsr_primitive_row_of(p.kind)->reference(&p, (const double *[]){w, dw, &rate, clock, marks, m, v},
                                            (double *[]){results[0], results[1], results[2]});
    for (int k = 0; k <= tsr_optimizer_moments(optimizer); k++) {
        check_ok(tsr_variables_read(n->variables, parameter, k - 1 < 0 ? TSR_NONE : k - 1, got));
        for (int e = 0; e < count; e++) {
            if (!(fabs((double)got[e] - results[k][e]) <= (stop ? 0 : 3e-6)))
                ck_abort_msg("parameter %d, moment %d, element %d: %.9g, not %.9g", parameter, k - 1, e, (double)got[e],
                             results[k][e]);
        }
    }
}

START_TEST(a_model_is_updated_in_one_launch)
{
    for (int o = 0; o < COUNT(optimizers); o++)
        for (int stop = 0; stop < 2; stop++) {
            model n;
            if (test_left_out(3.0 * (LARGEST + 1068))) continue;
            build_model(&n, &optimizers[o], stop);
            check_ok(tsr_plan_run(n.plan));
            const tsr_step *last = tsr_plan_step(n.plan, tsr_plan_step_count(n.plan) - 1);
            ck_assert_str_eq(last->implementation->name, "update");
            ck_assert_int_eq(last->span->count, PARAMETERS);
            ck_assert_int_eq(last->launch_count, 1);
            for (int i = 0; i < PARAMETERS; i++) check_parameter(&n, &optimizers[o], i, stop);
            clear_model(&n);
        }
}
END_TEST

/* Adam's 1 - beta^t cancels for small t when it is computed in single precision; one step from zero moments with a
 * gradient of g moves a weight by the learning rate, whatever g is. */
START_TEST(the_first_step_of_adam_is_the_learning_rate)
{
    test_case t = {0};
    shared s = add_shared(&t, 0.001, 1, 0);
    static const int32_t four = 4;
    int dw = test_input(&t, "dw", TSR_F32, 1, &four);
    test_set(&t, dw, (double[]){1, -0.01, 250, 3e-3});
    add_update(&t, optimizers[0], &s, dw);
    const tsr_primitive *p = &t.graph.primitives[0];
    for (int k = 0; k < 7; k++)
        if (k == 0 || k > 4) test_set(&t, p->inputs[k], (double[]){0, 0, 0, 0});
    test_run_case(&t, &(test_options){.only = "update"});
}
END_TEST

/* A gradient that lies as a stack of partial sums: the kernel adds them itself. */
START_TEST(stacks_of_partial_sums_are_added)
{
    enum { N = 700, PARTIALS = 5, STRIDE = 720 };
    test_case t = {.fill = TEST_RANDOM};
    shared s = add_shared(&t, 0.5, 1, 0);
    int32_t n = N;
    add_update(&t, optimizers[2], &s, test_input(&t, "dw", TSR_F32, 1, &n));
    const tsr_primitive *p = &t.graph.primitives[0];
    static float w[N], result[N], stack[PARTIALS * STRIDE];
    for (int i = 0; i < N; i++) w[i] = (float)(i % 13);
    for (int i = 0; i < PARTIALS * STRIDE; i++) stack[i] = (float)(i % 7 - 3);
    const float rate = 0.5f;
    const int32_t clock[4] = {1}, counts[4] = {0};
    const void *const data[] = {w, stack, &rate, clock, counts};
    const size_t bytes[] = {sizeof w, sizeof stack, sizeof rate, sizeof clock, sizeof counts};
    tsr_view views[TEST_MAX_VALUES] = {0};
    for (int i = 0; i < 5; i++) {
        tsr_view *view = &views[p->inputs[i]];
        check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, bytes[i], "an operand", &view->buffer));
        check_ok(tsr_buffer_write(test_device(), view->buffer, 0, data[i], bytes[i]));
        view->whole = view->buffer;
        view->partials = 1;
    }
    views[p->inputs[1]].partials = PARTIALS;
    views[p->inputs[1]].partial_stride = STRIDE;

    const tsr_implementation *update = test_implementation("update");
    tsr_span span;
    bool claimed[1] = {false};
    ck_assert(update->match(&t.graph, 0, claimed, &span));
    tsr_needs needs = {0};
    tsr_target target = {.device = test_device(), .vector_width = 8};
    ck_assert(update->supports(&target, &span, &needs));
    tsr_step step = {.implementation = update, .target = &target, .span = &span, .needs = &needs, .views = views};
    check_ok(update->prepare(&step));
    const tsr_launch *launch = &step.launches[0];
    check_ok(tsr_enqueue_kernel(test_device(), launch->kernel, launch->name, launch->dimensions, launch->global,
                                launch->local[0] ? launch->local : NULL));
    check_ok(tsr_buffer_read(test_device(), views[p->inputs[0]].buffer, 0, result, sizeof result));
    for (int i = 0; i < N; i++) {
        float sum = 0;
        for (int k = 0; k < PARTIALS; k++) sum += stack[k * STRIDE + i];
        ck_assert_float_eq(result[i], w[i] - rate * sum);
    }
    clReleaseKernel(launch->kernel);
    step.free_state(step.state);
    for (int i = 0; i < 5; i++) clReleaseMemObject(views[p->inputs[i]].buffer);
    test_clear_case(&t);
}
END_TEST

START_TEST(updates_that_differ_are_not_mixed)
{
    static const int32_t four = 4;
    test_case t = {.fill = TEST_RANDOM};
    shared s = add_shared(&t, 0.01, 1, 0);
    for (int o = 0; o < COUNT(optimizers); o++)
        add_update(&t, optimizers[o], &s, test_input(&t, "dw", TSR_F32, 1, &four));
    test_run_case(&t, &(test_options){.only = "update", .fused = 1});
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, separate_buffers_are_updated_one_by_one);
    tcase_add_test(tests, a_model_is_updated_in_one_launch);
    tcase_add_test(tests, the_first_step_of_adam_is_the_learning_rate);
    tcase_add_test(tests, stacks_of_partial_sums_are_added);
    tcase_add_test(tests, updates_that_differ_are_not_mixed);
}

int main(void)
{
    return test_run_both_classes("update", add_tests);
}
