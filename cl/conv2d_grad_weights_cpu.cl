/* The gradient of a convolution with respect to its filters and bias, on CPU-class devices; the gradients of an
 * activation and of a max pool behind it are computed on the way.
 *
 *   dw[p,q,c,f] = sum over (n,i,j) of x[n, i*sh - top + p, j*sw - left + q, c] * g[n,i,j,f]
 *   db[f]       = sum over (n,i,j) of g[n,i,j,f]
 *
 * Index space: (block of BLOCKS * 8 filters, partition of the batch), work-groups of one; each partition yields a
 * partial sum of dw and db in the parameters' own layout.
 *
 * The gradient behind a max pool is sparse: only the cell that won its window has one, and behind relu perhaps none
 * has. So for each filter the windows with a gradient are first listed, as (place in the image, gradient). A list is
 * then run down without a branch: one number broadcast, one patch of the image read, the filter's sums held in
 * registers. They rest between lists in an array of [filter][tap][channel], which is transposed once at the end.
 *
 * Where few filters have gradients that are hardly ever zero, there are no lists: what is read of a patch serves all
 * filters, whose sums for it are held in registers together.
 *
 * x must have a border of zeros as wide as the padding: see conv2d_grad_weights_pad.cl.
 *
 * Macros: those of conv2d_gradient.cl
 *         LISTED    1: with lists; otherwise BLOCKS is 1 and there are at most eight FILTERS and no pool
 *         BLOCKS    eights of filters that a work-item has
 *         WEIGHTS   1: dw is wanted
 *         BIAS      1: db is wanted */
#include "conv2d_gradient.cl"
#include "filters.cl"

#define BLOCK 8 /* filters that are listed together, as a vector of 8 */
#define LISTS (BLOCKS * BLOCK)
#define CHUNK 64 /* windows whose lists are held at a time, at most */
/* Filters that are summed together, and numbers from a patch's place, and its gradient, to the next one's. */
#if LISTED
#define TOGETHER 1
#define APART    1
#else
#define TOGETHER FILTERS
#define APART    BLOCK
#endif

/* Where the sums of a run lie: each stretch apart, as one that reaches back must not add to the other's sums. */
#define RUN_SUMS  (STRETCHES * STRETCH)
#define SUM_OF(e) ((e) < (STRETCHES - 1) * STRETCH ? (e) : (e) + RUN_SUMS - RUN)

/* Where the gradient of a partition's windows lies, and its images. */
typedef struct windows {
    const __global float *dy, *y;
    const __global uchar *winner;
    int dy_image, dy_row, y_image, y_row, rows, columns, pool_top, pool_left, x_image, x_row;
} windows;

/* Reads the windows from `first` to `end`, counted over all images of the partition, for each of BLOCK filters of which
 * `present` are there: the places of their patches and their gradients. Adds the gradients to *bias. */
static inline void read_windows(windows w, int first, int end, int present, int place[CHUNK][BLOCK],
                                float gradient[CHUNK][BLOCK], float8 *bias)
{
    int n = first / (w.rows * w.columns), i = first / w.columns % w.rows, j = first % w.columns;
    for (int t = first; t < end; t++) {
        float8 g = floats_load8(w.dy + n * w.dy_image + i * w.dy_row + j * FILTERS, present);
#if ACTIVATED
        g = GRADIENT(float8, g, floats_load8(w.y + n * w.y_image + i * w.y_row + j * FILTERS, present));
#endif
        *bias += g;
        int8 k = 0;
#if POOLED
        k = winners_load8(w.winner + t * FILTERS, present);
#endif
        int8 at = n * w.x_image + (i * POOL_STRIDE_HEIGHT - w.pool_top + k / POOL_WIDTH) * (STRIDE_HEIGHT * w.x_row) +
                  (j * POOL_STRIDE_WIDTH - w.pool_left + k % POOL_WIDTH) * (STRIDE_WIDTH * CHANNELS);
        store8(g, gradient[t - first]);
        store8(at, place[t - first]);
        if (++j < w.columns) continue;
        j = 0;
        if (++i < w.rows) continue;
        i = 0;
        n++;
    }
}

#if LISTED
/* Lists those of `windows` windows whose gradient is not zero, for each of BLOCK filters. They were all read first:
 * lanes of vectors are dear to take out. */
static inline void list_windows(const int places[CHUNK][BLOCK], const float gradients[CHUNK][BLOCK], int windows,
                                int place[BLOCK][CHUNK], float gradient[BLOCK][CHUNK], int count[BLOCK])
{
    int entries[BLOCK];
#pragma unroll
    for (int b = 0; b < BLOCK; b++) entries[b] = 0;
    for (int t = 0; t < windows; t++)
#pragma unroll
        for (int b = 0; b < BLOCK; b++) {
            /* An entry that is zero is overwritten by the next one; not-a-number is kept. */
            float g = gradients[t][b];
            place[b][entries[b]] = places[t][b];
            gradient[b][entries[b]] = g;
            entries[b] += as_uint(g) << 1 != 0; /* faster than a comparison of floats */
        }
#pragma unroll
    for (int b = 0; b < BLOCK; b++) count[b] = entries[b];
}

