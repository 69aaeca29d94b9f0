/* The portable gradients of a convolution by its weights, alone and from a pool's winners, against their twins. */
#include "support/conv2d_cases.h"

#include "ops/conv2d_gradient.h"

static test_conv2d_case cases[TEST_MAX_CONV2D_CASES];

static int image(test_case *t, const tsr_conv2d_descriptor *d)
{
    return test_input(t, "x", TSR_F32, 4, (int32_t[]){d->batch, d->height, d->width, d->channels});
}

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
        int dy = gradient(&t, &cases[i].conv2d), x = image(&t, &cases[i].conv2d);
        dy = test_relay(&t, dy);
        x = test_relay(&t, x);
        test_conv2d_grad_weights(&t, &cases[i].conv2d, dy, x, NULL);
        test_run_case(&t, &(test_options){.only = "conv2d_grad_weights", .fused = 1});
    }
}
END_TEST

START_TEST(passes_on_what_is_not_finite)
{
    const test_fill fills[] = {TEST_NAN, TEST_INFINITE, TEST_MINUS_INFINITE};
    tsr_conv2d_descriptor d = {2, 6, 5, 3, 4, 3, 3, 2, 1, TSR_PADDING_SAME, true};
    for (int i = 0; i < 3; i++) {
        test_case t = {.fill = fills[i]};
        int dy = gradient(&t, &d), x = image(&t, &d);
        test_conv2d_grad_weights(&t, &d, dy, x, NULL);
        test_run_case(&t, &(test_options){.only = "conv2d_grad_weights"});
    }
}
END_TEST

/* Only what is wanted is stored. */
START_TEST(weights_or_bias_alone)
{
    tsr_conv2d_descriptor d = {3, 6, 5, 3, 4, 3, 3, 2, 1, TSR_PADDING_SAME, true};
    for (int i = 0; i < 2; i++) {
        test_case t = {.fill = TEST_INTEGERS};
        int dy = gradient(&t, &d), x = image(&t, &d), db;
        int dw = test_conv2d_grad_weights(&t, &d, dy, x, &db);
        test_want(&t, i ? db : dw);
        test_run_case(&t, &(test_options){.only = "conv2d_grad_weights"});
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
        int dy = test_input(&t, "dy", TSR_F32, 4, extent), x = image(&t, &cases[i].conv2d);
        x = test_relay(&t, x);
        if (cases[i].function != TSR_LINEAR) {
            int y = test_input(&t, "y", TSR_F32, 4, extent);
            dy = test_activation_grad(&t, cases[i].function, 1, dy, y);
        }
        dy = test_pool2d_grad(&t, &cases[i].pool, dy, TSR_NONE);
        test_conv2d_grad_weights(&t, &cases[i].conv2d, dy, x, NULL);
        int fused = cases[i].function == TSR_LINEAR ? 2 : 3;
        test_run_case(&t, &(test_options){.only = "conv2d_grad_weights_pool", .fused = fused});
    }
}
END_TEST

/* How the sum is split depends on the shape alone, and stays within bounds. */
START_TEST(partials)
{
    tsr_conv2d_descriptor d = {32, 28, 28, 1, 32, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    tsr_conv2d_gradient g = {.conv2d = &d, .rows = 28, .columns = 28};
    ck_assert_int_eq(tsr_conv2d_gradient_partial_count(&g), 64); /* few weights: many partial sums */
    d.batch = 1;
    g.rows = 3;
    ck_assert_int_eq(tsr_conv2d_gradient_partial_count(&g), 3); /* never more than rows */
    d.batch = 32;
    g.rows = 28;
    d.channels = d.filters = 512;
    ck_assert_int_eq(tsr_conv2d_gradient_partial_count(&g), 1); /* a large stack is not worth it */
    d.channels = d.filters = 64;
    g.rows = g.columns = 224;
    ck_assert_int_eq(tsr_conv2d_gradient_partial_count(&g), 64); /* long sums are split all the same */
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, passes_on_what_is_not_finite);
    tcase_add_test(tests, weights_or_bias_alone);
    tcase_add_test(tests, winners_cover_pairs);
    tcase_add_test(tests, partials);
}

int main(void)
{
    return test_run("conv2d_grad_weights", add_tests);
}
