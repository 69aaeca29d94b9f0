/* Winograd's convolution for GPUs, alone and with pool and activation, and the gradient by data, against the twins; it
 * runs on any device when a test asks for it. */
#include "support/winograd_cases.h"

#include "device/device.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static const int32_t extents[][2] = {{1, 1}, {2, 2}, {3, 7}, {9, 21}, {14, 5}};
static const int32_t channels[] = {16, 19};
static const int32_t filters[2][2] = {{16, 20}, {19, 33}}; /* of which four can be read together, or not */
static const int32_t batches[] = {1, 2, 5};
static const test_fill fills[] = {TEST_INTEGERS, TEST_RANDOM, TEST_TIES, TEST_NAN};

/* Small tiles: several of them each way even in small images, and quicker to compile. */
static void make_tiles_small(void)
{
    size_t *most = &test_device()->info.max_work_group;
    if (*most > 64) *most = 64;
}

static void run_as(const char *name, test_case *t)
{
    test_run_case(t, &(test_options){.only = name, .slack = 4});
}

static void run(const tsr_conv2d_descriptor *d, const test_epilogue *e, test_fill fill, uint32_t seed)
{
    test_case t = {.fill = fill == TEST_NAN ? TEST_RANDOM : fill, .seed = seed};
    run_as(test_winograd_chain(&t, d, e, fill, "tiled"), &t);
}

/* Small integers stay exact in the transforms, whose only fractions are quarters; elsewhere rounding costs up to four
 * times as much as in the direct sum. */
START_TEST(covers_pairs)
{
    /* The first ones make programs. */
    const int levels[] = {COUNT(channels), TEST_EPILOGUES, 2, 2, 2, COUNT(extents), COUNT(batches), COUNT(fills), 2};
    enum { PARAMETERS = 9, SET_PARAMETERS = 4, CAPACITY = 128 };
    static int sets[CAPACITY * SET_PARAMETERS], cases[CAPACITY * PARAMETERS];
    tsr_device_info *info = &test_device()->info, whole = *info;
    make_tiles_small();
    int count = test_cover_pairs(levels, SET_PARAMETERS, sets, CAPACITY);
    count = test_extend_pairs(levels, PARAMETERS, sets, count, SET_PARAMETERS, cases, CAPACITY);
    ck_assert_int_lt(count, CAPACITY);
    for (int i = 0; i < count; i++) {
        const int *k = cases + i * PARAMETERS;
        const test_epilogue *e = &test_epilogues[k[1]];
        tsr_conv2d_descriptor d =
            test_winograd_conv2d(extents[k[5]], channels[k[0]], filters[k[3]][k[4]], batches[k[6]], k[8], k[2], e);
        run(&d, e, fills[k[7]], (uint32_t)i);
    }
    *info = whole;
}
END_TEST

/* Tiles as they are, several of filters and of windows, the last ones partly filled. */
START_TEST(larger_than_a_tile)
{
    const int32_t extent[2] = {14, 14};
    for (int i = 0; i < 2; i++) {
        const test_epilogue *e = &test_epilogues[i ? 2 : 0];
        tsr_conv2d_descriptor d = test_winograd_conv2d(extent, i ? 24 : 19, i ? 20 : 35, 3, false, i, e);
        run(&d, e, TEST_INTEGERS, (uint32_t)i);
    }
}
END_TEST

/* A device with a small work-group or little local memory gets a smaller tile, down to one work-item. */
START_TEST(tile_shrinks_to_the_device)
{
    tsr_device_info *info = &test_device()->info, whole = *info;
    const size_t groups[] = {128, 6, 1};
    const uint64_t memory[] = {16384, 6000, 200}; /* rusticl counts twice what a kernel takes */
    const int32_t extent[2] = {5, 6};
    tsr_conv2d_descriptor d = test_winograd_conv2d(extent, 16, 17, 2, false, true, &test_epilogues[2]);
    for (int i = 0; i < 3; i++) {
        *info = whole;
        info->max_work_group = groups[i];
        run(&d, &test_epilogues[2], TEST_INTEGERS, 0);
        *info = whole;
        info->local_memory = memory[i];
        run(&d, &test_epilogues[2], TEST_INTEGERS, 0);
    }
    *info = whole;
}
END_TEST

