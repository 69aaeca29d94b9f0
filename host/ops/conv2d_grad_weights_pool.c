/* Portable gradient of a convolution by its weights and bias, from the winners of the max pool behind it. */
#include "ops/activation.h"
#include "ops/conv2d_gradient.h"

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
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    if (!tsr_conv2d_gradient_winners_supported(&g, needs)) return false;
    tsr_needs_strided(needs, g.x, 0, 0, 0, 0);
    tsr_conv2d_gradient_partials(&g, tsr_conv2d_gradient_partial_count(&g), needs);
    return true;
}

static void set_values(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *g, tsr_status *status)
{
    tsr_launch_value(step, launch, g->dy, status);
    tsr_launch_value(step, launch, g->winner, status);
    if (g->activation) tsr_launch_value(step, launch, g->y, status);
    tsr_launch_value(step, launch, g->x, status);
    tsr_launch_strides(step, launch, g->x, status);
    tsr_conv2d_gradient_stores(step, launch, g, status);
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    const tsr_conv2d_descriptor *c = g.conv2d;
    char options[TSR_ACTIVATION_OPTIONS + 128], activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(g.activation, activation);
    snprintf(options, sizeof options, "-DPOOL_WIDTH=%d -DWINNER=%s%s%s%s", g.pool->pool_width,
             step->span->graph->values[g.winner].dtype == TSR_U16 ? "ushort" : "uchar", g.activation ? " -DFROM" : "",
             activation, tsr_conv2d_gradient_store_options(&g));
    tsr_launch *launch =
        tsr_step_launch(step, "conv2d_grad_weights_pool.cl", options, "conv2d_grad_weights_pool", &status);
    set_values(step, launch, &g, &status);
    int32_t weights = g.dw != TSR_NONE ? c->kernel_height * c->kernel_width * c->channels * c->filters : 0;
    int32_t all_rows = c->batch * g.rows, partials = tsr_conv2d_gradient_partial_count(&g);
    const int32_t numbers[] = {weights,
                               partials,
                               all_rows,
                               g.rows,
                               g.columns,
                               c->filters,
                               c->height,
                               c->width,
                               c->channels,
                               c->kernel_width,
                               c->stride_height,
                               c->stride_width,
                               g.top,
                               g.left,
                               g.pool->stride_height,
                               g.pool->stride_width,
                               g.pool_top,
                               g.pool_left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    const size_t global[2] = {(size_t)weights + (g.db != TSR_NONE ? (size_t)c->filters : 0), (size_t)partials};
    const size_t local[2] = {64, 1};
    tsr_launch_over(step, launch, 2, global, local, true, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_weights_pool = {.name = "conv2d_grad_weights_pool",
                                                                        .anchor = TSR_KIND_CONV2D_GRAD_WEIGHTS,
                                                                        .match = match,
                                                                        .supports = supports,
                                                                        .prepare = prepare};