#endif

/* Adds `count` patches of the images, weighted by their gradients, to the sums of TOGETHER filters. */
static inline void add_patches(const int *restrict place, const float *restrict gradient, int count,
                               const __global float *restrict x, int x_row, __global float *restrict sums)
{
    vec sum[TOGETHER][ROWS][VECTORS];
#pragma unroll
    for (int f = 0; f < TOGETHER; f++)
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int j = 0; j < VECTORS; j++)
                sum[f][r][j] = vec_load(sums + (f * KERNEL_HEIGHT + r) * RUN_SUMS + OFFSET(j));
    for (int i = 0; i < count; i++) {
        const __global float *p = x + place[i * APART];
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int j = 0; j < VECTORS; j++) {
                vec patch = vec_load(p + r * x_row + OFFSET(j));
#pragma unroll
                for (int f = 0; f < TOGETHER; f++) sum[f][r][j] += gradient[i * APART + f] * patch;
            }
    }
#pragma unroll
    for (int f = 0; f < TOGETHER; f++)
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int j = 0; j < VECTORS; j++)
                vec_store(sum[f][r][j], sums + (f * KERNEL_HEIGHT + r) * RUN_SUMS + OFFSET(j));
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_grad_weights_cpu(const __global float *restrict dy, const __global float *restrict y,
                        const __global uchar *restrict winner, int dy_origin, int dy_image, int dy_row, int y_origin,
                        int y_image, int y_row, int rows, int columns, int pool_top, int pool_left,
                        const __global float *restrict x, int x_origin, int x_image, int x_row,
                        __global float *restrict all_sums, int sums_origin,
#if WEIGHTS
                        __global float *restrict dw, int dw_stride,
#endif
#if BIAS
                        __global float *restrict db, int db_stride,
#endif
                        int batch, int chunk)
{
    int f0 = get_global_id(0) * LISTS, partition = get_global_id(1), partitions = get_global_size(1);
    int present = FILTERS <= LISTS ? FILTERS : min(LISTS, FILTERS - f0);
    __global float *sums =
        all_sums + sums_origin + ((long)partition * get_global_size(0) * LISTS + f0) * (KERNEL_HEIGHT * RUN_SUMS);
    for (int e = 0; e < LISTS * KERNEL_HEIGHT * RUN_SUMS; e++) sums[e] = 0.0f;
    float8 bias[BLOCKS];
    for (int k = 0; k < BLOCKS; k++) bias[k] = 0.0f;
    float gradients[CHUNK][BLOCK];
    int places[CHUNK][BLOCK];
#if LISTED
    float gradient[LISTS][CHUNK];
    int place[LISTS][CHUNK], count[LISTS];
#endif
    int n = partition * batch / partitions, images = (partition + 1) * batch / partitions - n;
    windows w = {dy + dy_origin + n * dy_image + f0,
                 y + y_origin + n * y_image + f0,
                 winner + n * rows * columns * FILTERS + f0,
                 dy_image,
                 dy_row,
                 y_image,
                 y_row,
                 rows,
                 columns,
                 pool_top,
                 pool_left,
                 x_image,
                 x_row};
    x += x_origin + n * x_image;
    for (int first = 0; first < images * rows * columns; first += chunk) {
        int end = min(first + chunk, images * rows * columns);
        for (int f = 0; f < present; f += BLOCK) {
            windows from = w;
            from.dy += f, from.y += f, from.winner += f;
            read_windows(from, first, end, present - f, places, gradients, &bias[f / BLOCK]);
#if LISTED
            list_windows(places, gradients, end - first, place + f, gradient + f, count + f);
#endif
        }
        for (int p = 0; p < KERNEL_HEIGHT; p += ROWS)
            for (int stretch = 0; stretch < STRETCHES; stretch++) {
                const __global float *from = x + p * x_row + START(stretch);
                __global float *to = sums + p * RUN_SUMS + stretch * STRETCH;
#if LISTED
                for (int f = 0; f < present; f++)
                    add_patches(place[f], gradient[f], count[f], from, x_row, to + f * KERNEL_HEIGHT * RUN_SUMS);
#else
                add_patches(places[0], gradients[0], end - first, from, x_row, to);
#endif
            }
    }
#if WEIGHTS
    dw += (long)partition * dw_stride + f0;
    for (int p = 0; p < KERNEL_HEIGHT; p++)
        for (int e = 0; e < RUN; e++)
            for (int f = 0; f < present; f += BLOCK) {
                const __global float *s = sums + (f * KERNEL_HEIGHT + p) * RUN_SUMS + SUM_OF(e);
#define SUM(b) s[b * KERNEL_HEIGHT * RUN_SUMS]
                floats_store8((float8)(SUM(0), SUM(1), SUM(2), SUM(3), SUM(4), SUM(5), SUM(6), SUM(7)),
                              dw + (p * RUN + e) * FILTERS + f, present - f);
            }
#endif
#if BIAS
    for (int f = 0; f < present; f += BLOCK)
        floats_store8(bias[f / BLOCK], db + (long)partition * db_stride + f0 + f, present - f);
#endif
}
