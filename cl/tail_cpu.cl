/* The small end of a network in one launch, for CPU-class devices: what lies below the last dense layer, that layer,
 * and then either the probabilities or the loss, and back to the gradient that leaves at the bottom.
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
 * All of this is a few hundred thousand operations, less than the launches it would take one by one, and each sum runs
 * over the batch: so it is one work-item, and every sum has the order of its index. Lanes run over the rows of the
 * batch for z (so softmax needs no sums across lanes) and over the inputs everywhere else; a last vector that would
 * reach past the end is moved left and computes some elements twice, which needs at least VW inputs. In between,
 * everything lies in the workspace, which stays in the cache:
 *
 *   hidden   [rows][inputs]      d
 *   across   [inputs][lanes]     d transposed, lanes = rows rounded up to vectors, the rest zero; later dx before masks
 *   z        [CLASSES][lanes]    then dz, or the probabilities
 *   turned   [CLASSES][inputs]   w transposed (DATA), then dw transposed
 *   dw       [inputs][CLASSES]   UPDATE
 *   db       [CLASSES]           UPDATE
 *   losses, hits  [lanes]
 *   from     [rows][inputs]      FROM_HIDDEN: what the activation's gradient reads
 *   factor   [rows][inputs]      DROPOUT: what the mask multiplies by; and room for the rest of 4 vectors
 *
 * If the stop mark counts[2] is set, be it by this batch, no parameter is updated.
 *
 * Macros: VW, ACTIVATION, ...  see common.cl and activation_functions.cl; the optimizer's: optimizer.cl
 *         CLASSES              columns of w
 *         BLOCK                rows of a block of sums, beside two vectors of columns
 *         FORWARD_ACTIVATION, DROPOUT, GATHER, BIAS, TRAINING, DATA, WEIGHTS, UPDATE, BIAS_GRADIENT    1 or 0
 *         PREDICT              1: the probabilities are stored, there is no loss and no dropout
 *         DROPOUT_GRADIENT     1: dropout's mask is put on dx
 *         MASK                 the activation's gradient is taken of dx and reads: 0 it is not, 1 h, 2 activation(h),
 *                              3 another value */
#include "activation_functions.cl"
#include "optimizer.cl"
#include "philox.cl"

#define FROM_HIDDEN        (MASK == 1 || MASK == 2)
#define COLUMN(j, columns) min(j, (columns)-VW)

#if BIAS
#define BIAS_ARGUMENT __global float *b,
#define BIAS_POINTER  b,
#else
#define BIAS_ARGUMENT
#define BIAS_POINTER
#endif

#if DROPOUT
/* What dropout multiplies by; see dropout.cl. */
static void dropout_factors(__global float *factor, uint step, uint key_low, uint key_high, uint stream, float rate,
                            float scale, int count)
{
    for (int e = 0; e < count; e += 4 * VW) {
        uint words[4 * VW];
        philox((uvec)(e / 4) + uvec_from_ivec(VEC_INDEX), (uvec)(step), (uvec)(stream), (uvec)(0u), key_low, key_high,
               words);
#pragma unroll
        for (int l = 0; l < VW; l++)
#pragma unroll
            for (int k = 0; k < 4; k++)
                factor[e + 4 * l + k] = (float)(words[k * VW + l] >> 8) * 0x1p-24f >= rate ? scale : 0.0f;
    }
}

static vec drop(vec v, vec factor)
{
    return select(v * factor, (vec)(0.0f), factor == (vec)(0.0f));
}
#endif

/* out[column][row] = in[row][column]; a row of `out` has `stride` elements. */
static void transpose(__global const float *in, __global float *out, int rows, int columns, int stride)
{
    for (int c = 0; c < columns; c++)
        for (int r = 0; r < rows; r++) out[c * stride + r] = in[r * columns + c];
}

