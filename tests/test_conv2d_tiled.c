/* The convolution for GPUs, with its epilogues, against the twins; it runs on any device when a test asks for it. */
#include "support/conv2d_cases.h"

#include "device/device.h"

static test_conv2d_case cases[TEST_MAX_CONV2D_CASES];

static int image(test_case *t, const tsr_conv2d_descriptor *d)
{
    return test_input(t, "x", TSR_F32, 4, (int32_t[]){d->batch, d->height, d->width, d->channels});
}

/* The convolution with what stands behind it. */
static void run(const test_conv2d_case *c, bool pooled, bool winners, bool activated, const char *name, uint32_t seed)
{
    test_case t = {.fill = c->fill, .seed = seed};
    const tsr_conv2d_descriptor *d = &c->conv2d;
    bool gathered = seed % 4 == 1;
    bool finite = c->fill != TEST_NAN && c->fill != TEST_INFINITE && c->fill != TEST_MINUS_INFINITE;
    int x = gathered ? test_gather(&t,
                                   &(tsr_gather_descriptor){.batch = d->batch,
                                                            .sample = d->height * d->width * d->channels,
                                                            .source = seed % 8 < 4 ? TSR_U8 : TSR_F32,
                                                            .scale = 0.25f},
                                   d->batch + 3, 4, (const int32_t[]){d->height, d->width, d->channels})
                     : test_relay(&t, image(&t, d));
    int given = (int)t.graph.value_count - 1;
    int y = test_conv2d(&t, d, x), winner;
    /* Zeros are multiplied for pixels outside the image, so what is not finite stays out of the filters. */
    for (int v = given + 1; !finite && v < (int)t.graph.value_count; v++) test_fill_value(&t, v, TEST_INTEGERS);
    if (pooled) y = test_pool2d(&t, &c->pool, y, winners ? &winner : NULL);
    if (activated) test_activation(&t, c->function, 1, y);
    test_run_case(&t, &(test_options){.only = name, .fused = 1 + pooled + activated + gathered});
}

/* A small tile: several of them each way even in small images, and quicker to compile. */
START_TEST(covers_pairs)
{
    tsr_device_info *info = &test_device()->info, whole = *info;
    info->max_work_group = 16;
    int count =
        test_conv2d_cases(&(test_conv2d_axes){.tile = 4, .image = {17, 21}, .unpooled = true, .activations = 4}, cases);
    for (int i = 0; i < count; i++) {
        bool pooled = cases[i].pool.pool_height, activated = cases[i].function != TSR_LINEAR;
        const char *name = activated ? "conv2d_activation_tiled" : pooled ? "conv2d_pool_tiled" : "conv2d_tiled";
        run(&cases[i], pooled, cases[i].conv2d.bias, activated, name, (uint32_t)i);
    }
    *info = whole;
}
END_TEST

static const tsr_conv2d_descriptor small = {2, 7, 8, 3, 5, 3, 3, 1, 1, TSR_PADDING_SAME, true};

START_TEST(pools_pass_on_what_is_not_finite)
{
    const test_fill fills[] = {TEST_TIES, TEST_NAN, TEST_INFINITE, TEST_MINUS_INFINITE};
    for (int i = 0; i < 4; i++)
        for (int mode = 0; mode < 2; mode++) {
            test_conv2d_case c = {
                .conv2d = small,
                .fill = fills[i],
                .function = TSR_RELU,
                .pool = {mode ? TSR_POOL_AVERAGE : TSR_POOL_MAX, 2, 7, 8, 5, 2, 3, 2, 3, TSR_PADDING_SAME}};
            run(&c, true, true, true, "conv2d_activation_tiled", 1);
        }
}
END_TEST

/* Several tiles of filters and of windows, the last ones partly filled. */
START_TEST(larger_than_a_tile)
{
    test_conv2d_case c = {.conv2d = {3, 14, 14, 17, 67, 3, 3, 1, 1, TSR_PADDING_SAME, true},
                          .fill = TEST_INTEGERS,
                          .function = TSR_RELU,
                          .pool = {TSR_POOL_MAX, 3, 14, 14, 67, 2, 2, 2, 2, TSR_PADDING_VALID}};
    run(&c, true, true, true, "conv2d_activation_tiled", 1);
    run(&c, false, false, false, "conv2d_tiled", 1);
}
END_TEST

/* A device with a small work-group or little local memory gets a smaller tile, down to one work-item. */
START_TEST(tile_shrinks_to_the_device)
{
    tsr_device_info *info = &test_device()->info, whole = *info;
    const size_t groups[] = {64, 6, 1};
    const uint64_t memory[] = {8192, 1200, 200}; /* rusticl counts twice what a kernel takes */
    test_conv2d_case c = {.conv2d = small,
                          .fill = TEST_INTEGERS,
                          .function = TSR_RELU,
                          .pool = {TSR_POOL_MAX, 2, 7, 8, 5, 2, 2, 2, 2, TSR_PADDING_VALID}};
    for (int i = 0; i < 3; i++) {
        *info = whole;
        info->max_work_group = groups[i];
        run(&c, true, true, true, "conv2d_activation_tiled", 1);
        *info = whole;
        info->local_memory = memory[i];
        run(&c, true, true, true, "conv2d_activation_tiled", 1);
    }
    *info = whole;
}
END_TEST

/* What it does not compute it refuses, and the plan finds another way. */
START_TEST(refuses)
{
    const struct {
        tsr_pool2d_descriptor pool;
        tsr_activation function;
        const char *reason;
    } bad[] = {
        {{TSR_POOL_MAX, 2, 7, 8, 5, 3, 3, 2, 2, TSR_PADDING_SAME}, TSR_RELU, "overlap"},
        {{TSR_POOL_MAX, 2, 7, 8, 5, 2, 2, 2, 2, TSR_PADDING_SAME}, TSR_SOFTMAX, "softmax"},
        {{TSR_POOL_AVERAGE, 2, 70, 8, 5, 13, 5, 13, 5, TSR_PADDING_SAME}, TSR_RELU, "registers"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        test_case t = {0};
        int y = test_pool2d(&t, &bad[i].pool, test_conv2d(&t, &small, image(&t, &small)), NULL);
        test_activation(&t, bad[i].function, 1, y);
        test_refused(&t, "conv2d_activation_tiled", bad[i].reason);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, pools_pass_on_what_is_not_finite);
    tcase_add_test(tests, larger_than_a_tile);
    tcase_add_test(tests, tile_shrinks_to_the_device);
    tcase_add_test(tests, refuses);
}

int main(void)
{
    return test_run("conv2d_tiled", add_tests);
}
