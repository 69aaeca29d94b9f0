/* Pooling on CPU-class devices, forward, for any window, stride and padding.
 *
 * Index space: groups of `each` rows of y, counted over the whole batch; work-groups of one.
 * Lanes run over channels, which are contiguous in memory, so that a window is a few loads of whole vectors; the last
 * vector of a pixel reaches back over the one before. The loops over a window that lies inside the image have constant
 * bounds. x and y are addressed by strides, winner is dense.
 *
 * Macros, besides VW of common.cl, at most the channels:
 *   POOL_HEIGHT, POOL_WIDTH, STRIDE_HEIGHT, STRIDE_WIDTH   the windows
 *   POOL_AVERAGE                                           the mean; otherwise the maximum
 *   WINNER     uchar or ushort: also stores the place of the maximum in the unclipped window, row-major
 *   STORE_Y    whether y is stored, 0 or 1 */
#include "conv2d_pool.cl"


#ifdef WINNER
#if VW == 1
#define winner_store(v, p) (*(p) = (WINNER)(v))
#else
#define winner_store(v, p) vec_store(JOIN(JOIN(convert_, WINNER), VW)(v), p)
#endif
#endif

/* The part of a window inside the image: rows [p_begin, p_end) and columns [q_begin, q_end) of it. */
typedef struct part {
    int p_begin, p_end, q_begin, q_end;
} part;

/* Pools one vector of channels, x being the window's first cell, perhaps outside the image. */
static inline vec pool_window(const __global float *restrict x, int x_row, int x_column, part w, ivec *winner)
{
    vec pooled = 0.0f;
    for (int p = w.p_begin; p < w.p_end; p++)
        for (int q = w.q_begin; q < w.q_end; q++)
            pool_cell(&pooled, winner, vec_load(x + (p * x_row + q * x_column)), p * POOL_WIDTH + q,
                      p == w.p_begin && q == w.q_begin);
#ifdef POOL_AVERAGE
    pooled *= 1.0f / (float)((w.p_end - w.p_begin) * (w.q_end - w.q_begin));
#endif
    return pooled;
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
pool2d_cpu(__global const float *restrict x, int x_origin, int x_image, int x_row, int x_column,
#if STORE_Y
           __global float *restrict y, int y_origin, int y_image, int y_row, int y_column,
#endif
#ifdef WINNER
           __global WINNER *restrict winner,
#endif
           int batch, int rows, int columns, int channels, int height, int width, int top, int left, int each)
{
    int row = (int)get_global_id(0) * each, row_end = min(row + each, batch * rows);
    for (; row < row_end; row++) {
        int n = row / rows, i = row % rows, first_row = i * STRIDE_HEIGHT - top;
        part w = {max(0, -first_row), min(POOL_HEIGHT, height - first_row), 0, 0};
        for (int j = 0; j < columns; j++) {
            int first_column = j * STRIDE_WIDTH - left;
            const __global float *window = x + (x_origin + n * x_image + first_row * x_row + first_column * x_column);
            w.q_begin = max(0, -first_column);
            w.q_end = min(POOL_WIDTH, width - first_column);
            bool whole = w.p_begin == 0 && w.p_end == POOL_HEIGHT && w.q_begin == 0 && w.q_end == POOL_WIDTH;
            for (int v = 0; v < channels; v += VW) {
                int c = min(v, channels - VW);
                const part all = {0, POOL_HEIGHT, 0, POOL_WIDTH};
                ivec won = 0;
                vec pooled = whole ? pool_window(window + c, x_row, x_column, all, &won)
                                   : pool_window(window + c, x_row, x_column, w, &won);
#if STORE_Y
                vec_store(pooled, y + (y_origin + n * y_image + i * y_row + j * y_column + c));
#endif
#ifdef WINNER
                winner_store(won, winner + ((row * columns + j) * channels + c));
#endif
            }
        }
    }
}
