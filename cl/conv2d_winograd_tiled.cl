/* Winograd's convolution F(2x2, 3x3) for GPUs (Lavin and Gray, "Fast algorithms for convolutional neural networks",
 * 2015), stride 1, with an optional 2x2 pool and activation as its epilogue:
 *   y = activation(pool(conv2d(x, w) + b)), winner = the place of the maximum in the window
 *
 * A window is 2x2 cells of the convolution, computed from 4x4 pixels d and filters u that were transformed before:
 *   A^T [sum over channels of u * (B^T d B)] A    (* elementwise): 16 multiplications where the direct way takes 36.
 * A window is also just what a 2x2 pool reduces to one cell. At each of the 16 points the sums over channels are a
 * matrix product, windows x filters, which tile.cl computes: a work-group has a tile of all sixteen, in GROUP_PRODUCTS
 * layers of work-items that have 16 / GROUP_PRODUCTS points each. It fetches the pixels of its windows, TILE_DEPTH
 * channels at a time, and transforms them on the way to local memory, for all filters of the tile at once. In the end
 * the products go through local memory, PASS_ROWS windows of each work-item at a time, to a work-item for each window
 * and filter, which transforms them back.
 *
 * Not-a-number reaches the same cells as in the direct sum: of d's 16 pixels, each enters just the transformed points
 * that its cells are made of. An infinite pixel gives not-a-number where the direct sum is infinite, as both signs of
 * it are added up.
 *
 * Index space: (windows, filters), work-groups of GROUP_ROWS * GROUP_COLUMNS * GROUP_PRODUCTS x 1.
 * Layout: x and y NHWC with any image and row stride, u [16][CHANNELS][filter], winner dense.
 *
 * Macros: those of tile.cl, but for LEFT_VECTOR and the factors' directions; GROUP_PRODUCTS divides 16
 *         CHANNELS                 of the convolution
 *         PASS_ROWS                divides ITEM_ROWS
 *         POOL_MAX, POOL_AVERAGE   the pool's mode; neither: no pool
 *         BIAS, WINNER             whether b and winner are there
 *         and those of activation_functions.cl */
#include "activation_functions.cl"
#include "conv2d_pool.cl"

#define LEFT_VECTOR       1
#define LEFT_ALONG_DEPTH  1
#define RIGHT_ALONG_DEPTH 0
#define TILE_UNROLL       2
#include "tile.cl"

#define POINTS       (16 / GROUP_PRODUCTS)
#define SUMS         (ITEM_ROWS * ITEM_COLUMNS)
#define LEFT_POINT   (TILE_DEPTH * LEFT_PITCH)
#define RIGHT_POINT  (TILE_DEPTH * RIGHT_PITCH)
#define PASS_WINDOWS (PASS_ROWS * GROUP_ROWS)
#define PAIRS        (PASS_WINDOWS * TILE_COLUMNS) /* of windows and filters in a pass of the epilogue */
/* Of local memory: both factors, then the products. */
#define POINT_FLOATS (LEFT_POINT + RIGHT_POINT > PAIRS ? LEFT_POINT + RIGHT_POINT : PAIRS)
/* A slot of pixels is a window and channel of the left factor, for all points; one of filters is at a point. */
#define FILTER_VECTORS (16 * TILE_DEPTH * TILE_COLUMNS / RIGHT_VECTOR)
#define FILTER_SLOTS   ((FILTER_VECTORS + GROUP - 1) / GROUP)

/* Where the pixels of a slot's window lie: bytes to their rows and columns, and which of these are inside the image, as
 * masks of all bits or none. The others are read elsewhere in it, which costs no branch, and masked afterwards. */
typedef struct place {
    uint rows[4], columns[4], row_masks[4], column_masks[4];
} place;

