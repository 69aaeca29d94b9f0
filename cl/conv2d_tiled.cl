/* Convolution for GPUs as a matrix product that is never written out (implicit GEMM), with bias, pool and activation as
 * its epilogue.
 *
 * The rows of the product are the cells of the convolution's result, over all images and grouped by the window of the
 * pool behind it (one cell a window without a pool); its columns are the filters; the sum runs over taps and channels.
 * A work-group computes TILE_WINDOWS windows x TILE_FILTERS filters: step by step it copies TILE_DEPTH terms of both
 * factors to local memory, pixels outside the image as zeros, and each work-item adds their products to a block of
 * ITEM_WINDOWS windows x ITEM_FILTERS filters in registers. So a pixel is read from global memory once for all filters of
 * the tile, and a value in local memory serves a whole row or column of the block. A work-item holds all cells of its
 * windows: bias, pool and activation cost no further pass. A work-item's windows and filters are GROUP_WINDOWS and
 * GROUP_FILTERS apart, so that neighbours use neighbouring banks of local memory.
 *
 * Index space: (filters, windows), work-groups of GROUP_FILTERS x GROUP_WINDOWS. x and y are addressed by strides,
 * winner is dense.
 *
 * Macros: KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_HEIGHT, STRIDE_WIDTH, CHANNELS   of the convolution
 *         POOL_HEIGHT, POOL_WIDTH, POOL_STRIDE_HEIGHT, POOL_STRIDE_WIDTH       of the pool; 1 without one
 *         POOL_AVERAGE   the pool takes the mean; otherwise the maximum
 *         GROUP_WINDOWS, GROUP_FILTERS, ITEM_WINDOWS, ITEM_FILTERS, TILE_DEPTH as above
 *         BIAS, WINNER   b is added; winners are stored
 *         and those of activation_functions.cl */
#include "activation_functions.cl"
#include "conv2d_pool.cl"

#define CELLS        (POOL_HEIGHT * POOL_WIDTH)
#define TILE_WINDOWS (GROUP_WINDOWS * ITEM_WINDOWS)
#define TILE_CELLS   (TILE_WINDOWS * CELLS)
#define TILE_FILTERS (GROUP_FILTERS * ITEM_FILTERS)
#define GROUP        (GROUP_WINDOWS * GROUP_FILTERS)
#define DEPTH        (KERNEL_HEIGHT * KERNEL_WIDTH * CHANNELS)
/* One more than the tile, so that a column of it does not fall into one bank. */
#define PIXEL_PITCH (TILE_CELLS + 1)
/* Row of a cell that is not there: no tap of it is inside an image. */
#define NOWHERE (-0x40000000)

/* Where the pixels of cell `cell` of the tile begin: the image's offset, and row and column of the first tap. */
static inline void locate(int cell, int first_window, int windows, int rows, int columns, int conv_rows,
                          int conv_columns, int pool_top, int pool_left, int top, int left, int x_image,
                          __local int *restrict image, __local int *restrict row, __local int *restrict column)
{
    int window = first_window + cell / CELLS, place = cell % CELLS;
    int n = window / (rows * columns), u = window / columns % rows, v = window % columns;
    int i = u * POOL_STRIDE_HEIGHT - pool_top + place / POOL_WIDTH;
    int j = v * POOL_STRIDE_WIDTH - pool_left + place % POOL_WIDTH;
    bool there = window < windows && i >= 0 && i < conv_rows && j >= 0 && j < conv_columns;
    image[cell] = n * x_image;
    row[cell] = there ? i * STRIDE_HEIGHT - top : NOWHERE;
    column[cell] = j * STRIDE_WIDTH - left;
}

