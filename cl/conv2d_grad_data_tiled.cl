/* The gradient of a convolution by its input for GPUs, as a matrix product that is never written out (implicit GEMM);
 * the gradients of a max pool and of an activation behind the convolution are computed on the way.
 *
 *   dx[n,r,s,c] = sum over taps (p,q) that reach (r,s), and filters f, of g[n,i,j,f] * w[p,q,c,f],
 *                 where i * STRIDE_HEIGHT = r + top - p and j * STRIDE_WIDTH = s + left - q
 *
 * With a stride a pixel is reached by those taps alone whose remainder is that of r + top (and s + left): so pixels are
 * computed in STRIDE_HEIGHT * STRIDE_WIDTH phases, in each of which all pixels share their taps. The rows of the
 * product are the phase's pixels (n,r,s), its columns the channels, its terms the phase's taps with the filters.
 * tile.cl computes it; both factors are fetched along the filters.
 *
 * Index space: that of tile.cl, of pixels, channels and phases. dx is addressed by strides; for dy see
 * conv2d_gradient_tiled.cl.
 *
 * Macros: those of tile.cl (LEFT_VECTOR is GRADIENT_VECTOR) and conv2d_gradient_tiled.cl
 *         KERNEL_HEIGHT, KERNEL_WIDTH, STRIDE_HEIGHT, STRIDE_WIDTH, CHANNELS, FILTERS   of the convolution */
#define GRADIENT_VECTOR LEFT_VECTOR
#include "conv2d_gradient_tiled.cl"
#include "tile.cl"

/* A pixel: its image, and the cell of the convolution that its first tap of the phase belongs to. */
typedef struct place {
    int image, row, column;
} place;

/* The taps of a phase: how many, how many of them across (at least one), and the first ones. */
typedef struct taps {
    uint count, across;
    int first_row, first_column;
} taps;

/* The first number from 0 on that has remainder r + before = phase, by the stride. */
INLINED int first_of(int phase, int before, int stride)
{
    int r = (phase - before) % stride;
    return r < 0 ? r + stride : r;
}

INLINED void fetch_gradients(GRADIENT_ARGUMENTS, const place *restrict places, taps t, int depth, int conv_rows,
                             int conv_columns, float *restrict to)
{
#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        uint term = depth + left_term(slot), tap = term / FILTERS, f = term % FILTERS;
        int i = places[slot].row - (int)(tap / t.across), j = places[slot].column - (int)(tap % t.across);
        bool there = left_has(slot) && places[slot].image >= 0 && tap < t.count && (uint)i < (uint)conv_rows &&
                     (uint)j < (uint)conv_columns;
        fetch_gradient(GRADIENT_VALUES, places[slot].image, i, j, f, there, to + slot * LEFT_VECTOR);
    }
}

INLINED void fetch_weights(const __global float *restrict w, taps t, int depth, int first_channel, float *restrict to)
{
#pragma unroll
    for (int slot = 0; slot < RIGHT_SLOTS; slot++) {
        uint term = depth + right_term(slot), tap = term / FILTERS, f = term % FILTERS;
        int c = first_channel + right_line(slot);
        int p = t.first_row + (int)(tap / t.across) * STRIDE_HEIGHT;
        int q = t.first_column + (int)(tap % t.across) * STRIDE_WIDTH;
        bool there = right_has(slot) && tap < t.count && c < CHANNELS;
        tile_fetch(RIGHT_VECTOR, w + (((p * KERNEL_WIDTH + q) * CHANNELS + c) * FILTERS + (int)f), there,
                   to + slot * RIGHT_VECTOR);
    }
}

__attribute__((reqd_work_group_size(GROUP, 1, 1))) __kernel void
conv2d_grad_data_tiled(GRADIENT_ARGUMENTS, const __global float *restrict w, __global float *restrict dx, int dx_origin,
                       int dx_image, int dx_row, int batch, int conv_rows, int conv_columns, int height, int width,
                       int top, int left_padding)
{
    TILE_MEMORY(left, TILE_DEPTH * LEFT_PITCH);
    TILE_MEMORY(right, TILE_DEPTH * RIGHT_PITCH);
    float gradient[LEFT_SLOTS * LEFT_VECTOR], weights[RIGHT_SLOTS * RIGHT_VECTOR], sum[ITEM_ROWS * ITEM_COLUMNS];
    place places[LEFT_SLOTS];
    const int first_channel = tile_first_column(), first_pixel = tile_first_row();
    const int phase_row = tile_split() / STRIDE_WIDTH, phase_column = tile_split() % STRIDE_WIDTH;
    const int r_first = first_of(phase_row, top, STRIDE_HEIGHT),
              s_first = first_of(phase_column, left_padding, STRIDE_WIDTH);
    const int rows = max((height - r_first + STRIDE_HEIGHT - 1) / STRIDE_HEIGHT, 0);
    const int columns = max((width - s_first + STRIDE_WIDTH - 1) / STRIDE_WIDTH, 1);
    const int pixels = s_first < width ? rows * columns * batch : 0;
    const int down = (KERNEL_HEIGHT - phase_row + STRIDE_HEIGHT - 1) / STRIDE_HEIGHT;
    const int across = (KERNEL_WIDTH - phase_column + STRIDE_WIDTH - 1) / STRIDE_WIDTH;
    const taps t = {max(down, 0) * max(across, 0), max(across, 1), phase_row, phase_column};

#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        int pixel = first_pixel + left_line(slot);
        int r = r_first + pixel / columns % max(rows, 1) * STRIDE_HEIGHT, s = s_first + pixel % columns * STRIDE_WIDTH;
        places[slot].image = pixel < pixels ? pixel / columns / rows : -1;
        places[slot].row = (r + top - phase_row) / STRIDE_HEIGHT;
        places[slot].column = (s + left_padding - phase_column) / STRIDE_WIDTH;
    }
    tile_clear(sum);

    /* Phases need not be alike in size: a group beyond the last pixel has no terms. */
    const int terms = first_pixel < pixels ? t.count * FILTERS : 0;
#pragma unroll 1
    for (int depth = 0; depth < terms + TILE_DEPTH; depth += TILE_DEPTH) {
        fetch_gradients(GRADIENT_VALUES, places, t, depth, conv_rows, conv_columns, gradient);
        fetch_weights(w, t, depth, first_channel, weights);
        if (depth > 0) tile_multiply(left, right, sum);
        tile_barrier();
        left_keep(left, gradient);
        right_keep(right, weights);
        tile_barrier();
    }

#pragma unroll
    for (int m = 0; m < ITEM_ROWS; m++) {
        int pixel = first_pixel + tile_row(m);
        if (pixel >= pixels) continue;
        int r = r_first + pixel / columns % rows * STRIDE_HEIGHT, s = s_first + pixel % columns * STRIDE_WIDTH;
        __global float *to = dx + (dx_origin + pixel / columns / rows * dx_image + r * dx_row + s * CHANNELS);
#pragma unroll
        for (int k = 0; k < ITEM_COLUMNS; k++) {
            int c = first_channel + tile_column(k);
            if (c < CHANNELS) to[c] = sum[m * ITEM_COLUMNS + k];
        }
    }
}
