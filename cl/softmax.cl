/* Softmax over the rows of a dense (rows, columns) array, and its gradient. A work-item a row, which it reads two or
 * three times: rows are short (classes), so they stay in the cache.
 *
 *   softmax       y = e^(x - max) / sum
 *   softmax_grad  dx = y (dy - sum of dy y) */
kernel void softmax(const global float *restrict x, global float *restrict y, int rows, int columns)
{
    if (get_global_id(0) >= (size_t)rows) return;
    x += get_global_id(0) * columns;
    y += get_global_id(0) * columns;
    float largest = x[0], sum = 0.0f;
    for (int c = 1; c < columns; c++) largest = x[c] > largest ? x[c] : largest;
    for (int c = 0; c < columns; c++) {
        float e = exp(x[c] - largest);
        y[c] = e;
        sum += e;
    }
    for (int c = 0; c < columns; c++) y[c] /= sum;
}

kernel void softmax_grad(const global float *restrict dy, const global float *restrict y, global float *restrict dx,
                         int rows, int columns)
{
    if (get_global_id(0) >= (size_t)rows) return;
    dy += get_global_id(0) * columns;
    y += get_global_id(0) * columns;
    dx += get_global_id(0) * columns;
    float sum = 0.0f;
    for (int c = 0; c < columns; c++) sum += dy[c] * y[c];
    for (int c = 0; c < columns; c++) dx[c] = y[c] * (dy[c] - sum);
}