/* c[r][columns] = sum over i < terms of a[r * a_row + i * a_term] b[i][columns]. */
static void product(__global const float *a, int a_row, int a_term, __global const float *b, __global float *c,
                    int rows, int terms, int columns)
{
    for (int r = 0; r < rows; r += BLOCK)
        for (int j = 0; j < columns; j += 2 * VW) {
            int first = COLUMN(j, columns), second = COLUMN(j + VW, columns);
            vec sums[BLOCK][2];
            __global const float *at[BLOCK], *row = b;
#pragma unroll
            for (int i = 0; i < BLOCK; i++) {
                sums[i][0] = sums[i][1] = (vec)(0.0f);
                at[i] = a + min(r + i, rows - 1) * a_row;
            }
            for (int t = 0; t < terms; t++, row += columns) {
                vec v = vec_load(row + first), w = vec_load(row + second);
#pragma unroll
                for (int i = 0; i < BLOCK; i++) {
                    sums[i][0] += at[i][t * a_term] * v;
                    sums[i][1] += at[i][t * a_term] * w;
                }
            }
#pragma unroll
            for (int i = 0; i < BLOCK; i++) {
                __global float *out = c + min(r + i, rows - 1) * columns;
                vec_store(sums[i][0], out + first);
                vec_store(sums[i][1], out + second);
            }
        }
}

/* Losses and hits of VW rows whose logits, without bias, are z[class * lanes]; with TRAINING or PREDICT
 * (softmax(z) - onehot) / divisor takes their place: the gradients of the logits, or, with a label that is no class and
 * the divisor 1, the probabilities. */
static void softmax_vector(__global float *z, int lanes, BIAS_ARGUMENT ivec label, int divisor,
                           __global float *losses, __global float *hits)
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
OPTIMIZER_STEP(vec, step_vector)
OPTIMIZER_STEP(float, step_one)

