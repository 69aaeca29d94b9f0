/* conv2d_grad_weights_cpu, conv2d_grad_weights_thin_cpu and conv2d_grad_weights_product_cpu: the weight gradient of a
 * convolution for CPU-class devices, alone, with the gradients of a pool and an activation before it, and with the
 * gather that makes its images. */
#include "support/conv2d_gradient.h"

#include <string.h>

static const char *const listed = "conv2d_grad_weights_cpu", *const thin = "conv2d_grad_weights_thin_cpu";
static const char *const product = "conv2d_grad_weights_product_cpu";

/* The images: an input, or gathered from `source`. */
typedef enum images { IMAGES_GIVEN, IMAGES_BYTES, IMAGES_FLOATS } images;

static int add_images(test_case *t, const tsr_conv2d_descriptor *d, images from)
{
    const int32_t extent[] = {d->batch, d->height, d->width, d->channels};
    if (from == IMAGES_GIVEN) return test_input(t, "x", TSR_F32, 4, extent);
    tsr_gather_descriptor gather = {.batch = d->batch,
                                    .sample = d->height * d->width * d->channels,
                                    .source = from == IMAGES_BYTES ? TSR_U8 : TSR_F32,
                                    .scale = from == IMAGES_BYTES ? 1 / 255.0f : 1};
    return test_gather(t, &gather, d->batch + 5, 4, extent + 1);
}

/* Returns false when the implementation leaves the case to the other one. */
static bool run(const char *only, const gradient_case *c, images from, uint32_t seed, test_fill dy_fill)
{
    test_case t = {.fill = c->fill, .seed = seed};
    int dy = test_gradient_source(&t, c), db;
    test_fill_value(&t, 0, dy_fill);
    int x = add_images(&t, &c->conv2d, from);
    test_conv2d_grad_weights(&t, &c->conv2d, dy, x, &db);
    if (!test_takes(&t, only, c->vector_width)) {
        test_clear_case(&t);
        return false;
    }
    test_run_case(&t, &(test_options){.only = only,
                                      .fused = test_gradient_span(c) + (from != IMAGES_GIVEN),
                                      .vector_width = c->vector_width});
    return true;
}

START_TEST(listed_agrees_with_the_twin)
{
    static const int32_t channels[] = {1, 3, 15, 16, 33};
    gradient_case cases[128];
    int count = test_gradient_cases(cases, 128, channels, 5, 9);
    for (int i = 0; i < count; i++) ck_assert(run(listed, &cases[i], (images)(i % 4 % 3), (uint32_t)i, cases[i].fill));
}
END_TEST

START_TEST(thin_agrees_with_the_twin)
{
    static const int32_t channels[] = {1, 2, 3};
    gradient_case cases[128];
    int count = test_gradient_cases(cases, 128, channels, 3, 9), taken = 0;
    for (int i = 0; i < count; i++) {
        gradient_case c = cases[i];
        images from = (images)(i % 3);
        taken += run(thin, &c, from, (uint32_t)i, c.fill);
        /* What lists do with less work becomes its own with enough filters and at most a small pool. */
        c.conv2d.filters = i % 2 ? 17 : 33;
        if (c.pool.pool_height * c.pool.pool_width > 4) c.pool.pool_height = 0;
        /* And small batches without a pool are left to the product. */
        if (!c.pool.pool_height && c.conv2d.batch < 4) c.conv2d.batch = 4;
        test_gradient_fit(&c);
        taken += run(thin, &c, from, (uint32_t)i, c.fill);
    }
    ck_assert_int_gt(taken, count / 2);
}
END_TEST

START_TEST(product_agrees_with_the_twin)
{
    static const int32_t channels[] = {1, 3, 15, 16, 33};
    gradient_case cases[128];
    int count = test_gradient_cases(cases, 128, channels, 5, 9), taken = 0;
    for (int i = 0; i < count; i++) {
        gradient_case c = cases[i];
        c.pool.pool_height = 0;
        c.conv2d.filters += i % 2 * 8; /* few are left to vectors along the rows of the kernel */
        c.vector_width = (uint32_t)1 << i % 5;
        test_gradient_fit(&c);
        taken += run(product, &c, (images)(i % 4 % 3), (uint32_t)i, c.fill);
    }
    ck_assert_int_gt(taken, count / 2);
}
END_TEST

