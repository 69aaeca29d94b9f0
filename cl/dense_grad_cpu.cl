/* Both gradients of a dense layer and the update of its parameters, for CPU-class devices, in one pass over the weights:
 *
 *   dx[m,k] = sum over u of dy[m,u] w[k,u]             DATA: stored; MASK: then the gradient of the activation below
 *   dw[k,u] = sum over m of x[m,k] dy[m,u]             WEIGHTS: stored; UPDATE: used up at once by the optimizer
 *   db[u]   = sum over m of dy[m,u]                    likewise, BIAS
 *
 * Work-groups of one; work-item c takes KB rows of w at a time out of its chunk of rows, work-item `chunks` the bias. For
 * each KB rows the data gradient comes first, from the old weights: lanes run over units, and the VW vectors of sums for
 * ROWS rows of dy times KB inputs are added up across by a tree of shuffles into one vector. Then the weights' gradient is
 * summed in registers, KB rows times BV vectors, and either stored or turned into new weights and moments in place: w is
 * read once from memory and written once.
 *
 * A last vector that would reach past the row is moved left: lanes that it shares with the one before do not count in dx
 * and are not updated again. The same goes for a last block of rows (a chunk has at least KB rows). No sum is split, so
 * the order of each is that of its index, lane by lane.
 *
 * Nothing is updated while the stop mark counts[2] is set.
 *
 * Macros: VW, ACTIVATION, ...  see common.cl and activation_functions.cl; the optimizer's: optimizer.cl
 *         UNITS                columns of w, at least VW; w has at least VW rows, too
 *         BV                   vectors of a block of the weights' gradient
 *         DATA, MASK, WEIGHTS, UPDATE, BIAS   1 or 0, as above */
#include "activation_functions.cl"
#include "optimizer.cl"

#define VECTORS   ((UNITS + VW - 1) / VW)
#define COLUMN(j) min((j)*VW, UNITS - VW)
#define OVERLAP   (VECTORS * VW - UNITS) /* lanes of the last vector that the one before has, too */

/* Rows of w in a block. */
#if VW < 4
#define KB VW
#else
#define KB 4
#endif
#define ROWS (VW / KB)

#if OVERLAP
#define KEEP(now, before) select(now, before, VEC_INDEX < OVERLAP)
#else
#define KEEP(now, before) (now)
#endif

#if DATA || MASK
/* Half of the sums: lanes of a and b whose number has a bit clear, plus those that have it set. */
#define ADD_HALVES(a, b, clear, set) ((vec)((a).clear, (b).clear) + (vec)((a).set, (b).set))

/* Lane i: the sum of the lanes of v[i]. */
static vec sum_lanes(vec v[VW])
{
#if VW == 16
#pragma unroll
    for (int i = 0; i < 16; i += 2) v[i] = ADD_HALVES(v[i], v[i + 1], lo, hi);
#pragma unroll
    for (int i = 0; i < 16; i += 4) v[i] = ADD_HALVES(v[i], v[i + 2], s012389ab, s4567cdef);
#pragma unroll
    for (int i = 0; i < 16; i += 8) v[i] = ADD_HALVES(v[i], v[i + 4], s014589cd, s2367abef);
    return ADD_HALVES(v[0], v[8], even, odd);
#elif VW == 8
#pragma unroll
    for (int i = 0; i < 8; i += 2) v[i] = ADD_HALVES(v[i], v[i + 1], lo, hi);
#pragma unroll
    for (int i = 0; i < 8; i += 4) v[i] = ADD_HALVES(v[i], v[i + 2], s0145, s2367);
    return ADD_HALVES(v[0], v[4], even, odd);
#elif VW == 4
    return ADD_HALVES(ADD_HALVES(v[0], v[1], lo, hi), ADD_HALVES(v[2], v[3], lo, hi), even, odd);
#elif VW == 2
    return ADD_HALVES(v[0], v[1], even, odd);
#else
    return v[0];
#endif
}

/* Stores ROWS times KB elements of dx from row m and input k on. Rows past the last are left out, and inputs before
 * `first`, which are there already. */
