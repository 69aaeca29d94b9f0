/* A tile of a matrix product by one work-group, as convolutions, their gradients and dense layers on GPUs have in
 * common:
 *
 *   sum[row][column] += left[term][row] * right[term][column]     over the terms, in their order
 *
 * A work-group of GROUP_ROWS * GROUP_COLUMNS work-items has a tile of the result, a work-item ITEM_ROWS x ITEM_COLUMNS
 * sums of it in registers. TILE_DEPTH terms of both factors at a time lie in local memory, [term][row] and
 * [term][column]. The kernel fetches the next terms from global memory into registers while it adds the products of the
 * present ones:
 *
 *   for all terms, TILE_DEPTH at a time, and once more:
 *       fetch the terms           zeros after the last
 *       tile_multiply             those of the time before; not the first time
 *       tile_barrier
 *       left_keep, right_keep     what was fetched goes to local memory
 *       tile_barrier
 *
 * (That loop is not to be unrolled: what is fetched for several times would take the registers of the sums.)
 *
 * A fetch is SLOTS times VECTOR numbers a work-item. Where a factor is contiguous ALONG_DEPTH, neighbouring work-items
 * fetch neighbouring terms of one line (row or column); otherwise neighbouring lines of one term: left_line(slot) and
 * left_term(slot) say which. A work-item's lines are ROW_UNIT (or COLUMN_UNIT) neighbours, then as many that lie a
 * group's width further on, so that local memory is read in vectors and from all banks: tile_row(m) and tile_column(t)
 * are those of its sums.
 *
 * What is not there (a pixel outside the image, a line beyond the last) is a zero that is multiplied all the same: a
 * factor that is not finite then makes the sum not-a-number where leaving the term out would not.
 *
 * In a group of one work-item the factors lie in private memory and there are no barriers: this needs no local memory.
 * Where GROUP_PRODUCTS is given, a group has so many layers of work-items, which compute products of their own.
 *
 * Macros: GROUP_ROWS, GROUP_COLUMNS, ITEM_ROWS, ITEM_COLUMNS, TILE_DEPTH   as above
 *         GROUP_PRODUCTS                       layers of work-items; 1 when it is not given
 *         TILE_UNROLL                          terms whose products are added in a row; 4 when it is not given
 *         ROW_UNIT                             divides ITEM_ROWS
 *         LEFT_ALONG_DEPTH, RIGHT_ALONG_DEPTH  1 or 0
 *         LEFT_VECTOR, RIGHT_VECTOR            1 or 4: numbers that are fetched together; divides TILE_DEPTH along it,
 *                                              otherwise the tile's rows or columns */
#ifndef TILE_CL
#define TILE_CL

#include "common.cl"

#ifndef GROUP_PRODUCTS
#define GROUP_PRODUCTS 1
#endif
#ifndef TILE_UNROLL
#define TILE_UNROLL 4
#endif
#define GROUP        (GROUP_ROWS * GROUP_COLUMNS * GROUP_PRODUCTS)
#define TILE_ROWS    (GROUP_ROWS * ITEM_ROWS)
#define TILE_COLUMNS (GROUP_COLUMNS * ITEM_COLUMNS)

#if ITEM_COLUMNS % 4 == 0
#define COLUMN_UNIT 4
#elif ITEM_COLUMNS % 2 == 0
#define COLUMN_UNIT 2
#else
#define COLUMN_UNIT 1
#endif
#define COLUMN_READ COLUMN_UNIT
#if ROW_UNIT % 4 == 0
#define ROW_READ 4
#elif ROW_UNIT % 2 == 0
#define ROW_READ 2
#else
#define ROW_READ 1
#endif

/* From one term to the next: further than the tile is wide, so that terms of one line do not fall into one bank. */
#define LEFT_PITCH  (TILE_ROWS + ROW_READ)
#define RIGHT_PITCH (TILE_COLUMNS + COLUMN_READ)

