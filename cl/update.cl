/* The optimizer's step for all parameters at once.
 *
 * The parameters are cut into blocks of about equal cost, listed in a table of BLOCK_FIELDS numbers each: where the
 * block starts in the flat buffers of weights, gradients and moments (in elements), how many elements it has, and how
 * many partial sums of its gradient lie how many elements apart; these are added in order. Index space: a work-group a
 * block, its work-items striding through it together; on CPU-class devices one work-item takes the block with vectors.
 * Nothing changes while the stop mark, counts[2], is set.
 *
 * Macros: VW; MOMENTS (0 to 2); and those of optimizer.cl */
#include "common.cl"
#include "optimizer.cl"

OPTIMIZER_STEP(float, step_one)
OPTIMIZER_STEP(vec, step_vec)

#define BLOCK_FIELDS 7

kernel void update(const global uint *restrict blocks, global float *restrict w, const global float *restrict g,
#if MOMENTS > 0
                   global float *restrict m,
#endif
#if MOMENTS > 1
                   global float *restrict v,
#endif
                   const global float *restrict learning_rate, const global int *restrict clock,
                   const global int *restrict counts, uint first_block)
{
    if (counts[2] != 0) return;
    const global uint *block = blocks + (first_block + get_group_id(0)) * BLOCK_FIELDS;
    uint count = block[4], partials = block[5], stride = block[6];
    w += block[0];
    g += block[1];
#if MOMENTS > 0
    m += block[2];
#endif
#if MOMENTS > 1
    v += block[3];
#endif
    float rate = optimizer_rate(learning_rate[0], clock[0]);
    uint whole = count / VW;
    for (uint i = get_local_id(0); i < whole; i += get_local_size(0)) {
        uint e = i * VW;
        vec sum = vec_load(g + e), new_w = vec_load(w + e), new_m = (vec)(0.0f), new_v = (vec)(0.0f);
        for (uint p = 1; p < partials; p++) sum += vec_load(g + p * stride + e);
#if MOMENTS > 0
        new_m = vec_load(m + e);
#endif
#if MOMENTS > 1
        new_v = vec_load(v + e);
#endif
        step_vec(sum, rate, &new_w, &new_m, &new_v);
        vec_store(new_w, w + e);
#if MOMENTS > 0
        vec_store(new_m, m + e);
#endif
#if MOMENTS > 1
        vec_store(new_v, v + e);
#endif
    }
    for (uint e = whole * VW + get_local_id(0); e < count; e += get_local_size(0)) {
        float sum = g[e], new_w = w[e], new_m = 0.0f, new_v = 0.0f;
        for (uint p = 1; p < partials; p++) sum += g[p * stride + e];
#if MOMENTS > 0
        new_m = m[e];
#endif
#if MOMENTS > 1
        new_v = v[e];
#endif
        step_one(sum, rate, &new_w, &new_m, &new_v);
        w[e] = new_w;
#if MOMENTS > 0
        m[e] = new_m;
#endif
#if MOMENTS > 1
        v[e] = new_v;
#endif
    }
}
