/* The gradient of a convolution with respect to its input, on CPU-class devices; the gradients of an activation and of
 * a max pool behind it are computed on the way.
 *
 *   dx[n, i*sh - top + p, j*sw - left + q, c] += g[n,i,j,f] * w[p,q,c,f]
 *
 * Index space: (image, stripe of dx's rows), work-groups of one. Filters: [filters][kernel_height][kernel_width]
 * [channels]. Each work-item adds into an image of its own that has a border for what falls outside, and copies the
 * inside out at the end: in private memory, which the next work-item finds in the cache, or a large one in the
 * workspace. The border is as wide as what cells of pool windows beyond the convolution's output reach into: those
 * never win, but where sums slide zeros are added for them. Rows and columns count from the border, so the pool's
 * padding, one of the arguments that the gradients share, is not used here.
 *
 * The gradient behind a max pool is sparse: only the cell that won its window has one, and behind relu perhaps none
 * has. Winners differ from filter to filter, so each window's filters are first sorted by the cell that they won, zeros
 * left out. A list is then run down without a branch: one number broadcast, one filter's kernel row read, the row's
 * sums for all input channels held in registers. Where channels fill whole vectors the sums slide along a row of windows
 * and cells: those that the next window does not reach are added into the image, the others stay in registers. Taking
 * one kernel row, of PART filters, for a whole chunk of windows before the next keeps the filters' rows in the
 * first-level cache.
 *
 * Where few gradients are zero, a product of matrices is faster: BLOCK windows by a part of the kernel row, summed over
 * all filters, so that each vector of filters that is loaded serves BLOCK windows.
 *
 * Macros: those of conv2d_gradient.cl
 *         CHUNK  windows whose gradients, and lists, are held at a time
 *         BLOCK  windows of a product; 0: lists, of PART filters at most
 *         TOGETHER  cells of a pool's row whose sums are held together; 1 where channels fill no whole vectors
 *         IMAGE  floats of an image in private memory; 0: it is in the workspace */
#include "conv2d_gradient.cl"

#if !BLOCK
#define PARTS ((FILTERS + PART - 1) / PART)
#endif

/* A window's sums in vectors, from one cell and from one window to the next. */
#if CHANNELS % VW == 0 && STRETCHES * VECTORS * VW == RUN
#define SLIDE         (STRIDE_WIDTH * CHANNELS / VW)
#define SUMS          (VECTORS + (TOGETHER - 1) * SLIDE)
#define FINISHED      (POOL_STRIDE_WIDTH * SLIDE < SUMS ? POOL_STRIDE_WIDTH * SLIDE : SUMS)
#define SUM_OFFSET(j) ((j)*VW)
#else
#if TOGETHER != 1
#error "sums of several cells are held together only where they slide"
#endif
#define SLIDE         0
#define SUMS          VECTORS
#define FINISHED      VECTORS
#define SUM_OFFSET(j) OFFSET(j)
#endif

#if IMAGE
#define IMAGE_POINTER float *restrict
#else
#define IMAGE_POINTER __global float *restrict
#endif

/* Fills `gradient` with the window's gradients. */
static inline void load_window(const __global float *restrict dy, const __global float *restrict y,
                               float *restrict gradient)
{
#if FILTERS >= VW
    for (int v = 0; v < FILTERS; v += VW) {
        int f = min(v, FILTERS - VW);
        vec g = vec_load(dy + f);
#if ACTIVATED
        g = activation_gradient_vec(g, vec_load(y + f));
#endif
        vec_store(g, gradient + f);
    }
#else
    for (int f = 0; f < FILTERS; f++) {
        gradient[f] = dy[f];
#if ACTIVATED
        gradient[f] = activation_gradient(dy[f], y[f]);
#endif
    }
#endif
}

#if !BLOCK
/* Fills list[k * PART ...] with the count[k] filters from `first` to `end` whose winner is cell k and whose gradient is
 * not zero (not-a-number is kept; its bits are tested, which is faster than a comparison of floats). */
static inline void sort_window(const __global uchar *restrict winner, const float *restrict gradient, int first,
                               int end, ushort *restrict list, ushort *restrict count)
{
#if CELLS <= 4 || (CELLS <= 8 && PART < 256)
    /* All counts in one register, so that an entry does not wait for the memory that the last one went to. */
    const int bits = CELLS <= 4 ? 16 : 8;
    ulong counts = 0;
    for (int f = first; f < end; f++) {
        int k = POOLED ? winner[f] : 0;
        list[k * PART + (int)((counts >> (k * bits)) & ((1 << bits) - 1))] = f;
        counts += (ulong)(as_uint(gradient[f]) << 1 != 0) << (k * bits);
    }
    for (int k = 0; k < CELLS; k++) count[k] = (counts >> (k * bits)) & ((1 << bits) - 1);
#else
    for (int k = 0; k < CELLS; k++) count[k] = 0;
    for (int f = first; f < end; f++) {
        int k = winner[f];
        list[k * PART + count[k]] = f;
        count[k] += as_uint(gradient[f]) << 1 != 0;
    }
#endif
}
#endif

