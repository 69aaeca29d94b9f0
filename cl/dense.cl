/* The dense layer's matrix products on any device: c = a b, rows x depth times depth x columns.
 *
 *   forward               y  = x w + b      a = x,   b = w
 *   gradient by data      dx = dy w^T       a = dy,  b = w, BY_DEPTH
 *   gradient by weights   dw = x^T dy       a = x, not BY_DEPTH,  b = dy;   db = the sums of dy's columns
 *
 * The depth is cut into chunks, each of which yields a partial sum of c: a stack, of which the first has the bias.
 * tile.cl computes them: its terms are the depth.
 *
 * Index space: that of tile.cl, of rows, columns and chunks.
 *
 * Macros: those of tile.cl, where LEFT_ALONG_DEPTH also says: 1: a[row][depth], 0: a[depth][row],
 *         and RIGHT_ALONG_DEPTH: 1: b[column][depth], 0: b[depth][column]
 *         BIAS        1: a bias is added to each row of c
 *         PRODUCT     1: c is stored
 *         COLUMN_SUMS 1: the sums of b's columns are stored, a stack likewise */
#include "tile.cl"

#if LEFT_ALONG_DEPTH
#define A_AT(row, p) (a + ((size_t)(row)*a_stride + (p)))
#else
#define A_AT(row, p) (a + ((size_t)(p)*a_stride + (row)))
#endif
#if RIGHT_ALONG_DEPTH
#define B_AT(column, p) (b + ((size_t)(column)*b_stride + (p)))
#else
#define B_AT(column, p) (b + ((size_t)(p)*b_stride + (column)))
#endif

/* The terms from p0 on, before p1, of rows from `first` on, before `rows`; and of columns likewise. */
INLINED void fetch_a(const __global float *a, int a_stride, int first, int rows, int p0, int p1, float *to)
{
#pragma unroll
    for (int slot = 0; slot < LEFT_SLOTS; slot++) {
        int row = first + left_line(slot), p = p0 + left_term(slot);
        tile_fetch(LEFT_VECTOR, A_AT(row, p), left_has(slot) && row < rows && p < p1, to + slot * LEFT_VECTOR);
    }
}

INLINED void fetch_b(const __global float *b, int b_stride, int first, int columns, int p0, int p1, float *to)
{
#pragma unroll
    for (int slot = 0; slot < RIGHT_SLOTS; slot++) {
        int column = first + right_line(slot), p = p0 + right_term(slot);
        tile_fetch(RIGHT_VECTOR, B_AT(column, p), right_has(slot) && column < columns && p < p1,
                   to + slot * RIGHT_VECTOR);
    }
}

__attribute__((reqd_work_group_size(GROUP, 1, 1))) __kernel void
dense_gemm(__global const float *restrict a, __global const float *restrict b,
#if BIAS
           const __global float *restrict bias,
#endif
#if PRODUCT
           __global float *restrict c, int c_stride,
#endif
#if COLUMN_SUMS
           __global float *restrict column_sums, int column_sums_stride,
#endif
           int rows, int columns, int depth, int a_stride, int b_stride, int chunk)
{
    TILE_MEMORY(left, TILE_DEPTH * LEFT_PITCH);
    TILE_MEMORY(right, TILE_DEPTH * RIGHT_PITCH);
    float next_a[LEFT_SLOTS * LEFT_VECTOR], next_b[RIGHT_SLOTS * RIGHT_VECTOR], sum[ITEM_ROWS * ITEM_COLUMNS];
    const int part = tile_split(), p0 = part * chunk, p1 = min(p0 + chunk, depth);
    const int first_row = tile_first_row(), first_column = tile_first_column();
    tile_clear(sum);
#if COLUMN_SUMS
    float of_columns[TILE_COLUMN_SUMS];
#pragma unroll
    for (int i = 0; i < TILE_COLUMN_SUMS; i++) of_columns[i] = 0.0f;
#endif

#pragma unroll 1
    for (int p = p0; p < p1 + TILE_DEPTH; p += TILE_DEPTH) {
        fetch_a(a, a_stride, first_row, rows, p, p1, next_a);
        fetch_b(b, b_stride, first_column, columns, p, p1, next_b);
        if (p > p0) {
#if PRODUCT
            tile_multiply(left, right, sum);
#endif
#if COLUMN_SUMS
            if (first_row == 0) tile_add_columns(right, of_columns);
#endif
        }
        tile_barrier();
        left_keep(left, next_a);
        right_keep(right, next_b);
        tile_barrier();
    }

#if PRODUCT
    c += (size_t)part * c_stride;
#pragma unroll
    for (int m = 0; m < ITEM_ROWS; m++)
#pragma unroll
        for (int t = 0; t < ITEM_COLUMNS; t++) {
            int row = first_row + tile_row(m), column = first_column + tile_column(t);
            if (row >= rows || column >= columns) continue;
            float value = sum[m * ITEM_COLUMNS + t];
#if BIAS
            if (part == 0) value += bias[column];
#endif
            c[(size_t)row * columns + column] = value;
        }
#endif
#if COLUMN_SUMS
    if (first_row == 0)
#pragma unroll
        for (int i = 0; i < TILE_COLUMN_SUMS; i++) {
            int of_tile = tile_item() + i * GROUP, column = first_column + of_tile;
            if (of_tile < TILE_COLUMNS && column < columns)
                column_sums[(size_t)part * column_sums_stride + column] = of_columns[i];
        }
#endif
}