__kernel __attribute__((reqd_work_group_size(GROUP_FILTERS, GROUP_WINDOWS, 1))) void
conv2d_tiled(__global const float *restrict x, int x_origin, int x_image, int x_row, int x_column,
             __global const float *restrict w,
#ifdef BIAS
             __global const float *restrict b,
#endif
             __global float *restrict y, int y_origin, int y_image, int y_row, int y_column,
#ifdef WINNER
             __global uchar *restrict winner,
#endif
             int windows, int rows, int columns, int conv_rows, int conv_columns, int filters, int height, int width,
             int top, int left, int pool_top, int pool_left)
{
    __local float pixels[TILE_DEPTH * PIXEL_PITCH];
    __local float weights[TILE_DEPTH * TILE_FILTERS];
    __local int cell_image[TILE_CELLS], cell_row[TILE_CELLS], cell_column[TILE_CELLS];

    const int lf = get_local_id(0), lw = get_local_id(1), item = lw * GROUP_FILTERS + lf;
    const int first_filter = get_group_id(0) * TILE_FILTERS, first_window = get_group_id(1) * TILE_WINDOWS;

    for (int cell = item; cell < TILE_CELLS; cell += GROUP)
        locate(cell, first_window, windows, rows, columns, conv_rows, conv_columns, pool_top, pool_left, top, left,
               x_image, cell_image, cell_row, cell_column);

    float sum[ITEM_WINDOWS * CELLS][ITEM_FILTERS];
#pragma unroll
    for (int m = 0; m < ITEM_WINDOWS * CELLS; m++)
#pragma unroll
        for (int t = 0; t < ITEM_FILTERS; t++) sum[m][t] = 0.0f;
    barrier(CLK_LOCAL_MEM_FENCE);

    /* Two tiles' worth of loads at once would take the registers of the sums. */
#pragma unroll 1
    for (int depth = 0; depth < DEPTH; depth += TILE_DEPTH) {
        /* Neighbours copy neighbouring channels of a pixel, and neighbouring filters. */
        for (int i = item; i < TILE_DEPTH * TILE_CELLS; i += GROUP) {
            int k = i % TILE_DEPTH, cell = i / TILE_DEPTH, term = depth + k;
            int tap = term / CHANNELS, c = term % CHANNELS;
            int r = cell_row[cell] + tap / KERNEL_WIDTH, s = cell_column[cell] + tap % KERNEL_WIDTH;
            bool inside = term < DEPTH && r >= 0 && r < height && s >= 0 && s < width;
            pixels[k * PIXEL_PITCH + cell] =
                inside ? x[x_origin + cell_image[cell] + r * x_row + s * x_column + c] : 0.0f;
        }
        for (int i = item; i < TILE_DEPTH * TILE_FILTERS; i += GROUP) {
            int k = i / TILE_FILTERS, f = first_filter + i % TILE_FILTERS;
            weights[i] = depth + k < DEPTH && f < filters ? w[(depth + k) * filters + f] : 0.0f;
        }
        barrier(CLK_LOCAL_MEM_FENCE);
        for (int k = 0; k < TILE_DEPTH; k++) {
            float weight[ITEM_FILTERS];
#pragma unroll
            for (int t = 0; t < ITEM_FILTERS; t++) weight[t] = weights[k * TILE_FILTERS + t * GROUP_FILTERS + lf];
#pragma unroll
            for (int m = 0; m < ITEM_WINDOWS * CELLS; m++) {
                float pixel = pixels[k * PIXEL_PITCH + (m / CELLS * GROUP_WINDOWS + lw) * CELLS + m % CELLS];
#pragma unroll
                for (int t = 0; t < ITEM_FILTERS; t++) sum[m][t] += pixel * weight[t];
            }
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }

#pragma unroll
    for (int m = 0; m < ITEM_WINDOWS; m++) {
        int window = first_window + m * GROUP_WINDOWS + lw;
        int n = window / (rows * columns), u = window / columns % rows, v = window % columns;
        if (window >= windows) continue;
#pragma unroll
        for (int t = 0; t < ITEM_FILTERS; t++) {
            int f = first_filter + t * GROUP_FILTERS + lf;
            if (f >= filters) continue;
            float pooled = 0.0f;
            int place = -1, cells = 0;
#pragma unroll
            for (int cell = 0; cell < CELLS; cell++) {
#if CELLS > 1
                /* Windows may reach beyond the convolution's result. */
                int i = u * POOL_STRIDE_HEIGHT - pool_top + cell / POOL_WIDTH;
                int j = v * POOL_STRIDE_WIDTH - pool_left + cell % POOL_WIDTH;
                if (i < 0 || i >= conv_rows || j < 0 || j >= conv_columns) continue;
#endif
                float value = sum[m * CELLS + cell][t];
#ifdef BIAS
                value += b[f];
#endif
                pool_cell(&pooled, &place, value, cell, cells == 0);
                cells++;
            }
#ifdef POOL_AVERAGE
            pooled /= (float)cells;
#endif
            y[y_origin + n * y_image + u * y_row + v * y_column + f] = activate(pooled);
#ifdef WINNER
            winner[window * filters + f] = (uchar)place;
#endif
        }
    }
}
