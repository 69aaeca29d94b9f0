#include "ops/conv2d_gradient.h"

#include "ops/activation.h"

#include <stdio.h>

/* The maker of the value, if it is of the kind and free: one that another span claims is stored by that. */
static const tsr_primitive *maker(const tsr_graph *graph, int value, tsr_kind kind, const bool *claimed, int *number)
{
    *number = tsr_graph_maker(graph, value);
    if (*number == TSR_NONE || graph->primitives[*number].kind != kind || claimed[*number]) return NULL;
    return &graph->primitives[*number];
}

/* Whether the winners are bytes. */
static bool is_listed_pool(const tsr_primitive *p)
{
    return p->as.pool2d.mode == TSR_POOL_MAX && p->as.pool2d.pool_height <= 255 && p->as.pool2d.pool_width <= 255 &&
           p->as.pool2d.pool_height * p->as.pool2d.pool_width <= 255;
}

bool tsr_conv2d_gradient_match(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    const tsr_primitive *end = &graph->primitives[primitive];
    *span = (tsr_span){.graph = graph};
    bool fits = tsr_span_add(span, primitive);
    for (int i = 0; i < end->output_count; i++) fits &= tsr_span_store(span, end->outputs[i]);

    int number, dy = end->inputs[0];
    const tsr_primitive *pool = maker(graph, dy, TSR_KIND_POOL2D_GRAD, claimed, &number);
    if (pool && is_listed_pool(pool)) {
        fits &= tsr_span_add(span, number);
        dy = pool->inputs[0];
    }
    const tsr_primitive *activation = maker(graph, dy, TSR_KIND_ACTIVATION_GRAD, claimed, &number);
    if (activation && tsr_activation_elementwise(&activation->as.activation)) fits &= tsr_span_add(span, number);
    if (end->kind == TSR_KIND_CONV2D_GRAD_WEIGHTS && maker(graph, end->inputs[1], TSR_KIND_GATHER, claimed, &number))
        fits &= tsr_span_add(span, number);
    return fits;
}

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int stored(const tsr_span *span, const tsr_primitive *p, int output)
{
    return p && p->output_count > output && tsr_span_stores(span, p->outputs[output]) ? p->outputs[output] : TSR_NONE;
}

tsr_conv2d_gradient tsr_conv2d_gradient_of(const tsr_span *span)
{
    const tsr_primitive *data = tsr_span_primitive(span, TSR_KIND_CONV2D_GRAD_DATA);
    const tsr_primitive *weights = data ? NULL : tsr_span_primitive(span, TSR_KIND_CONV2D_GRAD_WEIGHTS);
    const tsr_primitive *end = data ? data : weights;
    const tsr_primitive *pool = tsr_span_primitive(span, TSR_KIND_POOL2D_GRAD);
    const tsr_primitive *activation = tsr_span_primitive(span, TSR_KIND_ACTIVATION_GRAD);
    const tsr_conv2d_descriptor *c = &end->as.conv2d;
    tsr_conv2d_gradient g = {.conv2d = c,
                             .gather = tsr_span_primitive(span, TSR_KIND_GATHER),
                             .dy = end->inputs[0],
                             .y = TSR_NONE,
                             .winner = TSR_NONE,
                             .x = weights ? weights->inputs[1] : TSR_NONE,
                             .w = data ? data->inputs[1] : TSR_NONE,
                             .dx = stored(span, data, 0),
                             .dw = stored(span, weights, 0),
                             .db = stored(span, weights, 1)};
    g.output_rows = g.rows = tsr_window_output(c->height, c->kernel_height, c->stride_height, c->padding);
    g.output_columns = g.columns = tsr_window_output(c->width, c->kernel_width, c->stride_width, c->padding);
    g.top = tsr_window_before(c->height, c->kernel_height, c->stride_height, c->padding);
    g.left = tsr_window_before(c->width, c->kernel_width, c->stride_width, c->padding);
    g.padded_rows = larger(g.top + c->height, (g.rows - 1) * c->stride_height + c->kernel_height);
    g.padded_columns = larger(g.left + c->width, (g.columns - 1) * c->stride_width + c->kernel_width);
    if (pool) {
        const tsr_pool2d_descriptor *p = g.pool = &pool->as.pool2d;
        g.dy = pool->inputs[0];
        if (p->mode == TSR_POOL_MAX) g.winner = pool->inputs[1];
        g.rows = tsr_window_output(p->height, p->pool_height, p->stride_height, p->padding);
        g.columns = tsr_window_output(p->width, p->pool_width, p->stride_width, p->padding);
        g.pool_top = tsr_window_before(p->height, p->pool_height, p->stride_height, p->padding);
        g.pool_left = tsr_window_before(p->width, p->pool_width, p->stride_width, p->padding);
    }
    if (activation) {
        g.dy = activation->inputs[0];
        if (activation->as.activation.function != TSR_LINEAR) {
            g.activation = &activation->as.activation;
            g.y = activation->inputs[1];
        }
    }
    int before = activation ? TSR_NONE : tsr_graph_maker(span->graph, g.dy);
    if (before != TSR_NONE && span->graph->primitives[before].kind == TSR_KIND_ACTIVATION_GRAD)
        activation = &span->graph->primitives[before];
    g.sparse = activation && activation->as.activation.function == TSR_RELU;
    return g;
}

