/* Portable gradient of a convolution by its input, from the winners of the max pool behind it. */
#include "ops/activation.h"
#include "ops/conv2d_gradient.h"

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
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    if (!tsr_conv2d_gradient_winners_supported(&g, needs)) return false;
    if (g.dx != TSR_NONE) tsr_needs_strided(needs, g.dx, 0, 0, 0, 0);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    const tsr_conv2d_descriptor *c = g.conv2d;
    char options[TSR_ACTIVATION_OPTIONS + 96], activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(g.activation, activation);
    snprintf(options, sizeof options, "-DPOOL_WIDTH=%d -DWINNER=%s%s%s", g.pool->pool_width,
             step->span->graph->values[g.winner].dtype == TSR_U16 ? "ushort" : "uchar", g.activation ? " -DFROM" : "",
             activation);
    tsr_launch *launch = tsr_step_launch(step, "conv2d_grad_data_pool.cl", options, "conv2d_grad_data_pool", &status);
    tsr_launch_value(step, launch, g.dy, &status);
    tsr_launch_value(step, launch, g.winner, &status);
    if (g.activation) tsr_launch_value(step, launch, g.y, &status);
    tsr_launch_value(step, launch, g.w, &status);
    tsr_launch_value(step, launch, g.dx, &status);
    tsr_launch_strides(step, launch, g.dx, &status);
    size_t count = tsr_value_count(&step->span->graph->values[g.dx]);
    const int32_t numbers[] = {(int32_t)count,
                               g.output_rows,
                               g.output_columns,
                               c->filters,
                               c->height,
                               c->width,
                               c->channels,
                               c->kernel_height,
                               c->kernel_width,
                               c->stride_height,
                               c->stride_width,
                               g.top,
                               g.left,
                               g.rows,
                               g.columns,
                               g.pool->pool_height,
                               g.pool->stride_height,
                               g.pool->stride_width,
                               g.pool_top,
                               g.pool_left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    tsr_launch_elements(step, launch, count, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_data_pool = {.name = "conv2d_grad_data_pool",
                                                                     .anchor = TSR_KIND_CONV2D_GRAD_DATA,
                                                                     .match = match,
                                                                     .supports = supports,
                                                                     .prepare = prepare};
