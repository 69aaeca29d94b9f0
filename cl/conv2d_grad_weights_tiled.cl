/* The gradient of a convolution by its filters and bias for GPUs, as a matrix product that is never written out
 * (implicit GEMM); the gathering of images, and the gradients of a max pool and of an activation behind the
 * convolution, are computed on the way.
 *
 *   dw[p,q,c,f] = sum over cells (n,i,j) of x[n, i*sh - top + p, j*sw - left + q, c] * g[n,i,j,f]
 *   db[f]       = sum over cells of g[n,i,j,f]
 *
 * The rows of the product are the taps with their channels, its columns the filters, its terms the cells of the
 * convolution's result over all images. tile.cl computes it; x is fetched along the channels and g along the filters.
 * The cells are cut into partitions, each of which yields a partial sum of dw and db in the parameters' own layout.
 * Where the cells of the coming terms lie is worked out by few work-items for all, in local memory. The group of the
 * first rows adds up the gradients that it has in local memory for db.
 *
 * Index space: that of tile.cl, of rows, filters and partitions. x is addressed by strides (see images.cl); for dy see
 * conv2d_gradient_tiled.cl.
 *
 * Macros: those of tile.cl (RIGHT_VECTOR is GRADIENT_VECTOR), images.cl and conv2d_gradient_tiled.cl
 *         KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_HEIGHT, STRIDE_WIDTH, CHANNELS, FILTERS   of the convolution
 *         WEIGHTS, BIAS   1: dw, db is stored */
#define GRADIENT_VECTOR RIGHT_VECTOR
#include "conv2d_gradient_tiled.cl"
#include "images.cl"
#include "tile.cl"

#define ROWS (KERNEL_HEIGHT * KERNEL_WIDTH * CHANNELS)

/* Where the cells of TILE_DEPTH terms lie: image, and image of x; row and column. The image is negative for a cell that
 * is not there. */
#define CELL_NUMBERS 4

INLINED void locate(TILE_SPACE int *restrict cells, int first, int end, int conv_rows, int conv_columns,
                    const __global int *restrict order, const __global int *restrict clock)
{
    for (int k = tile_item(); k < TILE_DEPTH; k += GROUP) {
        int cell = first + k, n = cell / (conv_rows * conv_columns), at = cell % (conv_rows * conv_columns);
        cells[k * CELL_NUMBERS] = cell < end ? n : -1;
        cells[k * CELL_NUMBERS + 1] = cell < end ? (int)image_number(n) : 0;
        cells[k * CELL_NUMBERS + 2] = at / conv_columns;
        cells[k * CELL_NUMBERS + 3] = at % conv_columns;
    }
}

/* A line of the left factor: its tap, and its offset from the pixel of a cell's first tap. */
typedef struct line {
    int p, q, offset;
} line;

INLINED void fetch_pixels(IMAGES_ARGUMENTS, const line *restrict lines, const TILE_SPACE int *restrict cells,
                          int height, int width, int top, int left_padding, float *restrict to)
{
#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        const TILE_SPACE int *cell = cells + min(left_term(slot), (uint)(TILE_DEPTH - 1)) * CELL_NUMBERS;
        int r = cell[2] * STRIDE_HEIGHT - top, s = cell[3] * STRIDE_WIDTH - left_padding;
        bool inside = left_has(slot) && cell[0] >= 0 && lines[slot].offset >= 0 &&
                      (uint)(r + lines[slot].p) < (uint)height && (uint)(s + lines[slot].q) < (uint)width;
        const __global X_TYPE *image = x + (size_t)cell[1] * x_image;
        image_fetch(LEFT_VECTOR, image + (r * x_row + s * CHANNELS + lines[slot].offset), inside,
                    to + slot * LEFT_VECTOR);
    }
}

