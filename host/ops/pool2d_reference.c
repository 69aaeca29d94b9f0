/* pool2d and pool2d_grad: their definitions in double precision. */
#include "ops/primitive.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One window, clipped to the image: rows [row, row_end), columns [column, column_end) of the image; the first row and
 * column of the unclipped window may be negative. */
typedef struct window {
    int32_t first_row, first_column;
    int32_t row, row_end, column, column_end;
} window;

static window window_at(const tsr_pool2d_descriptor *p, int32_t i, int32_t j)
{
    window w;
    w.first_row = i * p->stride_height - tsr_window_before(p->height, p->pool_height, p->stride_height, p->padding);
    w.first_column = j * p->stride_width - tsr_window_before(p->width, p->pool_width, p->stride_width, p->padding);
    w.row = w.first_row < 0 ? 0 : w.first_row;
    w.column = w.first_column < 0 ? 0 : w.first_column;
    w.row_end = w.first_row + p->pool_height > p->height ? p->height : w.first_row + p->pool_height;
    w.column_end = w.first_column + p->pool_width > p->width ? p->width : w.first_column + p->pool_width;
    return w;
}

static int32_t output_rows(const tsr_pool2d_descriptor *p)
{
    return tsr_window_output(p->height, p->pool_height, p->stride_height, p->padding);
}

static int32_t output_columns(const tsr_pool2d_descriptor *p)
{
    return tsr_window_output(p->width, p->pool_width, p->stride_width, p->padding);
}

static size_t cell(const tsr_pool2d_descriptor *p, int32_t n, int32_t row, int32_t column, int32_t c)
{
    return (((size_t)n * (size_t)p->height + (size_t)row) * (size_t)p->width + (size_t)column) * (size_t)p->channels +
           (size_t)c;
}

/* The first of the largest cells, or the first not-a-number; *winner is its place in the unclipped window. */
static double maximum(const tsr_pool2d_descriptor *p, const double *x, window w, int32_t n, int32_t c, double *winner)
{
    double best = 0;
    int32_t at = TSR_NONE;
    for (int32_t row = w.row; row < w.row_end; row++)
        for (int32_t column = w.column; column < w.column_end; column++) {
            double value = x[cell(p, n, row, column, c)];
            if (at == TSR_NONE || (!isnan(best) && (value > best || isnan(value)))) {
                best = value;
                at = (row - w.first_row) * p->pool_width + column - w.first_column;
            }
        }
    *winner = at;
    return best;
}

static double mean(const tsr_pool2d_descriptor *p, const double *x, window w, int32_t n, int32_t c)
{
    double sum = 0;
    for (int32_t row = w.row; row < w.row_end; row++)
        for (int32_t column = w.column; column < w.column_end; column++) sum += x[cell(p, n, row, column, c)];
    return sum / ((double)(w.row_end - w.row) * (w.column_end - w.column));
}

static void pool2d(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_pool2d_descriptor *p = &primitive->as.pool2d;
    int32_t rows = output_rows(p), columns = output_columns(p);
    size_t e = 0;
    for (int32_t n = 0; n < p->batch; n++)
        for (int32_t i = 0; i < rows; i++)
            for (int32_t j = 0; j < columns; j++)
                for (int32_t c = 0; c < p->channels; c++, e++) {
                    double winner = 0;
                    window w = window_at(p, i, j);
                    outputs[0][e] =
                        p->mode == TSR_POOL_MAX ? maximum(p, inputs[0], w, n, c, &winner) : mean(p, inputs[0], w, n, c);
                    if (primitive->output_count > 1) outputs[1][e] = winner;
                }
}

/* Max: dx[winner of the window] += dy. Average: dx[each cell of the clipped window] += dy / cells. */
static void pool2d_grad(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_pool2d_descriptor *p = &primitive->as.pool2d;
    int32_t rows = output_rows(p), columns = output_columns(p);
    double *dx = outputs[0];
    memset(dx, 0, cell(p, p->batch, 0, 0, 0) * sizeof *dx);
    size_t e = 0;
    for (int32_t n = 0; n < p->batch; n++)
        for (int32_t i = 0; i < rows; i++)
            for (int32_t j = 0; j < columns; j++)
                for (int32_t c = 0; c < p->channels; c++, e++) {
                    window w = window_at(p, i, j);
                    double dy = inputs[0][e];
                    if (p->mode == TSR_POOL_MAX) {
                        int32_t winner = (int32_t)inputs[1][e];
                        dx[cell(p, n, w.first_row + winner / p->pool_width, w.first_column + winner % p->pool_width,
                                c)] += dy;
                        continue;
                    }
                    dy /= (double)(w.row_end - w.row) * (w.column_end - w.column);
                    for (int32_t row = w.row; row < w.row_end; row++)
                        for (int32_t column = w.column; column < w.column_end; column++)
                            dx[cell(p, n, row, column, c)] += dy;
                }
}

static tsr_status differentiate(tsr_graph *graph, int number, const int *output_gradients, const bool *wanted,
                                int *input_gradients)
{
    tsr_primitive forward = graph->primitives[number]; /* a copy: adding primitives moves them */
    if (!wanted[0] || output_gradients[0] == TSR_NONE) return TSR_OK;
    bool max = forward.as.pool2d.mode == TSR_POOL_MAX;
    if (max && forward.output_count < 2)
        return tsr_fail(TSR_INTERNAL, "a max pool whose winners are not in the graph cannot be differentiated");
    int dx = tsr_gradient_value(graph, forward.inputs[0]);
    if (dx == TSR_NONE) return tsr_fail_memory("a graph's values", sizeof(tsr_value));
    tsr_primitive gradient = {.kind = TSR_KIND_POOL2D_GRAD, .layer = forward.layer, .as = forward.as};
    gradient.input_count = max ? 2 : 1;
    gradient.inputs[0] = output_gradients[0];
    gradient.inputs[1] = max ? forward.outputs[1] : TSR_NONE;
    gradient.output_count = 1;
    gradient.outputs[0] = input_gradients[0] = dx;
    if (tsr_graph_primitive(graph, &gradient) == TSR_NONE)
        return tsr_fail_memory("a graph's primitives", sizeof(tsr_primitive));
    return TSR_OK;
}

const tsr_primitive_row tsr_pool2d_row = {.reference = pool2d, .differentiate = differentiate};
const tsr_primitive_row tsr_pool2d_grad_row = {.reference = pool2d_grad, .cheap = true};
