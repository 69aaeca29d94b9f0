/* The gradient of a convolution with respect to its filters and bias, on CPU-class devices, where most of dy is not
 * zero; the gradient of an activation behind it is computed on the way.
 *
 *   dw[p,q,c,f] = sum over (n,i,j) of x[n, i*sh - top + p, j*sw - left + q, c] * g[n,i,j,f]
 *   db[f]       = sum over (n,i,j) of g[n,i,j,f]
 *
 * This is a product of two matrices, patches of the images and gradients, whose rows are the cells (n,i,j). A work-item
 * has a tile of the result: BLOCK_FILTERS filters, and TILE_ROWS kernel rows with TILE_RUN numbers (q,c) of each. It
 * packs the gradients of CHUNK cells at a time into private memory, with zeros for filters beyond the last. Then it
 * holds a block of BLOCK_ROWS x BLOCK_RUN x FILTER_VECTORS sums in registers for a whole chunk: filters across the
 * lanes, one number of the patch broadcast. Between chunks the sums rest in private memory. The last block of a kernel
 * row, and its last tile, reach back and compute some results twice, all alike.
 *
 * Index space: (block of filters, tile of the kernel, partition of the rows of all images), work-groups of one; each
 * partition yields a partial sum of dw and db in the parameters' own layout.
 *
 * x must have a border of zeros as wide as the padding: see conv2d_grad_weights_pad.cl.
 *
 * Macros: those of conv2d_gradient.cl but for ROWS, VECTORS and those of copied images
 *         FILTER_VECTORS                vectors of filters in registers
 *         BLOCK_ROWS, BLOCK_RUN         kernel rows, and numbers of each, in registers; BLOCK_ROWS divides TILE_ROWS
 *         TILE_ROWS, TILE_RUN           as above; TILE_ROWS divides KERNEL_HEIGHT, TILE_RUN is at most a run
 *         CHUNK                         cells that are packed together
 *         WEIGHTS, BIAS                 1: dw, db is wanted */
#include "conv2d_gradient.cl"
#include "filters.cl"

#define BLOCK_FILTERS (FILTER_VECTORS * VW)
#define TILES_ACROSS  ((RUN + TILE_RUN - 1) / TILE_RUN)
#define BLOCKS_ACROSS ((TILE_RUN + BLOCK_RUN - 1) / BLOCK_RUN)
#define BLOCKS        (TILE_ROWS / BLOCK_ROWS * BLOCKS_ACROSS)
#define BLOCK_SUMS    (BLOCK_ROWS * BLOCK_RUN * BLOCK_FILTERS)
/* The first kernel row of a block, and number in it, counted in the tile. */
#define FIRST_ROW(block) ((block) / BLOCKS_ACROSS * BLOCK_ROWS)
#define FIRST(block)     min((block) % BLOCKS_ACROSS * BLOCK_RUN, TILE_RUN - BLOCK_RUN)

/* Packs the gradients of a cell from the block's first filter on, of which `present` are there. Those of another cell
 * follow where it is not the `last` of its row, so that a whole vector can be read even if some of it is not wanted. */
static inline void pack_gradients(float *restrict to, const __global float *restrict dy,
                                  const __global float *restrict y, int present, bool last)
{
#pragma unroll
    for (int v = 0; v < FILTER_VECTORS; v++) {
        int f = v * VW, wanted = present - f;
        vec g = 0.0f;
        if (wanted >= VW || (wanted > 0 && !last)) {
            g = vec_load(dy + f);
#if ACTIVATED
            g = activation_gradient_vec(g, vec_load(y + f));
#endif
#if FILTERS % BLOCK_FILTERS
            g = select((vec)(0.0f), g, VEC_INDEX < (ivec)(wanted));
#endif
        }
        vec_store(g, to + f);
    }
    if (!last) return;
    for (int f = present / VW * VW; f < present; f++) {
        to[f] = dy[f];
#if ACTIVATED
        to[f] = activation_gradient(dy[f], y[f]);
#endif
    }
}

/* Adds the products of `count` cells to a block's sums. */
static inline void add_products(const __global float *restrict x, int x_row, const int *restrict place,
                                const float *restrict gradients, int count, float *restrict sums)
{
    vec sum[BLOCK_ROWS][BLOCK_RUN][FILTER_VECTORS];
#pragma unroll
    for (int r = 0; r < BLOCK_ROWS; r++)
#pragma unroll
        for (int e = 0; e < BLOCK_RUN; e++)
#pragma unroll
            for (int v = 0; v < FILTER_VECTORS; v++)
                sum[r][e][v] = vec_load(sums + (r * BLOCK_RUN + e) * BLOCK_FILTERS + v * VW);
    for (int t = 0; t < count; t++) {
        const __global float *patch = x + place[t];
        vec g[FILTER_VECTORS];
#pragma unroll
        for (int v = 0; v < FILTER_VECTORS; v++) g[v] = vec_load(gradients + t * BLOCK_FILTERS + v * VW);
#pragma unroll
        for (int r = 0; r < BLOCK_ROWS; r++)
#pragma unroll
            for (int e = 0; e < BLOCK_RUN; e++) {
                float number = patch[r * x_row + e];
#pragma unroll
                for (int v = 0; v < FILTER_VECTORS; v++) sum[r][e][v] += number * g[v];
            }
    }
#pragma unroll
    for (int r = 0; r < BLOCK_ROWS; r++)
#pragma unroll
        for (int e = 0; e < BLOCK_RUN; e++)
#pragma unroll
            for (int v = 0; v < FILTER_VECTORS; v++)
                vec_store(sum[r][e][v], sums + (r * BLOCK_RUN + e) * BLOCK_FILTERS + v * VW);
}