/* One pixel that is not a number reaches just the cells that the direct sum gives it to, wherever it lies. */
START_TEST(not_a_number_stays_in_its_windows)
{
    enum { SIDE = 6, CHANNELS = 16 };
    const int32_t extent[2] = {SIDE, SIDE};
    tsr_device_info *info = &test_device()->info, whole = *info;
    make_tiles_small();
    for (int at = 0; at < SIDE * SIDE; at++) {
        tsr_conv2d_descriptor d = test_winograd_conv2d(extent, CHANNELS, 16, 1, false, true, &test_epilogues[0]);
        test_case t = {.fill = TEST_RANDOM};
        const char *name = test_winograd_chain(&t, &d, &test_epilogues[0], TEST_RANDOM, "tiled");
        double x[SIDE * SIDE * CHANNELS];
        for (int i = 0; i < COUNT(x); i++) x[i] = i == at * CHANNELS + 3 ? (double)NAN : i % 5;
        test_set(&t, 0, x);
        run_as(name, &t);
    }
    *info = whole;
}
END_TEST

static int gradient(test_case *t, const tsr_conv2d_descriptor *d)
{
    int32_t extent[4];
    test_conv2d_output(d, extent);
    int dy = test_input(t, "dy", TSR_F32, 4, extent);
    test_conv2d_grad_data(t, d, dy);
    return dy;
}

START_TEST(gradient_by_data)
{
    tsr_device_info *info = &test_device()->info, whole = *info;
    make_tiles_small();
    for (int i = 0; i < 12; i++) {
        bool valid = i % 2;
        tsr_conv2d_descriptor d =
            test_winograd_conv2d(extents[i % COUNT(extents)], filters[i / 2 % 2][i / 4 % 2], channels[i % 2],
                                 batches[i % 3], valid, i % 4 == 0, &test_epilogues[0]);
        test_case t = {.fill = i % 3 ? TEST_RANDOM : TEST_INTEGERS, .seed = (uint32_t)i};
        int dy = gradient(&t, &d);
        if (i % 4 == 3) test_fill_value(&t, dy, TEST_NAN);
        run_as("conv2d_winograd_backward_tiled", &t);
    }
    *info = whole;
}
END_TEST

static void check_refused(const tsr_conv2d_descriptor *d, const test_epilogue *e, int32_t pool_size, const char *reason)
{
    test_case t = {0};
    const char *name = test_winograd_chain(&t, d, e, TEST_RANDOM, "tiled");
    for (size_t i = 0; i < t.graph.primitive_count; i++)
        if (t.graph.primitives[i].kind == TSR_KIND_POOL2D) t.graph.primitives[i].as.pool2d.pool_height = pool_size;
    test_refused(&t, name, reason);
}

START_TEST(refuses_what_it_cannot_do)
{
    tsr_conv2d_descriptor d = {1, 8, 8, 16, 16, 3, 3, 1, 1, TSR_PADDING_SAME, true}, other = d;
    const test_epilogue softmax = {.activation = true, .function = TSR_SOFTMAX};
    check_refused(&d, &test_epilogues[2], 1, "not 1 x 2");
    check_refused(&d, &softmax, 2, "softmax");
    other.kernel_width = 5;
    check_refused(&other, &test_epilogues[1], 2, "not 3 x 5 and 1 x 1");
    other = d;
    other.stride_height = 2;
    check_refused(&other, &test_epilogues[0], 2, "not 3 x 3 and 2 x 1");
    other = d;
    other.channels = 15;
    check_refused(&other, &test_epilogues[0], 2, "15 channels and 16 filters are too few");
    other.channels = other.filters = 16384;
    check_refused(&other, &test_epilogues[0], 2, "4294967296 numbers of filters");
    other = d;
    other.height = 4096;
    other.width = 4097;
    check_refused(&other, &test_epilogues[0], 2, "images of 1074003968 bytes");
    test_case t = {0};
    other = d;
    other.stride_width = 2;
    gradient(&t, &other);
    test_refused(&t, "conv2d_winograd_backward_tiled", "strides of 1 x 2");
}
END_TEST

