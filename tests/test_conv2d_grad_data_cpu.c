/* conv2d_grad_data_cpu: the data gradient of a convolution for CPU-class devices, alone and with the gradients of a
 * pool and an activation before it. */
#include "support/conv2d_gradient.h"

#include <math.h>
#include <string.h>

static void run_by(const char *only, const gradient_case *c, uint32_t seed, test_fill fill, double slack)
{
    test_case t = {.fill = c->fill, .seed = seed};
    int dy = test_gradient_source(&t, c);
    test_fill_value(&t, 0, fill);
    test_conv2d_grad_data(&t, &c->conv2d, dy);
    test_run_case(
        &t,
        &(test_options){.only = only, .fused = test_gradient_span(c), .vector_width = c->vector_width, .slack = slack});
}

static void run(const gradient_case *c, uint32_t seed, test_fill fill)
{
    run_by("conv2d_grad_data_cpu", c, seed, fill, 1);
}

START_TEST(agrees_with_the_twin)
{
    static const int32_t channels[] = {1, 3, 15, 16, 33};
    gradient_case cases[128];
    int count = test_gradient_cases(cases, 128, channels, 5, 9);
    for (int i = 0; i < count; i++) run(&cases[i], (uint32_t)i, cases[i].fill);
}
END_TEST

static gradient_case reference_layer(int32_t batch)
{
    gradient_case c = {.activated = true, .function = TSR_RELU, .fill = TEST_INTEGERS};
    c.conv2d = (tsr_conv2d_descriptor){batch, 14, 14, 32, 64, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    c.pool = (tsr_pool2d_descriptor){TSR_POOL_MAX, 0, 0, 0, 0, 2, 2, 2, 2, TSR_PADDING_VALID};
    test_gradient_fit(&c);
    return c;
}

/* Enough images for one a work-item, and so few that each is computed in stripes. */
START_TEST(splits_few_images_into_stripes)
{
    for (int32_t batch = 1; batch <= 17; batch += 8) {
        gradient_case c = reference_layer(batch);
        run(&c, 1, TEST_INTEGERS);
    }
    gradient_case tall = {.fill = TEST_INTEGERS};
    tall.conv2d = (tsr_conv2d_descriptor){1, 61, 3, 2, 5, 5, 2, 2, 1, TSR_PADDING_SAME, true};
    tall.pool = (tsr_pool2d_descriptor){TSR_POOL_MAX, 0, 0, 0, 0, 3, 3, 2, 2, TSR_PADDING_SAME};
    test_gradient_fit(&tall);
    run(&tall, 1, TEST_INTEGERS);
}
END_TEST

/* Without a pool the filters are listed in parts, the last of which may be small. */
START_TEST(lists_many_filters_in_parts)
{
    const int32_t filters[] = {64, 65, 130};
    for (int i = 0; i < 3; i++) {
        gradient_case c = {.fill = TEST_INTEGERS, .activated = true, .function = TSR_RELU};
        c.conv2d = (tsr_conv2d_descriptor){2, 9, 8, 21, filters[i], 3, 3, 1, 1, TSR_PADDING_SAME, true};
        test_gradient_fit(&c);
        run(&c, 1, TEST_INTEGERS);
        c.conv2d.channels = 32; /* sums slide */
        run(&c, 1, TEST_INTEGERS);
    }
}
END_TEST

/* Channels that fill whole vectors: sums slide from window to window, over cells that overlap or not, over pool windows
 * that overlap, leave gaps or stick out of the image, within one stretch of a kernel row or several. */
START_TEST(slides_along_rows_of_windows)
{
    static const tsr_pool2d_descriptor pools[] = {
        {0}, /* none */
        {TSR_POOL_MAX, 0, 0, 0, 0, 2, 2, 2, 2, TSR_PADDING_VALID},
        {TSR_POOL_MAX, 0, 0, 0, 0, 2, 2, 2, 2, TSR_PADDING_SAME},
        {TSR_POOL_MAX, 0, 0, 0, 0, 3, 3, 2, 2, TSR_PADDING_SAME},
        {TSR_POOL_MAX, 0, 0, 0, 0, 2, 3, 3, 4, TSR_PADDING_SAME},
        {TSR_POOL_MAX, 0, 0, 0, 0, 1, 2, 1, 1, TSR_PADDING_VALID},
    };
    static const int32_t channels[] = {16, 32, 64, 128};
    uint32_t seed = 0;
    for (size_t pool = 0; pool < sizeof pools / sizeof *pools; pool++)
        for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
            gradient_case c = {.activated = true,
                               .function = TSR_RELU,
                               .fill = TEST_INTEGERS,
                               .pool = pools[pool],
                               .vector_width = seed % 3 == 2 ? 8 : 16};
            int32_t stride = 1 + (int32_t)(seed % 5 == 4);
            c.conv2d = (tsr_conv2d_descriptor){.batch = seed % 2 ? 1 : 17,
                                               .height = 9,
                                               .width = 11,
                                               .channels = channels[i],
                                               .filters = 6 + (int32_t)seed,
                                               .kernel_height = 3,
                                               .kernel_width = 3,
                                               .stride_height = stride,
                                               .stride_width = stride,
                                               .padding = seed % 3 ? TSR_PADDING_SAME : TSR_PADDING_VALID};
            test_gradient_fit(&c);
            run(&c, ++seed, TEST_INTEGERS);
        }
}
END_TEST

