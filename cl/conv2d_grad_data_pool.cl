/* Gradient of a convolution by its input, straight from the gradient of the max pool (and activation) behind it.
 *
 * Only the winner of each window has a gradient, so that a window and filter costs one multiply-add at most, where the
 * dense gradient costs one for each of the window's cells. One work-item an element of dx (batch, height, width,
 * channels); it visits the windows whose cells read its element and, filter after filter, takes those winners that do.
 * dx is addressed by strides; dy, winner and `from` are dense (batch, pool_rows, pool_columns, filters).
 *
 * Macros: POOL_WIDTH  columns of the pool's window
 *         WINNER      uchar or ushort
 *         FROM        there is an activation (those of activation_functions.cl): its gradient is computed from `from` */
#include "activation_functions.cl"

__kernel void conv2d_grad_data_pool(
    __global const float *restrict dy, __global const WINNER *restrict winner,
#ifdef FROM
    __global const float *restrict from,
#endif
    __global const float *restrict w, __global float *restrict dx, int dx_origin, int dx_image, int dx_row,
    int dx_column, int count, int rows, int columns, int filters, int height, int width, int channels,
    int kernel_height, int kernel_width, int stride_height, int stride_width, int top, int left, int pool_rows,
    int pool_columns, int pool_height, int pool_stride_height, int pool_stride_width, int pool_top, int pool_left)
{
    int e = get_global_id(0);
    if (e >= count) return;
    int c = e % channels, s = e / channels % width, r = e / channels / width % height;
    int n = e / channels / width / height;
    /* Cells of the convolution's result that read the element, then the windows that hold such cells. */
    int i_start = max(0, (r + top - kernel_height + stride_height) / stride_height);
    int j_start = max(0, (s + left - kernel_width + stride_width) / stride_width);
    int i_end = min(rows - 1, (r + top) / stride_height), j_end = min(columns - 1, (s + left) / stride_width);
    int u_start = max(0, (i_start + pool_top - pool_height + pool_stride_height) / pool_stride_height);
    int v_start = max(0, (j_start + pool_left - POOL_WIDTH + pool_stride_width) / pool_stride_width);
    int u_end = min(pool_rows - 1, (i_end + pool_top) / pool_stride_height);
    int v_end = min(pool_columns - 1, (j_end + pool_left) / pool_stride_width);

    float sum = 0.0f;
    for (int u = u_start; u <= u_end; u++)
        for (int v = v_start; v <= v_end; v++) {
            int window = ((n * pool_rows + u) * pool_columns + v) * filters;
            int p_first = r + top - (u * pool_stride_height - pool_top) * stride_height;
            int q_first = s + left - (v * pool_stride_width - pool_left) * stride_width;
            for (int f = 0; f < filters; f++) {
                int place = winner[window + f];
                int p = p_first - place / POOL_WIDTH * stride_height;
                int q = q_first - place % POOL_WIDTH * stride_width;
                if (p < 0 || p >= kernel_height || q < 0 || q >= kernel_width) continue;
                float gradient = dy[window + f];
#ifdef FROM
                gradient = activation_gradient(gradient, from[window + f]);
#endif
                sum += gradient * w[((p * kernel_width + q) * channels + c) * filters + f];
            }
        }
    dx[dx_origin + n * dx_image + r * dx_row + s * dx_column + c] = sum;
}