INLINED void fetch_gradients(GRADIENT_ARGUMENTS, const TILE_SPACE int *restrict cells, int first_filter,
                             float *restrict to)
{
#pragma unroll
    for (int slot = 0; slot < RIGHT_SLOTS; slot++) {
        const TILE_SPACE int *cell = cells + min(right_term(slot), (uint)(TILE_DEPTH - 1)) * CELL_NUMBERS;
        int f = first_filter + right_line(slot);
        fetch_gradient(GRADIENT_VALUES, cell[0], cell[2], cell[3], f, right_has(slot) && cell[0] >= 0 && f < FILTERS,
                       to + slot * RIGHT_VECTOR);
    }
}

__attribute__((reqd_work_group_size(GROUP, 1, 1))) __kernel void
conv2d_grad_weights_tiled(GRADIENT_ARGUMENTS, IMAGES_ARGUMENTS,
#if WEIGHTS
                          __global float *restrict dw, int dw_stride,
#endif
#if BIAS
                          __global float *restrict db, int db_stride,
#endif
                          int batch, int conv_rows, int conv_columns, int height, int width, int top, int left_padding)
{
    TILE_MEMORY(left, TILE_DEPTH * LEFT_PITCH);
    TILE_MEMORY(right, TILE_DEPTH * RIGHT_PITCH);
    TILE_SPACE int cells[TILE_DEPTH * CELL_NUMBERS];
    float pixels[LEFT_SLOTS * LEFT_VECTOR], gradient[RIGHT_SLOTS * RIGHT_VECTOR], sum[ITEM_ROWS * ITEM_COLUMNS];
    line lines[LEFT_SLOTS];
    const int first_filter = tile_first_column(), first_row = tile_first_row();
    const int partition = tile_split(), partitions = tile_splits(), all = batch * conv_rows * conv_columns;
    const int first = (int)((long)partition * all / partitions), end = (int)((long)(partition + 1) * all / partitions);

#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        uint row = first_row + left_line(slot), tap = row / CHANNELS;
        lines[slot].p = tap / KERNEL_WIDTH;
        lines[slot].q = tap % KERNEL_WIDTH;
        lines[slot].offset = row < ROWS ? lines[slot].p * x_row + lines[slot].q * CHANNELS + (int)(row % CHANNELS) : -1;
    }
    x += x_origin; /* once for all: fetch_pixels does without it */
    tile_clear(sum);
#if BIAS
    float bias[TILE_COLUMN_SUMS];
#pragma unroll
    for (int b = 0; b < TILE_COLUMN_SUMS; b++) bias[b] = 0.0f;
#endif

    locate(cells, first, end, conv_rows, conv_columns, order, clock);
    tile_barrier();
#pragma unroll 1
    for (int cell = first; cell < end + TILE_DEPTH; cell += TILE_DEPTH) {
        fetch_pixels(x, order, clock, x_origin, x_image, x_row, scale, lines, cells, height, width, top, left_padding,
                     pixels);
        fetch_gradients(GRADIENT_VALUES, cells, first_filter, gradient);
        if (cell > first) {
#if WEIGHTS
            tile_multiply(left, right, sum);
#endif
#if BIAS
            if (first_row == 0) tile_add_columns(right, bias);
#endif
        }
        tile_barrier();
        left_keep(left, pixels);
        right_keep(right, gradient);
        locate(cells, cell + TILE_DEPTH, end, conv_rows, conv_columns, order, clock);
        tile_barrier();
    }

#if WEIGHTS
#pragma unroll
    for (int m = 0; m < ITEM_ROWS; m++) {
        int row = first_row + tile_row(m);
        if (row >= ROWS) continue;
#pragma unroll
        for (int t = 0; t < ITEM_COLUMNS; t++) {
            int f = first_filter + tile_column(t);
            if (f < FILTERS) dw[(size_t)partition * dw_stride + row * FILTERS + f] = sum[m * ITEM_COLUMNS + t];
        }
    }
#endif
#if BIAS
    if (first_row == 0)
#pragma unroll
        for (int b = 0; b < TILE_COLUMN_SUMS; b++) {
            int column = tile_item() + b * GROUP, f = first_filter + column;
            if (column < TILE_COLUMNS && f < FILTERS) db[(size_t)partition * db_stride + f] = bias[b];
        }
#endif
}
