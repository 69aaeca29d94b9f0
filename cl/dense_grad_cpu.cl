/* Both gradients of a dense layer and the update of its parameters, for CPU-class devices, in one pass over the weights:
 *
 *   dx[m,k] = sum over u of dy[m,u] w[k,u]             DATA: stored; MASK: then the gradient of the activation below
 *   dw[k,u] = sum over m of x[m,k] dy[m,u]             WEIGHTS: stored; UPDATE: used up at once by the optimizer
 *   db[u]   = sum over m of dy[m,u]                    likewise, BIAS
 *
 * Work-groups of one; work-item c takes VW rows of w at a time out of its chunk of rows, work-item `chunks` the bias. For
 * each VW rows the data gradient comes first, from the old weights: lanes run over the rows of dy, of which the
 * work-item transposes `unit_block` columns for `row_group` rows at a time, and a square of results is transposed back.
 * Then the weights' gradient is summed in registers, KB rows times BV vectors, and either stored or turned into new
 * weights and moments in place. Where dy fits into one group of rows, w is read once from memory and written once; else
 * the groups before the last only compute their data gradients.
 *
 * A last vector that would reach past the row is moved left: lanes that it shares with the one before are not updated
 * again. The same goes for a last block of rows (a chunk has at least VW rows). No sum is split, so the order of each is
 * that of its index.
 *
 * Nothing is updated while the stop mark counts[2] is set.
 *
 * Macros: VW, ACTIVATION, ...  see common.cl and activation_functions.cl; the optimizer's: optimizer.cl
 *         UNITS                columns of w, at least VW; w has at least VW rows, too
 *         BV                   vectors of a block of the weights' gradient
 *         RV                   vectors of rows of dy that are computed together; there are as many
 *         TILE                 floats of the transposed part of dy: `unit_block` times `row_group` at most, both
 *                              multiples of VW
 *         DATA, MASK, WEIGHTS, UPDATE, BIAS   1 or 0, as above */
#include "activation_functions.cl"
#include "optimizer.cl"
#include "transpose.cl"

#define VECTORS   ((UNITS + VW - 1) / VW)
#define COLUMN(j) min((j)*VW, UNITS - VW)
#define OVERLAP   (VECTORS * VW - UNITS) /* lanes of the last vector that the one before has, too */

/* Rows of w in a block of the weights' gradient. */
#if VW < 4
#define KB VW
#else
#define KB 4
#endif

#if OVERLAP
#define KEEP(now, before) select(now, before, VEC_INDEX < OVERLAP)
#else
#define KEEP(now, before) (now)
#endif

/* A part of dy: `rows` rows from m0 on, columns u0 ... u1 - 1. */
typedef struct part {
    int m0, rows, u0, u1;
} part;

#if DATA || MASK
/* Rows of w whose data gradient is summed together: half the registers, twice as many vectors of rows. */
#if VW < 8
#define DB VW
#else
#define DB (VW / 2)
#endif

/* Vectors of rows, and floats from one column of the transposed part to the next. */
#define ROW_VECTORS(at) max(((at).rows + VW - 1) / VW, RV)
#define PITCH(at)       (ROW_VECTORS(at) * VW)

/* tile[u - u0][m - m0] = dy[m][u]; whole vectors of rows, the last row standing for those that there are not. */
static void transpose_part(__global const float *restrict dy, part at, float *restrict tile)
{
    for (int r = 0; r < ROW_VECTORS(at); r++)
        for (int j = at.u0 / VW; j * VW < at.u1; j++) {
            vec square[VW];
#pragma unroll
            for (int i = 0; i < VW; i++)
                square[i] = vec_load(dy + (size_t)(at.m0 + min(r * VW + i, at.rows - 1)) * UNITS + COLUMN(j));
            transpose(square);
            for (int i = j * VW - COLUMN(j); i < VW; i++)
                vec_store(square[i], tile + (COLUMN(j) + i - at.u0) * PITCH(at) + r * VW);
        }
}

/* sums[i][v] = sum over the part's columns of w[k + i][u] times vector v of the rows, v counted from r on. */
static void data_sums(const float *restrict tile, __global const float *weights, vec sums[VW][RV], part at, int r)
{
    const float *columns = tile + r * VW;
#pragma unroll
    for (int i0 = 0; i0 < VW; i0 += DB) {
        vec block[DB][RV];
#pragma unroll
        for (int i = 0; i < DB; i++)
#pragma unroll
            for (int v = 0; v < RV; v++) block[i][v] = (vec)(0.0f);
        for (int u = 0; u < at.u1 - at.u0; u++)
#pragma unroll
            for (int v = 0; v < RV; v++) {
                vec column = vec_load(columns + u * PITCH(at) + v * VW);
#pragma unroll
                for (int i = 0; i < DB; i++) block[i][v] += weights[(i0 + i) * UNITS + u] * column;
            }
#pragma unroll
        for (int i = 0; i < DB; i++)
#pragma unroll
            for (int v = 0; v < RV; v++) sums[i0 + i][v] = block[i][v];
    }
}

