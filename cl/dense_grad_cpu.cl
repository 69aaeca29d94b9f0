/* Both gradients of a dense layer and the update of its parameters, for CPU-class devices, in one pass over the weights:
 *
 *   dx[m,k] = sum over u of dy[m,u] w[k,u]             DATA: stored; MASK: then the gradient of the activation below
 *   dw[k,u] = sum over m of x[m,k] dy[m,u]             WEIGHTS: stored; UPDATE: used up at once by the optimizer
 *   db[u]   = sum over m of dy[m,u]                    likewise, BIAS
 *
 * Work-groups of one; work-item c takes KB rows of w at a time out of its chunk of rows, work-item `chunks` the bias. For
 * each KB rows the data gradient comes first, from the old weights; then the weights' gradient is summed in registers and
 * either stored or turned into new weights and moments in place: w is read once from memory and written once. Lanes run
 * over units, contiguous in w and dy. A last vector that would reach past the row is moved left: lanes that it shares
 * with the one before do not count in dx and are not updated again. The same goes for a last block of rows (a chunk has
 * at least KB rows). Nothing is split, so the order of every sum is that of its index.
 *
 * Nothing is updated while the stop mark counts[2] is set.
 *
 * Macros: VW, ACTIVATION, ...  see common.cl and activation.cl; the optimizer's: optimizer.cl
 *         UNITS                columns of w, at least VW
 *         KB                   rows of w in a block: 4, or 1 where there are fewer
 *         BV                   vectors of a block of sums
 *         DR                   rows of dy for which the data gradient is summed at a time
 *         DATA, MASK, WEIGHTS, UPDATE, BIAS   1 or 0, as above */
#include "activation.cl"
#include "optimizer.cl"

#define VECTORS   ((UNITS + VW - 1) / VW)
#define COLUMN(j) min((j)*VW, UNITS - VW)
#define OVERLAP   (VECTORS * VW - UNITS) /* lanes of the last vector that the one before has, too */

#if KB == 4
#define kvec             float4
#define kvec_load(p)     vload4(0, p)
#define kvec_store(v, p) vstore4(v, 0, p)
#else
#define kvec             float
#define kvec_load(p)     (*(p))
#define kvec_store(v, p) (*(p) = (v))
#endif

#if OVERLAP
#define KEEP(now, before) select(now, before, VEC_INDEX < OVERLAP)
#else
#define KEEP(now, before) (now)
#endif

#if DATA || MASK
/* The sums of KB vectors. */
static kvec sum_lanes(const vec v[KB])
{
#if KB == 1
    return vec_sum(v[0]);
#elif VW < 4
    return (float4)(vec_sum(v[0]), vec_sum(v[1]), vec_sum(v[2]), vec_sum(v[3]));
#else
    float4 q[4];
#pragma unroll
    for (int i = 0; i < 4; i++) {
#if VW == 16
        float8 half_sum = v[i].lo + v[i].hi;
        q[i] = half_sum.lo + half_sum.hi;
#elif VW == 8
        q[i] = v[i].lo + v[i].hi;
#else
        q[i] = v[i];
#endif
    }
    return ((float4)(q[0].x, q[1].x, q[2].x, q[3].x) + (float4)(q[0].y, q[1].y, q[2].y, q[3].y)) +
           ((float4)(q[0].z, q[1].z, q[2].z, q[3].z) + (float4)(q[0].w, q[1].w, q[2].w, q[3].w));
#endif
}

/* Stores the inputs k ... k + KB - 1 of a row of dx, of which those before `first` are there already. */
static void store_inputs(kvec d, __global float *restrict dx, size_t at, int k, int first)
{
    if (k >= first) {
        kvec_store(d, dx + at);
        return;
    }
#if KB == 4
    if (k + 1 >= first) dx[at + 1] = d.y;
    if (k + 2 >= first) dx[at + 2] = d.z;
    dx[at + 3] = d.w;
#endif
}

/* dx of inputs k ... k + KB - 1. */
static void data_block(__global const float *restrict dy, __global const float *w,
#if DATA
                       __global float *restrict dx,
#endif
#if MASK
                       __global const float *below, __global float *restrict masked,
#endif
                       int rows, int inputs, int k, int first)
{
    __global const float *weights = w + (size_t)k * UNITS;
    for (int m = 0; m < rows; m += DR) {
        vec sums[DR][KB];
        __global const float *row[DR];
#pragma unroll
        for (int r = 0; r < DR; r++) {
            row[r] = dy + (size_t)min(m + r, rows - 1) * UNITS;
#pragma unroll
            for (int i = 0; i < KB; i++) sums[r][i] = (vec)(0.0f);
        }
        for (int column = 0; column + VW <= UNITS; column += VW)
#pragma unroll
            for (int i = 0; i < KB; i++) {
                vec v = vec_load(weights + i * UNITS + column);
#pragma unroll
                for (int r = 0; r < DR; r++) sums[r][i] += vec_load(row[r] + column) * v;
            }
#if OVERLAP
#pragma unroll
        for (int i = 0; i < KB; i++) {
            vec v = vec_load(weights + i * UNITS + UNITS - VW);
#pragma unroll
            for (int r = 0; r < DR; r++)
                sums[r][i] += KEEP(vec_load(row[r] + UNITS - VW) * v, (vec)(0.0f));
        }
#endif
#pragma unroll
        for (int r = 0; r < DR; r++) {
            size_t at = (size_t)min(m + r, rows - 1) * inputs + k;
            kvec d = sum_lanes(sums[r]);
#if DATA
            store_inputs(d, dx, at, k, first);
#endif
#if MASK
            store_inputs(GRADIENT(kvec, d, kvec_load(below + at)), masked, at, k, first);
#endif
        }
    }
}
#endif

