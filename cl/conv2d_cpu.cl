/* Convolution for CPUs, with an optional pool and activation as its epilogue and an optional gather of its input:
 *   y = activation(pool(conv2d(x, w) + b)), winner = the place of the maximum in the window
 *
 * Without a pool a "window" below is one cell of the convolution. A work-item computes a tile of TILE_ROWS x
 * TILE_COLUMNS windows of one image, for a share of the filters. It copies the pixels that they need to private memory
 * first. Then, for each block of BLOCK_VECTORS vectors of filters and BLOCK_ROWS x BLOCK_WINDOWS windows, it holds a
 * row of the windows' cells in registers and adds up tap by tap: one vector of weights times one broadcast pixel, as
 * filters are contiguous in memory. Tap and channel run in one loop, since (column, channel) is contiguous both in the
 * patch and in w. Several rows of windows share the pixels that they read: that is for few filters, where a pixel is
 * read for every multiplication otherwise. Tiles, windows and vectors that would stick out are moved back and compute
 * some results twice, all alike, which is cheaper than loops for remainders. Where there are fewer filters than lanes
 * the weights are copied to private memory first, with zeros for the lanes that are left.
 *
 * Index space: (tiles of an image, shares of the filters, batch), work-groups of one.
 * Layout: x NHWC with any row and image stride, w HWIO, y NHWC with any strides but the last, winner dense.
 *
 * Macros, besides those of common.cl, activation_functions.cl, conv2d_patch.cl:
 *   VW                                                                   with fewer FILTERS: BLOCK_VECTORS 1
 *   FILTERS, KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_HEIGHT, STRIDE_WIDTH    the convolution
 *   POOL_HEIGHT, POOL_WIDTH, POOL_STRIDE_HEIGHT, POOL_STRIDE_WIDTH       the pool; all 1 without one
 *   POOL_MAX or POOL_AVERAGE                                             its mode
 *   POOL_PADDED                                                          some of its windows stick out of the image
 *   TILE_ROWS, TILE_COLUMNS, BLOCK_WINDOWS, BLOCK_VECTORS                as above
 *   BLOCK_ROWS                                                           as above; it divides TILE_ROWS, and is 1 with
 *                                                                        POOL_PADDED
 *   UNROLL_TAPS                                                          unroll the loops over taps, which are few
 *   BIAS, WINNER                                                         whether b and winner are there */
#define PATCH_ROWS    (((TILE_ROWS - 1) * POOL_STRIDE_HEIGHT + POOL_HEIGHT - 1) * STRIDE_HEIGHT + KERNEL_HEIGHT)
#define PATCH_COLUMNS (((TILE_COLUMNS - 1) * POOL_STRIDE_WIDTH + POOL_WIDTH - 1) * STRIDE_WIDTH + KERNEL_WIDTH)
#include "activation_functions.cl"
#include "conv2d_patch.cl"
#include "conv2d_pool.cl"
#include "filters.cl"

#define ROW_TAPS      (KERNEL_WIDTH * CHANNELS)
#define BLOCK_STRIDE  (POOL_STRIDE_HEIGHT * STRIDE_HEIGHT) /* in the image, from one row of windows to the next */
#define BLOCK_FILTERS (BLOCK_VECTORS * VW)
#define BLOCKS        ((FILTERS + BLOCK_FILTERS - 1) / BLOCK_FILTERS)
#if FILTERS < VW
#define WEIGHTS const float *restrict
#define LANES   VW /* of a tap's weights */
#else
#define WEIGHTS __global const float *restrict
#define LANES   FILTERS
#endif

