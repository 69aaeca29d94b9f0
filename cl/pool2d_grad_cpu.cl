/* Gradient of pooling by its input, on CPU-class devices, for any window, stride and padding.
 *
 * Index space: groups of `each` rows of dx, counted over the whole batch; work-groups of one.
 * Lanes run over channels. For each cell the gradients of the windows that hold it are added up in row-major order: all
 * of those whose winner it is (maximum), or each divided by the cells that its window has inside the image (mean). So
 * every cell is written once, whether windows overlap or leave gaps. dy and dx are addressed by strides, winner is
 * dense.
 *
 * Macros, besides VW of common.cl, at most the channels:
 *   POOL_HEIGHT, POOL_WIDTH, STRIDE_HEIGHT, STRIDE_WIDTH   the windows
 *   WINNER   uchar or ushort: the maximum, otherwise the mean
 *   PADDED   some windows stick out of the image */
#include "common.cl"

#ifdef WINNER
#define winner_load(p) ivec_from_uchar(vec_load(p))
#endif

/* Where windows are that may hold a cell at `place`, counted from the first window's first cell: those whose numbers
 * are at least first(place) and at most place / stride. */
static inline int first_window(int place, int size, int stride)
{
    return max(0, (place - size + stride) / stride);
}

#if defined(PADDED) && !defined(WINNER)
/* Cells along an axis of extent n that the window with first cell `first`, perhaps negative, has inside. */
static inline int cells_inside(int first, int size, int n)
{
    return min(size, n - first) - max(0, -first);
}
#endif

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
pool2d_grad_cpu(__global const float *restrict dy, int dy_origin, int dy_image, int dy_row, int dy_column,
#ifdef WINNER
                __global const WINNER *restrict winner,
#endif
                __global float *restrict dx, int dx_origin, int dx_image, int dx_row, int dx_column, int batch,
                int rows, int columns, int channels, int height, int width, int top, int left, int each)
{
    int row = (int)get_global_id(0) * each, row_end = min(row + each, batch * height);
    for (; row < row_end; row++) {
        int n = row / height, r = row % height;
        int i_begin = first_window(r + top, POOL_HEIGHT, STRIDE_HEIGHT),
            i_end = min(rows - 1, (r + top) / STRIDE_HEIGHT);
        for (int s = 0; s < width; s++) {
            int j_begin = first_window(s + left, POOL_WIDTH, STRIDE_WIDTH);
            int j_end = min(columns - 1, (s + left) / STRIDE_WIDTH);
            __global float *to = dx + (dx_origin + n * dx_image + r * dx_row + s * dx_column);
            for (int v = 0; v < channels; v += VW) {
                int c = min(v, channels - VW);
                vec sum = 0.0f;
                for (int i = i_begin; i <= i_end; i++)
                    for (int j = j_begin; j <= j_end; j++) {
                        vec g = vec_load(dy + (dy_origin + n * dy_image + i * dy_row + j * dy_column + c));
                        int first_row = i * STRIDE_HEIGHT - top, first_column = j * STRIDE_WIDTH - left;
#ifdef WINNER
                        int place = (r - first_row) * POOL_WIDTH + s - first_column;
                        ivec won = winner_load(winner + (((n * rows + i) * columns + j) * channels + c));
                        sum += select((vec)(0.0f), g, won == (ivec)(place));
#elif defined(PADDED)
                        int cells = cells_inside(first_row, POOL_HEIGHT, height) *
                                    cells_inside(first_column, POOL_WIDTH, width);
                        sum += g * (1.0f / (float)cells);
#else
                        sum += g * (1.0f / (float)(POOL_HEIGHT * POOL_WIDTH));
#endif
                    }
                vec_store(sum, to + c);
            }
        }
    }
}