/* Wide layers: several blocks of filters and tiles of the kernel, of which the last ones are cut or reach back; chunks
 * of cells that end in the midst of an image; partitions that do. */
START_TEST(product_is_tiled)
{
    static const int32_t shapes[][6] = {{2, 9, 7, 130, 100, 3}, {1, 23, 19, 20, 145, 1}, {3, 40, 9, 5, 9, 3},
                                        {1, 6, 6, 530, 17, 1},  {2, 8, 5, 70, 66, 5},    {1, 64, 33, 3, 33, 7}};
    static const uint32_t widths[] = {4, 8, 16};
    for (int i = 0; i < 12; i++) {
        const int32_t *s = shapes[i % 6];
        gradient_case c = {.activated = i % 2, .function = TSR_TANH, .vector_width = widths[(i % 6 + i / 6) % 3]};
        c.fill = c.activated ? TEST_RANDOM : TEST_INTEGERS;
        c.conv2d = (tsr_conv2d_descriptor){s[0], s[1], s[2], s[3], s[4], s[5], s[5], 1, 1, TSR_PADDING_SAME, true};
        if (i % 4 == 3) c.conv2d.stride_height = 2;
        test_gradient_fit(&c);
        ck_assert(run(product, &c, IMAGES_GIVEN, (uint32_t)i, c.fill));
    }
}
END_TEST