/* Adds to the cells in one row of each of the block's windows, p being the first pixel of the first of them. */
static inline void add_taps(vec sum[BLOCK_ROWS][BLOCK_WINDOWS][POOL_WIDTH][BLOCK_VECTORS], const float *restrict p,
                            WEIGHTS w)
{
#if BLOCK_ROWS > 1
    for (int tap = 0; tap < ROW_TAPS; tap++) {
        vec weight[KERNEL_HEIGHT][BLOCK_VECTORS];
#pragma unroll
        for (int row = 0; row < KERNEL_HEIGHT; row++)
#pragma unroll
            for (int v = 0; v < BLOCK_VECTORS; v++)
                weight[row][v] = vec_load(w + (row * ROW_TAPS + tap) * LANES + FIRST_FILTER(v));
#pragma unroll
        for (int y = 0; y < (BLOCK_ROWS - 1) * BLOCK_STRIDE + KERNEL_HEIGHT; y++)
#pragma unroll
            for (int i = 0; i < BLOCK_WINDOWS; i++)
#pragma unroll
                for (int j = 0; j < POOL_WIDTH; j++) {
                    float x = p[y * PATCH_PITCH + (i * POOL_STRIDE_WIDTH + j) * STRIDE_WIDTH * CHANNELS + tap];
#pragma unroll
                    for (int k = 0; k < BLOCK_ROWS; k++) {
                        int row = y - k * BLOCK_STRIDE;
                        if (row < 0 || row >= KERNEL_HEIGHT) continue;
#pragma unroll
                        for (int v = 0; v < BLOCK_VECTORS; v++) sum[k][i][j][v] += x * weight[row][v];
                    }
                }
    }
#else
#ifdef UNROLL_TAPS
#pragma unroll
#endif
    for (int row = 0; row < KERNEL_HEIGHT; row++)
#ifdef UNROLL_TAPS
#pragma unroll
#elif ROW_TAPS % 2 == 0 /* an odd number makes compilers unroll much further */
#pragma unroll 2
#endif
        for (int tap = 0; tap < ROW_TAPS; tap++) {
            vec weight[BLOCK_VECTORS];
#pragma unroll
            for (int v = 0; v < BLOCK_VECTORS; v++)
                weight[v] = vec_load(w + (row * ROW_TAPS + tap) * LANES + FIRST_FILTER(v));
#pragma unroll
            for (int i = 0; i < BLOCK_WINDOWS; i++)
#pragma unroll
                for (int j = 0; j < POOL_WIDTH; j++) {
                    float x = p[row * PATCH_PITCH + (i * POOL_STRIDE_WIDTH + j) * STRIDE_WIDTH * CHANNELS + tap];
#pragma unroll
                    for (int v = 0; v < BLOCK_VECTORS; v++) sum[0][i][j][v] += x * weight[v];
                }
        }
#endif
}

/* Where a work-item is in the image, and what it needs to know about the pool's padding. */
typedef struct place {
    int conv_rows, conv_columns; /* of the convolution's result */
    int row, column;             /* in it: the first cell of the block's first window, perhaps negative */
} place;

