/* The gradients of a convolution for GPUs, with those of a pool and an activation behind it, against their twins. */
#include "support/conv2d_gradient.h"

#include "device/device.h"

enum { CASES = 64 };
static gradient_case cases[CASES];
static const int32_t channels[] = {1, 8, 17};

/* A small tile: several of them each way even in small images, and quicker to compile. */
static void run_cases(void (*run)(const gradient_case *, uint32_t))
{
    tsr_device_info *info = &test_device()->info, whole = *info;
    int count = test_gradient_cases(cases, CASES, channels, 3, 3);
    info->max_work_group = 16;
    for (int i = 0; i < count; i++) run(&cases[i], (uint32_t)i);
    *info = whole;
}

static void run_data(const gradient_case *c, uint32_t seed)
{
    test_case t = {.fill = c->fill, .seed = seed};
    test_conv2d_grad_data(&t, &c->conv2d, test_gradient_source(&t, c));
    test_run_case(&t, &(test_options){.only = "conv2d_grad_data_tiled", .fused = test_gradient_span(c)});
}

static void run_weights(const gradient_case *c, uint32_t seed)
{
    bool gathered = seed % 4 == 1;
    const tsr_conv2d_descriptor *d = &c->conv2d;
    const int32_t extent[] = {d->batch, d->height, d->width, d->channels};
    test_case t = {.fill = c->fill, .seed = seed};
    int dy = test_gradient_source(&t, c), x, db;
    if (gathered)
        x = test_gather(&t,
                        &(tsr_gather_descriptor){.batch = d->batch,
                                                 .sample = d->height * d->width * d->channels,
                                                 .source = seed % 8 < 4 ? TSR_U8 : TSR_F32,
                                                 .scale = 0.25f},
                        d->batch + 3, 4, extent + 1);
    else
        x = test_relay(&t, test_input(&t, "x", TSR_F32, 4, extent));
    test_conv2d_grad_weights(&t, d, dy, x, d->bias ? &db : NULL);
    test_run_case(&t, &(test_options){.only = "conv2d_grad_weights_tiled", .fused = test_gradient_span(c) + gathered});
}

START_TEST(by_data_covers_pairs)
{
    run_cases(run_data);
}
END_TEST

START_TEST(by_weights_covers_pairs)
{
    run_cases(run_weights);
}
END_TEST

static const gradient_case large = {.conv2d = {5, 15, 14, 68, 132, 3, 3, 1, 1, TSR_PADDING_SAME, true},
                                    .pool = {TSR_POOL_MAX, 5, 15, 14, 132, 2, 2, 2, 2, TSR_PADDING_SAME},
                                    .activated = true,
                                    .function = TSR_RELU,
                                    .fill = TEST_INTEGERS};

/* Several tiles each way and several partial sums, the last ones partly filled. */
START_TEST(larger_than_a_tile)
{
    gradient_case unpooled = large;
    unpooled.pool = (tsr_pool2d_descriptor){0};
    run_data(&large, 1);
    run_data(&unpooled, 1);
    run_weights(&large, 2);
    run_weights(&unpooled, 1);
}
END_TEST

/* Pools whose windows overlap many times or leave cells out, kernels and strides larger than the image, one filter. */
START_TEST(unusual_windows)
{
    const gradient_case unusual[] = {
        {.conv2d = {3, 9, 8, 3, 4, 3, 3, 1, 1, TSR_PADDING_SAME, true},
         .pool =
             {.pool_height = 2, .pool_width = 2, .stride_height = 3, .stride_width = 3, .padding = TSR_PADDING_SAME}},
        {.conv2d = {3, 9, 8, 4, 5, 3, 3, 1, 1, TSR_PADDING_SAME, true},
         .pool =
             {.pool_height = 5, .pool_width = 3, .stride_height = 1, .stride_width = 1, .padding = TSR_PADDING_SAME}},
        {.conv2d = {2, 13, 5, 1, 1, 11, 11, 4, 4, TSR_PADDING_SAME, true}},
        {.conv2d = {3, 1, 1, 4, 4, 7, 1, 4, 4, TSR_PADDING_SAME, false}},
    };
    for (size_t i = 0; i < sizeof unusual / sizeof *unusual; i++) {
        gradient_case c = unusual[i];
        c.fill = TEST_SPARSE;
        c.pool.mode = TSR_POOL_MAX;
        test_gradient_fit(&c);
        run_data(&c, (uint32_t)i);
        run_weights(&c, (uint32_t)i);
    }
}
END_TEST

/* A device with a small work-group or little local memory gets a smaller tile, down to one work-item. */
START_TEST(tile_shrinks_to_the_device)
{
    tsr_device_info *info = &test_device()->info, whole = *info;
    const size_t groups[] = {32, 3, 1};
    const uint64_t memory[] = {4096, 600, 0};
    gradient_case c = large;
    c.conv2d.height = c.conv2d.width = c.pool.height = c.pool.width = 7;
    c.conv2d.channels = 5;
    c.conv2d.filters = c.pool.channels = 12;
    for (int i = 0; i < 3; i++) {
        *info = whole;
        info->max_work_group = groups[i];
        run_data(&c, 1);
        run_weights(&c, 2);
        *info = whole;
        info->local_memory = memory[i];
        run_data(&c, 1);
        run_weights(&c, 2);
    }
    *info = whole;
}
END_TEST

/* Only what is wanted is stored. */
START_TEST(weights_or_bias_alone)
{
    for (int i = 0; i < 2; i++) {
        test_case t = {.fill = TEST_INTEGERS};
        int dy = test_gradient_source(&t, &large), db;
        int x = test_input(&t, "x", TSR_F32, 4, (int32_t[]){5, 15, 14, 68});
        int dw = test_conv2d_grad_weights(&t, &large.conv2d, dy, x, &db);
        test_want(&t, i ? db : dw);
        test_run_case(&t, &(test_options){.only = "conv2d_grad_weights_tiled"});
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, by_data_covers_pairs);
    tcase_add_test(tests, by_weights_covers_pairs);
    tcase_add_test(tests, larger_than_a_tile);
    tcase_add_test(tests, unusual_windows);
    tcase_add_test(tests, tile_shrinks_to_the_device);
    tcase_add_test(tests, weights_or_bias_alone);
}

int main(void)
{
    return test_run("conv2d_gradients_tiled", add_tests);
}