#if GROUP == 1
#define TILE_SPACE     __private
#define tile_barrier() ((void)0)
#else
#define TILE_SPACE     __local
#define tile_barrier() barrier(CLK_LOCAL_MEM_FENCE)
#endif
#define TILE_MEMORY(name, floats) TILE_SPACE float name[floats] __attribute__((aligned(16)))

/* Work-groups are numbered in the index space (rows, columns, splits), of which the first may be the longest. */
#define tile_first_row()    ((int)get_group_id(0) * TILE_ROWS)
#define tile_first_column() ((int)get_group_id(1) * TILE_COLUMNS)
#define tile_split()        ((int)get_group_id(2))
#define tile_splits()       ((int)get_num_groups(2))

#define tile_item() ((uint)get_local_id(0))
#if GROUP_PRODUCTS == 1
#define tile_group_row() (tile_item() / GROUP_COLUMNS)
#else
#define tile_group_row() (tile_item() / GROUP_COLUMNS % GROUP_ROWS)
#endif
#define tile_group_column() (tile_item() % GROUP_COLUMNS)
#define tile_product()      (tile_item() / (GROUP_ROWS * GROUP_COLUMNS))

/* The tile's row and column of a work-item's sum. */
#define tile_row(m)    (((m) / ROW_UNIT * GROUP_ROWS + tile_group_row()) * ROW_UNIT + (m) % ROW_UNIT)
#define tile_column(t) (((t) / COLUMN_UNIT * GROUP_COLUMNS + tile_group_column()) * COLUMN_UNIT + (t) % COLUMN_UNIT)

/* Copies n numbers that lie at a multiple of n. */
#define tile_copy1(from, to) ((to)[0] = (from)[0])
#define tile_copy2(from, to)                                                                                           \
    do {                                                                                                               \
        float2 copied = *(const TILE_SPACE float2 *)(from);                                                            \
        (to)[0] = copied.x;                                                                                            \
        (to)[1] = copied.y;                                                                                            \
    } while (0)
#define tile_copy4(from, to)                                                                                           \
    do {                                                                                                               \
        float4 copied = *(const TILE_SPACE float4 *)(from);                                                            \
        (to)[0] = copied.x;                                                                                            \
        (to)[1] = copied.y;                                                                                            \
        (to)[2] = copied.z;                                                                                            \
        (to)[3] = copied.w;                                                                                            \
    } while (0)

