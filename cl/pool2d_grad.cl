/* Gradient of pooling by its input, for any window, stride and padding.
 *
 * One work-item an element of dx (batch, height, width, channels); it adds up, in row-major order, the gradients of the
 * windows that hold its cell: all of those whose winner it is (maximum), or each divided by the cells that its window
 * has inside the image (mean). So nothing is scattered and no atomics are needed where windows overlap. dy and dx are
 * addressed by strides, winner is dense.
 *
 * Macros: WINNER  uchar or ushort: the maximum, otherwise the mean */

__kernel void pool2d_grad(__global const float *restrict dy, int dy_origin, int dy_image, int dy_row, int dy_column,
#ifdef WINNER
                          __global const WINNER *restrict winner,
#endif
                          __global float *restrict dx, int dx_origin, int dx_image, int dx_row, int dx_column,
                          int count, int rows, int columns, int channels, int height, int width, int pool_height,
                          int pool_width, int stride_height, int stride_width, int top, int left)
{
    int e = get_global_id(0);
    if (e >= count) return;
    int c = e % channels, s = e / channels % width, r = e / channels / width % height;
    int n = e / channels / width / height;
    /* Windows i with i * stride - top <= r < i * stride - top + pool. */
    int i_start = max(0, (r + top - pool_height + stride_height) / stride_height);
    int i_end = min(rows - 1, (r + top) / stride_height);
    int j_start = max(0, (s + left - pool_width + stride_width) / stride_width);
    int j_end = min(columns - 1, (s + left) / stride_width);

    float sum = 0.0f;
    for (int i = i_start; i <= i_end; i++)
        for (int j = j_start; j <= j_end; j++) {
            float gradient = dy[dy_origin + n * dy_image + i * dy_row + j * dy_column + c];
            int first_row = i * stride_height - top, first_column = j * stride_width - left;
#ifdef WINNER
            int place = (r - first_row) * pool_width + s - first_column;
            if (winner[((n * rows + i) * columns + j) * channels + c] == place) sum += gradient;
#else
            int cells = (min(pool_height, height - first_row) - max(0, -first_row)) *
                        (min(pool_width, width - first_column) - max(0, -first_column));
            sum += gradient / (float)cells;
#endif
        }
    dx[dx_origin + n * dx_image + r * dx_row + s * dx_column + c] = sum;
}