INLINED void find_pixels(place *restrict p, uint image, int row, int column, bool there, int x_row, int height,
                         int width)
{
#pragma unroll
    for (int i = 0; i < 4; i++) {
        p->row_masks[i] = there && (uint)(row + i) < (uint)height ? ~0u : 0;
        p->column_masks[i] = (uint)(column + i) < (uint)width ? ~0u : 0;
        p->rows[i] = (image + (uint)clamp(row + i, 0, height - 1) * x_row) * (uint)sizeof(float);
        p->columns[i] = (uint)clamp(column + i, 0, width - 1) * (CHANNELS * (uint)sizeof(float));
    }
}

/* The channel that a slot reads after `depth` others: a window's last one stands in for those that are not there. */
INLINED uint slot_channel(int slot, int depth)
{
    return CHANNELS % TILE_DEPTH ? min(depth + left_term(slot), CHANNELS - 1u) : depth + left_term(slot);
}

/* The 4x4 pixels of each slot. Bytes from one address for all: a 32-bit number for each pixel. */
INLINED void fetch_pixels(const __global char *restrict x, int depth, const place *restrict places,
                          float *restrict pixels)
{
#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        if (!left_has(slot)) continue;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            uint row = places[slot].rows[i] + slot_channel(slot, depth) * (uint)sizeof(float);
#pragma unroll
            for (int j = 0; j < 4; j++)
                pixels[(slot * 4 + i) * 4 + j] = *(const __global float *)(x + (row + places[slot].columns[j]));
        }
    }
}

INLINED float masked(float number, uint mask)
{
    return as_float(as_uint(number) & mask);
}

/* left[4 i + j][channel][window] = (B^T d B)[i][j], B^T = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1]. Filters of channels
 * that are not there are zeros, but what is not finite would not stay away: such pixels are masked as well. */
INLINED void keep_pixels(TILE_SPACE float *restrict left, int depth, const place *restrict places,
                         const float *restrict pixels)
{
#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        if (!left_has(slot)) continue;
        TILE_SPACE float *to = left + left_term(slot) * LEFT_PITCH + left_line(slot);
        uint channel_mask = CHANNELS % TILE_DEPTH == 0 || depth + left_term(slot) < CHANNELS ? ~0u : 0;
        float d[4][4];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float a[4];
#pragma unroll
            for (int j = 0; j < 4; j++) a[j] = masked(pixels[(slot * 4 + i) * 4 + j], places[slot].column_masks[j]);
            uint mask = places[slot].row_masks[i] & channel_mask;
            d[i][0] = masked(a[0] - a[2], mask);
            d[i][1] = masked(a[1] + a[2], mask);
            d[i][2] = masked(a[2] - a[1], mask);
            d[i][3] = masked(a[1] - a[3], mask);
        }
#pragma unroll
        for (int j = 0; j < 4; j++) {
            to[(0 + j) * LEFT_POINT] = d[0][j] - d[2][j];
            to[(4 + j) * LEFT_POINT] = d[1][j] + d[2][j];
            to[(8 + j) * LEFT_POINT] = d[2][j] - d[1][j];
            to[(12 + j) * LEFT_POINT] = d[1][j] - d[3][j];
        }
    }
}

/* The numbers of a slot begin at filter filter_line(slot) of the tile and row filter_row(slot) of (point, channel). */
INLINED uint filter_line(int slot)
{
    return (tile_item() + (uint)slot * GROUP) % (TILE_COLUMNS / RIGHT_VECTOR) * RIGHT_VECTOR;
}

INLINED uint filter_row(int slot)
{
    return (tile_item() + (uint)slot * GROUP) / (TILE_COLUMNS / RIGHT_VECTOR);
}

INLINED bool filter_has(int slot)
{
    return FILTER_VECTORS % GROUP == 0 || tile_item() + (uint)slot * GROUP < FILTER_VECTORS;
}

/* Where the numbers of a slot lie at channel 0 of the tile; those of filters that are not there stand for others, whose
 * products are not stored. */