/* The pooled cells of a block of windows, p being the first pixel of the first window. */
static inline void compute_block(vec pooled[BLOCK_ROWS][BLOCK_WINDOWS][BLOCK_VECTORS],
                                 ivec winner[BLOCK_ROWS][BLOCK_WINDOWS][BLOCK_VECTORS], const float *restrict p,
                                 WEIGHTS w, const vec bias[BLOCK_VECTORS], place at)
{
#ifdef POOL_PADDED
    int row_begin = max(-at.row, 0), row_end = min(POOL_HEIGHT, at.conv_rows - at.row);
#else
    const int row_begin = 0, row_end = POOL_HEIGHT;
#endif
#if defined(UNROLL_TAPS) && !defined(POOL_PADDED)
#pragma unroll
#endif
    for (int row = row_begin; row < row_end; row++) {
        vec sum[BLOCK_ROWS][BLOCK_WINDOWS][POOL_WIDTH][BLOCK_VECTORS];
#pragma unroll
        for (int k = 0; k < BLOCK_ROWS; k++)
#pragma unroll
            for (int i = 0; i < BLOCK_WINDOWS; i++)
#pragma unroll
                for (int j = 0; j < POOL_WIDTH; j++)
#pragma unroll
                    for (int v = 0; v < BLOCK_VECTORS; v++) sum[k][i][j][v] = bias[v];
        add_taps(sum, p + row * STRIDE_HEIGHT * PATCH_PITCH, w);
#pragma unroll
        for (int k = 0; k < BLOCK_ROWS; k++)
#pragma unroll
            for (int i = 0; i < BLOCK_WINDOWS; i++)
#pragma unroll
                for (int j = 0; j < POOL_WIDTH; j++) {
                    int column_begin = 0;
#ifdef POOL_PADDED
                    int column = at.column + i * POOL_STRIDE_WIDTH;
                    if (column + j < 0 || column + j >= at.conv_columns) continue;
                    column_begin = max(-column, 0);
#endif
#pragma unroll
                    for (int v = 0; v < BLOCK_VECTORS; v++)
                        pool_cell(&pooled[k][i][v], &winner[k][i][v], sum[k][i][j][v], row * POOL_WIDTH + j,
                                  row == row_begin && j == column_begin);
                }
    }
#ifdef POOL_AVERAGE
#pragma unroll
    for (int i = 0; i < BLOCK_WINDOWS; i++) {
        int columns = POOL_WIDTH;
#ifdef POOL_PADDED
        int column = at.column + i * POOL_STRIDE_WIDTH;
        columns = min(POOL_WIDTH, at.conv_columns - column) - max(-column, 0);
#endif
#pragma unroll
        for (int k = 0; k < BLOCK_ROWS; k++)
#pragma unroll
            for (int v = 0; v < BLOCK_VECTORS; v++) pooled[k][i][v] /= (float)((row_end - row_begin) * columns);
    }
#endif
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_cpu(__global const pixel *restrict x, int x_origin, int x_image, int x_row,
#if defined(GATHER_UCHAR) || defined(GATHER_FLOAT)
           __global const int *restrict order, __global const int *restrict clock, float scale,
#endif
           __global const float *restrict w,
#ifdef BIAS
           __global const float *restrict b,
#endif
           __global float *restrict y, int y_origin, int y_image, int y_row, int y_column,
#ifdef WINNER
           __global uchar *restrict winner,
#endif
           int height, int width, int top, int left, int conv_rows, int conv_columns, int pool_top, int pool_left,
           int rows, int columns, int tiles_across, int share)
{
    float patch[PATCH_SIZE] __attribute__((aligned(64)));
    int tile = get_global_id(0), image = get_global_id(2);
    int tile_row = min(tile / tiles_across * TILE_ROWS, rows - TILE_ROWS);
    int tile_column = min(tile % tiles_across * TILE_COLUMNS, columns - TILE_COLUMNS);
    int conv_row = tile_row * POOL_STRIDE_HEIGHT - pool_top, conv_column = tile_column * POOL_STRIDE_WIDTH - pool_left;
#if defined(GATHER_UCHAR) || defined(GATHER_FLOAT)
    long source = order[clock[1] + image];
#else
    long source = image;
    float scale = 1.0f;
#endif
    fill_patch(patch, x + (x_origin + source * x_image), x_row, height, width, conv_row * STRIDE_HEIGHT - top,
               conv_column * STRIDE_WIDTH - left, scale);
    y += y_origin + image * y_image;

#if FILTERS < VW
    float weights[KERNEL_HEIGHT * ROW_TAPS * VW] __attribute__((aligned(64)));
    for (int tap = 0; tap < KERNEL_HEIGHT * ROW_TAPS; tap++)
        vec_store(filters_load(w + tap * FILTERS), weights + tap * VW);
#else
    __global const float *restrict weights = w;
#endif
    int block = get_global_id(1) * share, block_end = min(block + share, BLOCKS);
    for (; block < block_end; block++) {
        int filter = max(min(block * BLOCK_FILTERS, FILTERS - BLOCK_FILTERS), 0);
        vec bias[BLOCK_VECTORS];
#pragma unroll
        for (int v = 0; v < BLOCK_VECTORS; v++) {
#ifdef BIAS
            bias[v] = filters_load(b + filter + FIRST_FILTER(v));
#else
            bias[v] = 0.0f;
#endif
        }
        for (int r = 0; r < TILE_ROWS; r += BLOCK_ROWS)
            for (int begin = 0; begin < TILE_COLUMNS; begin += BLOCK_WINDOWS) {
                int c = min(begin, TILE_COLUMNS - BLOCK_WINDOWS);
                vec pooled[BLOCK_ROWS][BLOCK_WINDOWS][BLOCK_VECTORS];
                ivec won[BLOCK_ROWS][BLOCK_WINDOWS][BLOCK_VECTORS];
                place at = {conv_rows, conv_columns, conv_row + r * POOL_STRIDE_HEIGHT,
                            conv_column + c * POOL_STRIDE_WIDTH};
                compute_block(pooled, won,
                              patch + r * BLOCK_STRIDE * PATCH_PITCH + c * POOL_STRIDE_WIDTH * STRIDE_WIDTH * CHANNELS,
                              weights + filter, bias, at);
#pragma unroll
                for (int k = 0; k < BLOCK_ROWS; k++)
#pragma unroll
                    for (int i = 0; i < BLOCK_WINDOWS; i++)
#pragma unroll
                        for (int v = 0; v < BLOCK_VECTORS; v++) {
                            int row = tile_row + r + k, column = tile_column + c + i;
                            filters_store(activate_vec(pooled[k][i][v]),
                                          y + row * y_row + column * y_column + filter + FIRST_FILTER(v));
#ifdef WINNER
                            winners_store(won[k][i][v], winner + ((image * rows + row) * columns + column) * FILTERS +
                                                            filter + FIRST_FILTER(v));
#endif
                        }
            }
    }
}
