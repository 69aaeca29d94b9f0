/* Winograd's convolution for CPUs, alone and with pool and activation, against the twins. */
#include "support/winograd_cases.h"

#include "ops/implementation.h"

#include <math.h>

static const int32_t extents[][2] = {{1, 1}, {2, 2}, {3, 7}, {9, 35}, {30, 5}};
static const int32_t channels[] = {8, 9, 16, 34};
static const int32_t filters[] = {8, 11, 31, 33, 64};
static const int32_t batches[] = {1, 2, 3};
static const uint32_t widths[] = {4, 8, 16};
static const test_fill fills[] = {TEST_INTEGERS, TEST_RANDOM, TEST_TIES, TEST_NAN};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static const char *add_chain(test_case *t, const tsr_conv2d_descriptor *d, const test_epilogue *e, test_fill fill)
{
    return test_winograd_chain(t, d, e, fill, "cpu");
}

/* Small integers stay exact in the transforms, whose only fractions are quarters; elsewhere rounding costs up to four
 * times as much as in the direct sum. */
START_TEST(covers_pairs)
{
    const int levels[] = {
        2, COUNT(extents), COUNT(channels), COUNT(filters), COUNT(batches), COUNT(widths), COUNT(fills),
        2, TEST_EPILOGUES};
    enum { PARAMETERS = 9, CAPACITY = 128 };
    static int cases[CAPACITY * PARAMETERS];
    int count = test_cover_pairs(levels, PARAMETERS, cases, CAPACITY);
    ck_assert_int_lt(count, CAPACITY);
    for (int i = 0; i < count; i++) {
        const int *k = cases + i * PARAMETERS;
        const test_epilogue *e = &test_epilogues[k[8]];
        tsr_conv2d_descriptor d =
            test_winograd_conv2d(extents[k[1]], channels[k[2]], filters[k[3]], batches[k[4]], k[0] == 0, k[7], e);
        test_fill fill = fills[k[6]];
        test_case t = {.fill = fill == TEST_NAN ? TEST_RANDOM : fill, .seed = (uint32_t)i};
        const char *name = add_chain(&t, &d, e, fill);
        test_run_case(&t, &(test_options){.only = name, .vector_width = widths[k[5]], .slack = 4});
    }
}
END_TEST

/* Filters too large for a cache are cut otherwise, and shared out. */
START_TEST(large_filter_bank)
{
    tsr_conv2d_descriptor d = {2, 6, 9, 130, 129, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    test_case t = {.fill = TEST_INTEGERS};
    const char *name = add_chain(&t, &d, &test_epilogues[2], TEST_INTEGERS);
    test_run_case(&t, &(test_options){.only = name, .vector_width = 8, .slack = 4});
}
END_TEST

/* One pixel that is not a number reaches just the cells that the direct sum gives it to, wherever it lies. */
START_TEST(not_a_number_stays_in_its_windows)
{
    for (int at = 0; at < 36; at++) {
        tsr_conv2d_descriptor d = {1, 6, 6, 8, 8, 3, 3, 1, 1, TSR_PADDING_SAME, true};
        test_case t = {.fill = TEST_RANDOM};
        const char *name = add_chain(&t, &d, &test_epilogues[0], TEST_RANDOM);
        double x[6 * 6 * 8];
        for (int i = 0; i < COUNT(x); i++) x[i] = i == at * 8 + 3 ? (double)NAN : i % 5;
        test_set(&t, 0, x);
        test_run_case(&t, &(test_options){.only = name, .vector_width = 8, .slack = 4});
    }
}
END_TEST

static void check_refused(const tsr_conv2d_descriptor *d, const test_epilogue *e, int32_t pool_size, const char *reason)
{
    test_case t = {0};
    const char *name = add_chain(&t, d, e, TEST_RANDOM);
    for (size_t i = 0; i < t.graph.primitive_count; i++)
        if (t.graph.primitives[i].kind == TSR_KIND_POOL2D) t.graph.primitives[i].as.pool2d.pool_height = pool_size;
    test_refused(&t, name, reason);
}

START_TEST(refuses_what_it_cannot_do)
{
    tsr_conv2d_descriptor d = {1, 8, 8, 16, 16, 3, 3, 1, 1, TSR_PADDING_SAME, true}, other = d;
    check_refused(&d, &test_epilogues[2], 1, "not 1 x 2");
    test_epilogue softmax = {.activation = true, .function = TSR_SOFTMAX};
    check_refused(&d, &softmax, 2, "softmax");
    other.kernel_width = 5;
    check_refused(&other, &test_epilogues[1], 2, "not 3 x 5 and 1 x 1");
    other = d;
    other.stride_height = 2;
    check_refused(&other, &test_epilogues[0], 2, "not 3 x 3 and 2 x 1");
    other = d;
    other.channels = 3;
    check_refused(&other, &test_epilogues[0], 2, "3 channels and 16 filters are too few");
    other.channels = other.filters = 1024;
    check_refused(&other, &test_epilogues[0], 2, "67108864 bytes");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, large_filter_bank);
    tcase_add_test(tests, not_a_number_stays_in_its_windows);
    tcase_add_test(tests, refuses_what_it_cannot_do);
}

int main(void)
{
    return test_run_on_cpus("conv2d_winograd_cpu", add_tests);
}
