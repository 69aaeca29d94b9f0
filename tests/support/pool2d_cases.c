#include "support/pool2d_cases.h"

#include "ops/primitive.h"

#include <math.h>

static const struct {
    int32_t height, width, stride_height, stride_width;
} windows[] = {{2, 2, 2, 2}, {3, 3, 2, 2}, {2, 3, 2, 3}, {1, 1, 1, 1}, {3, 2, 1, 1}, {2, 2, 3, 4}, {16, 17, 5, 1}};
static const int32_t extents[][2] = {{1, 1}, {2, 2}, {5, 7}, {13, 4}, {17, 20}};
static const int32_t channels[] = {1, 3, 8, 33};
static const int32_t batches[] = {1, 2, 3, 53};
static const uint32_t widths[] = {4, 8, 16};
static const test_fill fills[] = {TEST_RANDOM, TEST_TIES, TEST_NAN, TEST_INFINITE, TEST_MINUS_INFINITE};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static int32_t at_least(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* The covering cases; the image grows to hold a window without padding. */
static int covering(tsr_pool2d_descriptor *descriptors, test_fill *fill, bool *forward_only, int capacity)
{
    const int levels[] = {COUNT(windows), 2, 2, COUNT(extents), COUNT(channels), COUNT(batches), COUNT(fills), 2};
    int cases[128 * 8];
    int count = test_cover_pairs(levels, 8, cases, capacity);
    for (int i = 0; i < count; i++) {
        const int *k = cases + i * 8;
        tsr_pool2d_descriptor d = {.mode = k[1] ? TSR_POOL_AVERAGE : TSR_POOL_MAX,
                                   .batch = batches[k[5]],
                                   .height = extents[k[3]][0],
                                   .width = extents[k[3]][1],
                                   .channels = channels[k[4]],
                                   .pool_height = windows[k[0]].height,
                                   .pool_width = windows[k[0]].width,
                                   .stride_height = windows[k[0]].stride_height,
                                   .stride_width = windows[k[0]].stride_width,
                                   .padding = k[2] ? TSR_PADDING_SAME : TSR_PADDING_VALID};
        if (d.padding == TSR_PADDING_VALID) {
            d.height = at_least(d.height, d.pool_height);
            d.width = at_least(d.width, d.pool_width);
        }
        descriptors[i] = d;
        fill[i] = fills[k[6]];
        forward_only[i] = k[7];
    }
    return count;
}

void test_pool2d_forward(const char *only)
{
    tsr_pool2d_descriptor d[128];
    test_fill fill[128];
    bool inference[128];
    int count = covering(d, fill, inference, 128);
    for (int i = 0; i < count; i++) {
        test_case t = {.fill = fill[i], .seed = (uint32_t)i};
        int x = test_input(&t, "x", TSR_F32, 4, (int32_t[]){d[i].batch, d[i].height, d[i].width, d[i].channels});
        int winner;
        x = test_relay(&t, x);
        test_pool2d(&t, &d[i], x, inference[i] ? NULL : &winner);
        test_run_case(&t, &(test_options){.only = only, .fused = 1, .vector_width = widths[i % 3]});
    }
}

void test_pool2d_backward(const char *only)
{
    tsr_pool2d_descriptor d[128];
    test_fill fill[128];
    bool unused[128];
    int count = covering(d, fill, unused, 128);
    for (int i = 0; i < count; i++) {
        test_case t = {.fill = fill[i], .seed = (uint32_t)i};
        int32_t extent[4];
        test_pool2d_output(&d[i], extent);
        int dy = test_input(&t, "dy", TSR_F32, 4, extent);
        dy = test_relay(&t, dy);
        test_pool2d_grad(&t, &d[i], dy, TSR_NONE);
        test_run_case(&t, &(test_options){.only = only, .fused = 1, .vector_width = widths[i % 3]});
    }
}

/* Where all cells of a window are minus infinity, or several are largest, the first one inside the image wins; a cell
 * that is not a number beats all, the first such cell the others. */
void test_pool2d_winners(const char *only)
{
    const double inf = (double)INFINITY, nan = (double)NAN;
    const double x[4][4] = {{-inf, -inf, 2, 2}, {-inf, -inf, 2, 2}, {1, nan, inf, inf}, {nan, 5, 3, nan}};
    tsr_pool2d_descriptor d = {TSR_POOL_MAX, 1, 4, 4, 1, 2, 2, 2, 2, TSR_PADDING_VALID};
    test_case t = {0};
    int in = test_input(&t, "x", TSR_F32, 4, (int32_t[]){1, 4, 4, 1}), winner;
    test_set(&t, in, &x[0][0]);
    int y = test_pool2d(&t, &d, in, &winner);
    tsr_primitive pool = t.graph.primitives[0];
    double maxima[4], winners[4];
    tsr_primitive_row_of(TSR_KIND_POOL2D)
        ->reference(&pool, (const double *[]){&x[0][0]}, (double *[]){maxima, winners});
    ck_assert(maxima[0] == -inf && maxima[1] == 2 && isnan(maxima[2]) && isnan(maxima[3]));
    ck_assert(winners[0] == 0 && winners[1] == 0 && winners[2] == 1 && winners[3] == 3);
    test_want(&t, y);
    test_want(&t, winner);
    test_run_case(&t, &(test_options){.only = only});

    /* With padding before the image the first cell inside is not the window's first. */
    d = (tsr_pool2d_descriptor){TSR_POOL_MAX, 1, 2, 2, 1, 3, 3, 1, 1, TSR_PADDING_SAME};
    pool.as.pool2d = d;
    const double low[4] = {-inf, -inf, -inf, -inf};
    tsr_primitive_row_of(TSR_KIND_POOL2D)->reference(&pool, (const double *[]){low}, (double *[]){maxima, winners});
    ck_assert(winners[0] == 4 && winners[1] == 3 && winners[2] == 1 && winners[3] == 0);
    in = test_input(&t, "x", TSR_F32, 4, (int32_t[]){1, 2, 2, 1});
    test_set(&t, in, low);
    test_pool2d(&t, &d, in, &winner);
    test_run_case(&t, &(test_options){.only = only});
}

/* The gradient reaches the cell that forward chose, in one plan. */
void test_pool2d_round_trip(const char *only)
{
    tsr_pool2d_descriptor d = {TSR_POOL_MAX, 3, 9, 7, 5, 3, 3, 2, 2, TSR_PADDING_SAME};
    test_case t = {.fill = TEST_TIES};
    int x = test_input(&t, "x", TSR_F32, 4, (int32_t[]){3, 9, 7, 5}), winner;
    test_pool2d(&t, &d, x, &winner);
    int32_t extent[4];
    test_pool2d_output(&d, extent);
    int dy = test_input(&t, "dy", TSR_F32, 4, extent);
    test_fill_value(&t, dy, TEST_INTEGERS);
    test_pool2d_grad(&t, &d, dy, winner);
    test_run_case(&t, &(test_options){.only = only, .fused = 1});
}
