#include "ops/conv2d_grad_span.h"

static int stored(const tsr_span *span, int value)
{
    return tsr_span_stores(span, value) ? value : TSR_NONE;
}

tsr_conv2d_grad_span tsr_conv2d_grad_span_of(const tsr_span *span)
{
    const tsr_primitive *data = tsr_span_primitive(span, TSR_KIND_CONV2D_GRAD_DATA);
    const tsr_primitive *weights = tsr_span_primitive(span, TSR_KIND_CONV2D_GRAD_WEIGHTS);
    const tsr_primitive *pool = tsr_span_primitive(span, TSR_KIND_POOL2D_GRAD);
    const tsr_primitive *activation = tsr_span_primitive(span, TSR_KIND_ACTIVATION_GRAD);
    const tsr_primitive *gradient = data ? data : weights;
    const tsr_conv2d_descriptor *c = &gradient->as.conv2d;
    tsr_conv2d_grad_span s = {
        .conv2d = c,
        .pool = pool ? &pool->as.pool2d : NULL,
        .activation = activation ? &activation->as.activation : NULL,
        .gather = tsr_span_primitive(span, TSR_KIND_GATHER),
        .dy = (activation ? activation
               : pool     ? pool
                          : gradient)
                  ->inputs[0],
        .from = activation ? activation->inputs[1] : TSR_NONE,
        .winner = pool && pool->as.pool2d.mode == TSR_POOL_MAX ? pool->inputs[1] : TSR_NONE,
        .x = weights ? weights->inputs[1] : TSR_NONE,
        .w = data ? data->inputs[1] : TSR_NONE,
        .dx = data ? stored(span, data->outputs[0]) : TSR_NONE,
        .dw = weights ? stored(span, weights->outputs[0]) : TSR_NONE,
        .db = weights && c->bias ? stored(span, weights->outputs[1]) : TSR_NONE,
        .rows = tsr_window_output(c->height, c->kernel_height, c->stride_height, c->padding),
        .columns = tsr_window_output(c->width, c->kernel_width, c->stride_width, c->padding),
        .top = tsr_window_before(c->height, c->kernel_height, c->stride_height, c->padding),
        .left = tsr_window_before(c->width, c->kernel_width, c->stride_width, c->padding),
    };
    s.pool_rows = s.rows;
    s.pool_columns = s.columns;
    if (pool) {
        const tsr_pool2d_descriptor *p = s.pool;
        s.pool_rows = tsr_window_output(p->height, p->pool_height, p->stride_height, p->padding);
        s.pool_columns = tsr_window_output(p->width, p->pool_width, p->stride_width, p->padding);
        s.pool_top = tsr_window_before(p->height, p->pool_height, p->stride_height, p->padding);
        s.pool_left = tsr_window_before(p->width, p->pool_width, p->stride_width, p->padding);
    }
    return s;
}

int32_t tsr_conv2d_grad_partials(const tsr_conv2d_descriptor *c, int32_t rows, int32_t columns)
{
    const int64_t busy = 65536, longest = 16384, most = 64, floats = 4 << 20;
    int64_t weights = (int64_t)c->kernel_height * c->kernel_width * c->channels * c->filters;
    int64_t terms = (int64_t)rows * columns;
    int64_t partials = busy / weights > terms / longest ? busy / weights : terms / longest;
    if (partials > most) partials = most;
    if (partials > rows) partials = rows;
    if (partials * weights > floats) partials = floats / weights;
    return partials < 1 ? 1 : (int32_t)partials;
}