bool tsr_conv2d_gradient_winners_supported(const tsr_conv2d_gradient *gradient, tsr_needs *needs)
{
    const tsr_activation_descriptor *a = gradient->activation;
    if (gradient->winner == TSR_NONE) return tsr_refuse(needs, "average pooling has no winners");
    if (a && !tsr_activation_elementwise(a))
        return tsr_refuse(needs, "%s is not computed element by element", tsr_activation_name(a->function));
    return true;
}

int32_t tsr_conv2d_gradient_partial_count(const tsr_conv2d_gradient *gradient)
{
    const int64_t busy = 65536, longest = 16384, most = 64, floats = 4 << 20;
    const tsr_conv2d_descriptor *c = gradient->conv2d;
    int64_t weights = (int64_t)c->kernel_height * c->kernel_width * c->channels * c->filters;
    int64_t rows = (int64_t)c->batch * gradient->rows, terms = rows * gradient->columns;
    int64_t partials = busy / weights > terms / longest ? busy / weights : terms / longest;
    if (partials > most) partials = most;
    if (partials > rows) partials = rows;
    if (partials * weights > floats) partials = floats / weights;
    return partials < 1 ? 1 : (int32_t)partials;
}

bool tsr_conv2d_gradient_dense(const tsr_conv2d_gradient *gradient)
{
    return !gradient->pool && !gradient->sparse;
}

bool tsr_conv2d_gradient_along_rows(const tsr_conv2d_gradient *gradient, const tsr_target *target)
{
    const int32_t batch = 4;
    const tsr_conv2d_descriptor *c = gradient->conv2d;
    return tsr_conv2d_gradient_dense(gradient) && c->filters <= TSR_GRADIENT_FEW && c->batch >= batch &&
           c->kernel_width * c->channels >= (int32_t)tsr_vector_width(target);
}

void tsr_conv2d_gradient_needs(const tsr_conv2d_gradient *gradient, tsr_needs *needs)
{
    tsr_needs_strided(needs, gradient->dy, 0, 0, 0, 0);
    if (gradient->y != TSR_NONE && gradient->y != gradient->dy) tsr_needs_strided(needs, gradient->y, 0, 0, 0, 0);
}

int32_t tsr_conv2d_gradient_rows(const tsr_conv2d_gradient *gradient, int32_t limit)
{
    int32_t height = gradient->conv2d->kernel_height, rows = limit < height ? limit : height;
    while (rows > 1 && height % rows) rows--;
    return rows > 1 ? rows : 1;
}

tsr_conv2d_gradient_border tsr_conv2d_gradient_border_of(const tsr_conv2d_gradient *g)
{
    const tsr_conv2d_descriptor *c = g->conv2d;
    tsr_conv2d_gradient_border b = {.top = g->top + g->pool_top * c->stride_height,
                                    .left = g->left + g->pool_left * c->stride_width,
                                    .rows = g->padded_rows,
                                    .columns = g->padded_columns};
    if (g->pool) {
        int32_t last_row = (g->rows - 1) * g->pool->stride_height + g->pool->pool_height - 1;
        int32_t last_column = (g->columns - 1) * g->pool->stride_width + g->pool->pool_width - 1;
        b.rows = larger(b.top + c->height, last_row * c->stride_height + c->kernel_height);
        b.columns = larger(b.left + c->width, last_column * c->stride_width + c->kernel_width);
    }
    return b;
}

