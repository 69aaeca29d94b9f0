/* The gradient of a convolution by its input for GPUs, with the gradients of a max pool and of an activation behind it.
 */
#include "ops/conv2d_gradient_tiled.h"

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    if (!tsr_tile_suits(target, needs)) return false;
    if (g.dx != TSR_NONE) tsr_needs_strided(needs, g.dx, 0, 0, 0, 0);
    return true;
}

/* Phases of the stride are products of their own, of about as many pixels and taps each. */
static tsr_tile_product product_of(const tsr_conv2d_descriptor *c)
{
    int64_t taps = tsr_divide_up(c->kernel_height, c->stride_height) * tsr_divide_up(c->kernel_width, c->stride_width);
    return (tsr_tile_product){.rows = c->batch * tsr_divide_up(c->height, c->stride_height) *
                                      tsr_divide_up(c->width, c->stride_width),
                              .columns = c->channels,
                              .depth = taps * c->filters,
                              .splits = c->stride_height * c->stride_width,
                              .row_unit = 1,
                              .left_along_depth = true,
                              .right_along_depth = true,
                              .left_contiguous = c->filters,
                              .right_contiguous = c->filters};
}

static tsr_status prepare(tsr_step *step)
{
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    const tsr_conv2d_descriptor *c = g.conv2d;
    tsr_tile_product product = product_of(c);
    tsr_tile tile;
    char options[TSR_CONV2D_GRADIENT_OPTIONS];
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient_options(&g, 1, options);
    tsr_launch *launch =
        tsr_tile_launch(step, "conv2d_grad_data_tiled.cl", "conv2d_grad_data_tiled", options, &product, &tile, &status);
    tsr_conv2d_gradient_tiled_arguments(step, launch, &g, &status);
    tsr_launch_value(step, launch, g.w, &status);
    tsr_launch_value(step, launch, g.dx, &status);
    if (!status)
        tsr_conv2d_launch_layout(launch, tsr_conv2d_layout_of(step, g.dx, c->height, c->width, c->channels), &status);
    const int32_t numbers[] = {c->batch, g.output_rows, g.output_columns, c->height, c->width, g.top, g.left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    tsr_tile_launch_over(step, launch, &product, &tile, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_data_tiled = {.name = "conv2d_grad_data_tiled",
                                                                      .anchor = TSR_KIND_CONV2D_GRAD_DATA,
                                                                      .match = tsr_conv2d_gradient_match,
                                                                      .supports = supports,
                                                                      .prepare = prepare};
