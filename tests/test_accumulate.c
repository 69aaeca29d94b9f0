/* accumulate: against its twin, over many steps, and stopped by a loss that is not finite. */
#include "support/tester.h"

#include "device/device.h"

#include <math.h>

enum { SUM, COUNTS };

/* The operands' values, in the primitive's order: losses, hits, loss_sum, counts, clock; then loss_sum', counts'. */
static void add_accumulate(test_case *t, int32_t rows, int values[7])
{
    static const int32_t two = 2, four = 4;
    values[0] = test_input(t, "losses", TSR_F32, 1, &rows);
    values[1] = test_input(t, "hits", TSR_I32, 1, &rows);
    values[2] = test_input(t, "loss_sum", TSR_F32, 1, &two);
    values[3] = test_input(t, "counts", TSR_I32, 1, &four);
    values[4] = test_input(t, "clock", TSR_I32, 1, &four);
    values[5] = test_value(t, "loss_sum'", TSR_ROLE_INPUT, TSR_F32, 1, &two);
    values[6] = test_value(t, "counts'", TSR_ROLE_INPUT, TSR_I32, 1, &four);
    t->graph.values[values[5]].replaces = values[2];
    t->graph.values[values[6]].replaces = values[3];
    test_fill_value(t, values[0], TEST_POSITIVE);
    test_fill_value(t, values[1], TEST_TIES);
    test_set(t, values[2], (double[]){0, 0});
    test_set(t, values[3], (double[]){100, 320, 0, 0});
    test_set(t, values[4], (double[]){77, 0, 0, 0});
    tsr_primitive p = {.kind = TSR_KIND_ACCUMULATE, .input_count = 5, .output_count = 2, .as.loss = {.rows = rows}};
    for (int i = 0; i < 5; i++) p.inputs[i] = values[i];
    p.outputs[SUM] = values[5];
    p.outputs[COUNTS] = values[6];
    test_primitive(t, &p);
}

START_TEST(adds_up)
{
    const int32_t rows[] = {1, 2, 3, 32, 53, 1000};
    for (int i = 0; i < 6; i++) {
        test_case t = {.seed = (uint32_t)i};
        int values[7];
        add_accumulate(&t, rows[i], values);
        test_set(&t, values[2], (double[]){12.5, 0});
        test_run_case(&t, &(test_options){.only = "accumulate"});
    }
}
END_TEST

START_TEST(nothing_changes_while_the_mark_is_set)
{
    test_case t = {0};
    int values[7];
    add_accumulate(&t, 5, values);
    test_set(&t, values[2], (double[]){12.5, 1e-7});
    test_set(&t, values[3], (double[]){100, 320, 1, 76});
    test_run_case(&t, &(test_options){.only = "accumulate"});
}
END_TEST

START_TEST(a_loss_that_is_not_finite_sets_the_mark)
{
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++)
        for (int place = 0; place < 3; place++) {
            double losses[] = {1, 2, 3};
            losses[place] = bad[i];
            test_case t = {0};
            int values[7];
            add_accumulate(&t, 3, values);
            test_set(&t, values[0], losses);
            test_run_case(&t, &(test_options){.only = "accumulate"});
        }
}
END_TEST

/* Plain addition loses what the compensation keeps: 2000 batches of 32 losses near 0.1 to a sum of 6400. */
START_TEST(long_sums_keep_their_digits)
{
    enum { ROWS = 32, RUNS = 2000 };
    test_case t = {0};
    int values[7];
    add_accumulate(&t, ROWS, values);
    tsr_plan *plan = NULL;
    check_ok(tsr_plan_create(test_device(), &t.graph, values + 5, 2, NULL, NULL, &plan));
    float losses[ROWS], sum[2] = {0};
    int32_t hits[ROWS] = {0}, counts[4] = {0}, clock[4] = {1};
    double exact = 0;
    float plain = 0;
    for (int i = 0; i < ROWS; i++) losses[i] = 0.1f + 1e-5f * (float)i;
    for (int run = 0; run < RUNS; run++)
        for (int i = 0; i < ROWS; i++) exact += (double)losses[i], plain += losses[i];
    hits[7] = hits[31] = 1;
    void *const data[] = {losses, hits, sum, counts, clock};
    cl_mem buffers[5];
    for (int i = 0; i < 5; i++) {
        size_t bytes = tsr_value_bytes(&t.graph.values[values[i]]);
        check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, bytes, "an operand", &buffers[i]));
        check_ok(tsr_buffer_write(test_device(), buffers[i], 0, data[i], bytes));
        check_ok(tsr_plan_bind(plan, values[i], buffers[i]));
    }
    for (int run = 0; run < RUNS; run++) check_ok(tsr_plan_run(plan));
    check_ok(tsr_plan_read(plan, values[5], sum));
    check_ok(tsr_plan_read(plan, values[6], counts));
    ck_assert_double_eq_tol((double)sum[0] - (double)sum[1], exact, exact * 1e-7);
    ck_assert_double_ge(fabs((double)plain - exact), exact * 1e-6); /* otherwise the test shows nothing */
    ck_assert_int_eq(counts[0], 2 * RUNS);
    ck_assert_int_eq(counts[1], ROWS * RUNS);
    ck_assert_int_eq(counts[2], 0);
    tsr_plan_free(plan);
    for (int i = 0; i < 5; i++) clReleaseMemObject(buffers[i]);
    test_clear_case(&t);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, adds_up);
    tcase_add_test(tests, nothing_changes_while_the_mark_is_set);
    tcase_add_test(tests, a_loss_that_is_not_finite_sets_the_mark);
    tcase_add_test(tests, long_sums_keep_their_digits);
}

int main(void)
{
    return test_run_both_classes("accumulate", add_tests);
}
