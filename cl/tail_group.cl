/* The small end of a network in one launch, for GPUs: what lies below the last dense layer, that layer, and then either
 * the probabilities or the loss, and back to the gradient that leaves at the bottom: see tail.cl.
 *
 * One work-group does it all, which takes less time than the launches it would take one by one; its work-items share
 * out the elements of each stage, and each sum has the order of its index. In between, everything lies in the
 * workspace:
 *
 *   across   [inputs][rows]      d
 *   z        [CLASSES][rows]     then dz, or the probabilities
 *   losses, hits  [rows]
 *   from     [rows][inputs]      FROM_HIDDEN: what the activation's gradient reads
 *   factor   [rows][inputs]      DROPOUT: what the mask multiplies by
 *
 * Index space: one work-group of any size.
 *
 * Macros: those of tail.cl; VW is 1 */
#include "tail.cl"

#define stage_is_done() barrier(CLK_LOCAL_MEM_FENCE | CLK_GLOBAL_MEM_FENCE)

/* The sum over `terms` terms of a[i * a_step] b[i * b_step]. */
static float dot_product(__global const float *a, int a_step, __global const float *b, int b_step, int terms)
{
    float sum = 0.0f;
    for (int i = 0; i < terms; i++) sum += a[i * a_step] * b[i * b_step];
    return sum;
}

__kernel void tail_group(TAIL_ARGUMENTS)
{
    const int item = get_local_id(0), items = get_local_size(0), count = rows * inputs;
    __global float *across = workspace, *z = across + count, *losses = z + CLASSES * rows, *hits = losses + rows;
#if FROM_HIDDEN || DROPOUT
    __global float *next = hits + rows;
#endif
#if FROM_HIDDEN
    __global float *from = next;
    next += count;
#endif
#if DROPOUT
    __global float *factor = next;
#endif

    /* Dropout draws for four elements at once. */
    for (int four = item; four < (count + 3) / 4; four += items) {
#if DROPOUT
        uint words[4];
        philox((uint)four, (uint)clock[0], stream, 0u, key_low, key_high, words);
#pragma unroll
#endif
        for (int k = 0; k < 4; k++) {
            int e = 4 * four + k;
            if (e >= count) continue;
            float v = x[e];
            for (int p = 1; p < partials; p++) v += x[p * partial_stride + e];
#if MASK == 1
            from[e] = v;
#endif
            v = FORWARD(v);
#if MASK == 2
            from[e] = v;
#endif
#if DROPOUT
            factor[e] = dropout_factor(words[k], rate, scale);
            v = drop(v, factor[e]);
#endif
            across[e % inputs * rows + e / inputs] = v;
        }
    }
    stage_is_done();
    for (int i = item; i < rows * CLASSES; i += items)
        z[i] = dot_product(across + i % rows, rows, w + i / rows, CLASSES, inputs);
    stage_is_done();

#if PREDICT
    for (int m = item; m < rows; m += items) {
        softmax_vector(z + m, rows, BIAS_POINTER(ivec)(-1), 1, losses + m, hits + m);
        for (int c = 0; c < CLASSES; c++) y[m * CLASSES + c] = z[c * rows + m];
    }
#else
#if GATHER
    order += clock[1];
#endif
    for (int m = item; m < rows; m += items)
        softmax_vector(z + m, rows, BIAS_POINTER labels_of(labels, ORDER_POINTER m, rows), rows, losses + m, hits + m);
    stage_is_done();
    if (item == 0) accumulate(losses, hits, loss_sum, counts, clock[0], rows);
#endif

#if DATA
    for (int e = item; e < count; e += items) {
        int m = e / inputs, k = e % inputs;
        float v = dot_product(z + m, rows, w + k * CLASSES, 1, CLASSES);
#if DROPOUT_GRADIENT
        v = drop(v, factor[e]);
#endif
#if MASK
        v = activation_gradient(v, from[e]);
#endif
        dx[e] = v;
    }
#endif
#if WEIGHTS
    for (int i = item; i < inputs * CLASSES; i += items)
        dw[i] = dot_product(across + i / CLASSES * rows, 1, z + i % CLASSES * rows, 1, rows);
#endif
#if BIAS_GRADIENT && !UPDATE
    for (int c = item; c < CLASSES; c += items) {
        float sum = 0.0f;
        for (int m = 0; m < rows; m++) sum += z[c * rows + m];
        db[c] = sum;
    }
#endif
#if UPDATE
    /* The gradient by data was made of the old weights, and the mark is that of this batch. */
    stage_is_done();
    if (counts[2] != 0) return;
    float step = optimizer_rate(learning_rate[0], clock[0]);
    for (int i = item; i < inputs * CLASSES; i += items)
        update_one(dot_product(across + i / CLASSES * rows, 1, z + i % CLASSES * rows, 1, rows), step, w, MOMENTS_OF(w),
                   i);
#if BIAS_GRADIENT
    for (int c = item; c < CLASSES; c += items) {
        float sum = 0.0f;
        for (int m = 0; m < rows; m++) sum += z[c * rows + m];
        update_one(sum, step, b, MOMENTS_OF(b), c);
    }
#endif
#endif
}
