/* activation and activation_grad against their twins. */
#include "support/tester.h"

#include "ops/activation.h"
#include "ops/primitive.h"

#include <math.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static const tsr_activation_descriptor functions[] = {
    {.function = TSR_LINEAR},
    {.function = TSR_RELU},
    {.function = TSR_SIGMOID},
    {.function = TSR_TANH},
    {.function = TSR_ELU, .alpha = 1},
    {.function = TSR_ELU, .alpha = 0.3f},
    {.function = TSR_ELU, .alpha = -0.5f},
    {.function = TSR_SELU},
    {.function = TSR_GELU},
    {.function = TSR_SWISH},
    {.function = TSR_LEAKY_RELU, .alpha = 0.2f},
    {.function = TSR_LEAKY_RELU, .alpha = -0.25f},
    {.function = TSR_SOFTPLUS},
    {.function = TSR_SOFTMAX},
};
/* Less than a vector, around one, around a chunk of the CPU's, several chunks. */
static const int32_t extents[][2] = {{1, 1}, {1, 7}, {3, 5}, {4, 16}, {2, 257}, {19, 27}, {53, 401}, {1, 1031}};
static const test_fill fills[] = {TEST_INTEGERS, TEST_RANDOM, TEST_NAN, TEST_INFINITE, TEST_TIES};
static const uint32_t widths[] = {1, 0};

START_TEST(covers_pairs)
{
    const int levels[] = {COUNT(functions), COUNT(extents), COUNT(fills), COUNT(widths)};
    int cases[128 * 4], count = test_cover_pairs(levels, 4, cases, 128);
    for (int i = 0; i < count; i++) {
        const int *k = cases + 4 * i;
        tsr_activation_descriptor f = functions[k[0]];
        test_options options = {.only = "activation", .vector_width = widths[k[3]]};
        test_case forward = {.fill = fills[k[2]], .seed = (uint32_t)i};
        int x = test_input(&forward, "x", TSR_F32, 2, extents[k[1]]);
        test_activation(&forward, f.function, f.alpha, x);
        test_run_case(&forward, &options);

        test_case backward = {.fill = fills[k[2]], .seed = (uint32_t)i};
        int dy = test_input(&backward, "dy", TSR_F32, 2, extents[k[1]]);
        int from = test_input(&backward, "from", TSR_F32, 2, extents[k[1]]);
        test_activation_grad(&backward, f.function, f.alpha, dy, from);
        options.only = "activation_grad";
        test_run_case(&backward, &options);
    }
}
END_TEST

START_TEST(every_vector_width)
{
    for (uint32_t width = 1; width <= 16; width *= 2) {
        test_case t = {.fill = TEST_RANDOM};
        int x = test_input(&t, "x", TSR_F32, 2, (int32_t[]){7, 163});
        int y = test_activation(&t, TSR_SELU, 0, x);
        test_activation_grad(&t, TSR_SELU, 0, x, y);
        test_run_case(&t, &(test_options){.vector_width = width});
    }
}
END_TEST

/* Where formulas overflow, cancel or meet infinity. */
START_TEST(extremes)
{
    double x[32] = {0, -0.0, 1e-30, -1e-30, 1e-4, -1e-4, 0.5, -0.5, 3, -3, 5.5, -5.5, 10, -10};
    int n = 14;
    const double large[] = {20, 80, 88, 89, 100, 1e4, 1e30, INFINITY};
    for (int i = 0; i < COUNT(large); i++) x[n++] = large[i], x[n++] = -large[i];
    x[n++] = NAN;
    for (int f = 0; f < COUNT(functions); f++) {
        if (functions[f].function == TSR_SOFTMAX) continue;
        test_case t = {.fill = TEST_RANDOM};
        int in = test_input(&t, "x", TSR_F32, 1, &n);
        test_set(&t, in, x);
        int y = test_activation(&t, functions[f].function, functions[f].alpha, in);
        int dy = test_input(&t, "dy", TSR_F32, 1, &n);
        bool output = tsr_activation_gradient_from_output(&functions[f]);
        test_activation_grad(&t, functions[f].function, functions[f].alpha, dy, output ? y : in);
        test_want(&t, y);
        test_want(&t, (int)t.graph.value_count - 1);
        /* erfc may be 16 ulp off, and x itself is rounded where e^x is tiny. */
        test_run_case(&t, &(test_options){.slack = 32});
    }
}
END_TEST

START_TEST(no_gradient_enters_a_dead_cell)
{
    test_case t = {0};
    int dy = test_input(&t, "dy", TSR_F32, 1, (int32_t[]){4}), y = test_input(&t, "y", TSR_F32, 1, (int32_t[]){4});
    test_set(&t, dy, (double[]){NAN, INFINITY, NAN, 2});
    test_set(&t, y, (double[]){0, 0, 1, 1});
    test_activation_grad(&t, TSR_RELU, 0, dy, y);
    test_run_case(&t, &(test_options){.only = "activation_grad"});
}
END_TEST