static void update(__global const float *gradient, float rate, __global float *w, __global float *moment_1,
                   __global float *moment_2, int count)
{
    int e = 0;
    for (; e + VW <= count; e += VW) {
        vec new_w = vec_load(w + e), m = (vec)(0.0f), v = (vec)(0.0f);
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
        m = vec_load(moment_1 + e);
#endif
#if defined(OPTIMIZER_ADAM)
        v = vec_load(moment_2 + e);
#endif
        step_vector(vec_load(gradient + e), rate, &new_w, &m, &v);
        vec_store(new_w, w + e);
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
        vec_store(m, moment_1 + e);
#endif
#if defined(OPTIMIZER_ADAM)
        vec_store(v, moment_2 + e);
#endif
    }
    for (; e < count; e++) {
        float new_w = w[e], m = 0.0f, v = 0.0f;
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
        m = moment_1[e];
#endif
#if defined(OPTIMIZER_ADAM)
        v = moment_2[e];
#endif
        step_one(gradient[e], rate, &new_w, &m, &v);
        w[e] = new_w;
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
        moment_1[e] = m;
#endif
#if defined(OPTIMIZER_ADAM)
        moment_2[e] = v;
#endif
    }
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

/* The inputs of the last dense layer, and with them what the activation's gradient reads. */
static void forward(__global const float *x, int partials, int partial_stride,
#if DROPOUT
                    __global const float *factor,
#endif
#if FROM_HIDDEN
                    __global float *from,
#endif
                    __global float *hidden, int count)
{
    for (int e = 0; e < count; e += VW) {
        int at = COLUMN(e, count);
        vec v = vec_load(x + at);
        for (int p = 1; p < partials; p++) v += vec_load(x + p * partial_stride + at);
#if MASK == 1
        vec_store(v, from + at);
#endif
        v = FORWARD(v);
#if MASK == 2
        vec_store(v, from + at);
#endif
#if DROPOUT
        v = drop(v, vec_load(factor + at));
#endif
        vec_store(v, hidden + at);
    }
}

#if DROPOUT_GRADIENT || MASK
/* Puts dropout's mask and the activation's gradient on dx. */
static void backward(__global const float *across,
#if DROPOUT_GRADIENT
                     __global const float *factor,
#endif
#if MASK
                     __global const float *from,
#endif
                     __global float *dx, int count)
{
    for (int e = 0; e < count; e += VW) {
        int at = COLUMN(e, count);
        vec v = vec_load(across + at);
#if DROPOUT_GRADIENT
        v = drop(v, vec_load(factor + at));
#endif
#if MASK
        v = activation_gradient_vec(v, vec_load(from + at));
#endif
        vec_store(v, dx + at);
    }
}
#endif

#if PREDICT
#define END_ARGUMENTS __global float *restrict y,
#else
#define END_ARGUMENTS                                                                                                  \
    __global const int *restrict labels, ORDER_ARGUMENT __global float *restrict loss_sum,                             \
        __global int *restrict counts, __global const int *restrict clock,
#endif

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
tail(__global const float *restrict x, int partials, int partial_stride, END_ARGUMENTS __global float *restrict w,
     MOMENT_ARGUMENTS(w) BIAS_ARGUMENT
#if BIAS_GRADIENT
     MOMENT_ARGUMENTS(b)
#endif
#if DROPOUT
     uint key_low, uint key_high, uint stream, float rate, float scale,
#endif
#if MASK == 3
     __global const float *restrict from,
#endif
#if DATA
     __global float *restrict dx,
#endif
#if WEIGHTS
     __global float *restrict dw,
#endif
#if BIAS_GRADIENT && !UPDATE
     __global float *restrict db,
#endif
#if UPDATE
     __global const float *restrict learning_rate,
#endif
     __global float *restrict workspace, int rows, int inputs)
{
    int lanes = (rows + VW - 1) / VW * VW, count = rows * inputs;
    __global float *hidden = workspace, *across = hidden + count, *z = across + inputs * lanes;
    __global float *losses = z + CLASSES * lanes, *hits = losses + lanes, *next = hits + lanes;
#if DATA || WEIGHTS || UPDATE
    __global float *turned = next;
    next += CLASSES * inputs;
#endif
#if UPDATE
    __global float *dw = next, *db = dw + CLASSES * inputs;
    next = db + CLASSES;
#endif
#if FROM_HIDDEN
    __global float *from = next;
    next += count;
#endif
#if DROPOUT
    __global float *factor = next;
    dropout_factors(factor, (uint)clock[0], key_low, key_high, stream, rate, scale, count);
#endif

    forward(x, partials, partial_stride,
#if DROPOUT
            factor,
#endif
#if FROM_HIDDEN
            from,
#endif
            hidden, count);
    transpose(hidden, across, rows, inputs, lanes);
    for (int k = 0; k < inputs; k++)
        for (int m = rows; m < lanes; m++) across[k * lanes + m] = 0.0f;
    product(w, 1, CLASSES, across, z, CLASSES, inputs, lanes);

#if PREDICT
    for (int m = 0; m < rows; m += VW) softmax_vector(z + m, lanes, BIAS_POINTER(ivec)(-1), 1, losses + m, hits + m);
    for (int m = 0; m < rows; m++)
        for (int c = 0; c < CLASSES; c++) y[m * CLASSES + c] = z[c * lanes + m];
#else
#if GATHER
    order += clock[1];
#endif
    for (int m = 0; m < rows; m += VW) {
        ivec label = labels_of(labels, ORDER_POINTER m, rows);
        softmax_vector(z + m, lanes, BIAS_POINTER label, rows, losses + m, hits + m);
    }
    accumulate(losses, hits, loss_sum, counts, clock[0], rows);
#endif

#if DATA
    transpose(w, turned, inputs, CLASSES, inputs);
#if DROPOUT_GRADIENT || MASK
    product(z, 1, lanes, turned, across, rows, CLASSES, inputs);
    backward(across,
#if DROPOUT_GRADIENT
             factor,
#endif
#if MASK
             from,
#endif
             dx, count);
#else
    product(z, 1, lanes, turned, dx, rows, CLASSES, inputs);
#endif
#endif
#if WEIGHTS || UPDATE
    product(z, lanes, 1, hidden, turned, CLASSES, rows, inputs);
    transpose(turned, dw, CLASSES, inputs, CLASSES);
#endif
#if BIAS_GRADIENT
    for (int c = 0; c < CLASSES; c++) {
        float sum = 0.0f;
        for (int m = 0; m < rows; m++) sum += z[c * lanes + m];
        db[c] = sum;
    }
#endif
#if UPDATE
    if (counts[2] != 0) return;
    float step = optimizer_rate(learning_rate[0], clock[0]);
    update(dw, step, w, MOMENTS_OF(w), CLASSES * inputs);
#if BIAS_GRADIENT
    update(db, step, b, MOMENTS_OF(b), CLASSES);
#endif
#endif
}
