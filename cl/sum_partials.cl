/* Adds a stack of partial sums: y[e] = x[0][e] + x[1][e] + ..., in order.
 *
 * Index space: work-item i has the elements from i * chunk up to (i + 1) * chunk or count, with vectors on CPU-class
 * devices. The partial sums are dense and lie one after another.
 *
 * Macros: VW */
#include "common.cl"

kernel void sum_partials(const global float *restrict x, global float *restrict y, int partials, uint count, uint chunk)
{
    uint i = (uint)get_global_id(0) * chunk, end = min(i + chunk, count);
    for (; i + VW <= end; i += VW) {
        vec sum = vec_load(x + i);
        for (int p = 1; p < partials; p++) sum += vec_load(x + (size_t)p * count + i);
        vec_store(sum, y + i);
    }
    for (; i < end; i++) {
        float sum = x[i];
        for (int p = 1; p < partials; p++) sum += x[(size_t)p * count + i];
        y[i] = sum;
    }
}
