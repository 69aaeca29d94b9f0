/* The small end of a network in one launch, for CPU-class devices: what lies below the last dense layer, that layer,
 * and then either the probabilities or the loss, and back to the gradient that leaves at the bottom: see tail.cl.
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
 * Macros: those of tail.cl, and VW
 *         BLOCK  rows of a block of sums, beside two vectors of columns */
#include "tail.cl"

#define COLUMN(j, columns) min(j, (columns)-VW)

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
            for (int k = 0; k < 4; k++) factor[e + 4 * l + k] = dropout_factor(words[k * VW + l], rate, scale);
    }
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

#if UPDATE
OPTIMIZER_STEP(vec, step_vector)

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
    for (; e < count; e++) update_one(gradient[e], rate, w, moment_1, moment_2, e);
}
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

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void tail_cpu(TAIL_ARGUMENTS)
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