INLINED uint find_filters(int slot, int first_filter, int filters)
{
    uint point = filter_row(slot) / TILE_DEPTH, c = filter_row(slot) % TILE_DEPTH;
    uint f = min(first_filter + filter_line(slot), filters - RIGHT_VECTOR + 0u);
    return (min(point, 15u) * CHANNELS + c) * filters + f;
}

INLINED void fetch_filters(const __global float *restrict u, int depth, int filters, const uint *restrict places,
                           float *restrict weights)
{
#pragma unroll
    for (int slot = 0; slot < FILTER_SLOTS; slot++) {
        bool there = CHANNELS % TILE_DEPTH == 0 || depth + (int)(filter_row(slot) % TILE_DEPTH) < CHANNELS;
        tile_fetch(RIGHT_VECTOR, u + depth * filters + places[slot], there && filter_has(slot),
                   weights + slot * RIGHT_VECTOR);
    }
}

INLINED void keep_filters(TILE_SPACE float *restrict right, const float *restrict weights)
{
#pragma unroll
    for (int slot = 0; slot < FILTER_SLOTS; slot++) {
        if (!filter_has(slot)) continue;
        TILE_SPACE float *to = right + filter_row(slot) * RIGHT_PITCH + filter_line(slot);
#pragma unroll
        for (int v = 0; v < RIGHT_VECTOR; v++) to[v] = weights[slot * RIGHT_VECTOR + v];
    }
}

/* products[point][window of the pass][filter of the tile] */
INLINED void keep_products(TILE_SPACE float *restrict products, const float *restrict sum, int pass)
{
#pragma unroll
    for (int q = 0; q < POINTS; q++)
#pragma unroll
        for (int i = 0; i < PASS_ROWS; i++) {
            uint row = (tile_product() * POINTS + q) * PASS_WINDOWS + i * GROUP_ROWS + tile_group_row();
#pragma unroll
            for (int t = 0; t < ITEM_COLUMNS; t++)
                products[row * TILE_COLUMNS + tile_column(t)] = sum[q * SUMS + (pass + i) * ITEM_COLUMNS + t];
        }
}

/* cell[2 i + j] = (A^T m A)[i][j] + bias, A^T = [1 1 1 0; 0 1 -1 -1]; m are the products of one window and filter. */
INLINED void transform_products(const TILE_SPACE float *restrict products, float bias, float cell[4])
{
    float row[2][4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
        float m[4];
#pragma unroll
        for (int i = 0; i < 4; i++) m[i] = products[(4 * i + j) * PAIRS];
        row[0][j] = m[0] + m[1] + m[2];
        row[1][j] = m[1] - m[2] - m[3];
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        cell[2 * i] = row[i][0] + row[i][1] + row[i][2] + bias;
        cell[2 * i + 1] = row[i][1] - row[i][2] - row[i][3] + bias;
    }
}

/* Pools, activates and stores the cells of window (u, v) of an image's y for one filter; `winner` is the window's. */
INLINED void store_window(const float cell[4], int u, int v, int conv_rows, int conv_columns, int filters,
                          __global float *restrict y, int y_row, __global uchar *restrict winner)
{
    bool right = 2 * v + 1 < conv_columns, below = 2 * u + 1 < conv_rows;
    bool inside[] = {true, right, below, right && below};
#if defined(POOL_MAX) || defined(POOL_AVERAGE)
    float pooled = 0.0f;
    int won = 0;
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (inside[i]) pool_cell(&pooled, &won, cell[i], i, i == 0);
#ifdef POOL_AVERAGE
    pooled /= (float)(inside[0] + inside[1] + inside[2] + inside[3]);
#endif
    y[u * y_row + v * filters] = activate(pooled);
#ifdef WINNER
    *winner = (uchar)won;
#endif
#else
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (inside[i]) y[(2 * u + i / 2) * y_row + (2 * v + i % 2) * filters] = activate(cell[i]);
#endif
}