#if WEIGHTS || UPDATE
/* The gradient of w[k ... k + KB - 1][vectors j0 ... j0 + BV - 1]. */
static void weights_block(__global const float *restrict dy, __global const float *restrict x, vec sums[KB][BV],
                          int rows, int inputs, int k, int j0)
{
#pragma unroll
    for (int i = 0; i < KB; i++)
#pragma unroll
        for (int j = 0; j < BV; j++) sums[i][j] = (vec)(0.0f);
    for (int m = 0; m < rows; m++) {
        __global const float *inputs_of_row = x + (size_t)m * inputs + k;
        __global const float *row = dy + (size_t)m * UNITS;
#pragma unroll
        for (int j = 0; j < BV; j++) {
            vec v = vec_load(row + COLUMN(j0 + j));
#pragma unroll
            for (int i = 0; i < KB; i++) sums[i][j] += inputs_of_row[i] * v;
        }
    }
}

/* The gradient of vector j of the bias. */
static vec bias_vector(__global const float *restrict dy, int rows, int j)
{
    vec sum = (vec)(0.0f);
    for (int m = 0; m < rows; m++) sum += vec_load(dy + (size_t)m * UNITS + COLUMN(j));
    return sum;
}
#endif

#if UPDATE
OPTIMIZER_STEP(vec, optimizer_step)

/* Updates the vector at `at`; `last`: it is a row's last vector, some of whose lanes are new already. */
static void update_vector(vec gradient, float rate, __global float *w, __global float *moment_1,
                          __global float *moment_2, size_t at, int last)
{
    vec old_w = vec_load(w + at), m = (vec)(0.0f), v = (vec)(0.0f);
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
    vec old_m = vec_load(moment_1 + at);
    m = old_m;
#endif
#if defined(OPTIMIZER_ADAM)
    vec old_v = vec_load(moment_2 + at);
    v = old_v;
#endif
    vec new_w = old_w;
    optimizer_step(gradient, rate, &new_w, &m, &v);
#if OVERLAP
    if (last) {
        new_w = KEEP(new_w, old_w);
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
        m = KEEP(m, old_m);
#endif
#if defined(OPTIMIZER_ADAM)
        v = KEEP(v, old_v);
#endif
    }
#endif
    vec_store(new_w, w + at);
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
    vec_store(m, moment_1 + at);
#endif
#if defined(OPTIMIZER_ADAM)
    vec_store(v, moment_2 + at);
#endif
}
#endif

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
dense_gradient(__global const float *restrict dy,
#if WEIGHTS || UPDATE
               __global const float *restrict x,
#endif
#if (DATA || MASK) && !UPDATE
               __global const float *restrict w,
#endif
#if DATA
               __global float *restrict dx,
#endif
#if MASK
               __global const float *restrict below, __global float *restrict masked,
#endif
#if WEIGHTS
               __global float *restrict dw,
#if BIAS
               __global float *restrict db,
#endif
#endif
#if UPDATE
               __global float *restrict w,
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
               __global float *restrict w_moment_1,
#endif
#if defined(OPTIMIZER_ADAM)
               __global float *restrict w_moment_2,
#endif
#if BIAS
               __global float *restrict b,
#if defined(OPTIMIZER_ADAM) || defined(OPTIMIZER_MOMENTUM)
               __global float *restrict b_moment_1,
#endif
#if defined(OPTIMIZER_ADAM)
               __global float *restrict b_moment_2,
#endif
#endif
               __global const float *restrict learning_rate, __global const int *restrict clock,
               __global const int *restrict counts,
#endif
               int rows, int inputs, int chunk, int chunks)
{
    int c = (int)get_global_id(0);
#if UPDATE
#if !defined(OPTIMIZER_ADAM)
    __global float *w_moment_2 = 0, *b_moment_2 = 0;
#if !defined(OPTIMIZER_MOMENTUM)
    __global float *w_moment_1 = 0, *b_moment_1 = 0;
#endif
#endif
    float rate = optimizer_rate(learning_rate[0], clock[0]);
    int stopped = counts[2];
#endif
#if BIAS && (WEIGHTS || UPDATE)
    if (c == chunks) {
        for (int j = 0; j < VECTORS; j++) {
            vec gradient = bias_vector(dy, rows, j);
#if UPDATE
            if (!stopped) update_vector(gradient, rate, b, b_moment_1, b_moment_2, COLUMN(j), j == VECTORS - 1);
#else
            vec_store(gradient, db + COLUMN(j));
#endif
        }
        return;
    }
#endif
    int end = c == chunks - 1 ? inputs : (c + 1) * chunk;
    for (int first = c * chunk; first < end; first += KB) {
        int k = min(first, end - KB);
#if DATA || MASK
        data_block(dy, w,
#if DATA
                   dx,
#endif
#if MASK
                   below, masked,
#endif
                   rows, inputs, k, first);
#endif
#if UPDATE
        if (stopped) continue;
#endif
#if WEIGHTS || UPDATE
        for (int j0 = 0; j0 < VECTORS; j0 += BV) {
            vec sums[KB][BV];
            weights_block(dy, x, sums, rows, inputs, k, j0);
#pragma unroll
            for (int i = 0; i < KB; i++)
#pragma unroll
                for (int j = 0; j < BV; j++) {
                    size_t at = (size_t)(k + i) * UNITS + COLUMN(j0 + j);
#if UPDATE
                    if (k + i >= first && j0 + j < VECTORS)
                        update_vector(sums[i][j], rate, w, w_moment_1, w_moment_2, at, j0 + j == VECTORS - 1);
#else
                    vec_store(sums[i][j], dw + at);
#endif
                }
        }
#endif
    }
}
