#include "support/conv2d_cases.h"

enum { KERNELS = 5, STRIDES = 4, SIZES = 4, COUNTS = 4, BATCHES = 5, POOLS = 4, FILLS = 3 };

/* The axes; the first ones make programs. */
enum { KERNEL, STRIDE, CHANNELS, FILTERS, BIAS, POOL, FUNCTION, PADDING, SIZE, BATCH, POOL_PADDING, FILL, AXES };
enum { PROGRAM_AXES = PADDING };

static const int32_t kernels[KERNELS][2] = {{1, 1}, {3, 3}, {11, 11}, {7, 1}, {2, 5}};
static const int32_t strides[STRIDES][2] = {{1, 1}, {2, 2}, {4, 4}, {2, 3}};
static const int32_t batches[BATCHES] = {1, 2, 3, 53, 64};
static const test_fill fills[FILLS] = {TEST_INTEGERS, TEST_RANDOM, TEST_SPARSE};
static const tsr_activation functions[] = {TSR_LINEAR, TSR_RELU, TSR_TANH, TSR_ELU};
static const int32_t pools[2 * POOLS][4] = {
    {2, 2, 2, 2}, {2, 3, 2, 3}, {3, 1, 3, 1}, {3, 3, 4, 3}, /* apart */
    {2, 2, 2, 2}, {2, 3, 2, 3}, {3, 3, 2, 2}, {3, 2, 1, 1}, /* overlapping */
};

static int32_t at_least(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static double work(const tsr_conv2d_descriptor *c)
{
    int32_t y[4];
    test_conv2d_output(c, y);
    return (double)y[0] * y[1] * y[2] * c->filters * c->channels * c->kernel_height * c->kernel_width;
}

/* The image grows until a window of the pool fits. */
static void grow(tsr_conv2d_descriptor *c, const tsr_pool2d_descriptor *p)
{
    int32_t rows = p->padding == TSR_PADDING_VALID ? at_least(p->pool_height, 1) : 1;
    int32_t columns = p->padding == TSR_PADDING_VALID ? at_least(p->pool_width, 1) : 1;
    while (tsr_window_output(c->height, c->kernel_height, c->stride_height, c->padding) < rows) c->height++;
    while (tsr_window_output(c->width, c->kernel_width, c->stride_width, c->padding) < columns) c->width++;
}

static test_conv2d_case make_case(const test_conv2d_axes *axes, const int *k, const int32_t sizes[SIZES][2])
{
    const int32_t counts[COUNTS] = {1, at_least(axes->tile - 1, 1), axes->tile, axes->tile + 1};
    const int32_t *kernel = kernels[k[KERNEL]], *stride = strides[k[STRIDE]];
    const int32_t *pool = pools[k[POOL] % POOLS + (axes->overlapping ? POOLS : 0)];
    test_conv2d_case c = {
        .conv2d = {.batch = batches[k[BATCH]],
                   .height = sizes[k[SIZE]][0],
                   .width = sizes[k[SIZE]][1],
                   .channels = counts[k[CHANNELS]],
                   .filters = counts[k[FILTERS]],
                   .kernel_height = kernel[0],
                   .kernel_width = kernel[1],
                   .stride_height = stride[0],
                   .stride_width = stride[1],
                   .padding = k[PADDING] ? TSR_PADDING_SAME : TSR_PADDING_VALID,
                   .bias = k[BIAS]},
        .pool = {.mode = TSR_POOL_MAX,
                 .pool_height = pool[0],
                 .pool_width = pool[1],
                 .stride_height = pool[2],
                 .stride_width = pool[3],
                 .padding = k[POOL_PADDING] ? TSR_PADDING_SAME : TSR_PADDING_VALID},
        .function = functions[k[FUNCTION]],
        .fill = fills[k[FILL]],
    };
    if (k[POOL] == POOLS) c.pool = (tsr_pool2d_descriptor){.mode = TSR_POOL_MAX};
    grow(&c.conv2d, &c.pool);
    if (work(&c.conv2d) > 2e7) {
        c.conv2d.height = 5;
        c.conv2d.width = 7;
        grow(&c.conv2d, &c.pool);
    }
    int32_t y[4];
    test_conv2d_output(&c.conv2d, y);
    c.pool.batch = y[0];
    c.pool.height = y[1];
    c.pool.width = y[2];
    c.pool.channels = y[3];
    return c;
}

int test_conv2d_cases(const test_conv2d_axes *axes, test_conv2d_case *cases)
{
    static int programs[TEST_MAX_CONV2D_CASES * PROGRAM_AXES], chosen[TEST_MAX_CONV2D_CASES * AXES];
    const int32_t sizes[SIZES][2] = {{1, 1}, {5, 7}, {13, 11}, {axes->image[0], axes->image[1]}};
    const int levels[AXES] = {[KERNEL] = KERNELS,
                              [STRIDE] = STRIDES,
                              [CHANNELS] = COUNTS,
                              [FILTERS] = COUNTS,
                              [BIAS] = 2,
                              [POOL] = POOLS + axes->unpooled,
                              [FUNCTION] = axes->activations,
                              [PADDING] = 2,
                              [SIZE] = SIZES,
                              [BATCH] = BATCHES,
                              [POOL_PADDING] = 2,
                              [FILL] = FILLS};
    int program_count = test_cover_pairs(levels, PROGRAM_AXES, programs, TEST_MAX_CONV2D_CASES);
    int count = test_extend_pairs(levels, AXES, programs, program_count, PROGRAM_AXES, chosen, TEST_MAX_CONV2D_CASES);
    for (int i = 0; i < count; i++) cases[i] = make_case(axes, chosen + i * AXES, sizes);
    return count;
}
