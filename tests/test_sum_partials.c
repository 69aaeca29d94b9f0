/* sum_partials against its twin. */
#include "support/tester.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

START_TEST(covers_pairs)
{
    const int32_t partials[] = {1, 2, 7, 16}, counts[] = {1, 15, 16, 17, 100, 513, 40001};
    const uint32_t widths[] = {1, 8, 0};
    const test_fill fills[] = {TEST_INTEGERS, TEST_RANDOM, TEST_NAN, TEST_INFINITE};
    const int levels[] = {COUNT(partials), COUNT(counts), COUNT(widths), COUNT(fills)};
    int cases[64 * 4], count = test_cover_pairs(levels, 4, cases, 64);
    for (int i = 0; i < count; i++) {
        const int *k = cases + 4 * i;
        int32_t extent[] = {partials[k[0]], counts[k[1]]};
        test_case t = {.fill = fills[k[3]], .seed = (uint32_t)i};
        tsr_primitive p = {
            .kind = TSR_KIND_SUM_PARTIALS, .input_count = 1, .output_count = 1, .as.partials = {extent[0], extent[1]}};
        p.inputs[0] = test_input(&t, "partials", TSR_F32, 2, extent);
        p.outputs[0] = test_value(&t, "sum", TSR_ROLE_TEMPORARY, TSR_F32, 1, &extent[1]);
        test_primitive(&t, &p);
        test_run_case(&t, &(test_options){.only = "sum_partials", .vector_width = widths[k[2]]});
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
}

int main(void)
{
    return test_run_both_classes("sum_partials", add_tests);
}
