/* Convolution for GPUs as a matrix product that is never written out (implicit GEMM), with the gathering of images
 * before it and bias, pool and activation as its epilogue.
 *
 * The rows of the product are the cells of the convolution's result, over all images and grouped by the window of the
 * pool behind it (one cell a window without a pool); its columns are the filters; the terms of its sums are the taps
 * with their channels. tile.cl computes it: pixels are fetched along the channels, zeros for those outside the image. A
 * work-item holds all cells of its windows, so bias, pool and activation cost no further pass.
 *
 * Index space: that of tile.cl, of cells and filters. x and y are addressed by strides (see images.cl); winner is
 * dense.
 *
 * Macros: those of tile.cl; ROW_UNIT is a multiple of the window's cells
 *         KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_HEIGHT, STRIDE_WIDTH, CHANNELS   of the convolution
 *         POOL_HEIGHT, POOL_WIDTH, POOL_STRIDE_HEIGHT, POOL_STRIDE_WIDTH       of the pool; 1 without one
 *         POOL_AVERAGE   the pool takes the mean; otherwise the maximum
 *         BIAS, WINNER   b is added; winners are stored
 *         and those of images.cl and activation_functions.cl */
#include "activation_functions.cl"
#include "conv2d_pool.cl"
#include "images.cl"
#include "tile.cl"

#define CELLS (POOL_HEIGHT * POOL_WIDTH)
#define DEPTH (KERNEL_HEIGHT * KERNEL_WIDTH * CHANNELS)
/* Row of a cell that is not there: no tap of it is inside an image. */
#define NOWHERE (-0x40000000)

/* Where the pixels of a cell lie: its image, and row and column of the first tap. */
typedef struct place {
    const __global X_TYPE *image;
    int row, column;
} place;

INLINED void fetch_pixels(const place *restrict places, int depth, int x_row, float scale, int height, int width,
                          float *restrict pixels)
{
#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        uint term = depth + left_term(slot), tap = term / CHANNELS, c = term % CHANNELS;
        int row = places[slot].row + tap / KERNEL_WIDTH, column = places[slot].column + tap % KERNEL_WIDTH;
        bool inside = left_has(slot) && term < DEPTH && (uint)row < (uint)height && (uint)column < (uint)width;
        image_fetch(LEFT_VECTOR, places[slot].image + (row * x_row + column * CHANNELS + (int)c), inside,
                    pixels + slot * LEFT_VECTOR);
    }
}

INLINED void fetch_weights(__global const float *restrict w, int depth, int first_filter, int filters,
                           float *restrict weights)
{
#pragma unroll
    for (int slot = 0; slot < RIGHT_SLOTS; slot++) {
        int term = depth + right_term(slot), f = first_filter + right_line(slot);
        tile_fetch(RIGHT_VECTOR, w + term * filters + f, right_has(slot) && term < DEPTH && f < filters,
                   weights + slot * RIGHT_VECTOR);
    }
}

__attribute__((reqd_work_group_size(GROUP, 1, 1))) __kernel void
conv2d_tiled(IMAGES_ARGUMENTS, __global const float *restrict w,
#ifdef BIAS
             __global const float *restrict b,
#endif
             __global float *restrict y, int y_origin, int y_image, int y_row,
#ifdef WINNER
             __global uchar *restrict winner,
#endif
             int windows, int rows, int columns, int conv_rows, int conv_columns, int filters, int height, int width,
             int top, int left_padding, int pool_top, int pool_left)
{
    TILE_MEMORY(left, TILE_DEPTH * LEFT_PITCH);
    TILE_MEMORY(right, TILE_DEPTH * RIGHT_PITCH);
    float pixels[LEFT_SLOTS * LEFT_VECTOR], weights[RIGHT_SLOTS * RIGHT_VECTOR], sum[ITEM_ROWS * ITEM_COLUMNS];
    place places[LEFT_SLOTS];
    const int first_filter = tile_first_column(), first_window = tile_first_row() / CELLS;

#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        int cell = left_line(slot), window = first_window + cell / CELLS, at = cell % CELLS;
        int n = window / (rows * columns), u = window / columns % rows, v = window % columns;
        int i = u * POOL_STRIDE_HEIGHT - pool_top + at / POOL_WIDTH;
        int j = v * POOL_STRIDE_WIDTH - pool_left + at % POOL_WIDTH;
        bool there = window < windows && i >= 0 && i < conv_rows && j >= 0 && j < conv_columns;
        places[slot].image = x;
        if (there) places[slot].image += x_origin + image_number(n) * x_image;
        places[slot].row = there ? i * STRIDE_HEIGHT - top : NOWHERE;
        places[slot].column = j * STRIDE_WIDTH - left_padding;
    }
    tile_clear(sum);

#pragma unroll 1
    for (int depth = 0; depth < DEPTH + TILE_DEPTH; depth += TILE_DEPTH) {
        fetch_pixels(places, depth, x_row, scale, height, width, pixels);
        fetch_weights(w, depth, first_filter, filters, weights);
        if (depth > 0) tile_multiply(left, right, sum);
        tile_barrier();
        left_keep(left, pixels);
        right_keep(right, weights);
        tile_barrier();
    }

#pragma unroll
    for (int m = 0; m < ITEM_ROWS; m += CELLS) {
        int window = first_window + tile_row(m) / CELLS;
        int n = window / (rows * columns), u = window / columns % rows, v = window % columns;
        if (window >= windows) continue;
#pragma unroll
        for (int t = 0; t < ITEM_COLUMNS; t++) {
            int f = first_filter + tile_column(t);
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
                float value = sum[(m + cell) * ITEM_COLUMNS + t];
#ifdef BIAS
                value += b[f];
#endif
                pool_cell(&pooled, &place, value, cell, cells == 0);
                cells++;
            }
#ifdef POOL_AVERAGE
            pooled /= (float)cells;
#endif
            y[y_origin + n * y_image + u * y_row + v * filters + f] = activate(pooled);
#ifdef WINNER
            winner[window * filters + f] = (uchar)place;
#endif
        }
    }
}
