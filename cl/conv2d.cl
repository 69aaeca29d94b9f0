/* Convolution forward, for any kernel, stride, padding and number of channels.
 *
 * One work-item an element of y (batch, rows, columns, filters), filters innermost: neighbours share the pixels and read
 * neighbouring weights. It visits the taps that lie inside the image. x and y are addressed by strides.
 *
 * Macros: BIAS  adds b */

__kernel void conv2d(__global const float *restrict x, int x_origin, int x_image, int x_row, int x_column,
                     __global const float *restrict w,
#ifdef BIAS
                     __global const float *restrict b,
#endif
                     __global float *restrict y, int y_origin, int y_image, int y_row, int y_column, int count,
                     int rows, int columns, int filters, int height, int width, int channels, int kernel_height,
                     int kernel_width, int stride_height, int stride_width, int top, int left)
{
    int e = get_global_id(0);
    if (e >= count) return;
    int f = e % filters, j = e / filters % columns, i = e / filters / columns % rows;
    int n = e / filters / columns / rows;
    int first_row = i * stride_height - top, first_column = j * stride_width - left;
    int p_start = max(0, -first_row), p_end = min(kernel_height, height - first_row);
    int q_start = max(0, -first_column), q_end = min(kernel_width, width - first_column);

    float sum = 0.0f;
    for (int p = p_start; p < p_end; p++)
        for (int q = q_start; q < q_end; q++) {
            __global const float *restrict pixel =
                x + (x_origin + n * x_image + (first_row + p) * x_row + (first_column + q) * x_column);
            __global const float *restrict weight = w + ((p * kernel_width + q) * channels * filters + f);
            for (int c = 0; c < channels; c++) sum += pixel[c] * weight[c * filters];
        }
#ifdef BIAS
    sum += b[f];
#endif
    y[y_origin + n * y_image + i * y_row + j * y_column + f] = sum;
}
