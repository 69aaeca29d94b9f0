/* Activations and their gradients over whole arrays.
 *
 *   activation       y = f(x)
 *   activation_grad  dx = dy * f'(x), computed from a: y, or x where the function needs its input
 *
 * Index space of the elementwise ones: work-item i has the elements from i * chunk up to (i + 1) * chunk or count: one
 * element on GPUs, a long chunk taken with vectors on CPU-class devices. Softmax, over the rows of a (rows, columns)
 * array: a work-item a row, which it reads two or three times; rows are short (classes), so they stay in the cache. All
 * arrays are dense.
 *
 * Macros: VW; ACTIVATION_SOFTMAX_ROWS for softmax; otherwise those of activation_functions.cl */
#ifdef ACTIVATION_SOFTMAX_ROWS

/* y = e^(x - max) / sum */
kernel void activation(const global float *restrict x, global float *restrict y, int rows, int columns)
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

/* dx = y (dy - sum of dy y) */
kernel void activation_grad(const global float *restrict dy, const global float *restrict y, global float *restrict dx,
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

#else
#include "activation_functions.cl"

kernel void activation(const global float *restrict x, global float *restrict y, uint count, uint chunk)
{
    uint i = (uint)get_global_id(0) * chunk, end = min(i + chunk, count);
    for (; i + VW <= end; i += VW) vec_store(activate_vec(vec_load(x + i)), y + i);
    for (; i < end; i++) y[i] = activate(x[i]);
}

kernel void activation_grad(const global float *restrict dy, const global float *restrict a, global float *restrict dx,
                            uint count, uint chunk)
{
    uint i = (uint)get_global_id(0) * chunk, end = min(i + chunk, count);
    for (; i + VW <= end; i += VW) vec_store(activation_gradient_vec(vec_load(dy + i), vec_load(a + i)), dx + i);
    for (; i < end; i++) dx[i] = activation_gradient(dy[i], a[i]);
}

#endif
