/* The gradient at the cells of a convolution's result, as the convolution's gradients for GPUs read it: dy itself, or
 * what the gradients of a max pool and of an activation behind the convolution make of dy on the way.
 *
 *   GRADIENT_ARGUMENTS   the kernel's arguments dy, [y], [winner, the pool's padding], the grid's rows and columns
 *   GRADIENT_VALUES      the same, to pass on
 *   fetch_gradient(GRADIENT_VALUES, n, i, j, f, there, to)   GRADIENT_VECTOR filters of cell (n,i,j), from f on
 *
 * dy, y and winner are dense (batch, rows, columns, FILTERS), where rows and columns are the pool's, or those of the
 * convolution's result. A cell is in POOL / POOL_STRIDE windows each way, rounded up, whose gradients are added in
 * order.
 *
 * Macros: FILTERS          of the convolution
 *         GRADIENT_VECTOR  1 or 4; divides FILTERS
 *         ACTIVATED        1: y is there; further macros: activation_functions.cl
 *         POOL_HEIGHT, POOL_WIDTH, POOL_STRIDE_HEIGHT, POOL_STRIDE_WIDTH   where there is a pool */
#ifndef CONV2D_GRADIENT_TILED_CL
#define CONV2D_GRADIENT_TILED_CL

#include "activation_functions.cl"

#if ACTIVATED
#define Y_ARGUMENT const __global float *restrict y,
#define Y_VALUE    y,
#else
#define Y_ARGUMENT
#define Y_VALUE
#endif
#ifdef POOL_HEIGHT
#define POOL_ARGUMENTS const __global uchar *restrict winner, int pool_top, int pool_left,
#define POOL_VALUES    winner, pool_top, pool_left,
#define WINDOWS_DOWN   ((POOL_HEIGHT + POOL_STRIDE_HEIGHT - 1) / POOL_STRIDE_HEIGHT)
#define WINDOWS_ACROSS ((POOL_WIDTH + POOL_STRIDE_WIDTH - 1) / POOL_STRIDE_WIDTH)
/* Windows that overlap many times would make the kernel long. */
#if WINDOWS_DOWN * WINDOWS_ACROSS > 4
#define UNROLL_WINDOWS _Pragma("unroll 1")
#else
#define UNROLL_WINDOWS _Pragma("unroll")
#endif
#else
#define POOL_ARGUMENTS
#define POOL_VALUES
#endif
#define GRADIENT_ARGUMENTS const __global float *restrict dy, Y_ARGUMENT POOL_ARGUMENTS int grid_rows, int grid_columns
#define GRADIENT_VALUES    dy, Y_VALUE POOL_VALUES grid_rows, grid_columns

#if GRADIENT_VECTOR == 4
typedef float4 gradients;
typedef uchar4 winners;
#define winner_is(w, place) (convert_int4(w) == (int4)(place))
#else
typedef float gradients;
typedef uchar winners;
#define winner_is(w, place) ((w) == (place))
#endif

/* Of the window (n,u,v). */
INLINED gradients window_gradient(GRADIENT_ARGUMENTS, int n, int u, int v, int f)
{
    size_t at = (size_t)((n * grid_rows + u) * grid_columns + v) * FILTERS + f;
    gradients g = *(const __global gradients *)(dy + at);
#if ACTIVATED
    g = GRADIENT(gradients, g, *(const __global gradients *)(y + at));
#endif
    return g;
}

INLINED void fetch_gradient(GRADIENT_ARGUMENTS, int n, int i, int j, int f, bool there, float *restrict to)
{
    gradients sum = 0.0f;
#ifdef POOL_HEIGHT
    uint u_last = (uint)(i + pool_top) / POOL_STRIDE_HEIGHT, v_last = (uint)(j + pool_left) / POOL_STRIDE_WIDTH;
    UNROLL_WINDOWS
    for (int a = WINDOWS_DOWN - 1; a >= 0; a--) UNROLL_WINDOWS
    for (int b = WINDOWS_ACROSS - 1; b >= 0; b--) {
        int u = (int)u_last - a, v = (int)v_last - b;
        int row = i + pool_top - u * POOL_STRIDE_HEIGHT, column = j + pool_left - v * POOL_STRIDE_WIDTH;
        if (!there || u < 0 || u >= grid_rows || v < 0 || v >= grid_columns || row >= POOL_HEIGHT ||
            column >= POOL_WIDTH)
            continue;
        winners w =
            *(const __global winners *)(winner + (size_t)((n * grid_rows + u) * grid_columns + v) * FILTERS + f);
        gradients g = window_gradient(GRADIENT_VALUES, n, u, v, f);
        sum += select((gradients)(0.0f), g, winner_is(w, row * POOL_WIDTH + column));
    }
#else
    if (there) sum = window_gradient(GRADIENT_VALUES, n, i, j, f);
#endif
#if GRADIENT_VECTOR == 4
    to[0] = sum.x;
    to[1] = sum.y;
    to[2] = sum.z;
    to[3] = sum.w;
#else
    to[0] = sum;
#endif
}

#endif
