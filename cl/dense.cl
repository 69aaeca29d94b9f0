/* The dense layer's matrix products on any device: c = a b, rows x depth times depth x columns, with an optional bias.
 *
 *   forward               y  = x w + b      a = x,   b = w
 *   gradient by data      dx = dy w^T       a = dy,  b = w, BY_DEPTH
 *   gradient by weights   dw = x^T dy       a = x, not BY_DEPTH,  b = dy
 *
 * dense_gemm: dimension 0 runs over tiles of columns, 1 over tiles of rows, 2 over chunks of the depth; with several
 * chunks c is a stack of partial sums [chunk][rows][columns], which dense_sum adds in order. A work-group of GROUP x
 * GROUP computes a tile of GROUP * ITEM rows and columns. Each work-item keeps ITEM x ITEM sums in registers, GROUP apart,
 * so that stores are contiguous across the group, and the tiles of a and b pass through local memory: each value is read
 * from memory once a group and from local memory ITEM times less often than it is used. GROUP 1 is the same without
 * local memory and barriers, for devices that allow no more.
 *
 * Macros: GROUP       work-items of a group in each dimension; 1: no local memory
 *         ITEM        rows and columns of a work-item
 *         DEPTH       depth of a tile in local memory
 *         A_BY_DEPTH  1: a[row][depth], 0: a[depth][row]
 *         B_BY_DEPTH  1: b[column][depth], 0: b[depth][column]
 *         BIAS        1: a bias is added to each row of c */

#define TILE (GROUP * ITEM)

#if A_BY_DEPTH
#define A_AT(row, p) a[(size_t)(row)*a_stride + (p)]
#else
#define A_AT(row, p) a[(size_t)(p)*a_stride + (row)]
#endif
#if B_BY_DEPTH
#define B_AT(p, column) b[(size_t)(column)*b_stride + (p)]
#else
#define B_AT(p, column) b[(size_t)(p)*b_stride + (column)]
#endif

#if GROUP > 1
/* A TILE x DEPTH tile of a (or b) into local memory, zeros where it reaches past the matrix; the work-items walk along
 * what is contiguous in memory. */
static void load_a(__global const float *restrict a, __local float tile[DEPTH][TILE + 1], int a_stride, int row0,
                   int rows, int p0, int p1, int item)
{
    for (int i = item; i < TILE * DEPTH; i += GROUP * GROUP) {
#if A_BY_DEPTH
        int row = i / DEPTH, p = i % DEPTH;
#else
        int row = i % TILE, p = i / TILE;
#endif
        tile[p][row] = row0 + row < rows && p0 + p < p1 ? A_AT(row0 + row, p0 + p) : 0.0f;
    }
}

static void load_b(__global const float *restrict b, __local float tile[DEPTH][TILE + 1], int b_stride, int column0,
                   int columns, int p0, int p1, int item)
{
    for (int i = item; i < TILE * DEPTH; i += GROUP * GROUP) {
#if B_BY_DEPTH
        int column = i / DEPTH, p = i % DEPTH;
#else
        int column = i % TILE, p = i / TILE;
#endif
        tile[p][column] = column0 + column < columns && p0 + p < p1 ? B_AT(p0 + p, column0 + column) : 0.0f;
    }
}

__attribute__((reqd_work_group_size(GROUP, GROUP, 1)))
#endif
__kernel void
dense_gemm(__global const float *restrict a, __global const float *restrict b,
#if BIAS
           __global const float *restrict bias,
#endif
           __global float *restrict c, int rows, int columns, int depth, int a_stride, int b_stride, int chunk)
{
    int part = (int)get_global_id(2);
    int p0 = part * chunk, p1 = min(p0 + chunk, depth);
    float sums[ITEM][ITEM];
#pragma unroll
    for (int i = 0; i < ITEM; i++)
#pragma unroll
        for (int j = 0; j < ITEM; j++) sums[i][j] = 0.0f;

#if GROUP > 1
    __local float a_tile[DEPTH][TILE + 1], b_tile[DEPTH][TILE + 1];
    int x = (int)get_local_id(0), y = (int)get_local_id(1), item = y * GROUP + x;
    int row0 = (int)get_group_id(1) * TILE, column0 = (int)get_group_id(0) * TILE;
    for (int p = p0; p < p1; p += DEPTH) {
        load_a(a, a_tile, a_stride, row0, rows, p, p1, item);
        load_b(b, b_tile, b_stride, column0, columns, p, p1, item);
        barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
        for (int q = 0; q < DEPTH; q++) {
            float u[ITEM], v[ITEM];
#pragma unroll
            for (int i = 0; i < ITEM; i++) u[i] = a_tile[q][y + i * GROUP];
#pragma unroll
            for (int j = 0; j < ITEM; j++) v[j] = b_tile[q][x + j * GROUP];
#pragma unroll
            for (int i = 0; i < ITEM; i++)
#pragma unroll
                for (int j = 0; j < ITEM; j++) sums[i][j] += u[i] * v[j];
        }
        barrier(CLK_LOCAL_MEM_FENCE);
    }
#else
    int x = 0, y = 0, row0 = (int)get_global_id(1) * TILE, column0 = (int)get_global_id(0) * TILE;
    for (int p = p0; p < p1; p++) {
        float u[ITEM], v[ITEM];
#pragma unroll
        for (int i = 0; i < ITEM; i++) u[i] = A_AT(min(row0 + i, rows - 1), p);
#pragma unroll
        for (int j = 0; j < ITEM; j++) v[j] = B_AT(p, min(column0 + j, columns - 1));
#pragma unroll
        for (int i = 0; i < ITEM; i++)
#pragma unroll
            for (int j = 0; j < ITEM; j++) sums[i][j] += u[i] * v[j];
    }
#endif

    c += (size_t)part * rows * columns;
#pragma unroll
    for (int i = 0; i < ITEM; i++)
#pragma unroll
        for (int j = 0; j < ITEM; j++) {
            int row = row0 + y + i * GROUP, column = column0 + x + j * GROUP;
            if (row >= rows || column >= columns) continue;
#if BIAS
            c[(size_t)row * columns + column] = sums[i][j] + bias[column];
#else
            c[(size_t)row * columns + column] = sums[i][j];
#endif
        }
}
