/* Gradient of a convolution by its input, for any kernel, stride, padding and number of channels.
 *
 * One work-item an element of dx (batch, height, width, channels); it gathers, tap after tap, from the windows that read
 * its element, so that nothing is scattered. dy and dx are addressed by strides. */

__kernel void conv2d_grad_data(__global const float *restrict dy, int dy_origin, int dy_image, int dy_row,
                               int dy_column, __global const float *restrict w, __global float *restrict dx,
                               int dx_origin, int dx_image, int dx_row, int dx_column, int count, int rows,
                               int columns, int filters, int height, int width, int channels, int kernel_height,
                               int kernel_width, int stride_height, int stride_width, int top, int left)
{
    int e = get_global_id(0);
    if (e >= count) return;
    int c = e % channels, s = e / channels % width, r = e / channels / width % height;
    int n = e / channels / width / height;
    /* Tap p reads the element in window i when i * stride + p = r + top: every stride-th tap. */
    int p_start = max((r + top) % stride_height, r + top - (rows - 1) * stride_height);
    int q_start = max((s + left) % stride_width, s + left - (columns - 1) * stride_width);
    int p_end = min(kernel_height - 1, r + top), q_end = min(kernel_width - 1, s + left);

    float sum = 0.0f;
    for (int p = p_start; p <= p_end; p += stride_height)
        for (int q = q_start; q <= q_end; q += stride_width) {
            int i = (r + top - p) / stride_height, j = (s + left - q) / stride_width;
            __global const float *restrict gradient =
                dy + (dy_origin + n * dy_image + i * dy_row + j * dy_column);
            __global const float *restrict weight = w + ((p * kernel_width + q) * channels + c) * filters;
            for (int f = 0; f < filters; f++) sum += gradient[f] * weight[f];
        }
    dx[dx_origin + n * dx_image + r * dx_row + s * dx_column + c] = sum;
}
