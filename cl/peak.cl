/* What a device can reach: two kernels without any use but to be timed.
 *
 * multiply_add: SUMS independent vectors, each multiplied by a and added to b 8 * rounds times, all in registers; there
 * are enough of them to hide the latency, and the loop is long enough not to be felt itself. Work-item i writes one
 * vector, so that nothing can be left out. The values stay between 0 and 1.
 *
 * triad: y[e] = x[e] + a * z[e], STREAM's, on arrays that fit into no cache. Work-item i has the elements from i * chunk
 * up to (i + 1) * chunk or count; a chunk and count are multiples of VW.
 *
 * Macros: VW; SUMS */
#include "common.cl"

kernel void multiply_add(global float *restrict y, float a, float b, int rounds)
{
    vec sum[SUMS];
    size_t i = get_global_id(0);
#pragma unroll
    for (int k = 0; k < SUMS; k++) sum[k] = (vec)((float)k / SUMS);
    for (int r = 0; r < rounds; r++) {
#pragma unroll
        for (int t = 0; t < 8; t++)
#pragma unroll
            for (int k = 0; k < SUMS; k++) sum[k] = sum[k] * a + b;
    }
#pragma unroll
    for (int k = 1; k < SUMS; k++) sum[0] += sum[k];
    vec_store(sum[0], y + i * VW);
}

kernel void triad(const global float *restrict x, const global float *restrict z, global float *restrict y, float a,
                  uint count, uint chunk)
{
    uint i = (uint)get_global_id(0) * chunk, end = min(i + chunk, count);
    for (; i < end; i += VW) vec_store(vec_load(x + i) + a * vec_load(z + i), y + i);
}
