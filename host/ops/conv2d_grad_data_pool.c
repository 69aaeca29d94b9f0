/* Portable gradient of a convolution by its input, from the winners of the max pool behind it. */
#include "ops/activation.h"
#include "ops/conv2d_grad_span.h"

#include <stdio.h>

static bool match(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_CONV2D_GRAD_DATA, TSR_KIND_POOL2D_GRAD,
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
    if (s.dx != TSR_NONE) tsr_needs_strided(needs, s.dx, 0, 0, 0, 0);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_grad_span s = tsr_conv2d_grad_span_of(step->span);
    const tsr_conv2d_descriptor *c = s.conv2d;
    char options[TSR_ACTIVATION_OPTIONS + 96], activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(s.activation, activation);
    snprintf(options, sizeof options, "-DPOOL_WIDTH=%d -DWINNER=%s%s%s", s.pool->pool_width,
             step->span->graph->values[s.winner].dtype == TSR_U16 ? "ushort" : "uchar", s.activation ? " -DFROM" : "",
             activation);
    tsr_launch *launch = tsr_step_launch(step, "conv2d_grad_data_pool.cl", options, "conv2d_grad_data_pool", &status);
    tsr_launch_value(step, launch, s.dy, &status);
    tsr_launch_value(step, launch, s.winner, &status);
    if (s.activation) tsr_launch_value(step, launch, s.from, &status);
    tsr_launch_value(step, launch, s.w, &status);
    tsr_launch_value(step, launch, s.dx, &status);
    tsr_launch_strides(step, launch, s.dx, &status);
    size_t count = tsr_value_count(&step->span->graph->values[s.dx]);
    const int32_t numbers[] = {(int32_t)count,
                               s.rows,
                               s.columns,
                               c->filters,
                               c->height,
                               c->width,
                               c->channels,
                               c->kernel_height,
                               c->kernel_width,
                               c->stride_height,
                               c->stride_width,
                               s.top,
                               s.left,
                               s.pool_rows,
                               s.pool_columns,
                               s.pool->pool_height,
                               s.pool->stride_height,
                               s.pool->stride_width,
                               s.pool_top,
                               s.pool_left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    tsr_launch_elements(step, launch, count, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_data_pool = {.name = "conv2d_grad_data_pool",
                                                                     .anchor = TSR_KIND_CONV2D_GRAD_DATA,
                                                                     .match = match,
                                                                     .supports = supports,
                                                                     .prepare = prepare};
