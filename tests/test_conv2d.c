/* The portable convolution against its twin. */
#include "support/conv2d_cases.h"

#include "ops/primitive.h"

static int image(test_case *t, const tsr_conv2d_descriptor *d)
{
    return test_input(t, "x", TSR_F32, 4, (int32_t[]){d->batch, d->height, d->width, d->channels});
}

START_TEST(covers_pairs)
{
    static test_conv2d_case cases[TEST_MAX_CONV2D_CASES];
    int count = test_conv2d_cases(&(test_conv2d_axes){.tile = 8, .image = {17, 21}, .activations = 1}, cases);
    for (int i = 0; i < count; i++) {
        test_case t = {.fill = cases[i].fill, .seed = (uint32_t)i};
        int x = image(&t, &cases[i].conv2d);
        test_conv2d(&t, &cases[i].conv2d, test_relay(&t, x));
        test_run_case(&t, &(test_options){.only = "conv2d", .fused = 1});
    }
}
END_TEST

START_TEST(passes_on_what_is_not_finite)
{
    const test_fill fills[] = {TEST_NAN, TEST_INFINITE, TEST_MINUS_INFINITE};
    tsr_conv2d_descriptor d = {2, 6, 5, 3, 4, 3, 3, 2, 1, TSR_PADDING_SAME, true};
    for (int i = 0; i < 3; i++) {
        test_case t = {.fill = fills[i]};
        test_conv2d(&t, &d, image(&t, &d));
        test_run_case(&t, &(test_options){.only = "conv2d"});
    }
}
END_TEST

/* One tap by hand: a definition that only agrees with itself is none. */
START_TEST(twin_is_the_formula)
{
    tsr_conv2d_descriptor d = {1, 2, 3, 1, 1, 2, 2, 1, 1, TSR_PADDING_SAME, true};
    const double x[6] = {1, 2, 3, 4, 5, 6}, w[4] = {10, 20, 30, 40}, b[1] = {7};
    double y[6];
    tsr_primitive p = {.kind = TSR_KIND_CONV2D, .as.conv2d = d};
    tsr_primitive_row_of(TSR_KIND_CONV2D)->reference(&p, (const double *[]){x, w, b}, (double *[]){y});
    const double expected[6] = {
        10 + 40 + 120 + 200 + 7, 20 + 60 + 150 + 240 + 7, 30 + 180 + 7, 40 + 100 + 7, 50 + 120 + 7, 60 + 7};
    for (int i = 0; i < 6; i++) ck_assert_double_eq(y[i], expected[i]);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, passes_on_what_is_not_finite);
    tcase_add_test(tests, twin_is_the_formula);
}

int main(void)
{
    return test_run("conv2d", add_tests);
}
