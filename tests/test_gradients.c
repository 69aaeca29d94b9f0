/* The twins' gradients against finite differences of the twins: for every primitive that can be differentiated, each
 * element of each input is moved up and down. */
#include "support/tester.h"

#include "base/memory.h"
#include "ops/primitive.h"

#include <math.h>
#include <stdlib.h>

#define STEP      1e-5
#define TOLERANCE 1e-8 /* of the difference quotient: STEP^2 and rounding / STEP are below it */

/* A graph whose first primitive is differentiated; the gradient of its result is given. */
typedef struct subject {
    test_case t;
    int dy;
    double *data[TEST_MAX_VALUES];
} subject;

static void fill(subject *s)
{
    const tsr_graph *graph = &s->t.graph;
    uint32_t state = 12345;
    for (size_t v = 0; v < graph->value_count; v++) {
        size_t count = tsr_value_count(&graph->values[v]);
        s->data[v] = tsr_alloc(count, sizeof(double));
        ck_assert(s->data[v] != NULL);
        for (size_t e = 0; e < count && graph->values[v].maker == TSR_NONE; e++) {
            state = state * 1664525u + 1013904223u;
            s->data[v][e] = s->t.values[v].data ? s->t.values[v].data[e] : (state >> 8) * 0x1p-23 - 1;
        }
    }
}

static void run_twin(const subject *s, size_t number)
{
    const tsr_primitive *p = &s->t.graph.primitives[number];
    const double *inputs[TSR_MAX_INPUTS];
    double *outputs[TSR_MAX_OUTPUTS];
    for (int i = 0; i < p->input_count; i++) inputs[i] = s->data[p->inputs[i]];
    for (int i = 0; i < p->output_count; i++) outputs[i] = s->data[p->outputs[i]];
    tsr_primitive_row_of(p->kind)->reference(p, inputs, outputs);
}

/* sum of dy * y with one element of an input moved. */
static double moved(subject *s, int input, size_t e, double by)
{
    int y = s->t.graph.primitives[0].outputs[0];
    double old = s->data[input][e], sum = 0;
    s->data[input][e] = old + by;
    run_twin(s, 0);
    s->data[input][e] = old;
    for (size_t i = 0; i < tsr_value_count(&s->t.graph.values[y]); i++) sum += s->data[s->dy][i] * s->data[y][i];
    return sum;
}

/* Compares the gradients, values given by input, with differences; the twins have run. */
static void compare(subject *s, const int *gradients)
{
    const tsr_primitive *p = &s->t.graph.primitives[0];
    for (int i = 0; i < p->input_count; i++) {
        if (gradients[i] == TSR_NONE) continue;
        const tsr_value *input = &s->t.graph.values[p->inputs[i]];
        ck_assert_uint_eq(tsr_value_count(input), tsr_value_count(&s->t.graph.values[gradients[i]]));
        for (size_t e = 0; e < tsr_value_count(input); e++) {
            double up = moved(s, p->inputs[i], e, STEP), down = moved(s, p->inputs[i], e, -STEP);
            double expected = (up - down) / (2 * STEP), got = s->data[gradients[i]][e];
            if (!(fabs(got - expected) <= TOLERANCE * (1 + fabs(expected))))
                ck_abort_msg("%s: element %zu of the gradient of %s is %.12g, the difference quotient %.12g",
                             tsr_kind_name(p->kind), e, input->name, got, expected);
        }
    }
}

static void finish(subject *s)
{
    for (int v = 0; v < TEST_MAX_VALUES; v++) free(s->data[v]);
    test_clear_case(&s->t);
}

/* Differentiates the graph's first primitive by all its inputs that are floats, as its row says. */
static void check(subject *s)
{
    tsr_primitive forward = s->t.graph.primitives[0];
    tsr_value y = s->t.graph.values[forward.outputs[0]];
    bool wanted[TSR_MAX_INPUTS];
    int gradients[TSR_MAX_INPUTS], output_gradients[TSR_MAX_OUTPUTS] = {TSR_NONE, TSR_NONE, TSR_NONE};
    for (int i = 0; i < forward.input_count; i++) {
        wanted[i] = s->t.graph.values[forward.inputs[i]].dtype == TSR_F32;
        gradients[i] = TSR_NONE;
    }
    s->dy = output_gradients[0] = test_input(&s->t, "dy", TSR_F32, y.rank, y.extent);
    check_ok(tsr_primitive_row_of(forward.kind)->differentiate(&s->t.graph, 0, output_gradients, wanted, gradients));
    for (int i = 0; i < forward.input_count; i++) ck_assert_int_eq(wanted[i], gradients[i] != TSR_NONE);
    fill(s);
    for (size_t p = 0; p < s->t.graph.primitive_count; p++) run_twin(s, p);
    compare(s, gradients);
    finish(s);
}

START_TEST(conv2d)
{
    const tsr_conv2d_descriptor descriptors[] = {
        {2, 5, 6, 3, 2, 3, 3, 1, 1, TSR_PADDING_SAME, true},   {2, 7, 6, 2, 3, 3, 2, 2, 3, TSR_PADDING_VALID, true},
        {1, 4, 4, 2, 2, 1, 1, 4, 4, TSR_PADDING_SAME, false},  {3, 3, 2, 1, 2, 5, 5, 2, 1, TSR_PADDING_SAME, true},
        {1, 8, 9, 1, 1, 2, 3, 4, 4, TSR_PADDING_VALID, false}, {1, 9, 5, 1, 2, 7, 1, 2, 2, TSR_PADDING_SAME, true},
    };
    for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        const tsr_conv2d_descriptor *d = &descriptors[i];
        subject s = {0};
        test_conv2d(&s.t, d,
                    test_input(&s.t, "x", TSR_F32, 4, (int32_t[]){d->batch, d->height, d->width, d->channels}));
        check(&s);
    }
}
END_TEST

