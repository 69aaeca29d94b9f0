/* What the kernels of the small end of a network share: their arguments, and the loss.
 *
 *   h = x + x' + ...                                   the top of the span, perhaps a stack of partial sums
 *   d = dropout(activation(h))                         FORWARD_ACTIVATION, DROPOUT
 *   z = d w + b                                        z (rows, CLASSES), d (rows, inputs), w (inputs, CLASSES)
 *   y = softmax(z)                                     y (rows, CLASSES)                    PREDICT; else:
 *   losses, hits of softmax and labels                 added to loss_sum and counts as accumulate.cl does
 *   dz = (softmax(z) - onehot) / rows                  TRAINING
 *   dw = d^T dz, db = column sums of dz                WEIGHTS: stored; UPDATE: used up by the optimizer
 *   dx = dz w^T, dropout's mask, activation's gradient DATA: from the old weights
 *
 * If the stop mark counts[2] is set, be it by this batch, no parameter is updated.
 *
 * Macros: ACTIVATION, ...      see activation_functions.cl; the optimizer's: optimizer.cl
 *         CLASSES              columns of w
 *         FORWARD_ACTIVATION, DROPOUT, GATHER, BIAS, TRAINING, DATA, WEIGHTS, UPDATE, BIAS_GRADIENT    1 or 0
 *         PREDICT              1: the probabilities are stored, there is no loss and no dropout
 *         DROPOUT_GRADIENT     1: dropout's mask is put on dx
 *         MASK                 the activation's gradient is taken of dx and reads: 0 it is not, 1 h, 2 activation(h),
 *                              3 another value */
#ifndef TAIL_CL
#define TAIL_CL

#include "activation_functions.cl"
#include "optimizer.cl"
#include "philox.cl"

#define FROM_HIDDEN (MASK == 1 || MASK == 2)

#if BIAS
#define BIAS_ARGUMENT __global float *b,
#define BIAS_POINTER  b,
#else
#define BIAS_ARGUMENT
#define BIAS_POINTER
#endif

#if DROPOUT
/* What dropout multiplies by where it has drawn the word; see dropout.cl. */
static float dropout_factor(uint word, float rate, float scale)
{
    return (float)(word >> 8) * 0x1p-24f >= rate ? scale : 0.0f;
}

static vec drop(vec v, vec factor)
{
    return select(v * factor, (vec)(0.0f), factor == (vec)(0.0f));
}
#endif

/* Losses and hits of VW rows whose logits, without bias, are z[class * lanes]; with TRAINING or PREDICT
 * (softmax(z) - onehot) / divisor takes their place: the gradients of the logits, or, with a label that is no class and
 * the divisor 1, the probabilities. */
static void softmax_vector(__global float *z, int lanes, BIAS_ARGUMENT ivec label, int divisor, __global float *losses,
                           __global float *hits)
{
    vec largest = (vec)(0.0f), at_label = (vec)(NAN), sum = (vec)(0.0f);
    ivec first = (ivec)(0);
    for (int c = 0; c < CLASSES; c++) {
        vec v = vec_load(z + c * lanes);
#if BIAS
        v += b[c];
        vec_store(v, z + c * lanes);
#endif
        if (c == 0) {
            largest = v;
            continue;
        }
        first = select(first, (ivec)(c), v > largest);
        largest = select(largest, v, v > largest);
    }
    for (int c = 0; c < CLASSES; c++) {
        vec v = vec_load(z + c * lanes) - largest, e = exp(v);
        at_label = select(at_label, v, label == (ivec)(c));
        sum += e;
#if TRAINING || PREDICT
        vec_store(e, z + c * lanes);
#endif
    }
    vec_store(log(sum) - at_label, losses);
    vec_store(select((vec)(0.0f), (vec)(1.0f), label == first), hits);
#if TRAINING || PREDICT
    for (int c = 0; c < CLASSES; c++) {
        vec onehot = select((vec)(0.0f), (vec)(1.0f), label == (ivec)(c));
        vec_store((vec_load(z + c * lanes) / sum - onehot) / (float)divisor, z + c * lanes);
    }
#endif
}

#if !PREDICT
/* Adds the batch's losses and hits to the epoch's; see accumulate.cl. */
static void accumulate(__global const float *losses, __global const float *hits, __global float *loss_sum,
                       __global int *counts, int step, int rows)
{
    if (counts[2] != 0) return;
    int finite = 1;
    for (int m = 0; m < rows; m++) finite &= isfinite(losses[m]);
    if (!finite) {
        counts[2] = 1;
        counts[3] = step;
        return;
    }
    float sum = loss_sum[0], excess = loss_sum[1];
    int hit = 0;
    for (int m = 0; m < rows; m++) {
        float term = losses[m] - excess, next = sum + term;
        excess = (next - sum) - term;
        sum = next;
        hit += (int)hits[m];
    }
    loss_sum[0] = sum;
    loss_sum[1] = excess;
    counts[0] += hit;
    counts[1] += rows;
}
#endif