/* More than eight cells, or more filters than a byte counts: the counts are in memory. */
START_TEST(sorts_large_windows_and_many_filters)
{
    gradient_case c = {.fill = TEST_INTEGERS, .activated = true, .function = TSR_RELU};
    c.conv2d = (tsr_conv2d_descriptor){2, 16, 16, 3, 300, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    const int32_t sizes[][2] = {{2, 2}, {2, 4}, {3, 3}, {15, 16}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        c.pool = (tsr_pool2d_descriptor){.mode = TSR_POOL_MAX,
                                         .pool_height = sizes[i][0],
                                         .pool_width = sizes[i][1],
                                         .stride_height = 2,
                                         .stride_width = 2};
        test_gradient_fit(&c);
        run(&c, 1, TEST_INTEGERS);
    }
}
END_TEST

/* Gradients that are not finite are no zeros: they reach the cells that their window reaches, and no others. */
START_TEST(passes_on_what_is_not_finite)
{
    gradient_case c = reference_layer(2);
    c.fill = TEST_RANDOM;
    run(&c, 1, TEST_NAN);
    run(&c, 1, TEST_INFINITE);
    c.pool = (tsr_pool2d_descriptor){0};
    c.activated = false;
    run(&c, 1, TEST_NAN);
}
END_TEST

/* As a convolution of dy: any kernel size and padding, stride 1. */
START_TEST(direct_convolution_agrees_with_the_twin)
{
    static const int32_t kernels[][2] = {{1, 1}, {3, 3}, {5, 3}, {2, 2}, {7, 1}, {4, 5}};
    static const int32_t channels[] = {1, 3, 17, 33, 64}, filters[] = {1, 8, 34};
    static const test_fill fills[] = {TEST_INTEGERS, TEST_RANDOM, TEST_NAN};
    for (int i = 0; i < 30; i++) {
        gradient_case c = {.fill = i % 3 ? TEST_RANDOM : TEST_INTEGERS, .vector_width = 4u << i % 3};
        c.conv2d = (tsr_conv2d_descriptor){1 + i % 2,
                                           6 + i % 5,
                                           9 - i % 4,
                                           channels[i % 5],
                                           filters[i / 5 % 3],
                                           kernels[i % 6][0],
                                           kernels[i % 6][1],
                                           1,
                                           1,
                                           i % 4 ? TSR_PADDING_SAME : TSR_PADDING_VALID,
                                           true};
        test_gradient_fit(&c);
        run_by("conv2d_backward_cpu", &c, (uint32_t)i, fills[i % 3], 1);
    }
}
END_TEST

/* By Winograd's transforms, which cost up to four times the rounding of the direct sum. */
START_TEST(winograd_agrees_with_the_twin)
{
    static const int32_t channels[] = {8, 17, 33, 70}, filters[] = {8, 9, 34};
    static const test_fill fills[] = {TEST_INTEGERS, TEST_RANDOM, TEST_NAN};
    for (int i = 0; i < 18; i++) {
        gradient_case c = {.fill = i % 3 ? TEST_RANDOM : TEST_INTEGERS, .vector_width = 4u << i / 3 % 3};
        c.conv2d = (tsr_conv2d_descriptor){1 + i % 5,
                                           3 + i % 7,
                                           9 - i % 4,
                                           channels[i % 4],
                                           filters[i / 4 % 3],
                                           3,
                                           3,
                                           1,
                                           1,
                                           i % 4 ? TSR_PADDING_SAME : TSR_PADDING_VALID,
                                           true};
        test_gradient_fit(&c);
        run_by("conv2d_winograd_backward_cpu", &c, (uint32_t)i, fills[i % 3], 4);
    }
}
END_TEST

static void check_refused(const char *name, const gradient_case *c, const char *reason)
{
    test_case t = {0};
    test_conv2d_grad_data(&t, &c->conv2d, test_gradient_source(&t, c));
    test_refused(&t, name, reason);
}

START_TEST(convolutions_leave_the_rest_to_lists)
{
    static const char *const names[] = {"conv2d_backward_cpu", "conv2d_winograd_backward_cpu"};
    for (int i = 0; i < 2; i++) {
        gradient_case c = reference_layer(2);
        check_refused(names[i], &c, "behind a max pool");
        c.pool = (tsr_pool2d_descriptor){0};
        if (i == 0) check_refused(names[i], &c, "behind relu");
        c.activated = false;
        c.conv2d.stride_width = 2;
        test_gradient_fit(&c);
        check_refused(names[i], &c, "strides of 1 x 2");
    }
}
END_TEST

/* What a work-item adds up is too large for private memory; also in stripes. */
START_TEST(large_images_lie_in_the_workspace)
{
    for (int i = 0; i < 4; i++) {
        gradient_case c = {.fill = TEST_INTEGERS, .activated = i % 2, .function = TSR_RELU};
        c.conv2d = (tsr_conv2d_descriptor){2, 13, 110, 66, 9, 3, 3, 1 + i / 2, 1 + i / 2, TSR_PADDING_SAME, true};
        test_gradient_fit(&c);
        run(&c, 1, TEST_INTEGERS);
    }
    for (int i = 0; i < 2; i++) { /* sums slide, over pool windows that stick out */
        gradient_case c = {.fill = TEST_INTEGERS, .activated = true, .function = TSR_RELU};
        c.conv2d =
            (tsr_conv2d_descriptor){2, 13, 111, 64, 9, 3, 3, 1, 1, i ? TSR_PADDING_SAME : TSR_PADDING_VALID, true};
        c.pool = (tsr_pool2d_descriptor){TSR_POOL_MAX, 0, 0, 0, 0, 2, 2, 2, 2, TSR_PADDING_SAME};
        test_gradient_fit(&c);
        run(&c, 1, TEST_INTEGERS);
    }
}
END_TEST

/* Fewer windows than a block would have, for the gradients of more would take too much memory. */
START_TEST(products_of_many_filters)
{
    gradient_case c = {.fill = TEST_INTEGERS};
    c.conv2d = (tsr_conv2d_descriptor){2, 3, 5, 3, 9000, 1, 1, 1, 1, TSR_PADDING_SAME, true};
    test_gradient_fit(&c);
    run(&c, 1, TEST_INTEGERS);
}
END_TEST

START_TEST(lists_leave_too_many_filters_to_others)
{
    gradient_case c = reference_layer(2);
    c.pool = (tsr_pool2d_descriptor){0};
    c.conv2d.filters = 65536;
    test_gradient_fit(&c);
    check_refused("conv2d_grad_data_cpu", &c, "gradients of 65535 filters at most");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, agrees_with_the_twin);
    tcase_add_test(tests, splits_few_images_into_stripes);
    tcase_add_test(tests, direct_convolution_agrees_with_the_twin);
    tcase_add_test(tests, winograd_agrees_with_the_twin);
    tcase_add_test(tests, convolutions_leave_the_rest_to_lists);
    tcase_add_test(tests, lists_leave_too_many_filters_to_others);
    tcase_add_test(tests, large_images_lie_in_the_workspace);
    tcase_add_test(tests, products_of_many_filters);
    tcase_add_test(tests, lists_many_filters_in_parts);
    tcase_add_test(tests, slides_along_rows_of_windows);
    tcase_add_test(tests, sorts_large_windows_and_many_filters);
    tcase_add_test(tests, passes_on_what_is_not_finite);
}

int main(void)
{
    return test_run_on_cpus("conv2d_grad_data_cpu", add_tests);
}