tsr_conv2d_gradient_block tsr_conv2d_gradient_block_of(const tsr_conv2d_gradient *gradient, const tsr_target *target,
                                                       int32_t most)
{
    int32_t run = gradient->conv2d->kernel_width * gradient->conv2d->channels;
    tsr_conv2d_gradient_block b = {.vector = tsr_vector_within(target, run)};
    b.vectors = tsr_equal_parts(tsr_divide_up(run, b.vector), most);
    for (int32_t rows = 1; rows * b.vectors <= most; rows++) {
        if (gradient->conv2d->kernel_height % rows) continue;
        b.rows = rows;
        if (rows * b.vectors >= most / 2) break;
    }
    return b;
}

int tsr_conv2d_gradient_options(const tsr_conv2d_gradient *gradient, int32_t vector, char *options)
{
    const tsr_conv2d_descriptor *c = gradient->conv2d;
    const tsr_pool2d_descriptor *p = gradient->pool;
    char activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(gradient->activation, activation);
    int length = snprintf(options, TSR_CONV2D_GRADIENT_OPTIONS,
                          "-D VW=%d -D FILTERS=%d -D CHANNELS=%d -D KERNEL_HEIGHT=%d -D KERNEL_WIDTH=%d "
                          "-D STRIDE_HEIGHT=%d -D STRIDE_WIDTH=%d -D ACTIVATED=%d %s",
                          vector, c->filters, c->channels, c->kernel_height, c->kernel_width, c->stride_height,
                          c->stride_width, gradient->activation != NULL, activation);
    if (p)
        length += snprintf(options + length, (size_t)(TSR_CONV2D_GRADIENT_OPTIONS - length),
                           " -D POOL_HEIGHT=%d -D POOL_WIDTH=%d -D POOL_STRIDE_HEIGHT=%d -D POOL_STRIDE_WIDTH=%d",
                           p->pool_height, p->pool_width, p->stride_height, p->stride_width);
    return length;
}

void tsr_conv2d_gradient_arguments(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *gradient,
                                   tsr_status *status)
{
    /* Operands that are not there are not read: dy stands in for them. */
    const tsr_conv2d_gradient *g = gradient;
    int y = g->y == TSR_NONE ? g->dy : g->y;
    tsr_launch_value(step, launch, g->dy, status);
    tsr_launch_value(step, launch, y, status);
    tsr_launch_value(step, launch, g->winner == TSR_NONE ? g->dy : g->winner, status);
    tsr_conv2d_launch_layout(launch, tsr_conv2d_layout_of(step, g->dy, g->rows, g->columns, g->conv2d->filters),
                             status);
    tsr_conv2d_launch_layout(launch, tsr_conv2d_layout_of(step, y, g->rows, g->columns, g->conv2d->filters), status);
    tsr_launch_int(launch, g->rows, status);
    tsr_launch_int(launch, g->columns, status);
    tsr_launch_int(launch, g->pool_top, status);
    tsr_launch_int(launch, g->pool_left, status);
}

void tsr_conv2d_gradient_partials(const tsr_conv2d_gradient *gradient, int32_t partitions, tsr_needs *needs)
{
    if (gradient->dw != TSR_NONE) tsr_needs_partials(needs, gradient->dw, partitions);
    if (gradient->db != TSR_NONE) tsr_needs_partials(needs, gradient->db, partitions);
}

const char *tsr_conv2d_gradient_store_options(const tsr_conv2d_gradient *gradient)
{
    if (gradient->dw == TSR_NONE) return " -D WEIGHTS=0 -D BIAS=1";
    return gradient->db == TSR_NONE ? " -D WEIGHTS=1 -D BIAS=0" : " -D WEIGHTS=1 -D BIAS=1";
}

void tsr_conv2d_gradient_stores(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *gradient,
                                tsr_status *status)
{
    const int stored[] = {gradient->dw, gradient->db};
    for (int i = 0; i < 2; i++) {
        if (stored[i] == TSR_NONE) continue;
        tsr_launch_value(step, launch, stored[i], status);
        tsr_launch_int(launch, tsr_step_view(step, stored[i])->partial_stride, status);
    }
}
