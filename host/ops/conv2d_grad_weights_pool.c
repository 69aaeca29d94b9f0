/* Portable gradient of a convolution by its weights and bias, from the winners of the max pool behind it. */
#include "ops/activation.h"
#include "ops/conv2d_grad_span.h"

#include <stdio.h>

static bool match(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_CONV2D_GRAD_WEIGHTS, TSR_KIND_POOL2D_GRAD,
                                TSR_KIND_ACTIVATION_GRAD | TSR_OPTIONAL, TSR_KIND_COUNT};
    return tsr_match_chain(graph, primitive, chain, claimed, span);
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    tsr_conv2d_grad_span s = tsr_conv2d_grad_span_of(span);
    if (s.pool->mode != TSR_POOL_MAX) return tsr_refuse(needs, "average pooling has no winners");
    if (s.activation && !tsr_activation_elementwise(s.activation))
        return tsr_refuse(needs, "%s is not computed element by element", tsr_activation_name(s.activation->function));
    int32_t partials = tsr_conv2d_grad_partials(s.conv2d, s.conv2d->batch * s.pool_rows, s.pool_columns);
    tsr_needs_strided(needs, s.x, 0, 0, 0, 0);
    if (s.dw != TSR_NONE) tsr_needs_partials(needs, s.dw, partials);
    if (s.db != TSR_NONE) tsr_needs_partials(needs, s.db, partials);
    return true;
}

static void set_values(tsr_step *step, tsr_launch *launch, const tsr_conv2d_grad_span *s, tsr_status *status)
{
    tsr_launch_value(step, launch, s->dy, status);
    tsr_launch_value(step, launch, s->winner, status);
    if (s->activation) tsr_launch_value(step, launch, s->from, status);
    tsr_launch_value(step, launch, s->x, status);
    tsr_launch_strides(step, launch, s->x, status);
    if (s->dw != TSR_NONE) {
        tsr_launch_value(step, launch, s->dw, status);
        tsr_launch_int(launch, tsr_step_view(step, s->dw)->partial_stride, status);
    }
    if (s->db != TSR_NONE) {
        tsr_launch_value(step, launch, s->db, status);
        tsr_launch_int(launch, tsr_step_view(step, s->db)->partial_stride, status);
    }
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_grad_span s = tsr_conv2d_grad_span_of(step->span);
    const tsr_conv2d_descriptor *c = s.conv2d;
    char options[TSR_ACTIVATION_OPTIONS + 128], activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(s.activation, activation);
    snprintf(options, sizeof options, "-DWEIGHTS=%d -DBIAS=%d -DPOOL_WIDTH=%d -DWINNER=%s%s%s", s.dw != TSR_NONE,
             s.db != TSR_NONE, s.pool->pool_width,
             step->span->graph->values[s.winner].dtype == TSR_U16 ? "ushort" : "uchar", s.activation ? " -DFROM" : "",
             activation);
    tsr_launch *launch =
        tsr_step_launch(step, "conv2d_grad_weights_pool.cl", options, "conv2d_grad_weights_pool", &status);
    set_values(step, launch, &s, &status);
    int32_t weights = s.dw != TSR_NONE ? c->kernel_height * c->kernel_width * c->channels * c->filters : 0;
    int32_t all_rows = c->batch * s.pool_rows, partials = tsr_conv2d_grad_partials(c, all_rows, s.pool_columns);
    const int32_t numbers[] = {weights,
                               partials,
                               all_rows,
                               s.pool_rows,
                               s.pool_columns,
                               c->filters,
                               c->height,
                               c->width,
                               c->channels,
                               c->kernel_width,
                               c->stride_height,
                               c->stride_width,
                               s.top,
                               s.left,
                               s.pool->stride_height,
                               s.pool->stride_width,
                               s.pool_top,
                               s.pool_left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    const size_t global[2] = {(size_t)weights + (s.db != TSR_NONE ? (size_t)c->filters : 0), (size_t)partials};
    const size_t local[2] = {64, 1};
    tsr_launch_over(step, launch, 2, global, local, true, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_weights_pool = {.name = "conv2d_grad_weights_pool",
                                                                        .anchor = TSR_KIND_CONV2D_GRAD_WEIGHTS,
                                                                        .match = match,
                                                                        .supports = supports,
                                                                        .prepare = prepare};
