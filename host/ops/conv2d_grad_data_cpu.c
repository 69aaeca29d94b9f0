/* conv2d_grad_data, pool2d_grad?, activation_grad? on CPU-class devices. */
#include "ops/conv2d_gradient.h"

#include <stdio.h>

/* Rows of dx that one work-item computes: all of an image, or stripes of it where there are few images, but not so thin
 * that the windows that two of them share become many. */
static int32_t stripe_rows(const tsr_conv2d_gradient *g)
{
    const int32_t enough = 16;
    int32_t least = 2 * g->conv2d->kernel_height;
    int32_t rows = tsr_divide_up(g->conv2d->height, tsr_divide_up(enough, g->conv2d->batch));
    if (rows < least) rows = least;
    return rows < g->conv2d->height ? rows : g->conv2d->height;
}

static int32_t stripe_count(const tsr_conv2d_gradient *g)
{
    return tsr_divide_up(g->conv2d->height, stripe_rows(g));
}

static size_t list_bytes(const tsr_conv2d_gradient *g)
{
    size_t cells = g->pool ? (size_t)g->pool->pool_height * (size_t)g->pool->pool_width : 1;
    return cells * (size_t)g->conv2d->filters * sizeof(cl_ushort);
}

/* Windows whose lists are held at a time: enough that a filter's row is used again before the caches lose it. The
 * gradients behind a pool are few, and should stay in the first-level cache beside more rows of filters. */
static int chunk(const tsr_conv2d_gradient *g)
{
    size_t most = g->pool ? 16384 : 65536, filters = (size_t)g->conv2d->filters;
    size_t by_lists = 65536 / list_bytes(g), by_gradients = most / (filters * sizeof(cl_float));
    size_t windows = by_lists < by_gradients ? by_lists : by_gradients;
    return windows > 64 ? 64 : windows < 1 ? 1 : (int)windows;
}

/* Filters of a list: without a pool so few that a row of each stays in the first-level cache for all windows. Behind a
 * pool a list has a fourth of the filters or fewer, and shorter ones would cost more than that saves. */
static int32_t part(const tsr_conv2d_gradient *g)
{
    const int32_t few = 64;
    return g->pool || g->conv2d->filters < few ? g->conv2d->filters : few;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "it is made for CPU-class devices");
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    const size_t most = 262144;
    if (g.conv2d->filters > UINT16_MAX)
        return tsr_refuse(needs, "its lists hold numbers of 16 bits, and there are %d filters", g.conv2d->filters);
    if (list_bytes(&g) > most)
        return tsr_refuse(needs, "lists of %d filters for each cell of the pool take more than %zu bytes",
                          g.conv2d->filters, most);
    tsr_conv2d_gradient_needs(&g, needs);
    tsr_needs_strided(needs, g.dx, 0, 0, 0, 0);
    tsr_needs_prepared(needs, g.w, TSR_FORM_TRANSPOSED, g.conv2d);
    size_t rows = (size_t)stripe_rows(&g) + 2 * (size_t)(g.conv2d->kernel_height - 1);
    needs->workspace = (size_t)g.conv2d->batch * (size_t)stripe_count(&g) * rows * (size_t)g.padded_columns *
                       (size_t)g.conv2d->channels * sizeof(cl_float);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    tsr_conv2d_gradient_block block = tsr_conv2d_gradient_block_of(&g, step->target);
    char options[TSR_CONV2D_GRADIENT_OPTIONS];
    int length = tsr_conv2d_gradient_options(&g, block.vector, options);
    snprintf(options + length, sizeof options - (size_t)length, " -D ROWS=%d -D VECTORS=%d -D CHUNK=%d -D PART=%d",
             block.rows, block.vectors, chunk(&g), part(&g));

    const tsr_conv2d_descriptor *c = g.conv2d;
    tsr_launch *launch = tsr_step_launch(step, "conv2d_grad_data_cpu.cl", options, "conv2d_grad_data_cpu", &status);
    tsr_conv2d_gradient_arguments(step, launch, &g, &status);
    tsr_launch_prepared(step, launch, 0, &status);
    tsr_launch_workspace(step, launch, &status);
    tsr_launch_value(step, launch, g.dx, &status);
    tsr_conv2d_gradient_set_layout(launch, tsr_conv2d_gradient_layout(step, g.dx, c->height, c->width, c->channels),
                                   &status);
    const int32_t rest[] = {c->height, c->width, g.top, g.left, g.padded_rows, g.padded_columns, stripe_rows(&g)};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) tsr_launch_int(launch, rest[i], &status);
    tsr_launch_over(step, launch, 2, (size_t[]){(size_t)c->batch, (size_t)stripe_count(&g)}, (size_t[]){1, 1}, false,
                    &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_data_cpu = {
    .name = "conv2d_grad_data_cpu",
    .anchor = TSR_KIND_CONV2D_GRAD_DATA,
    .match = tsr_conv2d_gradient_match,
    .supports = supports,
    .prepare = prepare,
};