/* Stores the lanes from `skip` on. */
static void store_from(vec value, __global float *to, int skip)
{
    if (skip <= 0) {
        vec_store(value, to);
        return;
    }
    float lanes[VW];
    vec_store(value, lanes);
    for (int i = skip; i < VW; i++) to[i] = lanes[i];
}

/* The part's share of dx[m][k ... k + VW - 1], except inputs before `first`, which are there already. */
static void data_block(const float *restrict tile, __global const float *w,
#if DATA
                       __global float *restrict dx,
#endif
#if MASK
                       __global const float *below, __global float *restrict masked,
#endif
                       part at, int inputs, int k, int first)
{
    for (int begin = 0; begin < ROW_VECTORS(at); begin += RV) {
        int r = min(begin, ROW_VECTORS(at) - RV);
        vec sums[VW][RV];
        data_sums(tile, w + (size_t)k * UNITS + at.u0, sums, at, r);
        for (int v = begin - r; v < RV; v++) {
            vec square[VW];
#pragma unroll
            for (int i = 0; i < VW; i++) square[i] = sums[i][v];
            transpose(square);
            int m = (r + v) * VW;
            for (int i = 0; i < min(VW, at.rows - m); i++) {
                size_t to = (size_t)(at.m0 + m + i) * inputs + k;
                vec d = square[i];
#if DATA
                if (at.u0 > 0) d += vec_load(dx + to);
                store_from(d, dx + to, first - k);
#elif MASK
                if (at.u0 > 0) d += vec_load(masked + to);
#endif
#if MASK
                if (at.u1 == UNITS) d = activation_gradient_vec(d, vec_load(below + to));
#if DATA
                if (at.u1 == UNITS)
#endif
                    store_from(d, masked + to, first - k);
#endif
            }
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

#if WEIGHTS
/* The gradient of rows k ... k + KB - 1, in vectors j0 ... j1 - 1. */
static void gradient_block(__global const float *restrict dy, __global const float *restrict x,
                           __global float *restrict dw, int rows, int inputs, int k, int j0, int j1)
{
    for (; j0 < j1; j0 += BV) {
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
/* Vectors j0 ... j1 - 1 of rows k ... k + KB - 1 of w by their gradient, except rows before `first`. */
static void update_block(__global const float *restrict dy, __global const float *restrict x, float rate,
                         __global float *w, __global float *moment_1, __global float *moment_2, int rows, int inputs,
                         int k, int first, int j0, int j1)
{
    for (; j0 < j1; j0 += BV) {
        vec sums[KB][BV];
        weights_block(dy, x, sums, rows, inputs, k, j0);
#pragma unroll
        for (int i = 0; i < KB; i++)
#pragma unroll
            for (int j = 0; j < BV; j++)
                if (k + i >= first && j0 + j < j1)
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
               int rows, int inputs, int chunk, int chunks, int row_group, int unit_block)
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
    int begin = c * chunk, end = c == chunks - 1 ? inputs : begin + chunk;
#if DATA || MASK
    float tile[TILE] __attribute__((aligned(64)));
#else
    row_group = rows;
    unit_block = UNITS;
#endif
    for (part at = {.m0 = 0}; at.m0 < rows; at.m0 += row_group)
        for (at.u0 = 0; at.u0 < UNITS; at.u0 = at.u1) {
            at.rows = min(row_group, rows - at.m0);
            at.u1 = min(at.u0 + unit_block, UNITS);
#if DATA || MASK
            transpose_part(dy, at, tile);
#endif
            for (int first = begin; first < end; first += VW) {
                int k = min(first, end - VW);
#if DATA || MASK
                data_block(tile, w,
#if DATA
                           dx,
#endif
#if MASK
                           below, masked,
#endif
                           at, inputs, k, first);
#endif
#if WEIGHTS || UPDATE
                if (at.m0 + row_group < rows) continue; /* a later group still needs the weights */
                int j0 = at.u0 / VW, j1 = (at.u1 + VW - 1) / VW;
                for (int i = k; i < k + VW; i += KB)
#if WEIGHTS
                    gradient_block(dy, x, dw, rows, inputs, i, j0, j1);
#else
                    if (!stopped) update_block(dy, x, rate, w, w_moment_1, w_moment_2, rows, inputs, i, first, j0, j1);
#endif
#endif
            }
        }
}