#if GATHER
#define ORDER_ARGUMENT __global const int *order,
#define ORDER_POINTER  order,
#else
#define ORDER_ARGUMENT
#define ORDER_POINTER
#endif

#if !PREDICT
/* The labels of VW rows from row m on; the last one's again where there are fewer. */
static ivec labels_of(__global const int *labels, ORDER_ARGUMENT int m, int rows)
{
    int lane[VW];
#pragma unroll
    for (int l = 0; l < VW; l++) {
        int row = min(m + l, rows - 1);
#if GATHER
        lane[l] = labels[order[row]];
#else
        lane[l] = labels[row];
#endif
    }
    return vec_load(lane);
}
#endif

#if FORWARD_ACTIVATION
#define FORWARD(v) activate_vec(v)
#else
#define FORWARD(v) (v)
#endif

#if UPDATE && defined(OPTIMIZER_ADAM)
#define MOMENT_ARGUMENTS(p) __global float *restrict p##_moment_1, __global float *restrict p##_moment_2,
#define MOMENTS_OF(p)       p##_moment_1, p##_moment_2
#elif UPDATE && defined(OPTIMIZER_MOMENTUM)
#define MOMENT_ARGUMENTS(p) __global float *restrict p##_moment_1,
#define MOMENTS_OF(p)       p##_moment_1, 0
#else
#define MOMENT_ARGUMENTS(p)
#define MOMENTS_OF(p) 0, 0
#endif

#if UPDATE
OPTIMIZER_STEP(float, step_one)

/* Updates element e of a parameter; moments that the optimizer has not are not touched. */
static void update_one(float gradient, float rate, __global float *w, __global float *moment_1,
                       __global float *moment_2, int e)
{
    float new_w = w[e], m = 0.0f, v = 0.0f;
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
    m = moment_1[e];
#endif
#if defined(OPTIMIZER_ADAM)
    v = moment_2[e];
#endif
    step_one(gradient, rate, &new_w, &m, &v);
    w[e] = new_w;
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
    moment_1[e] = m;
#endif
#if defined(OPTIMIZER_ADAM)
    moment_2[e] = v;
#endif
}
#endif

#if PREDICT
#define END_ARGUMENTS __global float *restrict y,
#else
#define END_ARGUMENTS                                                                                                  \
    __global const int *restrict labels, ORDER_ARGUMENT __global float *restrict loss_sum,                             \
        __global int *restrict counts, __global const int *restrict clock,
#endif

#if DROPOUT
#define DROPOUT_ARGUMENTS uint key_low, uint key_high, uint stream, float rate, float scale,
#else
#define DROPOUT_ARGUMENTS
#endif
#if MASK == 3
#define MASK_ARGUMENT __global const float *restrict from,
#else
#define MASK_ARGUMENT
#endif
#if DATA
#define DATA_ARGUMENT __global float *restrict dx,
#else
#define DATA_ARGUMENT
#endif
#if WEIGHTS
#define WEIGHTS_ARGUMENT __global float *restrict dw,
#else
#define WEIGHTS_ARGUMENT
#endif
#if BIAS_GRADIENT
#define BIAS_MOMENT_ARGUMENTS MOMENT_ARGUMENTS(b)
#else
#define BIAS_MOMENT_ARGUMENTS
#endif
#if BIAS_GRADIENT && !UPDATE
#define BIAS_GRADIENT_ARGUMENT __global float *restrict db,
#else
#define BIAS_GRADIENT_ARGUMENT
#endif
#if UPDATE
#define RATE_ARGUMENT __global const float *restrict learning_rate,
#else
#define RATE_ARGUMENT
#endif

#define TAIL_ARGUMENTS                                                                                                 \
    __global const float *restrict x, int partials, int partial_stride, END_ARGUMENTS __global float *restrict w,      \
        MOMENT_ARGUMENTS(w) BIAS_ARGUMENT BIAS_MOMENT_ARGUMENTS DROPOUT_ARGUMENTS MASK_ARGUMENT DATA_ARGUMENT          \
            WEIGHTS_ARGUMENT BIAS_GRADIENT_ARGUMENT RATE_ARGUMENT __global float *restrict workspace,                  \
        int rows, int inputs

#endif
