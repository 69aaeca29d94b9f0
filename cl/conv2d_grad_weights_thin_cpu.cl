/* The gradient of a convolution with respect to its filters and bias, on CPU-class devices, for images of few channels;
 * the gradients of an activation and of a max pool behind it are computed on the way.
 *
 *   dw[p,q,c,f] = sum over (n,i,j) of x[n, i*sh - top + p, j*sw - left + q, c] * g[n,i,j,f]
 *   db[f]       = sum over (n,i,j) of g[n,i,j,f]
 *
 * Index space: partitions of the batch, work-groups of one; each yields a partial sum of dw and db in the parameters'
 * own layout.
 *
 * A row of the kernel does not fill a vector here, so lanes run over filters: for each window the vector of gradients
 * is masked once for each cell that the filters may have won, and multiplied by the patch at that cell, one pixel
 * broadcast for each tap. The sums of ROWS * COLUMNS taps, for FILTER_VECTORS vectors of filters, stay in registers
 * over all images of the partition. The images, scaled and with a border of zeros, are first copied to where the caches
 * keep them, from x or from the data set that x is gathered from; the border covers the cells of pool windows that
 * reach over the convolution's output, too.
 *
 * Macros: those of conv2d_gradient.cl, but VW may be more than FILTERS and there is no VECTORS
 *         COLUMNS         numbers of a kernel row that are summed at a time
 *         FILTER_VECTORS  vectors of filters that are summed at a time
 *         WEIGHTS         1: dw is wanted
 *         BIAS            1: db is wanted
 *         GATHERED        1: x is gathered from a data set */
#include "conv2d_gradient.cl"
#include "filters.cl"

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void conv2d_grad_weights_thin_cpu(
    const __global float *restrict dy, const __global float *restrict y, const __global uchar *restrict winner,
    int dy_origin, int dy_image, int dy_row, int y_origin, int y_image, int y_row, int rows, int columns, int pool_top,
    int pool_left, const __global X_TYPE *restrict x, const __global int *restrict order,
    const __global int *restrict clock, int x_origin, int x_image, int x_row, float scale,
    __global float *restrict padded, int height, int width, int top, int left, int padded_rows, int padded_columns,
#if WEIGHTS
    __global float *restrict dw, int dw_stride,
#endif
#if BIAS
    __global float *restrict db, int db_stride,
#endif
    int batch)
{
    int partition = get_global_id(0), partitions = get_global_size(0);
    int n0 = partition * batch / partitions, n_end = (partition + 1) * batch / partitions;
    int padded_row = padded_columns * CHANNELS, padded_image = padded_rows * padded_row;
    for (int n = n0; n < n_end; n++) {
#if GATHERED
        long sample = order[clock[1] + n];
#else
        long sample = n;
#endif
        pad_image(x + x_origin + sample * x_image, x_row, scale, padded + (long)n * padded_image, height, width, top,
                  left, padded_rows, padded_columns);
    }
    for (int v = 0; v * VW < FILTERS; v += FILTER_VECTORS) {
        for (int p = 0; p < KERNEL_HEIGHT; p += ROWS)
            for (int start = 0; start < RUN; start += COLUMNS) {
                vec sum[ROWS][COLUMNS][FILTER_VECTORS], bias[FILTER_VECTORS];
#pragma unroll
                for (int u = 0; u < FILTER_VECTORS; u++) {
                    bias[u] = 0.0f;
#pragma unroll
                    for (int r = 0; r < ROWS; r++)
#pragma unroll
                        for (int e = 0; e < COLUMNS; e++) sum[r][e][u] = 0.0f;
                }
                for (int n = n0; n < n_end; n++) {
                    const __global float *image = padded + (long)n * padded_image + p * padded_row + start;
                    for (int i = 0; i < rows; i++)
                        for (int j = 0; j < columns; j++) {
                            vec g[FILTER_VECTORS];
#if POOLED
                            ivec won[FILTER_VECTORS];
#endif
#pragma unroll
                            for (int u = 0; u < FILTER_VECTORS; u++) {
                                int f = FIRST_FILTER(v + u);
                                g[u] = filters_load(dy + dy_origin + n * dy_image + i * dy_row + j * FILTERS + f);
#if ACTIVATED
                                g[u] = activation_gradient_vec(
                                    g[u], filters_load(y + y_origin + n * y_image + i * y_row + j * FILTERS + f));
#endif
                                bias[u] += g[u];
#if POOLED
                                won[u] = winners_load(winner + ((n * rows + i) * columns + j) * FILTERS + f);
#endif
                            }
#if CELLS <= 9
#pragma unroll
#endif
                            for (int k = 0; k < CELLS; k++) {
                                int row = (i * POOL_STRIDE_HEIGHT + k / POOL_WIDTH) * STRIDE_HEIGHT;
                                int column = (j * POOL_STRIDE_WIDTH + k % POOL_WIDTH) * STRIDE_WIDTH;
                                vec h[FILTER_VECTORS];
#pragma unroll
                                for (int u = 0; u < FILTER_VECTORS; u++) {
                                    h[u] = g[u];
#if POOLED
                                    h[u] = select((vec)(0.0f), g[u], won[u] == (ivec)(k));
#endif
                                }
                                const __global float *patch = image + row * padded_row + column * CHANNELS;
#pragma unroll
                                for (int r = 0; r < ROWS; r++)
#pragma unroll
                                    for (int e = 0; e < COLUMNS; e++)
#pragma unroll
                                        for (int u = 0; u < FILTER_VECTORS; u++)
                                            sum[r][e][u] += patch[r * padded_row + e] * h[u];
                            }
                        }
                }
#pragma unroll
                for (int u = 0; u < FILTER_VECTORS; u++) {
                    int f = FIRST_FILTER(v + u);
#if WEIGHTS
                    __global float *to = dw + (long)partition * dw_stride + (p * RUN + start) * FILTERS + f;
#pragma unroll
                    for (int r = 0; r < ROWS; r++)
#pragma unroll
                        for (int e = 0; e < COLUMNS; e++)
                            if (start + e < RUN) filters_store(sum[r][e][u], to + (r * RUN + e) * FILTERS);
#endif
#if BIAS
                    if (p == 0 && start == 0) filters_store(bias[u], db + (long)partition * db_stride + f);
#endif
                }
            }
    }
}
