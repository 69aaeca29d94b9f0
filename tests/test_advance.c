/* advance against its twin. */
#include "support/tester.h"

static void check_advance(const double clock[4], const double counts[4], int32_t batch)
{
    static const int32_t four = 4;
    test_case t = {0};
    tsr_primitive p = {.kind = TSR_KIND_ADVANCE, .input_count = 2, .output_count = 1, .as.batch = batch};
    p.inputs[0] = test_input(&t, "clock", TSR_I32, 1, &four);
    p.inputs[1] = test_input(&t, "counts", TSR_I32, 1, &four);
    p.outputs[0] = test_value(&t, "clock'", TSR_ROLE_INPUT, TSR_I32, 1, &four);
    t.graph.values[p.outputs[0]].replaces = p.inputs[0];
    test_set(&t, p.inputs[0], clock);
    test_set(&t, p.inputs[1], counts);
    test_primitive(&t, &p);
    test_run_case(&t, &(test_options){.only = "advance"});
}

START_TEST(moves_on)
{
    check_advance((double[]){0, 0, 0, 0}, (double[]){0, 0, 0, 0}, 32);
    check_advance((double[]){41, 1280, 1312, 0}, (double[]){9, 1312, 0, 0}, 7);
}
END_TEST

START_TEST(stands_still_while_the_mark_is_set)
{
    check_advance((double[]){41, 1280, 1312, 0}, (double[]){9, 1312, 1, 41}, 32);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, moves_on);
    tcase_add_test(tests, stands_still_while_the_mark_is_set);
}

int main(void)
{
    return test_run_both_classes("advance", add_tests);
}
