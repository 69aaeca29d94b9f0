/* Gradient of a convolution by its weights and bias, for any kernel, stride, padding and number of channels.
 *
 * Index space: (weights, then biases) x partial sums. A work-item adds up, over its share of the rows of all images, the
 * products of one input channel at one tap with the gradient of one filter; a bias's adds up the gradient alone. Filters
 * are innermost: neighbours share the pixels and read neighbouring gradients. The rows are shared out by their number
 * alone, and who reads the stack adds the partial sums in order. dy and x are addressed by strides.
 *
 * Macros: WEIGHTS, BIAS  whether dw and db are stored, 0 or 1 */

__kernel void conv2d_grad_weights(__global const float *restrict dy, int dy_origin, int dy_image, int dy_row,
                                  int dy_column, __global const float *restrict x, int x_origin, int x_image,
                                  int x_row, int x_column,
#if WEIGHTS
                                  __global float *restrict dw, int dw_stride,
#endif
#if BIAS
                                  __global float *restrict db, int db_stride,
#endif
                                  int weights, int partials, int all_rows, int rows, int columns, int filters,
                                  int height, int width, int channels, int kernel_width, int stride_height,
                                  int stride_width, int top, int left)
{
    int e = get_global_id(0), partial = get_global_id(1);
    if (e >= weights + BIAS * filters || partial >= partials) return;
    int start = (int)((long)partial * all_rows / partials), end = (int)((long)(partial + 1) * all_rows / partials);
    float sum = 0.0f;
#if BIAS
    if (e >= weights) {
        for (int row = start; row < end; row++) {
            int at = dy_origin + row / rows * dy_image + row % rows * dy_row + e - weights;
            for (int j = 0; j < columns; j++) sum += dy[at + j * dy_column];
        }
        db[partial * db_stride + e - weights] = sum;
        return;
    }
#endif
#if WEIGHTS
    int f = e % filters, c = e / filters % channels, tap = e / filters / channels;
    int p = tap / kernel_width, q = tap % kernel_width;
    /* Windows j with 0 <= j * stride - left + q < width. */
    int j_start = max(0, (left - q + stride_width - 1) / stride_width);
    int j_end = width + left - q > 0 ? min(columns, (width + left - q - 1) / stride_width + 1) : 0;
    for (int row = start; row < end; row++) {
        int n = row / rows, i = row % rows, r = i * stride_height - top + p;
        if (r < 0 || r >= height) continue;
        __global const float *restrict pixels = x + (x_origin + n * x_image + r * x_row + (q - left) * x_column + c);
        __global const float *restrict gradients = dy + (dy_origin + n * dy_image + i * dy_row + f);
        for (int j = j_start; j < j_end; j++) sum += pixels[j * stride_width * x_column] * gradients[j * dy_column];
    }
    dw[partial * dw_stride + e] = sum;
#endif
}
