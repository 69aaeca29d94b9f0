/* What the gradients of a convolution on CPU-class devices share: the grid of windows that the gradient comes from, and
 * how a row of the kernel lies in vectors.
 *
 * A window is a cell of dy's grid: of the pool's output where a max pool follows the convolution, and of the
 * convolution's output otherwise. The window's gradient dy, or dy f'(y) behind an activation, belongs to one of the
 * CELLS positions of the convolution that it covers, the winner's; without a pool there is one.
 *
 * The KERNEL_WIDTH * CHANNELS numbers of a kernel row (a run) are contiguous in an image, and in filters laid out as
 * [filters][kernel_height][kernel_width][channels] too. So vectors run along it, whatever the number of channels:
 * VECTORS at a time (a stretch). Where a run is not a multiple of the vector, or of the stretch, the last ones reach
 * back over the end of the one before.
 *
 * Macros: FILTERS CHANNELS KERNEL_HEIGHT KERNEL_WIDTH STRIDE_HEIGHT STRIDE_WIDTH  of the convolution
 *         POOL_HEIGHT POOL_WIDTH POOL_STRIDE_HEIGHT POOL_STRIDE_WIDTH             where there is a pool
 *         ACTIVATED       1: there is an activation; further macros: activation_functions.cl
 *         VW              floats in a vector; at most a run
 *         ROWS, VECTORS   kernel rows and vectors of each that a sum takes at a time; ROWS divides KERNEL_HEIGHT
 *         X_TYPE, SCALED  type of the images' elements, and whether they are multiplied by a scale: where images are
 *                         copied */
#ifndef CONV2D_GRADIENT_CL
#define CONV2D_GRADIENT_CL

#include "activation_functions.cl"

#define RUN  (KERNEL_WIDTH * CHANNELS)
#define TAPS (KERNEL_HEIGHT * RUN)

#ifdef POOL_HEIGHT
#define POOLED 1
#else
#define POOLED             0
#define POOL_HEIGHT        1
#define POOL_WIDTH         1
#define POOL_STRIDE_HEIGHT 1
#define POOL_STRIDE_WIDTH  1
#endif
#define CELLS (POOL_HEIGHT * POOL_WIDTH)

#ifdef VECTORS
#define STRETCHES ((RUN + VECTORS * VW - 1) / (VECTORS * VW))
#define STRETCH   (STRETCHES == 1 ? RUN : VECTORS * VW)
/* Where a stretch starts in the run, and vector j in the stretch. */
#define START(stretch) ((stretch)*STRETCH < RUN - STRETCH ? (stretch)*STRETCH : RUN - STRETCH)
#define OFFSET(j)      ((j)*VW < STRETCH - VW ? (j)*VW : STRETCH - VW)
#endif

#ifdef X_TYPE
/* Copies an image into the middle of one with a border of zeros. */
static inline void pad_image(const __global X_TYPE *restrict from, int from_row, float scale,
                             __global float *restrict to, int height, int width, int top, int left, int padded_rows,
                             int padded_columns)
{
    int to_row = padded_columns * CHANNELS, first = left * CHANNELS, last = first + width * CHANNELS;
    for (int r = 0; r < padded_rows; r++, to += to_row) {
        bool inside = r >= top && r < top + height;
        const __global X_TYPE *row = from + (inside ? r - top : 0) * from_row;
        for (int e = 0; e < (inside ? first : to_row); e++) to[e] = 0.0f;
        if (!inside) continue;
#if SCALED
        for (int e = first; e < last; e++) to[e] = convert_float(row[e - first]) * scale;
#else
        for (int e = first; e < last; e++) to[e] = row[e - first];
#endif
        for (int e = last; e < to_row; e++) to[e] = 0.0f;
    }
}
#endif

#endif
