/* The gradient of a convolution by its filters and bias for GPUs, with the gradients of a max pool and of an activation
 * behind it and the gathering of its images. */
#include "ops/conv2d_gradient_tiled.h"

#include <stdio.h>

/* Into how many partial sums: by the shape alone, so that a large device has something to do and sums do not grow too
 * long; not into more floats than are worth reading again. */
static int32_t partitions_of(const tsr_conv2d_gradient *g)
{
    const int64_t tile = 64, tiles_wanted = 128, least_cells = 256, longest = 16384, most_floats = 4 << 20;
    const tsr_conv2d_descriptor *c = g->conv2d;
    int64_t rows = (int64_t)c->kernel_height * c->kernel_width * c->channels;
    int64_t cells = (int64_t)c->batch * g->output_rows * g->output_columns;
    int64_t partitions = tiles_wanted / (tsr_divide_up(rows, tile) * tsr_divide_up(c->filters, tile));
    if (partitions > cells / least_cells) partitions = cells / least_cells;
    if (partitions < cells / longest) partitions = cells / longest;
    if (partitions > most_floats / (rows * c->filters)) partitions = most_floats / (rows * c->filters);
    return partitions < 1 ? 1 : (int32_t)partitions;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    if (!tsr_tile_suits(target, needs)) return false;
    if (!g.gather) tsr_needs_strided(needs, g.x, 0, 0, 0, 0);
    tsr_conv2d_gradient_partials(&g, partitions_of(&g), needs);
    return true;
}

static tsr_tile_product product_of(const tsr_conv2d_gradient *g)
{
    const tsr_conv2d_descriptor *c = g->conv2d;
    /* The first tile's rows are enough for db. */
    return (tsr_tile_product){.rows = g->dw == TSR_NONE ? 1 : (int64_t)c->kernel_height * c->kernel_width * c->channels,
                              .columns = c->filters,
                              .depth = (int64_t)c->batch * g->output_rows * g->output_columns,
                              .splits = partitions_of(g),
                              .row_unit = 1,
                              .left_contiguous = c->channels,
                              .right_contiguous = c->filters};
}

static tsr_status prepare(tsr_step *step)
{
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    const tsr_conv2d_descriptor *c = g.conv2d;
    tsr_tile_product product = product_of(&g);
    tsr_tile tile;
    char options[TSR_CONV2D_GRADIENT_OPTIONS];
    tsr_status status = TSR_OK;
    int length = tsr_conv2d_gradient_options(&g, 1, options);
    snprintf(options + length, sizeof options - (size_t)length, "%s%s", tsr_conv2d_image_options(g.gather),
             tsr_conv2d_gradient_store_options(&g));
    tsr_launch *launch = tsr_tile_launch(step, "conv2d_grad_weights_tiled.cl", "conv2d_grad_weights_tiled", options,
                                         &product, &tile, &status);
    tsr_conv2d_gradient_tiled_arguments(step, launch, &g, &status);
    tsr_conv2d_launch_images(step, launch, g.gather, g.x, c, &status);
    tsr_conv2d_gradient_stores(step, launch, &g, &status);
    const int32_t numbers[] = {c->batch, g.output_rows, g.output_columns, c->height, c->width, g.top, g.left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    tsr_tile_launch_over(step, launch, &product, &tile, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_weights_tiled = {.name = "conv2d_grad_weights_tiled",
                                                                         .anchor = TSR_KIND_CONV2D_GRAD_WEIGHTS,
                                                                         .match = tsr_conv2d_gradient_match,
                                                                         .supports = supports,
                                                                         .prepare = prepare};
