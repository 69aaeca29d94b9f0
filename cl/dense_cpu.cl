/* The dense layer for CPU-class devices: y = activation(b + x w), x (rows, inputs), w (inputs, units), y (rows, units).
 *
 * dense_forward: work-groups of one, get_global_id(0) a chunk of the inputs, get_global_id(1) a group of rows. Lanes run
 * over units, which are contiguous in w and y; BR rows times BV vectors of sums stay in registers while the inputs of the
 * chunk go by, so each vector of w that is loaded serves BR multiply-adds. A last vector that would reach past the row
 * is moved left instead and computes some columns twice. The batch is too thin to keep the cores busy, therefore the
 * inputs are split: PARTIAL sums, the first of them with the bias, make a stack [chunk][rows][units], which is either left
 * to the reader of y or added by dense_finish, a work-item a row, in order and with the activation. With one chunk
 * dense_forward does that itself.
 *
 * Macros: VW, ACTIVATION, ...  see common.cl and activation_functions.cl
 *         UNITS                columns of w, at least VW
 *         BR, BV               rows and vectors of a block of sums
 *         PARTIAL              1: the sums are a stack
 *         PACKED               1: a piece of the weights at a time is copied, so that it stays in the first-level cache
 *                              while all rows of the group go by, the sums waiting in y; 0: a chunk is one piece
 *         BIAS                 1: there is a bias */
#include "activation_functions.cl"

#define VECTORS   ((UNITS + VW - 1) / VW)
#define COLUMN(j) min((j)*VW, UNITS - VW)

#if BIAS
#define BIAS_ARGUMENT   __global const float *restrict b,
#define BIAS_AT(column) (k0 == 0 ? vec_load(b + (column)) : (vec)(0.0f))
#else
#define BIAS_ARGUMENT
#define BIAS_AT(column) ((vec)(0.0f))
#endif

/* Where the weights of a piece lie: of input k, vector j of the block. */
#if PACKED
#define PIECE           (6144 / (BV * VW)) /* inputs: 24 KB of weights, half a first-level cache */
#define WEIGHTS         const float *restrict
#define WEIGHT(w, k, j) ((w) + (k)*BV * VW + (j)*VW)
#else
#define PIECE           INT_MAX
#define WEIGHTS         __global const float *restrict
#define WEIGHT(w, k, j) ((w) + (size_t)(k)*UNITS + COLUMN(j0 + (j)))
#endif

/* Adds `count` inputs from k on to rows m ... m + BR - 1 (the last one again where there are fewer), vectors
 * j0 ... j0 + BV - 1; w has the weights from input k on. */
static void forward_block(__global const float *restrict x, WEIGHTS w, vec sums[BR][BV], int m, int rows, int inputs,
                          int j0, int k, int count)
{
    __global const float *row[BR];
#pragma unroll
    for (int i = 0; i < BR; i++) row[i] = x + (size_t)min(m + i, rows - 1) * inputs + k;
    for (int c = 0; c < count; c++)
#pragma unroll
        for (int j = 0; j < BV; j++) {
            vec v = vec_load(WEIGHT(w, c, j));
#pragma unroll
            for (int i = 0; i < BR; i++) sums[i][j] += row[i][c] * v;
        }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
dense_forward(__global const float *restrict x, __global const float *restrict w, BIAS_ARGUMENT __global float *restrict y,
              int rows, int inputs, int chunk, int group)
{
    int k0 = (int)get_global_id(0) * chunk, k1 = min(k0 + chunk, inputs);
    int m0 = (int)get_global_id(1) * group, m1 = min(m0 + group, rows);
#if PACKED
    float packed[PIECE * BV * VW] __attribute__((aligned(64)));
#endif
#if PARTIAL
    y += get_global_id(0) * rows * UNITS;
#endif
    for (int j0 = 0; j0 < VECTORS; j0 += BV)
        for (int k = k0, count; k < k1; k += count) {
            count = min(PIECE, k1 - k);
#if PACKED
            for (int c = 0; c < count; c++)
#pragma unroll
                for (int j = 0; j < BV; j++)
                    vec_store(vec_load(w + (size_t)(k + c) * UNITS + COLUMN(j0 + j)), packed + (c * BV + j) * VW);
#else
            __global const float *packed = w + (size_t)k * UNITS;
#endif
            for (int m = m0; m < m1; m += BR) {
                vec sums[BR][BV];
#pragma unroll
                for (int i = 0; i < BR; i++)
#pragma unroll
                    for (int j = 0; j < BV; j++)
                        sums[i][j] = k == k0 ? BIAS_AT(COLUMN(j0 + j))
                                             : vec_load(y + (size_t)min(m + i, m1 - 1) * UNITS + COLUMN(j0 + j));
                forward_block(x, packed, sums, m, m1, inputs, j0, k, count);
#pragma unroll
                for (int i = 0; i < BR; i++)
#pragma unroll
                    for (int j = 0; j < BV; j++) {
                        vec sum = sums[i][j];
#if !PARTIAL
                        if (k + count == k1) sum = activate_vec(sum);
#endif
                        vec_store(sum, y + (size_t)min(m + i, m1 - 1) * UNITS + COLUMN(j0 + j));
                    }
            }
        }
}

#if PARTIAL
__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
dense_finish(__global const float *restrict partials, __global float *restrict y, int rows, int chunks)
{
    size_t row = get_global_id(0) * UNITS;
    for (int j = 0; j < VECTORS; j++) {
        int column = COLUMN(j);
        vec sum = vec_load(partials + row + column);
        for (int c = 1; c < chunks; c++) sum += vec_load(partials + (size_t)c * rows * UNITS + row + column);
        vec_store(activate_vec(sum), y + row + column);
    }
}
#endif
