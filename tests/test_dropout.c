/* dropout and dropout_grad against their twins: the masks must be the same, element for element. */
#include "support/tester.h"

#include "base/random.h"
#include "ops/primitive.h"

#include <math.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static int dropout(test_case *t, tsr_kind kind, tsr_dropout_descriptor d, int32_t step)
{
    tsr_primitive p = {.kind = kind, .input_count = 2, .output_count = 1, .as.dropout = d};
    p.inputs[0] = test_input(t, "x", TSR_F32, 1, &d.count);
    p.inputs[1] = test_input(t, "clock", TSR_I32, 1, (int32_t[]){4});
    test_set(t, p.inputs[1], (double[]){step, 0, 0, 0});
    p.outputs[0] = test_value(t, "y", TSR_ROLE_TEMPORARY, TSR_F32, 1, &d.count);
    return test_primitive(t, &p);
}

START_TEST(covers_pairs)
{
    /* Less than a block of four, around vectors of blocks, several chunks. */
    const int32_t counts[] = {1, 3, 4, 5, 31, 63, 64, 65, 127, 1000, 4099, 70001};
    const float rates[] = {0, 0.25f, 0.5f, 0.99f};
    const uint64_t seeds[] = {0, 42, 0xFEDCBA9876543210u};
    const uint32_t streams[] = {TSR_STREAM_DROPOUT, 0xFFFFFFFFu};
    const int32_t steps[] = {0, 1, INT32_MAX};
    const uint32_t widths[] = {1, 2, 4, 8, 16};
    const test_fill fills[] = {TEST_RANDOM, TEST_NAN, TEST_INFINITE};
    const int levels[] = {COUNT(counts), COUNT(rates),  COUNT(seeds), COUNT(streams),
                          COUNT(steps),  COUNT(widths), COUNT(fills), 2};
    int cases[128 * 8], count = test_cover_pairs(levels, 8, cases, 128);
    for (int i = 0; i < count; i++) {
        const int *k = cases + 8 * i;
        tsr_dropout_descriptor d = {counts[k[0]], rates[k[1]], seeds[k[2]], streams[k[3]]};
        test_case t = {.fill = fills[k[6]], .seed = (uint32_t)i};
        dropout(&t, k[7] ? TSR_KIND_DROPOUT_GRAD : TSR_KIND_DROPOUT, d, steps[k[4]]);
        test_run_case(&t, &(test_options){.only = k[7] ? "dropout_grad" : "dropout", .vector_width = widths[k[5]]});
    }
}
END_TEST

/* The twin's own mask: as often zero as the rate says, another one at the next step. */
START_TEST(masks_are_random)
{
    enum { N = 100000 };
    static double x[N], y[2][N];
    for (int i = 0; i < N; i++) x[i] = 1;
    tsr_primitive p = {.kind = TSR_KIND_DROPOUT, .as.dropout = {N, 0.3f, 42, TSR_STREAM_DROPOUT}};
    int dropped = 0, both = 0;
    for (int step = 0; step < 2; step++) {
        double clock[4] = {step + 1};
        tsr_primitive_row_of(p.kind)->reference(&p, (const double *[]){x, clock}, (double *[]){y[step]});
    }
    for (int i = 0; i < N; i++) {
        dropped += y[0][i] == 0;
        both += y[0][i] == 0 && y[1][i] == 0;
        if (y[0][i] != 0) ck_assert_double_eq_tol(y[0][i], 1 / 0.7, 1e-7);
    }
    /* Five standard deviations of a binomial distribution. */
    ck_assert_double_eq_tol(dropped, 0.3 * N, 5 * sqrt(0.3 * 0.7 * N));
    ck_assert_double_eq_tol(both, 0.09 * N, 5 * sqrt(0.09 * 0.91 * N));
}
END_TEST

START_TEST(rates_outside_are_refused)
{
    const float rates[] = {1, -0.1f, NAN};
    for (int i = 0; i < COUNT(rates); i++) {
        test_case t = {0};
        int y = dropout(&t, TSR_KIND_DROPOUT, (tsr_dropout_descriptor){4, rates[i], 1, 1}, 1);
        tsr_plan *plan = NULL;
        check_fails(tsr_plan_create(test_device(), &t.graph, &y, 1, NULL, NULL, &plan), TSR_UNSUPPORTED,
                    "rate from 0 up to 1");
        test_clear_case(&t);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, masks_are_random);
    tcase_add_test(tests, rates_outside_are_refused);
}

int main(void)
{
    return test_run_both_classes("dropout", add_tests);
}