/* Adds the first `count` sums into the image. */
static inline void add_sums(vec sum[ROWS][SUMS], int count, int stretch, IMAGE_POINTER image, int image_row)
{
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int j = 0; j < count; j++) {
            IMAGE_POINTER p = image + r * image_row + SUM_OFFSET(j);
            vec s = sum[r][j];
#if STRETCHES * VECTORS * VW != RUN
            /* What reaches back was added by the vector before. */
            int twice = max(stretch * STRETCH - START(stretch), j * VW) - OFFSET(j);
            s = select(s, (vec)(0.0f), (ivec)(twice) > VEC_INDEX);
#endif
            vec_store(vec_load(p) + s, p);
        }
}

#if BLOCK
/* sum[b] = the part of the kernel row, all filters weighted by the gradients of window b, the last one of `windows`
 * again for those that are not there. */
static inline void multiply(const float *restrict gradient, int windows, const __global float *restrict filters,
                            vec sum[BLOCK][ROWS][SUMS])
{
    const float *g[BLOCK];
#pragma unroll
    for (int b = 0; b < BLOCK; b++) {
        g[b] = gradient + min(b, windows - 1) * FILTERS;
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int j = 0; j < VECTORS; j++) sum[b][r][j] = 0.0f;
    }
#pragma unroll 2
    for (int f = 0; f < FILTERS; f++) {
        vec w[ROWS][VECTORS];
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int j = 0; j < VECTORS; j++) w[r][j] = vec_load(filters + f * TAPS + r * RUN + OFFSET(j));
#pragma unroll
        for (int b = 0; b < BLOCK; b++)
#pragma unroll
            for (int r = 0; r < ROWS; r++)
#pragma unroll
                for (int j = 0; j < VECTORS; j++) sum[b][r][j] += g[b][f] * w[r][j];
    }
}
#else
/* Adds the listed filters' kernel rows, weighted by their gradients, to the sums from vector `first` on. */
static inline void add_listed(const ushort *restrict list, int count, const float *restrict gradient,
                              const __global float *restrict filters, int first, vec sum[ROWS][SUMS])
{
    for (int i = 0; i < count; i++) {
        int f = list[i];
        float g = gradient[f];
        const __global float *w = filters + f * TAPS;
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int j = 0; j < VECTORS; j++) sum[r][first + j] += g * vec_load(w + r * RUN + OFFSET(j));
    }
}

/* Adds what TOGETHER cells from k on of the windows of a row, `windows` of them, have won into the image, from the place
 * `at` on. */