/* Lists of what is not zero are left what a max pool, or relu behind a kernel of some size, makes sparse. */
START_TEST(product_leaves_what_is_sparse)
{
    gradient_case c = {.activated = true, .function = TSR_TANH, .fill = TEST_INTEGERS, .vector_width = 16};
    c.conv2d = (tsr_conv2d_descriptor){3, 8, 8, 64, 64, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    test_gradient_fit(&c);
    gradient_case pooled = c, sparse = c, few = c;
    pooled.pool = (tsr_pool2d_descriptor){TSR_POOL_MAX, 0, 0, 0, 0, 2, 2, 2, 2, TSR_PADDING_VALID};
    test_gradient_fit(&pooled);
    sparse.function = TSR_RELU;
    few.conv2d.filters = 7;
    test_gradient_fit(&few);
    ck_assert(run(product, &c, IMAGES_GIVEN, 1, TEST_RANDOM));
    ck_assert(!run(thin, &c, IMAGES_GIVEN, 1, TEST_RANDOM));
    const gradient_case *others[] = {&pooled, &sparse, &few};
    for (int i = 0; i < 3; i++) {
        ck_assert(!run(product, others[i], IMAGES_GIVEN, 1, TEST_RANDOM));
        ck_assert(run(listed, others[i], IMAGES_GIVEN, 1, TEST_RANDOM));
    }
    sparse.conv2d.kernel_height = sparse.conv2d.kernel_width = 1;
    test_gradient_fit(&sparse);
    ck_assert(run(product, &sparse, IMAGES_GIVEN, 1, TEST_INTEGERS));
}
END_TEST

static gradient_case first_layer(int32_t batch)
{
    gradient_case c = {.activated = true, .function = TSR_RELU, .fill = TEST_INTEGERS, .vector_width = 16};
    c.conv2d = (tsr_conv2d_descriptor){batch, 28, 28, 1, 32, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    c.pool = (tsr_pool2d_descriptor){TSR_POOL_MAX, 0, 0, 0, 0, 2, 2, 2, 2, TSR_PADDING_VALID};
    test_gradient_fit(&c);
    return c;
}

/* Where an image is larger than a cache a work-item has several eights of filters, of which the last may be cut; lists
 * are of several images where those have few windows, and of a part of one where it has many. */
START_TEST(large_images_are_read_for_more_filters)
{
    const int32_t filters[] = {8, 21, 45};
    for (int i = 0; i < 6; i++) {
        gradient_case c = {.activated = true, .function = TSR_RELU, .fill = TEST_INTEGERS};
        c.conv2d = (tsr_conv2d_descriptor){9, 4, 5, 420, filters[i % 3], 3, 3, 1, 1, TSR_PADDING_SAME, true};
        if (i >= 3) c.conv2d.height = 17, c.conv2d.width = 11, c.conv2d.channels = 66, c.conv2d.batch = 2;
        if (i % 2) c.pool = (tsr_pool2d_descriptor){TSR_POOL_MAX, 0, 0, 0, 0, 2, 2, 2, 2, TSR_PADDING_SAME};
        test_gradient_fit(&c);
        ck_assert(run(listed, &c, IMAGES_GIVEN, (uint32_t)i, TEST_INTEGERS));
    }
}
END_TEST

/* Up to eight filters whose gradients are dense have no lists: chunks of some images and of parts of one, kernel rows
 * in several stretches of which the last reaches back. The product leaves them unless a row of the kernel is short. */
START_TEST(few_filters_are_summed_together)
{
    static const int32_t filters[] = {1, 3, 5, 7, 8}, channels[] = {6, 17, 64, 9}, kernels[] = {3, 1, 5};
    for (int i = 0; i < 25; i++) {
        gradient_case c = {.activated = i % 2, .function = TSR_TANH, .vector_width = 1U << i / 5};
        c.fill = c.activated ? TEST_RANDOM : TEST_INTEGERS;
        int32_t k = kernels[i % 3], stride = 1 + i % 7 / 5;
        int32_t batch = i % 2 ? 5 : 40, height = i % 2 ? 9 : 4, width = i % 2 ? 17 : 5;
        tsr_padding padding = i % 4 ? TSR_PADDING_SAME : TSR_PADDING_VALID;
        c.conv2d = (tsr_conv2d_descriptor){batch,  height,  width, channels[i % 4], filters[i % 5], k, k, stride,
                                           stride, padding, true};
        test_gradient_fit(&c);
        ck_assert(run(listed, &c, (images)(i % 3), (uint32_t)i, i % 8 == 4 ? TEST_NAN : c.fill));
        if (k * channels[i % 4] < (int)c.vector_width) continue;
        ck_assert(!run(product, &c, IMAGES_GIVEN, (uint32_t)i, c.fill));
        if (c.conv2d.filters == 8 && c.vector_width == 16) ck_assert(!run(thin, &c, IMAGES_GIVEN, (uint32_t)i, c.fill));
    }
}
END_TEST

/* The first layer of a network for grey images goes to the thin kernel, others do not. */
START_TEST(few_channels_are_thin)
{
    gradient_case c = first_layer(19);
    ck_assert(run(thin, &c, IMAGES_BYTES, 1, TEST_INTEGERS));
    c.conv2d.channels = 32;
    ck_assert(!run(thin, &c, IMAGES_GIVEN, 1, TEST_INTEGERS));
    ck_assert(run(listed, &c, IMAGES_GIVEN, 1, TEST_INTEGERS));
}
END_TEST

/* A graph in which images, gradients and outputs of activations all get a halo, since one of their readers is a
 * gradient that wants its images with a border: everybody else has to step over it. */
static void add_haloed(test_case *t, int *p, int *dx)
{
    const tsr_pool2d_descriptor pool = {TSR_POOL_MAX, 3, 14, 10, 32, 2, 2, 2, 2, TSR_PADDING_VALID};
    const tsr_conv2d_descriptor wide = {3, 7, 5, 32, 32, 3, 3, 1, 1, TSR_PADDING_SAME, false};
    /* Lists compute its gradient by data, as Winograd's kernel does not take it. */
    const tsr_conv2d_descriptor large = {3, 7, 5, 32, 32, 5, 5, 1, 1, TSR_PADDING_SAME, false};
    const tsr_conv2d_descriptor grey = {3, 7, 5, 1, 32, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    const int32_t extent[] = {3, 7, 5, 32};
    int y = test_input(t, "y", TSR_F32, 4, extent), dy = test_input(t, "dy", TSR_F32, 4, extent);
    *p = test_pool2d(t, &pool, test_input(t, "x", TSR_F32, 4, (int32_t[]){3, 14, 10, 32}), NULL);
    test_conv2d_grad_weights(t, &wide, test_activation_grad(t, TSR_RELU, 0, dy, y), *p, NULL);
    *dx = test_conv2d_grad_data(t, &large, test_activation_grad(t, TSR_RELU, 0, dy, *p));
    test_conv2d_grad_weights(t, &wide, test_activation_grad(t, TSR_RELU, 0, *p, y), *dx, NULL);
    int x = test_input(t, "grey", TSR_F32, 4, (int32_t[]){3, 7, 5, 1});
    test_conv2d_grad_weights(t, &grey, test_activation_grad(t, TSR_RELU, 0, *p, *dx), x, NULL);
}

static void check_halo(const tsr_plan *plan, int value)
{
    for (int side = 0; side < 4; side++) ck_assert_int_eq(tsr_plan_view(plan, value)->halo[side], 1);
}

START_TEST(steps_over_halos)
{
    test_case t = {.fill = TEST_INTEGERS};
    int p, dx;
    add_haloed(&t, &p, &dx);
    for (int v = 0; v < (int)t.graph.value_count; v++)
        if (t.graph.values[v].role == TSR_ROLE_GRADIENT) test_want(&t, v);
    tsr_plan *plan = NULL;
    check_ok(tsr_plan_create(test_device(), &t.graph, t.wanted, t.wanted_count, &(tsr_plan_options){.vector_width = 16},
                             NULL, &plan));

    check_halo(plan, p);
    check_halo(plan, dx);
    int count = 0;
    for (int s = 0; s < tsr_plan_step_count(plan); s++) {
        /* No copy with a border is made, then. */
        const tsr_step *step = tsr_plan_step(plan, s);
        if (strcmp(step->implementation->name, listed) != 0) continue;
        ck_assert_int_eq(step->launch_count, 1);
        count++;
    }
    ck_assert_int_eq(count, 2);
    tsr_plan_free(plan);
    test_run_case(&t, &(test_options){.vector_width = 16});
}
END_TEST

/* Zeros are left out of the lists, not-a-number is not. */
START_TEST(passes_on_what_is_not_finite)
{
    gradient_case c = first_layer(3);
    c.fill = TEST_RANDOM;
    c.conv2d.padding = TSR_PADDING_VALID;
    c.conv2d.height = c.conv2d.width = 6;
    test_gradient_fit(&c);
    const test_fill fills[] = {TEST_NAN, TEST_INFINITE};
    for (int i = 0; i < 2; i++) {
        ck_assert(run(thin, &c, IMAGES_GIVEN, 1, fills[i]));
        ck_assert(run(listed, &c, IMAGES_GIVEN, 1, fills[i]));
        gradient_case alone = c;
        alone.pool.pool_height = 0;
        alone.function = TSR_SIGMOID;
        ck_assert(run(product, &alone, IMAGES_GIVEN, 1, fills[i]));
        alone.conv2d.filters = 5;
        test_gradient_fit(&alone);
        ck_assert(run(listed, &alone, IMAGES_GIVEN, 1, fills[i]));
    }
}
END_TEST

/* What nobody reads is not stored. */
START_TEST(stores_only_what_is_wanted)
{
    const char *const names[] = {listed, thin, product};
    for (int i = 0; i < 6; i++) {
        gradient_case c = first_layer(5);
        if (names[i % 3] == product) c.pool.pool_height = 0, c.function = TSR_TANH, c.fill = TEST_RANDOM;
        test_case t = {.fill = TEST_INTEGERS};
        int db, dy = test_gradient_source(&t, &c);
        int dw = test_conv2d_grad_weights(&t, &c.conv2d, dy, add_images(&t, &c.conv2d, IMAGES_GIVEN), &db);
        test_want(&t, i < 3 ? dw : db);
        test_run_case(&t, &(test_options){.only = names[i % 3]});
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, listed_agrees_with_the_twin);
    tcase_add_test(tests, thin_agrees_with_the_twin);
    tcase_add_test(tests, product_agrees_with_the_twin);
    tcase_add_test(tests, product_is_tiled);
    tcase_add_test(tests, product_leaves_what_is_sparse);
    tcase_add_test(tests, large_images_are_read_for_more_filters);
    tcase_add_test(tests, few_filters_are_summed_together);
    tcase_add_test(tests, few_channels_are_thin);
    tcase_add_test(tests, steps_over_halos);
    tcase_add_test(tests, passes_on_what_is_not_finite);
    tcase_add_test(tests, stores_only_what_is_wanted);
}

int main(void)
{
    return test_run_on_cpus("conv2d_grad_weights_cpu", add_tests);
}
