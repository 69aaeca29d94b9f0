/* Direct convolution for CPUs, alone and with gather, pool and activation, against the twins. */
#include "support/tester.h"

#include "device/device.h"
#include "ops/primitive.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int32_t kernels[][2] = {{1, 1}, {3, 3}, {11, 11}, {7, 1}, {2, 5}};
static const int32_t strides[][2] = {{1, 1}, {2, 2}, {4, 4}, {2, 3}};
static const int32_t extents[][2] = {{1, 1}, {2, 6}, {7, 13}, {9, 35}, {20, 18}};
/* The kernel has no vectors of channels, and compilers take long over its loop with a large odd number of taps. */
static const int32_t channels[] = {1, 3, 16, 34};
static const int32_t filters[] = {1, 3, 15, 16, 17, 33};
static const int32_t batches[] = {1, 2, 3};
static const uint32_t widths[] = {4, 8, 16};
static const test_fill fills[] = {TEST_INTEGERS, TEST_RANDOM, TEST_TIES, TEST_NAN, TEST_INFINITE};
enum { FROM_VALUE, FROM_BYTES, FROM_FLOATS, SOURCES };

static const struct epilogue {
    int32_t height, width, stride_height, stride_width; /* of the pool; 0: none */
    tsr_pool_mode mode;
    tsr_padding padding;
    bool winner, activation;
    tsr_activation function;
    float alpha;
} epilogues[] = {
    {.height = 0},
    {.activation = true, .function = TSR_RELU},
    {2, 2, 2, 2, TSR_POOL_MAX, TSR_PADDING_VALID, .winner = true, .activation = true, .function = TSR_RELU},
    {3, 3, 3, 3, TSR_POOL_MAX, TSR_PADDING_SAME, .winner = true, .activation = true, .function = TSR_TANH},
    {2, 3, 2, 3, TSR_POOL_MAX, TSR_PADDING_VALID, .activation = true, .function = TSR_LEAKY_RELU, .alpha = 0.25f},
    {2, 2, 3, 4, TSR_POOL_MAX, TSR_PADDING_SAME, .winner = true},
    {2, 2, 2, 2, TSR_POOL_AVERAGE, TSR_PADDING_VALID, .activation = true, .function = TSR_SWISH},
    {3, 2, 3, 2, TSR_POOL_AVERAGE, TSR_PADDING_SAME, .winner = false},
    {1, 2, 2, 3, TSR_POOL_MAX, TSR_PADDING_VALID, .winner = true, .activation = true, .function = TSR_RELU},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static int32_t at_least(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* Makes the image large enough for one window of the convolution, and its result for one of the pool. */
static void fit(tsr_conv2d_descriptor *d, const struct epilogue *e)
{
    int32_t rows = e->padding == TSR_PADDING_VALID ? at_least(e->height, 1) : 1;
    int32_t columns = e->padding == TSR_PADDING_VALID ? at_least(e->width, 1) : 1;
    bool valid = d->padding == TSR_PADDING_VALID;
    d->height = at_least(d->height, (rows - 1) * d->stride_height + (valid ? d->kernel_height : 1));
    d->width = at_least(d->width, (columns - 1) * d->stride_width + (valid ? d->kernel_width : 1));
}

static int add_source(test_case *t, const tsr_conv2d_descriptor *d, int source, test_fill fill)
{
    const int32_t extent[] = {d->batch, d->height, d->width, d->channels};
    if (source == FROM_VALUE) {
        int x = test_input(t, "x", TSR_F32, 4, extent);
        test_fill_value(t, x, fill);
        return x;
    }
    tsr_gather_descriptor g = {.batch = d->batch,
                               .sample = d->height * d->width * d->channels,
                               .source = source == FROM_BYTES ? TSR_U8 : TSR_F32,
                               .scale = source == FROM_BYTES ? 1.0f / 255 : 0.5f};
    return test_gather(t, &g, d->batch + 2, 4, extent + 1);
}

/* The name of the implementation that claims the graph made of these. */
static const char *add_chain(test_case *t, const tsr_conv2d_descriptor *d, const struct epilogue *e, int source,
                             test_fill fill)
{
    int y = test_conv2d(t, d, add_source(t, d, source, fill));
    const char *name = source == FROM_VALUE ? "conv2d_cpu" : "conv2d_gather_cpu";
    if (e->height) {
        int32_t extent[4];
        test_conv2d_output(d, extent);
        tsr_pool2d_descriptor pool = {e->mode,   extent[0], extent[1],        extent[2],       extent[3],
                                      e->height, e->width,  e->stride_height, e->stride_width, e->padding};
        int winner;
        y = test_pool2d(t, &pool, y, e->winner ? &winner : NULL);
        name = "conv2d_pool_cpu";
    }
    if (!e->activation) return name;
    test_activation(t, e->function, e->alpha, y);
    return "conv2d_activation_cpu";
}

START_TEST(covers_pairs)
{
    const int levels[] = {
        COUNT(kernels), COUNT(strides), 2, COUNT(extents),   COUNT(channels), COUNT(filters), COUNT(batches),
        COUNT(widths),  COUNT(fills),   2, COUNT(epilogues), SOURCES};
    enum { PARAMETERS = 12, CAPACITY = 160 };
    static int cases[CAPACITY * PARAMETERS];
    int count = test_cover_pairs(levels, PARAMETERS, cases, CAPACITY);
    ck_assert_int_lt(count, CAPACITY);
    for (int i = 0; i < count; i++) {
        const int *k = cases + i * PARAMETERS;
        tsr_conv2d_descriptor d = {.batch = batches[k[6]],
                                   .height = extents[k[3]][0],
                                   .width = extents[k[3]][1],
                                   .channels = channels[k[4]],
                                   .filters = filters[k[5]],
                                   .kernel_height = kernels[k[0]][0],
                                   .kernel_width = kernels[k[0]][1],
                                   .stride_height = strides[k[1]][0],
                                   .stride_width = strides[k[1]][1],
                                   .padding = k[2] ? TSR_PADDING_SAME : TSR_PADDING_VALID,
                                   .bias = k[9]};
        const struct epilogue *e = &epilogues[k[10]];
        fit(&d, e);
        test_fill fill = fills[k[8]];
        test_case t = {.fill = fill >= TEST_NAN ? TEST_RANDOM : fill, .seed = (uint32_t)i};
        const char *name = add_chain(&t, &d, e, k[11], fill);
        test_run_case(&t, &(test_options){.only = name, .vector_width = widths[k[7]]});
    }
}
END_TEST

/* Batches share a program: how the work is cut depends on one image alone. */
START_TEST(batches_of_any_size)
{
    for (int i = 0; i < 4; i++) {
        tsr_conv2d_descriptor d = {(const int32_t[]){1, 53, 64, 2}[i], 6, 6, 3, 5, 3, 3, 1, 1, TSR_PADDING_SAME, true};
        test_case t = {.fill = TEST_INTEGERS};
        const char *name = add_chain(&t, &d, &epilogues[2], FROM_BYTES, TEST_INTEGERS);
        test_run_case(&t, &(test_options){.only = name});
    }
}
END_TEST

/* Whether the kernel of a graph of one span was built with that option. */
static bool is_built_with(test_case *t, const test_options *options, const char *option)
{
    char built[2048];
    cl_program program;
    tsr_plan *plan = NULL;
    const tsr_plan_options plan_options = {.vector_width = options->vector_width, .only = options->only};
    test_choose_wanted(t);
    check_ok(tsr_plan_create(test_device(), &t->graph, t->wanted, t->wanted_count, &plan_options, NULL, &plan));
    ck_assert_int_eq(tsr_plan_step_count(plan), 1);
    cl_kernel kernel = tsr_plan_step(plan, 0)->launches[0].kernel;
    cl_int code = clGetKernelInfo(kernel, CL_KERNEL_PROGRAM, sizeof program, &program, NULL);
    if (!code)
        code = clGetProgramBuildInfo(program, test_device()->id, CL_PROGRAM_BUILD_OPTIONS, sizeof built, built, NULL);
    ck_assert_int_eq(code, CL_SUCCESS);
    tsr_plan_free(plan);
    return strstr(built, option) != NULL;
}

/* Few filters: rows of windows share the pixels that they read. Tiles that are moved back, strides, pools with gaps and
 * of averages, filters that do not fill a vector. */
START_TEST(rows_share_pixels)
{
    static const struct {
        tsr_conv2d_descriptor d;
        int epilogue, source;
        uint32_t width;
    } cases[] = {
        {{2, 22, 18, 16, 16, 3, 3, 1, 1, TSR_PADDING_SAME, true}, 2, FROM_VALUE, 16},
        {{2, 20, 20, 5, 9, 3, 3, 1, 1, TSR_PADDING_SAME, true}, 0, FROM_BYTES, 16},
        {{1, 45, 11, 7, 3, 5, 3, 2, 2, TSR_PADDING_VALID, false}, 1, FROM_VALUE, 4},
        {{3, 24, 20, 8, 8, 5, 5, 1, 1, TSR_PADDING_VALID, true}, 6, FROM_FLOATS, 8},
        {{2, 25, 12, 16, 16, 5, 5, 1, 1, TSR_PADDING_SAME, true}, 8, FROM_VALUE, 16},
    };
    for (int i = 0; i < COUNT(cases); i++) {
        test_case t = {.fill = TEST_INTEGERS, .seed = (uint32_t)i};
        const char *name = add_chain(&t, &cases[i].d, &epilogues[cases[i].epilogue], cases[i].source, TEST_INTEGERS);
        const test_options options = {.only = name, .vector_width = cases[i].width};
        ck_assert_msg(!is_built_with(&t, &options, "-DBLOCK_ROWS=1 "), "case %d", i);
        test_run_case(&t, &options);
    }
}
END_TEST

/* Windows that hold minus infinity alone: the first cell inside the image wins. */
START_TEST(windows_of_minus_infinity)
{
    const int which[] = {2, 3};
    for (int i = 0; i < COUNT(which); i++) {
        tsr_conv2d_descriptor d = {2, 9, 8, 1, 3, 1, 1, 1, 1, TSR_PADDING_VALID, false};
        test_case t = {.fill = TEST_POSITIVE};
        const char *name = add_chain(&t, &d, &epilogues[which[i]], FROM_VALUE, TEST_MINUS_INFINITE);
        test_run_case(&t, &(test_options){.only = name});
    }
}
END_TEST

/* Filter banks too large for a cache are cut otherwise. */
START_TEST(large_filter_bank)
{
    tsr_conv2d_descriptor d = {2, 5, 6, 130, 131, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    test_case t = {.fill = TEST_INTEGERS};
    const char *name = add_chain(&t, &d, &epilogues[1], FROM_VALUE, TEST_INTEGERS);
    test_run_case(&t, &(test_options){.only = name});
}
END_TEST

/* x and y inside larger images: the kernel takes origin and strides from the views and leaves the rims alone. */
START_TEST(reads_and_writes_views)
{
    tsr_device *device = test_device();
    tsr_conv2d_descriptor d = {2, 5, 7, 3, 4, 3, 3, 1, 1, TSR_PADDING_SAME, false};
    enum { X = 2 * 8 * 11 * 3, Y = 2 * 9 * 8 * 4, DENSE_X = 2 * 5 * 7 * 3, DENSE_Y = 2 * 5 * 7 * 4 };
    test_case t = {0};
    int x = test_input(&t, "x", TSR_F32, 4, (int32_t[]){2, 5, 7, 3}), y = test_conv2d(&t, &d, x);
    tsr_view views[3] = {0};
    views[x] = (tsr_view){.stride = {8 * 11 * 3, 11 * 3, 3, 1}, .halo = {1, 1, 2, 3}, .origin = 11 * 3 + 3};
    views[y] = (tsr_view){.stride = {9 * 8 * 4, 8 * 4, 4, 1}, .halo = {2, 0, 2, 1}, .origin = 2 * 8 * 4};

    static float xs[X], ws[9 * 3 * 4], ys[Y];
    static double dense_x[DENSE_X], dense_w[9 * 3 * 4], dense_y[DENSE_Y];
    for (int i = 0; i < X; i++) xs[i] = (float)NAN; /* not even a rim is read */
    for (int i = 0; i < DENSE_X; i++) {
        int at = i / 105 * views[x].stride[0] + i / 21 % 5 * views[x].stride[1] + i % 21 + views[x].origin;
        dense_x[i] = xs[at] = (float)(i * 7 % 11 - 5);
    }
    for (int i = 0; i < COUNT(ws); i++) dense_w[i] = ws[i] = (float)(i * 5 % 7 - 3);
    for (int i = 0; i < Y; i++) ys[i] = 1000;
    const float *data[] = {xs, ws, ys};
    const size_t bytes[] = {sizeof xs, sizeof ws, sizeof ys};
    const int values[] = {x, t.graph.primitives[0].inputs[1], y};
    for (int i = 0; i < 3; i++) {
        check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, bytes[i], "a view", &views[values[i]].buffer));
        check_ok(tsr_buffer_write(device, views[values[i]].buffer, 0, data[i], bytes[i]));
    }

    const tsr_implementation *implementation = test_implementation("conv2d_cpu");
    tsr_target target = {.device = device, .fuse = true, .vector_width = 4};
    tsr_span span;
    tsr_needs needs = {0};
    ck_assert(implementation->match(&t.graph, 0, NULL, &span));
    ck_assert(implementation->supports(&target, &span, &needs));
    tsr_step step = {
        .implementation = implementation, .target = &target, .span = &span, .needs = &needs, .views = views};
    check_ok(implementation->prepare(&step));
    ck_assert_int_eq(step.launch_count, 1);
    check_ok(tsr_enqueue_kernel(device, step.launches[0].kernel, "conv2d_cpu", step.launches[0].dimensions,
                                step.launches[0].global, step.launches[0].local));
    check_ok(tsr_buffer_read(device, views[y].buffer, 0, ys, sizeof ys));

    tsr_primitive_row_of(TSR_KIND_CONV2D)
        ->reference(&t.graph.primitives[0], (const double *[]){dense_x, dense_w}, (double *[]){dense_y});
    int inside = 0;
    for (int i = 0; i < Y; i++) {
        int n = i / (9 * 8 * 4), row = i / 32 % 9 - 2, column = i / 4 % 8;
        bool rim = row < 0 || row >= 5 || column >= 7;
        if (!rim) inside++;
        ck_assert_double_eq((double)ys[i], rim ? 1000 : dense_y[((n * 5 + row) * 7 + column) * 4 + i % 4]);
    }
    ck_assert_int_eq(inside, DENSE_Y);
    for (int i = 0; i < 3; i++) clReleaseMemObject(views[values[i]].buffer);
    clReleaseKernel(step.launches[0].kernel);
    test_clear_case(&t);
}
END_TEST

static void check_refused(const tsr_conv2d_descriptor *d, const struct epilogue *e, const char *reason)
{
    test_case t = {0};
    const char *name = add_chain(&t, d, e, FROM_VALUE, TEST_RANDOM);
    test_refused(&t, name, reason);
}

START_TEST(refuses_what_it_cannot_do)
{
    tsr_conv2d_descriptor d = {1, 64, 64, 4, 4, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    struct epilogue overlapping = {3, 3, 2, 2, TSR_POOL_MAX, TSR_PADDING_VALID, .winner = true};
    check_refused(&d, &overlapping, "overlap");
    struct epilogue large = {16, 16, 16, 16, TSR_POOL_MAX, TSR_PADDING_VALID, .winner = true};
    check_refused(&d, &large, "16 x 16 does not fit a byte");
    struct epilogue wide = {1, 60, 1, 60, TSR_POOL_MAX, TSR_PADDING_VALID, .winner = true};
    check_refused(&d, &wide, "60 cells");
    struct epilogue softmax = {.activation = true, .function = TSR_SOFTMAX};
    check_refused(&d, &softmax, "softmax");
    tsr_conv2d_descriptor deep = {1, 9, 9, 2000, 4, 7, 7, 1, 1, TSR_PADDING_SAME, true};
    check_refused(&deep, &epilogues[0], "392000 bytes");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, batches_of_any_size);
    tcase_add_test(tests, rows_share_pixels);
    tcase_add_test(tests, windows_of_minus_infinity);
    tcase_add_test(tests, large_filter_bank);
    tcase_add_test(tests, reads_and_writes_views);
    tcase_add_test(tests, refuses_what_it_cannot_do);
}

int main(void)
{
    return test_run_on_cpus("conv2d_cpu", add_tests);
}