static inline void add_row(ushort (*restrict list)[CELLS * PART], ushort (*restrict count)[CELLS],
                           float (*restrict gradient)[FILTERS], int windows, int k,
                           const __global float *restrict filters, int stretch, IMAGE_POINTER image, int at,
                           int image_row)
{
    vec sum[ROWS][SUMS];
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int j = 0; j < SUMS; j++) sum[r][j] = 0.0f;
    for (int t = 0; t < windows; t++, at += POOL_STRIDE_WIDTH * STRIDE_WIDTH * CHANNELS) {
        if (TOGETHER == 1 && FINISHED == SUMS && count[t][k] == 0) continue;
#pragma unroll
        for (int i = 0; i < TOGETHER; i++)
            add_listed(list[t] + (k + i) * PART, count[t][k + i], gradient[t], filters, i * SLIDE, sum);
        add_sums(sum, FINISHED, stretch, image + at, image_row);
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int j = 0; j < SUMS; j++) sum[r][j] = j + FINISHED < SUMS ? sum[r][j + FINISHED] : (vec)(0.0f);
    }
    if (FINISHED < SUMS) add_sums(sum, SUMS - FINISHED, stretch, image + at, image_row);
}
#endif

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_grad_data_cpu(const __global float *restrict dy, const __global float *restrict y,
                     const __global uchar *restrict winner, int dy_origin, int dy_image, int dy_row, int y_origin,
                     int y_image, int y_row, int rows, int columns, int pool_top, int pool_left,
                     const __global float *restrict filters,
#if !IMAGE
                     __global float *restrict images,
#endif
                     __global float *restrict dx, int dx_origin, int dx_image, int dx_row, int height, int width,
                     int top, int left, int padded_rows, int padded_columns, int stripe_rows)
{
    int n = get_global_id(0), stripe = get_global_id(1);
    int image_row = padded_columns * CHANNELS;
    /* The stripe's rows, those of the image that its windows touch, and the windows; rows counted with the border. */
    int begin = top + stripe * stripe_rows, end = min(begin + stripe_rows, top + height);
    int first = max(begin - (KERNEL_HEIGHT - 1), 0), last = min(end + KERNEL_HEIGHT - 1, padded_rows);
    int window = 0, window_end = rows;
    while (window < rows &&
           (window * POOL_STRIDE_HEIGHT + POOL_HEIGHT - 1) * STRIDE_HEIGHT + KERNEL_HEIGHT <= begin)
        window++;
    while (window_end > window && (window_end - 1) * POOL_STRIDE_HEIGHT * STRIDE_HEIGHT >= end)
        window_end--;

#if IMAGE
    float image[IMAGE] __attribute__((aligned(64)));
#else
    __global float *image =
        images + ((long)n * get_global_size(1) + stripe) * (stripe_rows + 2 * (KERNEL_HEIGHT - 1)) * image_row;
#endif
    for (int e = 0; e < (last - first) * image_row; e++) image[e] = 0.0f;

    float gradient[CHUNK][FILTERS];
#if !BLOCK
    ushort list[PARTS][CHUNK][CELLS * PART], count[PARTS][CHUNK][CELLS];
#endif
    int row[CHUNK], column[CHUNK];
    for (int t0 = window * columns; t0 < window_end * columns; t0 += CHUNK) {
        int windows = min(CHUNK, window_end * columns - t0);
        for (int t = 0; t < windows; t++) {
            int i = (t0 + t) / columns, j = (t0 + t) % columns;
            row[t] = i * POOL_STRIDE_HEIGHT * STRIDE_HEIGHT;
            column[t] = j * POOL_STRIDE_WIDTH * STRIDE_WIDTH;
            load_window(dy + dy_origin + n * dy_image + i * dy_row + j * FILTERS,
                        y + y_origin + n * y_image + i * y_row + j * FILTERS, gradient[t]);
#if !BLOCK
            for (int part = 0; part < PARTS; part++)
                sort_window(winner + ((n * rows + i) * columns + j) * FILTERS, gradient[t], part * PART,
                            min((part + 1) * PART, FILTERS), list[part][t], count[part][t]);
#endif
        }
        for (int p = 0; p < KERNEL_HEIGHT; p += ROWS)
            for (int stretch = 0; stretch < STRETCHES; stretch++) {
                const __global float *taps = filters + p * RUN + START(stretch);
                int to = (p - first) * image_row + START(stretch); /* perhaps before the image, until a row is added */
#if BLOCK
                for (int t = 0; t < windows; t += BLOCK) {
                    vec sum[BLOCK][ROWS][SUMS];
                    multiply(gradient[t], windows - t, taps, sum);
#pragma unroll
                    for (int b = 0; b < BLOCK; b++) {
                        if (t + b >= windows || row[t + b] + KERNEL_HEIGHT <= begin || row[t + b] >= end) continue;
                        add_sums(sum[b], SUMS, stretch, image + (to + row[t + b] * image_row + column[t + b] * CHANNELS),
                                 image_row);
                    }
                }
#else
                for (int part = 0; part < PARTS; part++)
                    for (int t = 0, end_of_row; t < windows; t = end_of_row) {
                        for (end_of_row = t + 1; end_of_row < windows && row[end_of_row] == row[t];) end_of_row++;
                        for (int k = 0; k < CELLS; k += TOGETHER) {
                            int r = row[t] + k / POOL_WIDTH * STRIDE_HEIGHT;
                            int c = column[t] + k % POOL_WIDTH * STRIDE_WIDTH;
                            if (r + KERNEL_HEIGHT <= begin || r >= end) continue;
                            add_row(list[part] + t, count[part] + t, gradient + t, end_of_row - t, k, taps, stretch,
                                    image, to + r * image_row + c * CHANNELS, image_row);
                        }
                    }
#endif
            }
    }

    for (int r = begin; r < end; r++) {
        IMAGE_POINTER from = image + (r - first) * image_row + left * CHANNELS;
        __global float *to = dx + dx_origin + n * dx_image + (r - top) * dx_row;
        for (int e = 0; e < width * CHANNELS; e++) to[e] = from[e];
    }
}
