#include "ops/conv2d_span.h"

#include "ops/activation.h"

bool tsr_conv2d_match_activation(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_ACTIVATION, TSR_KIND_POOL2D | TSR_OPTIONAL, TSR_KIND_CONV2D, TSR_KIND_COUNT};
    return tsr_match_chain(graph, primitive, chain, claimed, span);
}

bool tsr_conv2d_match_pool(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_POOL2D, TSR_KIND_CONV2D, TSR_KIND_COUNT};
    return tsr_match_chain(graph, primitive, chain, claimed, span);
}

bool tsr_conv2d_match_activation_gathered(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_ACTIVATION, TSR_KIND_POOL2D | TSR_OPTIONAL, TSR_KIND_CONV2D,
                                TSR_KIND_GATHER | TSR_OPTIONAL, TSR_KIND_COUNT};
    return tsr_match_chain(graph, primitive, chain, claimed, span);
}

bool tsr_conv2d_match_pool_gathered(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_POOL2D, TSR_KIND_CONV2D, TSR_KIND_GATHER | TSR_OPTIONAL, TSR_KIND_COUNT};
    return tsr_match_chain(graph, primitive, chain, claimed, span);
}

static void read_pool(tsr_conv2d_span *s)
{
    const tsr_pool2d_descriptor *p = s->pool;
    s->pool_height = p->pool_height;
    s->pool_width = p->pool_width;
    s->pool_stride_height = p->stride_height;
    s->pool_stride_width = p->stride_width;
    s->rows = tsr_window_output(p->height, p->pool_height, p->stride_height, p->padding);
    s->columns = tsr_window_output(p->width, p->pool_width, p->stride_width, p->padding);
    s->pool_top = tsr_window_before(p->height, p->pool_height, p->stride_height, p->padding);
    s->pool_left = tsr_window_before(p->width, p->pool_width, p->stride_width, p->padding);
    s->pool_padded = s->pool_top || s->pool_left || (s->rows - 1) * p->stride_height + p->pool_height > s->conv_rows ||
                     (s->columns - 1) * p->stride_width + p->pool_width > s->conv_columns;
}

static tsr_conv2d_span span_of_gradient(const tsr_primitive *gradient)
{
    const tsr_conv2d_descriptor *c = &gradient->as.conv2d;
    int32_t top = tsr_window_before(c->height, c->kernel_height, c->stride_height, c->padding);
    int32_t left = tsr_window_before(c->width, c->kernel_width, c->stride_width, c->padding);
    return (tsr_conv2d_span){
        .conv2d = {.batch = c->batch,
                   .height = tsr_window_output(c->height, c->kernel_height, c->stride_height, c->padding),
                   .width = tsr_window_output(c->width, c->kernel_width, c->stride_width, c->padding),
                   .channels = c->filters,
                   .filters = c->channels,
                   .kernel_height = c->kernel_height,
                   .kernel_width = c->kernel_width,
                   .stride_height = 1,
                   .stride_width = 1},
        .filters = c,
        .backward = true,
        .x = gradient->inputs[0],
        .w = gradient->inputs[1],
        .b = TSR_NONE,
        .y = gradient->outputs[0],
        .winner = TSR_NONE,
        .conv_rows = c->height,
        .conv_columns = c->width,
        .rows = c->height,
        .columns = c->width,
        .top = c->kernel_height - 1 - top,
        .left = c->kernel_width - 1 - left,
        .pool_height = 1,
        .pool_width = 1,
        .pool_stride_height = 1,
        .pool_stride_width = 1,
    };
}

tsr_conv2d_span tsr_conv2d_span_of(const tsr_span *span)
{
    const tsr_primitive *gradient = tsr_span_primitive(span, TSR_KIND_CONV2D_GRAD_DATA);
    if (gradient) return span_of_gradient(gradient);
    const tsr_primitive *conv2d = tsr_span_primitive(span, TSR_KIND_CONV2D);
    const tsr_primitive *pool = tsr_span_primitive(span, TSR_KIND_POOL2D);
    const tsr_primitive *activation = tsr_span_primitive(span, TSR_KIND_ACTIVATION);
    const tsr_conv2d_descriptor *c = &conv2d->as.conv2d;
    tsr_conv2d_span s = {
        .conv2d = *c,
        .filters = c,
        .pool = pool ? &pool->as.pool2d : NULL,
        .activation = activation ? &activation->as.activation : NULL,
        .gather = tsr_span_primitive(span, TSR_KIND_GATHER),
        .x = conv2d->inputs[0],
        .w = conv2d->inputs[1],
        .b = c->bias ? conv2d->inputs[2] : TSR_NONE,
        .y = (activation ? activation
              : pool     ? pool
                         : conv2d)
                 ->outputs[0],
        .winner = TSR_NONE,
        .conv_rows = tsr_window_output(c->height, c->kernel_height, c->stride_height, c->padding),
        .conv_columns = tsr_window_output(c->width, c->kernel_width, c->stride_width, c->padding),
        .top = tsr_window_before(c->height, c->kernel_height, c->stride_height, c->padding),
        .left = tsr_window_before(c->width, c->kernel_width, c->stride_width, c->padding),
        .pool_height = 1,
        .pool_width = 1,
        .pool_stride_height = 1,
        .pool_stride_width = 1,
    };
    s.rows = s.conv_rows;
    s.columns = s.conv_columns;
    if (pool) read_pool(&s);
    if (pool && pool->output_count > 1 && tsr_span_stores(span, pool->outputs[1])) s.winner = pool->outputs[1];
    return s;
}

bool tsr_conv2d_span_backward_supported(const tsr_span *span, tsr_needs *needs)
{
    const tsr_primitive *gradient = tsr_span_primitive(span, TSR_KIND_CONV2D_GRAD_DATA);
    const tsr_conv2d_descriptor *c = &gradient->as.conv2d;
    int maker = tsr_graph_maker(span->graph, gradient->inputs[0]);
    const tsr_primitive *before = maker == TSR_NONE ? NULL : &span->graph->primitives[maker];
    if (c->stride_height != 1 || c->stride_width != 1)
        return tsr_refuse(needs, "with strides of %d x %d the gradient is no convolution", (int)c->stride_height,
                          (int)c->stride_width);
    if (before && before->kind == TSR_KIND_POOL2D_GRAD && before->as.pool2d.mode == TSR_POOL_MAX)
        return tsr_refuse(needs, "behind a max pool most of the gradient is zero");
    if (span->graph->values[gradient->inputs[1]].role != TSR_ROLE_PARAMETER)
        return tsr_refuse(needs, "the filters are not a parameter that has another form");
    return true;
}

bool tsr_conv2d_span_supported(const tsr_conv2d_span *s, const tsr_span *span, tsr_needs *needs)
{
    if (s->activation && !tsr_activation_elementwise(s->activation))
        return tsr_refuse(needs, "%s is not computed element by element", tsr_activation_name(s->activation->function));
    if (s->pool_stride_height < s->pool_height || s->pool_stride_width < s->pool_width)
        return tsr_refuse(needs, "the pool's windows overlap");
    if (s->pool && s->pool->mode == TSR_POOL_MAX && s->pool_height * s->pool_width > 255)
        return tsr_refuse(needs, "the winner in a window of %d x %d does not fit a byte", (int)s->pool_height,
                          (int)s->pool_width);
    if (span->graph->values[s->x].rank != 4 || span->graph->values[s->y].rank != 4)
        return tsr_refuse(needs, "its input or output is not an image");
    return true;
}
