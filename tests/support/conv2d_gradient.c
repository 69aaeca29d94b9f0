#include "support/conv2d_gradient.h"

#include "ops/graph.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static const int32_t kernels[][2] = {{1, 1}, {3, 3}, {2, 5}, {11, 11}, {7, 1}};
static const int32_t strides[][2] = {{1, 1}, {2, 3}, {2, 2}, {4, 4}};
static const int32_t filters[] = {3, 8, 17, 1, 33};
static const int32_t extents[][2] = {{5, 7}, {13, 11}, {1, 1}, {17, 16}};
static const int32_t batches[] = {1, 3, 53, 2};
static const uint32_t widths[] = {4, 8, 16};
static const struct {
    int32_t height, width, stride_height, stride_width;
    tsr_padding padding;
} pools[] = {{0, 0, 0, 0, TSR_PADDING_VALID}, {2, 2, 2, 2, TSR_PADDING_VALID}, {3, 3, 2, 2, TSR_PADDING_SAME},
             {2, 3, 2, 3, TSR_PADDING_VALID}, {3, 2, 1, 1, TSR_PADDING_SAME},  {2, 2, 3, 3, TSR_PADDING_SAME}};
static const struct {
    bool activated;
    tsr_activation function;
    test_fill fill;
} sources[] = {{false, TSR_LINEAR, TEST_INTEGERS},
               {true, TSR_RELU, TEST_INTEGERS},
               {true, TSR_TANH, TEST_RANDOM},
               {true, TSR_RELU, TEST_SPARSE},
               {true, TSR_LINEAR, TEST_RANDOM}};

void test_gradient_fit(gradient_case *c)
{
    tsr_conv2d_descriptor *d = &c->conv2d;
    int32_t rows = 1, columns = 1;
    if (c->pool.padding == TSR_PADDING_VALID && c->pool.pool_height) {
        rows = c->pool.pool_height;
        columns = c->pool.pool_width;
    }
    while (tsr_window_output(d->height, d->kernel_height, d->stride_height, d->padding) < rows) d->height++;
    while (tsr_window_output(d->width, d->kernel_width, d->stride_width, d->padding) < columns) d->width++;
    int32_t extent[4];
    test_conv2d_output(d, extent);
    c->pool.batch = extent[0];
    c->pool.height = extent[1];
    c->pool.width = extent[2];
    c->pool.channels = extent[3];
}

int test_gradient_cases(gradient_case *cases, int capacity, const int32_t *channels, int channel_count, int most)
{
    int levels[] = {
        COUNT(kernels), COUNT(strides), 2, channel_count, COUNT(filters), COUNT(extents), COUNT(pools), COUNT(sources),
        COUNT(batches), COUNT(widths)};
    for (int i = 0; i < COUNT(levels); i++)
        if (levels[i] > most) levels[i] = most;
    int chosen[128 * COUNT(levels)];
    int count = test_cover_pairs(levels, COUNT(levels), chosen, capacity < 128 ? capacity : 128);
    for (int i = 0; i < count; i++) {
        const int *k = chosen + i * COUNT(levels);
        gradient_case *c = &cases[i];
        *c = (gradient_case){.activated = sources[k[7]].activated,
                             .function = sources[k[7]].function,
                             .fill = sources[k[7]].fill,
                             .vector_width = widths[k[9]]};
        c->conv2d = (tsr_conv2d_descriptor){.batch = batches[k[8]],
                                            .height = extents[k[5]][0],
                                            .width = extents[k[5]][1],
                                            .channels = channels[k[3]],
                                            .filters = filters[k[4]],
                                            .kernel_height = kernels[k[0]][0],
                                            .kernel_width = kernels[k[0]][1],
                                            .stride_height = strides[k[1]][0],
                                            .stride_width = strides[k[1]][1],
                                            .padding = k[2] ? TSR_PADDING_SAME : TSR_PADDING_VALID,
                                            .bias = i % 3 != 0};
        c->pool = (tsr_pool2d_descriptor){.mode = TSR_POOL_MAX,
                                          .pool_height = pools[k[6]].height,
                                          .pool_width = pools[k[6]].width,
                                          .stride_height = pools[k[6]].stride_height,
                                          .stride_width = pools[k[6]].stride_width,
                                          .padding = pools[k[6]].padding};
        /* The twins are slow: the large batch goes with small images. */
        if (c->conv2d.batch > 3 && c->conv2d.height > 5) c->conv2d.height = c->conv2d.width = 5;
        test_gradient_fit(c);
    }
    return count;
}

int test_gradient_source(test_case *t, const gradient_case *c)
{
    int32_t extent[4];
    if (c->pool.pool_height)
        test_pool2d_output(&c->pool, extent);
    else
        test_conv2d_output(&c->conv2d, extent);
    int gradient = test_input(t, "dy", TSR_F32, 4, extent);
    if (c->activated) {
        int y = test_input(t, "y", TSR_F32, 4, extent);
        gradient = test_activation_grad(t, c->function, 0, gradient, y);
    }
    if (c->pool.pool_height) gradient = test_pool2d_grad(t, &c->pool, gradient, TSR_NONE);
    return gradient;
}

int test_gradient_span(const gradient_case *c)
{
    return 1 + c->activated + (c->pool.pool_height != 0);
}
