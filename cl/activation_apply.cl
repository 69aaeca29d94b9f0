/* Elementwise activations and their gradients over whole arrays.
 *
 *   activation       y = f(x)
 *   activation_grad  dx = dy * f'(x), computed from a: y, or x where the function needs its input
 *
 * Index space: work-item i has the elements from i * chunk up to (i + 1) * chunk or count: one element on GPUs, a long
 * chunk taken with vectors on CPU-class devices. All arrays are dense.
 *
 * Macros: VW, and those of activation.cl */
#include "activation.cl"

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