/* For `side`: SLOTS, the line and term of a slot's first number, whether the slot has one, and keep. */
#define TILE_SLOTS(extent, vector) ((TILE_DEPTH * (extent) / (vector) + GROUP - 1) / GROUP)
#define TILE_SIDE(side, extent, pitch, vector, along_depth)                                                            \
    INLINED uint side##_line(int slot)                                                                                 \
    {                                                                                                                  \
        uint i = tile_item() + (uint)slot * GROUP;                                                                     \
        return along_depth ? i / (TILE_DEPTH / (vector)) : i % ((extent) / (vector)) * (vector);                       \
    }                                                                                                                  \
    INLINED uint side##_term(int slot)                                                                                 \
    {                                                                                                                  \
        uint i = tile_item() + (uint)slot * GROUP;                                                                     \
        return along_depth ? i % (TILE_DEPTH / (vector)) * (vector) : i / ((extent) / (vector));                       \
    }                                                                                                                  \
    INLINED bool side##_has(int slot)                                                                                  \
    {                                                                                                                  \
        return TILE_DEPTH * (extent) / (vector) % GROUP == 0 ||                                                        \
               tile_item() + (uint)slot * GROUP < TILE_DEPTH * (extent) / (vector);                                    \
    }                                                                                                                  \
    INLINED void side##_keep(TILE_SPACE float *restrict tile, const float *restrict fetched)                           \
    {                                                                                                                  \
        _Pragma("unroll") for (int slot = 0; slot < TILE_SLOTS(extent, vector); slot++)                                \
        {                                                                                                              \
            if (!side##_has(slot)) continue;                                                                           \
            TILE_SPACE float *to = tile + side##_term(slot) * (pitch) + side##_line(slot);                             \
            _Pragma("unroll") for (int v = 0; v < (vector); v++) to[along_depth ? v * (pitch) : v] =                   \
                fetched[slot * (vector) + v];                                                                          \
        }                                                                                                              \
    }

#define LEFT_SLOTS  TILE_SLOTS(TILE_ROWS, LEFT_VECTOR)
#define RIGHT_SLOTS TILE_SLOTS(TILE_COLUMNS, RIGHT_VECTOR)
TILE_SIDE(left, TILE_ROWS, LEFT_PITCH, LEFT_VECTOR, LEFT_ALONG_DEPTH)
TILE_SIDE(right, TILE_COLUMNS, RIGHT_PITCH, RIGHT_VECTOR, RIGHT_ALONG_DEPTH)

/* `count` numbers, 1 or 4, from global memory, or zeros where they are not there. Four lie at a multiple of four. */
#define tile_fetch1(from, there, to) ((to)[0] = (there) ? (from)[0] : 0.0f)
#define tile_fetch4(from, there, to)                                                                                   \
    do {                                                                                                               \
        float4 four = (float4)(0.0f);                                                                                  \
        if (there) four = *(const __global float4 *)(from);                                                            \
        (to)[0] = four.x;                                                                                              \
        (to)[1] = four.y;                                                                                              \
        (to)[2] = four.z;                                                                                              \
        (to)[3] = four.w;                                                                                              \
    } while (0)
#define tile_fetch(count, from, there, to) JOIN(tile_fetch, count)(from, there, to)

INLINED void tile_clear(float *sum)
{
#pragma unroll
    for (int i = 0; i < ITEM_ROWS * ITEM_COLUMNS; i++) sum[i] = 0.0f;
}

/* Adds the products of the terms in local memory to sum[ITEM_ROWS][ITEM_COLUMNS]. */
INLINED void tile_multiply(const TILE_SPACE float *restrict left, const TILE_SPACE float *restrict right,
                           float *restrict sum)
{
    left += tile_group_row() * ROW_UNIT;
    right += tile_group_column() * COLUMN_UNIT;
#pragma unroll TILE_UNROLL
    for (int k = 0; k < TILE_DEPTH; k++) {
        float l[ITEM_ROWS], r[ITEM_COLUMNS];
#pragma unroll
        for (int m = 0; m < ITEM_ROWS; m += ROW_READ) JOIN(tile_copy, ROW_READ)
        (left + k * LEFT_PITCH + m / ROW_UNIT * GROUP_ROWS * ROW_UNIT + m % ROW_UNIT, l + m);
#pragma unroll
        for (int t = 0; t < ITEM_COLUMNS; t += COLUMN_READ)
            JOIN(tile_copy, COLUMN_READ)(right + k * RIGHT_PITCH + t * GROUP_COLUMNS, r + t);
#pragma unroll
        for (int m = 0; m < ITEM_ROWS; m++)
#pragma unroll
            for (int t = 0; t < ITEM_COLUMNS; t++) sum[m * ITEM_COLUMNS + t] += l[m] * r[t];
    }
}

/* A sum by work-item of some columns of the right factor: of column tile_item(), of GROUP further, and so on. */
#define TILE_COLUMN_SUMS ((TILE_COLUMNS + GROUP - 1) / GROUP)

INLINED void tile_add_columns(const TILE_SPACE float *right, float *sums)
{
#pragma unroll
    for (int i = 0; i < TILE_COLUMN_SUMS; i++) {
        int column = tile_item() + i * GROUP;
        if (TILE_COLUMNS % GROUP && column >= TILE_COLUMNS) continue;
        for (int k = 0; k < TILE_DEPTH; k++) sums[i] += right[k * RIGHT_PITCH + column];
    }
}

#endif