__attribute__((reqd_work_group_size(GROUP, 1, 1))) __kernel void
conv2d_winograd_tiled(const __global float *restrict x, int x_origin, int x_image, int x_row,
                      const __global float *restrict u,
#ifdef BIAS
                      const __global float *restrict b,
#endif
                      __global float *restrict y, int y_origin, int y_image, int y_row,
#ifdef WINNER
                      __global uchar *restrict winner,
#endif
                      int windows, int rows, int columns, int conv_rows, int conv_columns, int filters, int height,
                      int width, int top, int left_padding)
{
    TILE_MEMORY(memory, 16 * POINT_FLOATS);
    TILE_SPACE float *left = memory, *right = memory + 16 * LEFT_POINT;
    float pixels[LEFT_SLOTS * 16], weights[FILTER_SLOTS * RIGHT_VECTOR], sum[POINTS * SUMS];
    place places[LEFT_SLOTS];
    uint filter_places[FILTER_SLOTS];
    const int first_filter = tile_first_column(), first_window = tile_first_row();
    const int first_image = first_window / (rows * columns);
    const __global char *from = (const __global char *)(x + (x_origin + (size_t)first_image * x_image));

#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        int window = min(first_window + (int)left_line(slot), windows - 1), n = window / (rows * columns);
        find_pixels(&places[slot], (n - first_image) * x_image, window / columns % rows * 2 - top,
                    window % columns * 2 - left_padding, first_window + (int)left_line(slot) < windows, x_row, height,
                    width);
    }
#pragma unroll
    for (int slot = 0; slot < FILTER_SLOTS; slot++) filter_places[slot] = find_filters(slot, first_filter, filters);
#pragma unroll
    for (int i = 0; i < POINTS * SUMS; i++) sum[i] = 0.0f;

    /* The last channels are fetched once more, which costs less than a branch: the sums would be copied at its ends. */
    fetch_pixels(from, 0, places, pixels);
    fetch_filters(u, 0, filters, filter_places, weights);
#pragma unroll 1
    for (int depth = 0; depth < CHANNELS; depth += TILE_DEPTH) {
        keep_pixels(left, depth, places, pixels);
        keep_filters(right, weights);
        tile_barrier();
        int next = depth + TILE_DEPTH < CHANNELS ? depth + TILE_DEPTH : depth;
        fetch_pixels(from, next, places, pixels);
        fetch_filters(u, next, filters, filter_places, weights);
#pragma unroll
        for (int q = 0; q < POINTS; q++) {
            uint point = tile_product() * POINTS + q;
            tile_multiply(left + point * LEFT_POINT, right + point * RIGHT_POINT, sum + q * SUMS);
        }
        tile_barrier();
    }

#pragma unroll
    for (int pass = 0; pass < ITEM_ROWS; pass += PASS_ROWS) {
        keep_products(memory, sum, pass);
        tile_barrier();
        for (uint pair = tile_item(); pair < PAIRS; pair += GROUP) {
            uint line = pair / TILE_COLUMNS, m = pass + line / GROUP_ROWS;
            int window =
                first_window + (int)((m / ROW_UNIT * GROUP_ROWS + line % GROUP_ROWS) * ROW_UNIT + m % ROW_UNIT);
            int f = first_filter + (int)(pair % TILE_COLUMNS), n = window / (rows * columns);
            if (window >= windows || f >= filters) continue;
            float bias = 0.0f, cell[4];
#ifdef BIAS
            bias = b[f];
#endif
            transform_products(memory + pair, bias, cell);
            store_window(cell, window / columns % rows, window % columns, conv_rows, conv_columns, filters,
                         y + (y_origin + (size_t)n * y_image + f), y_row,
#ifdef WINNER
                         winner + ((size_t)window * filters + f)
#else
                         0
#endif
            );
        }
        tile_barrier();
    }
}