/* Whether it takes the chain where nobody asks for it; or the reason. */
static bool takes(const tsr_conv2d_descriptor *d, tsr_needs *needs)
{
    static const bool claimed[TEST_MAX_VALUES];
    test_case t = {0};
    tsr_span span;
    const tsr_implementation *implementation =
        test_implementation(test_winograd_chain(&t, d, &test_epilogues[2], TEST_RANDOM, "tiled"));
    const tsr_target target = {.device = test_device(), .fuse = true, .vector_width = 8};
    *needs = (tsr_needs){0};
    ck_assert(implementation->match(&t.graph, (int)t.graph.primitive_count - 1, claimed, &span));
    bool taken = implementation->supports(&target, &span, needs) && implementation->suits(&target, &span, needs);
    test_clear_case(&t);
    return taken;
}

static void leaves(const tsr_conv2d_descriptor *d, const char *reason)
{
    tsr_needs needs;
    ck_assert(!takes(d, &needs));
    ck_assert_msg(strstr(needs.reason, reason) != NULL, "\"%s\" does not contain \"%s\"", needs.reason, reason);
}

/* By itself it is for GPUs that it fills. */
START_TEST(leaves_to_others_where_it_does_not_pay)
{
    const tsr_conv2d_descriptor d = {32, 14, 14, 32, 64, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    tsr_device_info *info = &test_device()->info, whole = *info;
    tsr_needs needs;
    if (info->type == TSR_DEVICE_CPU) leaves(&d, "for GPUs");
    info->type = TSR_DEVICE_DISCRETE_GPU;
    info->vendor_kind = TSR_VENDOR_OTHER;
    info->local_memory_dedicated = true;
    info->local_memory = 32768;
    info->max_work_group = 256;
    for (int i = 0; i < 3; i++) info->max_work_items[i] = 256;
    info->compute_units = 392;
    ck_assert_msg(takes(&d, &needs), "%s", needs.reason);
    info->compute_units = 393;
    leaves(&d, "392 work-groups are too few for 393 parts of the device");
    /* Intel's driver counts execution units, of which eight are such. */
    info->vendor_kind = TSR_VENDOR_INTEL;
    snprintf(info->platform, sizeof info->platform, "Intel(R) OpenCL Graphics");
    info->compute_units = 8 * 392;
    ck_assert_msg(takes(&d, &needs), "%s", needs.reason);
    info->compute_units++;
    leaves(&d, "392 work-groups are too few for 393 parts of the device");
    info->compute_units = 20;
    info->max_work_group = 128;
    leaves(&d, "work-groups of 256 work-items");
    info->max_work_group = 256;
    info->max_work_items[0] = 128;
    leaves(&d, "work-groups of 256 work-items");
    info->max_work_items[0] = 256;
    info->local_memory_dedicated = false;
    leaves(&d, "local memory is not faster");
    *info = whole;
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, larger_than_a_tile);
    tcase_add_test(tests, tile_shrinks_to_the_device);
    tcase_add_test(tests, not_a_number_stays_in_its_windows);
    tcase_add_test(tests, gradient_by_data);
    tcase_add_test(tests, refuses_what_it_cannot_do);
    tcase_add_test(tests, leaves_to_others_where_it_does_not_pay);
}

int main(void)
{
    return test_run("conv2d_winograd_tiled", add_tests);
}