static void store_block(vec d, __global float *restrict dx, int m, int rows, int inputs, int k, int first)
{
    float lane[VW];
    vec_store(d, lane);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        if (m + r >= rows) break;
        __global float *at = dx + (size_t)(m + r) * inputs + k;
#if KB == 4
        if (k >= first) {
            vstore4(vload4(r, lane), 0, at);
            continue;
        }
#endif
        for (int i = max(first - k, 0); i < KB; i++) at[i] = lane[r * KB + i];
    }
}

#if MASK
/* The values that the activation's gradient reads, as lanes of the same block. */
static vec load_block(__global const float *below, int m, int rows, int inputs, int k)
{
    float lane[VW];
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
        __global const float *at = below + (size_t)min(m + r, rows - 1) * inputs + k;
#pragma unroll
        for (int i = 0; i < KB; i++) lane[r * KB + i] = at[i];
    }
    return vec_load(lane);
}
#endif

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
    for (int m = 0; m < rows; m += ROWS) {
        vec sums[VW];
        __global const float *row[ROWS];
#pragma unroll
        for (int i = 0; i < VW; i++) sums[i] = (vec)(0.0f);
#pragma unroll
        for (int r = 0; r < ROWS; r++) row[r] = dy + (size_t)min(m + r, rows - 1) * UNITS;
        for (int column = 0; column + VW <= UNITS; column += VW)
#pragma unroll
            for (int i = 0; i < KB; i++) {
                vec v = vec_load(weights + i * UNITS + column);
#pragma unroll
                for (int r = 0; r < ROWS; r++) sums[r * KB + i] += vec_load(row[r] + column) * v;
            }
#if OVERLAP
#pragma unroll
        for (int i = 0; i < KB; i++) {
            vec v = vec_load(weights + i * UNITS + UNITS - VW);
#pragma unroll
            for (int r = 0; r < ROWS; r++)
                sums[r * KB + i] = KEEP(vec_load(row[r] + UNITS - VW) * v + sums[r * KB + i], sums[r * KB + i]);
        }
#endif
        vec d = sum_lanes(sums);
#if DATA
        store_block(d, dx, m, rows, inputs, k, first);
#endif
#if MASK
        d = activation_gradient_vec(d, load_block(below, m, rows, inputs, k));
        store_block(d, masked, m, rows, inputs, k, first);
#endif
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

#if WEIGHTS
/* The gradient of rows k ... k + KB - 1. */
static void gradient_block(__global const float *restrict dy, __global const float *restrict x, __global float *restrict dw,
                        int rows, int inputs, int k)
{
    for (int j0 = 0; j0 < VECTORS; j0 += BV) {
        vec sums[KB][BV];
        weights_block(dy, x, sums, rows, inputs, k, j0);
#pragma unroll
        for (int i = 0; i < KB; i++)
#pragma unroll
            for (int j = 0; j < BV; j++) vec_store(sums[i][j], dw + (size_t)(k + i) * UNITS + COLUMN(j0 + j));
    }
}
#endif

#if UPDATE
/* Rows k ... k + KB - 1 of w by their gradient, except those before `first`. */
static void update_block(__global const float *restrict dy, __global const float *restrict x, float rate,
                         __global float *w, __global float *moment_1, __global float *moment_2, int rows, int inputs,
                         int k, int first)
{
    for (int j0 = 0; j0 < VECTORS; j0 += BV) {
        vec sums[KB][BV];
        weights_block(dy, x, sums, rows, inputs, k, j0);
#pragma unroll
        for (int i = 0; i < KB; i++)
#pragma unroll
            for (int j = 0; j < BV; j++)
                if (k + i >= first && j0 + j < VECTORS)
                    update_vector(sums[i][j], rate, w, moment_1, moment_2, (size_t)(k + i) * UNITS + COLUMN(j0 + j),
                                  j0 + j == VECTORS - 1);
    }
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
#if WEIGHTS
        gradient_block(dy, x, dw, rows, inputs, k);
#elif UPDATE
        if (!stopped) update_block(dy, x, rate, w, w_moment_1, w_moment_2, rows, inputs, k, first);
#endif
    }
}
