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

/* Rows m ... m + BR - 1 (the last one again where there are fewer), vectors j0 ... j0 + BV - 1, inputs k0 ... k1 - 1. */
static void forward_block(__global const float *restrict x, __global const float *restrict w, vec sums[BR][BV], int m,
                          int rows, int inputs, int j0, int k0, int k1)
{
    __global const float *row[BR];
#pragma unroll
    for (int i = 0; i < BR; i++) {
        row[i] = x + (size_t)min(m + i, rows - 1) * inputs;
#pragma unroll
        for (int j = 0; j < BV; j++) sums[i][j] = (vec)(0.0f);
    }
    for (int k = k0; k < k1; k++) {
        __global const float *weights = w + (size_t)k * UNITS;
#pragma unroll
        for (int j = 0; j < BV; j++) {
            vec v = vec_load(weights + COLUMN(j0 + j));
#pragma unroll
            for (int i = 0; i < BR; i++) sums[i][j] += row[i][k] * v;
        }
    }
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
dense_forward(__global const float *restrict x, __global const float *restrict w, BIAS_ARGUMENT __global float *restrict y,
              int rows, int inputs, int chunk, int group)
{
    int k0 = (int)get_global_id(0) * chunk, k1 = min(k0 + chunk, inputs);
    int m0 = (int)get_global_id(1) * group, m1 = min(m0 + group, rows);
#if PARTIAL
    y += get_global_id(0) * rows * UNITS;
#endif
    for (int j0 = 0; j0 < VECTORS; j0 += BV)
        for (int m = m0; m < m1; m += BR) {
            vec sums[BR][BV];
            forward_block(x, w, sums, m, m1, inputs, j0, k0, k1);
#pragma unroll
            for (int i = 0; i < BR; i++)
#pragma unroll
                for (int j = 0; j < BV; j++) {
                    int column = COLUMN(j0 + j);
                    vec sum = sums[i][j] + BIAS_AT(column);
#if !PARTIAL
                    sum = activate_vec(sum);
#endif
                    vec_store(sum, y + (size_t)min(m + i, m1 - 1) * UNITS + column);
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