START_TEST(softmax_of_large_and_missing_logits)
{
    double x[] = {1e4, 1e4, -1e4, 0, -INFINITY, 3, -1e30, -1e30, -1e30, INFINITY, 0, 1, NAN, 2, 3};
    test_case t = {0};
    int in = test_input(&t, "x", TSR_F32, 2, (int32_t[]){5, 3});
    test_set(&t, in, x);
    test_activation(&t, TSR_SOFTMAX, 0, in);
    test_run_case(&t, &(test_options){.only = "activation"});
}
END_TEST

START_TEST(softmax_of_many_rows)
{
    const int32_t shapes[][2] = {{1, 1}, {32, 10}, {67, 3}, {3, 1000}};
    for (int i = 0; i < COUNT(shapes); i++) {
        test_case t = {.fill = TEST_INTEGERS};
        int x = test_input(&t, "x", TSR_F32, 2, shapes[i]);
        int y = test_activation(&t, TSR_SOFTMAX, 0, x);
        test_activation_grad(&t, TSR_SOFTMAX, 0, x, y);
        test_run_case(&t, &(test_options){.slack = 1});
    }
}
END_TEST

START_TEST(infinite_alpha_is_refused)
{
    tsr_activation_descriptor a = {.function = TSR_ELU, .alpha = INFINITY, .rows = 1, .columns = 1};
    ck_assert(!tsr_activation_elementwise(&a));
    test_case t = {0};
    int x = test_input(&t, "x", TSR_F32, 1, (int32_t[]){1}), y = test_activation(&t, TSR_ELU, INFINITY, x);
    tsr_plan *plan = NULL;
    check_fails(tsr_plan_create(test_device(), &t.graph, &y, 1, NULL, NULL, &plan), TSR_UNSUPPORTED, "finite alpha");
    test_clear_case(&t);
}
END_TEST

/* A negative alpha folds the function: neither monotone, nor is its input's sign known from its output. */
START_TEST(properties_follow_alpha)
{
    for (int f = 0; f < COUNT(functions); f++) {
        const tsr_activation_descriptor *a = &functions[f];
        bool needs_input = a->function == TSR_GELU || a->function == TSR_SWISH || a->alpha < 0;
        ck_assert_int_eq(tsr_activation_gradient_from_output(a), !needs_input);
        ck_assert_int_eq(tsr_activation_monotone(a), !needs_input && a->function != TSR_SOFTMAX);
        ck_assert_int_eq(tsr_activation_elementwise(a), a->function != TSR_SOFTMAX);
    }
}
END_TEST

/* (f(x + h) - f(x - h)) / 2h against the gradient's twin. */
START_TEST(twins_agree_with_finite_differences)
{
    const double h = 1e-5, points[] = {-4.2, -1.1, -0.3, 0.2, 0.9, 3.7};
    enum { N = COUNT(points) };
    for (int f = 0; f < COUNT(functions); f++) {
        tsr_primitive p = {.kind = TSR_KIND_ACTIVATION, .as.activation = functions[f]};
        p.as.activation.rows = 1;
        p.as.activation.columns = N;
        double y[N], dy[N], dx[N];
        tsr_primitive_row_of(p.kind)->reference(&p, (const double *[]){points}, (double *[]){y});
        for (int i = 0; i < N; i++) dy[i] = 0.5 + i;
        const double *from = tsr_activation_gradient_from_output(&p.as.activation) ? y : points;
        tsr_primitive_row_of(TSR_KIND_ACTIVATION_GRAD)->reference(&p, (const double *[]){dy, from}, (double *[]){dx});
        for (int i = 0; i < N; i++) {
            double moved[2][N], x[N], slope = 0;
            for (int way = 0; way < 2; way++) {
                memcpy(x, points, sizeof x);
                x[i] += way ? h : -h;
                tsr_primitive_row_of(p.kind)->reference(&p, (const double *[]){x}, (double *[]){moved[way]});
            }
            for (int k = 0; k < N; k++) slope += dy[k] * (moved[1][k] - moved[0][k]) / (2 * h);
            ck_assert_msg(fabs(slope - dx[i]) < 1e-8 * (1 + fabs(slope)), "%s at %g: %g, not %g",
                          tsr_activation_name(functions[f].function), points[i], dx[i], slope);
        }
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, every_vector_width);
    tcase_add_test(tests, extremes);
    tcase_add_test(tests, no_gradient_enters_a_dead_cell);
    tcase_add_test(tests, softmax_of_large_and_missing_logits);
    tcase_add_test(tests, softmax_of_many_rows);
    tcase_add_test(tests, infinite_alpha_is_refused);
    tcase_add_test(tests, properties_follow_alpha);
    tcase_add_test(tests, twins_agree_with_finite_differences);
}

int main(void)
{
    return test_run_both_classes("activation", add_tests);
}
