/* Convolution for GPUs, with the gathering of images, pool and activation in the same kernel: any kernel size, stride,
 * padding and number of channels and filters. */
#include "ops/activation.h"
#include "ops/conv2d_images.h"
#include "ops/conv2d_span.h"
#include "ops/tile.h"

#include <stdio.h>

static tsr_tile_product product_of(const tsr_conv2d_span *s)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    int32_t cells = s->pool_height * s->pool_width;
    return (tsr_tile_product){.rows = (int64_t)c->batch * s->rows * s->columns * cells,
                              .columns = c->filters,
                              .depth = (int64_t)c->kernel_height * c->kernel_width * c->channels,
                              .splits = 1,
                              .row_unit = cells,
                              .left_along_depth = true,
                              .left_contiguous = c->channels,
                              .right_contiguous = c->filters};
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    tsr_conv2d_span s = tsr_conv2d_span_of(span);
    if (!tsr_tile_suits(target, needs) || !tsr_conv2d_span_supported(&s, span, needs)) return false;
    if (s.pool_height * s.pool_width > TSR_TILE_SUMS)
        return tsr_refuse(needs, "a pool's window of %d x %d does not fit the registers", (int)s.pool_height,
                          (int)s.pool_width);
    if (!s.gather) tsr_needs_strided(needs, s.x, 0, 0, 0, 0);
    tsr_needs_strided(needs, s.y, 0, 0, 0, 0);
    return true;
}

static void make_options(const tsr_conv2d_span *s, char *options, size_t size)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    char activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(s->activation, activation);
    bool average = s->pool && s->pool->mode == TSR_POOL_AVERAGE;
    snprintf(options, size,
             "-D KERNEL_HEIGHT=%d -D KERNEL_WIDTH=%d -D STRIDE_HEIGHT=%d -D STRIDE_WIDTH=%d -D CHANNELS=%d "
             "-D POOL_HEIGHT=%d -D POOL_WIDTH=%d -D POOL_STRIDE_HEIGHT=%d -D POOL_STRIDE_WIDTH=%d%s%s%s%s%s",
             c->kernel_height, c->kernel_width, c->stride_height, c->stride_width, c->channels, s->pool_height,
             s->pool_width, s->pool_stride_height, s->pool_stride_width, average ? " -D POOL_AVERAGE" : "",
             c->bias ? " -D BIAS" : "", s->winner != TSR_NONE ? " -D WINNER" : "", tsr_conv2d_image_options(s->gather),
             activation);
}

static tsr_status prepare(tsr_step *step)
{
    tsr_conv2d_span s = tsr_conv2d_span_of(step->span);
    const tsr_conv2d_descriptor *c = &s.conv2d;
    tsr_tile_product product = product_of(&s);
    tsr_tile tile;
    char options[640];
    tsr_status status = TSR_OK;
    make_options(&s, options, sizeof options);
    tsr_launch *launch = tsr_tile_launch(step, "conv2d_tiled.cl", "conv2d_tiled", options, &product, &tile, &status);
    tsr_conv2d_launch_images(step, launch, s.gather, s.x, c, &status);
    tsr_launch_value(step, launch, s.w, &status);
    if (c->bias) tsr_launch_value(step, launch, s.b, &status);
    tsr_launch_value(step, launch, s.y, &status);
    if (!status) tsr_conv2d_launch_layout(launch, tsr_conv2d_layout_of(step, s.y, 0, 0, 0), &status);
    if (s.winner != TSR_NONE) tsr_launch_value(step, launch, s.winner, &status);
    const int32_t numbers[] = {c->batch * s.rows * s.columns,
                               s.rows,
                               s.columns,
                               s.conv_rows,
                               s.conv_columns,
                               c->filters,
                               c->height,
                               c->width,
                               s.top,
                               s.left,
                               s.pool_top,
                               s.pool_left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    tsr_tile_launch_over(step, launch, &product, &tile, &status);
    return status;
}

static bool match_gather(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_CONV2D, TSR_KIND_GATHER | TSR_OPTIONAL, TSR_KIND_COUNT};
    return tsr_match_chain(graph, primitive, chain, claimed, span);
}

const tsr_implementation tsr_implementation_conv2d_activation_tiled = {.name = "conv2d_activation_tiled",
                                                                       .anchor = TSR_KIND_ACTIVATION,
                                                                       .match = tsr_conv2d_match_activation_gathered,
                                                                       .supports = supports,
                                                                       .prepare = prepare};

const tsr_implementation tsr_implementation_conv2d_pool_tiled = {.name = "conv2d_pool_tiled",
                                                                 .anchor = TSR_KIND_POOL2D,
                                                                 .match = tsr_conv2d_match_pool_gathered,
                                                                 .supports = supports,
                                                                 .prepare = prepare};

const tsr_implementation tsr_implementation_conv2d_tiled = {
    .name = "conv2d_tiled", .anchor = TSR_KIND_CONV2D, .match = match_gather, .supports = supports, .prepare = prepare};