static inline void add_gradients(const float *restrict gradients, int count, float *restrict sums)
{
    vec sum[FILTER_VECTORS];
#pragma unroll
    for (int v = 0; v < FILTER_VECTORS; v++) sum[v] = vec_load(sums + v * VW);
    for (int t = 0; t < count; t++)
#pragma unroll
        for (int v = 0; v < FILTER_VECTORS; v++) sum[v] += vec_load(gradients + t * BLOCK_FILTERS + v * VW);
#pragma unroll
    for (int v = 0; v < FILTER_VECTORS; v++) vec_store(sum[v], sums + v * VW);
}

static inline void store_filters(const float *restrict from, __global float *restrict to, int present)
{
    for (int f = 0; f < present; f += VW) JOIN(floats_store, VW)(vec_load(from + f), to + f, present - f);
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_grad_weights_product_cpu(const __global float *restrict dy, const __global float *restrict y,
                                const __global uchar *restrict winner, int dy_origin, int dy_image, int dy_row,
                                int y_origin, int y_image, int y_row, int rows, int columns, int pool_top,
                                int pool_left, const __global float *restrict x, int x_origin, int x_image, int x_row,
#if WEIGHTS
                                __global float *restrict dw, int dw_stride,
#endif
#if BIAS
                                __global float *restrict db, int db_stride,
#endif
                                int batch)
{
    int place[CHUNK];
    float gradients[CHUNK * BLOCK_FILTERS] __attribute__((aligned(64)));
    float sums[BLOCKS * BLOCK_SUMS] __attribute__((aligned(64))), bias[BLOCK_FILTERS];
    int f0 = get_global_id(0) * BLOCK_FILTERS;
    int present = FILTERS % BLOCK_FILTERS ? min(BLOCK_FILTERS, FILTERS - f0) : BLOCK_FILTERS;
    int tile = get_global_id(1), partition = get_global_id(2), partitions = get_global_size(2);
    int p0 = tile / TILES_ACROSS * TILE_ROWS, e0 = min(tile % TILES_ACROSS * TILE_RUN, RUN - TILE_RUN);
    x += x_origin + p0 * x_row + e0;
    for (int s = 0; s < BLOCKS * BLOCK_SUMS; s++) sums[s] = 0.0f;
    for (int f = 0; f < BLOCK_FILTERS; f++) bias[f] = 0.0f;

    int first_row = (long)partition * batch * rows / partitions;
    int cell = first_row * columns, end = (int)((long)(partition + 1) * batch * rows / partitions) * columns;
    int n = first_row / rows, i = first_row % rows, j = 0;
    while (cell < end) {
        int count = min(CHUNK, end - cell);
        for (int t = 0; t < count; t++) {
            pack_gradients(gradients + t * BLOCK_FILTERS, dy + dy_origin + n * dy_image + i * dy_row + j * FILTERS + f0,
                           y + y_origin + n * y_image + i * y_row + j * FILTERS + f0, present, j == columns - 1);
            place[t] = n * x_image + i * (STRIDE_HEIGHT * x_row) + j * (STRIDE_WIDTH * CHANNELS);
            if (++j < columns) continue;
            j = 0;
            if (++i < rows) continue;
            i = 0;
            n++;
        }
        cell += count;
#if BIAS
        if (tile == 0) add_gradients(gradients, count, bias);
#endif
#if WEIGHTS
        for (int b = 0; b < BLOCKS; b++)
            add_products(x + FIRST_ROW(b) * x_row + FIRST(b), x_row, place, gradients, count, sums + b * BLOCK_SUMS);
#endif
    }

#if WEIGHTS
    for (int b = 0; b < BLOCKS; b++)
        for (int k = 0; k < BLOCK_ROWS * BLOCK_RUN; k++) {
            int row = p0 + FIRST_ROW(b) + k / BLOCK_RUN, number = e0 + FIRST(b) + k % BLOCK_RUN;
            store_filters(sums + b * BLOCK_SUMS + k * BLOCK_FILTERS,
                          dw + (long)partition * dw_stride + (row * RUN + number) * FILTERS + f0, present);
        }
#endif
#if BIAS
    if (tile == 0) store_filters(bias, db + (long)partition * db_stride + f0, present);
#endif
}