START_TEST(pool2d)
{
    for (int mode = 0; mode < 2; mode++) {
        const tsr_pool2d_descriptor descriptors[] = {
            {mode ? TSR_POOL_AVERAGE : TSR_POOL_MAX, 2, 4, 6, 3, 2, 2, 2, 2, TSR_PADDING_VALID},
            {mode ? TSR_POOL_AVERAGE : TSR_POOL_MAX, 2, 5, 7, 2, 3, 3, 2, 2, TSR_PADDING_SAME},
            {mode ? TSR_POOL_AVERAGE : TSR_POOL_MAX, 1, 5, 5, 2, 2, 3, 1, 4, TSR_PADDING_SAME},
        };
        for (size_t i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
            const tsr_pool2d_descriptor *d = &descriptors[i];
            subject s = {0};
            int winner;
            test_pool2d(&s.t, d,
                        test_input(&s.t, "x", TSR_F32, 4, (int32_t[]){d->batch, d->height, d->width, d->channels}),
                        &winner);
            check(&s);
        }
    }
}
END_TEST

START_TEST(activations)
{
    static const tsr_activation functions[] = {
#define FUNCTION(name, text, monotone, from) TSR_##name,
        TSR_ACTIVATION_LIST(FUNCTION)
#undef FUNCTION
    };
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        for (int alpha = 0; alpha < 2; alpha++) {
            subject s = {0};
            int x = test_input(&s.t, "x", TSR_F32, 2, (int32_t[]){5, 7});
            test_activation(&s.t, functions[i], alpha ? 1 : 0.2f, x);
            check(&s);
        }
}
END_TEST

START_TEST(dense)
{
    for (int bias = 0; bias < 2; bias++) {
        subject s = {0};
        tsr_dense_descriptor d = {3, 5, 4, bias};
        test_dense(&s.t, &d, test_input(&s.t, "x", TSR_F32, 2, (int32_t[]){3, 5}));
        check(&s);
    }
}
END_TEST

START_TEST(dropout)
{
    subject s = {0};
    int32_t count = 40;
    tsr_primitive p = {.kind = TSR_KIND_DROPOUT, .input_count = 2, .output_count = 1};
    p.as.dropout = (tsr_dropout_descriptor){.count = count, .rate = 0.5f, .seed = 42, .stream = 3};
    p.inputs[0] = test_input(&s.t, "x", TSR_F32, 1, &count);
    p.inputs[1] = test_input(&s.t, "clock", TSR_I32, 1, (int32_t[]){4});
    test_set(&s.t, p.inputs[1], (double[]){7, 0, 40, 0});
    p.outputs[0] = test_value(&s.t, "y", TSR_ROLE_TEMPORARY, TSR_F32, 1, &count);
    test_primitive(&s.t, &p);
    check(&s);
}
END_TEST

/* The gradient is that of the mean of the losses. */
START_TEST(softmax_cross_entropy)
{
    subject s = {0};
    int32_t rows = 4, classes = 5;
    tsr_primitive p = {.kind = TSR_KIND_SOFTMAX_CROSS_ENTROPY, .input_count = 2, .output_count = 2};
    p.as.loss = (tsr_loss_descriptor){rows, classes};
    p.inputs[0] = test_input(&s.t, "logits", TSR_F32, 2, (int32_t[]){rows, classes});
    p.inputs[1] = test_input(&s.t, "labels", TSR_I32, 1, &rows);
    test_set(&s.t, p.inputs[1], (double[]){0, 4, 2, 2});
    p.outputs[0] = test_value(&s.t, "losses", TSR_ROLE_TEMPORARY, TSR_F32, 1, &rows);
    p.outputs[1] = test_value(&s.t, "hits", TSR_ROLE_TEMPORARY, TSR_I32, 1, &rows);
    test_primitive(&s.t, &p);
    p.kind = TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD;
    p.output_count = 1;
    p.outputs[0] = test_value(&s.t, "dlogits", TSR_ROLE_TEMPORARY, TSR_F32, 2, (int32_t[]){rows, classes});
    test_primitive(&s.t, &p);
    s.dy = test_input(&s.t, "mean", TSR_F32, 1, &rows);
    test_set(&s.t, s.dy, (double[]){0.25, 0.25, 0.25, 0.25});
    fill(&s);
    run_twin(&s, 0);
    run_twin(&s, 1);
    compare(&s, (int[]){p.outputs[0], TSR_NONE});
    finish(&s);
}
END_TEST

/* What can be differentiated is tested above. */
START_TEST(no_other_is_differentiable)
{
    const tsr_kind tested[] = {TSR_KIND_CONV2D, TSR_KIND_POOL2D, TSR_KIND_ACTIVATION, TSR_KIND_DENSE, TSR_KIND_DROPOUT};
    for (int kind = 0; kind < TSR_KIND_COUNT; kind++) {
        bool found = false;
        for (size_t i = 0; i < sizeof tested / sizeof *tested; i++) found |= (int)tested[i] == kind;
        ck_assert_msg(found == (tsr_primitive_row_of((tsr_kind)kind)->differentiate != NULL), "%s",
                      tsr_kind_name((tsr_kind)kind));
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, conv2d);
    tcase_add_test(tests, pool2d);
    tcase_add_test(tests, activations);
    tcase_add_test(tests, dense);
    tcase_add_test(tests, dropout);
    tcase_add_test(tests, softmax_cross_entropy);
    tcase_add_test(tests, no_other_is_differentiable);
}

int main(void)
{
    return test_run("gradients", add_tests);
}
