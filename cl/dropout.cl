/* Dropout, and its gradient, which is the same function of dy: y[e] = u(e) >= rate ? x[e] * scale : 0 with scale =
 * 1 / (1 - rate). u(e) is word e % 4 of Philox with the counter (e / 4, step, stream, 0), its upper 24 bits times
 * 2^-24: the mask is computed, never stored.
 *
 * Index space: work-item i has `chunk` blocks of four elements from block i * chunk on; on CPU-class devices it draws
 * for VW blocks at a time, a counter a lane. Arrays are dense.
 *
 * Macros: VW */
#include "philox.cl"

static inline float drop(float x, uint word, float rate, float scale)
{
    return (float)(word >> 8) * 0x1p-24f >= rate ? x * scale : 0.0f;
}

kernel void dropout(const global float *restrict x, const global int *restrict clock, global float *restrict y,
                    uint key_low, uint key_high, uint stream, float rate, float scale, uint count, uint blocks,
                    uint chunk)
{
    uint block = (uint)get_global_id(0) * chunk, end = min(block + chunk, blocks);
    for (; block < end; block += VW) {
        uint words[4 * VW];
        philox((uvec)(block) + uvec_from_ivec(VEC_INDEX), (uvec)((uint)clock[0]), (uvec)(stream), (uvec)(0u), key_low,
               key_high, words);
        uint first = 4 * block, n = min(4u * VW, min(4 * end, count) - first);
#if VW == 1 /* with indices that are known, the words stay in registers */
#pragma unroll
        for (uint k = 0; k < 4; k++)
            if (k < n) y[first + k] = drop(x[first + k], words[k], rate, scale);
#else
        for (uint k = 0; k < n; k++)
            y[first + k] = drop(x[first + k], words[(k & 3) * VW + (k >> 2)], rate, scale);
#endif
    }
}
