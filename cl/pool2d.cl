/* Pooling forward, for any window, stride and padding.
 *
 * One work-item an element of y (batch, rows, columns, channels), channels innermost so that neighbours read neighbours;
 * it visits the window's cells that lie inside the image. x and y are addressed by strides, winner is dense.
 *
 * Macros: MAXIMUM  the maximum, otherwise the mean
 *         WINNER   uchar or ushort: also stores the place of the maximum in the unclipped window, row-major
 *         STORE_Y  whether y is stored, 0 or 1 */

__kernel void pool2d(__global const float *restrict x, int x_origin, int x_image, int x_row, int x_column,
#if STORE_Y
                     __global float *restrict y, int y_origin, int y_image, int y_row, int y_column,
#endif
#ifdef WINNER
                     __global WINNER *restrict winner,
#endif
                     int count, int rows, int columns, int channels, int height, int width, int pool_height,
                     int pool_width, int stride_height, int stride_width, int top, int left)
{
    int e = get_global_id(0);
    if (e >= count) return;
    int c = e % channels, j = e / channels % columns, i = e / channels / columns % rows;
    int n = e / channels / columns / rows;
    int first_row = i * stride_height - top, first_column = j * stride_width - left;
    int p_start = max(0, -first_row), p_end = min(pool_height, height - first_row);
    int q_start = max(0, -first_column), q_end = min(pool_width, width - first_column);

    __global const float *restrict window = x + (x_origin + n * x_image + c);
    float pooled = 0.0f;
    int place = -1;
    for (int p = p_start; p < p_end; p++)
        for (int q = q_start; q < q_end; q++) {
            float cell = window[(first_row + p) * x_row + (first_column + q) * x_column];
#ifdef MAXIMUM
            /* The first cell, a larger one, or the first that is not a number. */
            if (place < 0 || (!(cell <= pooled) && pooled == pooled)) {
                pooled = cell;
                place = p * pool_width + q;
            }
#else
            pooled += cell;
#endif
        }
#ifndef MAXIMUM
    pooled /= (float)((p_end - p_start) * (q_end - q_start));
#endif
#if STORE_Y
    y[y_origin + n * y_image + i * y_row + j * y_column + c] = pooled;
#endif
#ifdef WINNER
    winner[e] = (WINNER)place;
#endif
}
