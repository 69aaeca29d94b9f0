/* Gradient of a convolution by its weights and bias, straight from the gradient of the max pool (and activation) behind
 * it.
 *
 * Only the winner of each window has a gradient, so that one multiply-add a window is left of one a cell. Index space:
 * (weights, then biases) x partial sums, as in conv2d_grad_weights.cl; a work-item visits the windows of its share of
 * the pooled rows of all images. x is addressed by strides; dy, winner and `from` are dense (batch, pool_rows,
 * pool_columns, filters).
 *
 * Macros: WEIGHTS, BIAS  whether dw and db are stored, 0 or 1
 *         POOL_WIDTH     columns of the pool's window
 *         WINNER         uchar or ushort
 *         FROM           there is an activation (those of activation_functions.cl): its gradient is computed from `from` */
#include "activation_functions.cl"

#ifdef FROM
#define GRADIENT_AT(at) activation_gradient(dy[at], from[at])
#else
#define GRADIENT_AT(at) dy[at]
#endif

__kernel void conv2d_grad_weights_pool(
    __global const float *restrict dy, __global const WINNER *restrict winner,
#ifdef FROM
    __global const float *restrict from,
#endif
    __global const float *restrict x, int x_origin, int x_image, int x_row, int x_column,
#if WEIGHTS
    __global float *restrict dw, int dw_stride,
#endif
#if BIAS
    __global float *restrict db, int db_stride,
#endif
    int weights, int partials, int all_rows, int pool_rows, int pool_columns, int filters, int height, int width,
    int channels, int kernel_width, int stride_height, int stride_width, int top, int left, int pool_stride_height,
    int pool_stride_width, int pool_top, int pool_left)
{
    int e = get_global_id(0), partial = get_global_id(1);
    if (e >= weights + BIAS * filters || partial >= partials) return;
    int start = (int)((long)partial * all_rows / partials), end = (int)((long)(partial + 1) * all_rows / partials);
    float sum = 0.0f;
#if BIAS
    if (e >= weights) {
        for (int window = start * pool_columns; window < end * pool_columns; window++)
            sum += GRADIENT_AT(window * filters + e - weights);
        db[partial * db_stride + e - weights] = sum;
        return;
    }
#endif
#if WEIGHTS
    int f = e % filters, c = e / filters % channels, tap = e / filters / channels;
    int p = tap / kernel_width, q = tap % kernel_width;
    for (int row = start; row < end; row++) {
        int n = row / pool_rows, i_first = row % pool_rows * pool_stride_height - pool_top;
        __global const float *restrict image = x + (x_origin + n * x_image + c);
        for (int v = 0; v < pool_columns; v++) {
            int at = (row * pool_columns + v) * filters + f;
            int place = winner[at];
            int r = (i_first + place / POOL_WIDTH) * stride_height - top + p;
            int s = (v * pool_stride_width - pool_left + place % POOL_WIDTH) * stride_width - left + q;
            if (r < 0 || r >= height || s < 0 || s >= width) continue;
            sum += image[r * x_row + s * x_column] * GRADIENT_AT(at);
        }
    }
    dw[partial * dw_stride + e] = sum;
#endif
}
