/* The portable gradients of a convolution by its input, alone and from a pool's winners, against their twins. */
#include "support/conv2d_cases.h"

static test_conv2d_case cases[TEST_MAX_CONV2D_CASES];

static int gradient(test_case *t, const tsr_conv2d_descriptor *d)
{
    int32_t extent[4];
    test_conv2d_output(d, extent);
    return test_input(t, "dy", TSR_F32, 4, extent);
}

START_TEST(covers_pairs)
{
    int count = test_conv2d_cases(&(test_conv2d_axes){.tile = 8, .image = {17, 21}, .activations = 1}, cases);
    for (int i = 0; i < count; i++) {
        test_case t = {.fill = cases[i].fill, .seed = (uint32_t)i};
        int dy = gradient(&t, &cases[i].conv2d);
        test_conv2d_grad_data(&t, &cases[i].conv2d, test_relay(&t, dy));
        test_run_case(&t, &(test_options){.only = "conv2d_grad_data", .fused = 1});
    }
}
END_TEST

START_TEST(passes_on_what_is_not_finite)
{
    const test_fill fills[] = {TEST_NAN, TEST_INFINITE, TEST_MINUS_INFINITE};
    tsr_conv2d_descriptor d = {2, 6, 5, 3, 4, 3, 3, 2, 1, TSR_PADDING_SAME, true};
    for (int i = 0; i < 3; i++) {
        test_case t = {.fill = fills[i]};
        test_conv2d_grad_data(&t, &d, gradient(&t, &d));
        test_run_case(&t, &(test_options){.only = "conv2d_grad_data"});
    }
}
END_TEST

START_TEST(winners_cover_pairs)
{
    int count = test_conv2d_cases(
        &(test_conv2d_axes){.tile = 8, .image = {17, 21}, .overlapping = true, .activations = 4}, cases);
    for (int i = 0; i < count; i++) {
        test_case t = {.fill = cases[i].fill, .seed = (uint32_t)i};
        int32_t extent[4];
        test_pool2d_output(&cases[i].pool, extent);
        int dy = test_input(&t, "dy", TSR_F32, 4, extent);
        if (cases[i].function != TSR_LINEAR) {
            int y = test_input(&t, "y", TSR_F32, 4, extent);
            dy = test_activation_grad(&t, cases[i].function, 1, dy, y);
        }
        dy = test_pool2d_grad(&t, &cases[i].pool, dy, TSR_NONE);
        test_conv2d_grad_data(&t, &cases[i].conv2d, dy);
        test_run_case(&t, &(test_options){.only = "conv2d_grad_data_pool"});
    }
}
END_TEST

/* A pool's window of more than 255 cells has winners of two bytes. */
START_TEST(wide_winners)
{
    tsr_conv2d_descriptor d = {2, 20, 34, 3, 2, 3, 3, 1, 1, TSR_PADDING_SAME, false};
    tsr_pool2d_descriptor pool = {TSR_POOL_MAX, 2, 20, 34, 2, 16, 17, 3, 17, TSR_PADDING_VALID};
    test_case t = {.fill = TEST_INTEGERS};
    int32_t extent[4];
    test_pool2d_output(&pool, extent);
    int dy = test_input(&t, "dy", TSR_F32, 4, extent);
    test_conv2d_grad_data(&t, &d, test_pool2d_grad(&t, &pool, dy, TSR_NONE));
    test_run_case(&t, &(test_options){.only = "conv2d_grad_data_pool"});
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, passes_on_what_is_not_finite);
    tcase_add_test(tests, winners_cover_pairs);
    tcase_add_test(tests, wide_winners);
}

int main(void)
{
    return test_run("conv2d_grad_data", add_tests);
}
