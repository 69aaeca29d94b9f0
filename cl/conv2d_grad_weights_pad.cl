/* A copy of images with a border of zeros as wide as a convolution's padding, from x or from the data set that x is
 * gathered from: for the gradients by weights that read it without tests of bounds.
 *
 * Index space: images, work-groups of one.
 *
 * Macros: CHANNELS, X_TYPE and SCALED of conv2d_gradient.cl
 *         GATHERED  1: x is gathered from a data set */
#include "conv2d_gradient.cl"

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_grad_weights_pad(const __global X_TYPE *restrict x, const __global int *restrict order,
                        const __global int *restrict clock, int x_origin, int x_image, int x_row, float scale,
                        __global float *restrict padded, int height, int width, int top, int left, int padded_rows,
                        int padded_columns)
{
    int n = get_global_id(0);
#if GATHERED
    long sample = order[clock[1] + n];
#else
    long sample = n;
#endif
    pad_image(x + x_origin + sample * x_image, x_row, scale, padded + (long)n * padded_rows * padded_columns * CHANNELS,
              height, width, top, left, padded_rows, padded_columns);
}
