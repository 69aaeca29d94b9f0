/* conv2d_grad_data, pool2d_grad?, activation_grad? on CPU-class devices. */
#include "ops/conv2d_gradient.h"

#include <stdio.h>

/* Bytes of a window's lists, and of the gradients of windows that are multiplied together, at most. */
#define WINDOW_BYTES (256 * 1024)
/* Bytes of an image that a work-item may hold in private memory: some of the second-level cache. */
#define PRIVATE_BYTES (256 * 1024)
/* Bytes of gradients that products go through in the first-level cache, and their windows at most. */
#define PRODUCT_BYTES   (16 * 1024)
#define PRODUCT_WINDOWS 64

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

/* Whether many gradients are zero, and lists of those that are not are faster than a product. */
static bool listed(const tsr_conv2d_gradient *g)
{
    return g->pool || g->sparse;
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

/* Cells of a pool's row whose sums overlap and fit the registers together, where channels fill whole vectors. */
static int32_t together(const tsr_conv2d_gradient *g, tsr_conv2d_gradient_block b)
{
    const tsr_conv2d_descriptor *c = g->conv2d;
    int32_t width = g->pool ? g->pool->pool_width : 1, registers = b.vector == 16 ? 28 : 12;
    if (c->channels % b.vector || c->kernel_width * c->channels / b.vector % b.vectors) return 1;
    int32_t slide = c->stride_width * c->channels / b.vector;
    return slide < b.vectors && b.rows * (b.vectors + (width - 1) * slide) <= registers ? width : 1;
}

/* How products are kept in registers: the rows and vectors of a kernel row, and the windows, that take the fewest
 * cycles, a cycle being two multiply-adds of vectors or two loads, which disturb a little besides; as many at least as
 * hide the latency of a sum. Vectors of 16 come with 32 registers, others with 16; sums and filters should fit. */
static tsr_conv2d_gradient_block product_block(const tsr_conv2d_gradient *g, const tsr_target *target, int32_t *windows)
{
    int32_t run = g->conv2d->kernel_width * g->conv2d->channels, height = g->conv2d->kernel_height;
    tsr_conv2d_gradient_block best = {0}, b = {.vector = tsr_vector_within(target, run)};
    int32_t vectors = (int32_t)tsr_divide_up(run, b.vector), registers = b.vector == 16 ? 28 : 14;
    int32_t most_windows = (int32_t)(WINDOW_BYTES / sizeof(cl_float)) / g->conv2d->filters;
    double least = 0;
    for (b.rows = 1; b.rows <= height; b.rows++)
        for (int32_t stretches = 1; height % b.rows == 0 && stretches <= vectors; stretches++) {
            b.vectors = (int32_t)tsr_divide_up(vectors, stretches);
            int32_t part = b.rows * b.vectors;
            for (int32_t w = 1; w <= most_windows && (w + 1) * part <= registers; w++) {
                double cycles = (w * part > w + part ? w * part : w + part) + (w + part) / 8.0;
                double cost = (cycles < 8 ? 8 : cycles) * stretches * (height / b.rows) / w;
                if (least > 0 && cost >= least) continue;
                least = cost;
                best = b;
                *windows = w;
            }
        }
    return best;
}

/* Windows whose gradients are held at a time: blocks of a product that stay in the first-level cache beside filters. */
static int32_t product_chunk(const tsr_conv2d_gradient *g, int32_t block)
{
    int32_t blocks = PRODUCT_BYTES / (int32_t)sizeof(cl_float) / g->conv2d->filters / block;
    int32_t most = PRODUCT_WINDOWS / block;
    if (blocks > most) blocks = most;
    return (blocks > 1 ? blocks : 1) * block;
}

/* Floats of a work-item's image, and how many of them are private. */
static size_t image_floats(const tsr_conv2d_gradient *g)
{
    size_t rows = (size_t)stripe_rows(g) + 2 * (size_t)(g->conv2d->kernel_height - 1);
    return rows * (size_t)tsr_conv2d_gradient_border_of(g).columns * (size_t)g->conv2d->channels;
}

static size_t private_floats(const tsr_conv2d_gradient *g)
{
    size_t floats = image_floats(g);
    return floats * sizeof(cl_float) <= PRIVATE_BYTES ? floats : 0;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "it is made for CPU-class devices");
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    if (g.conv2d->filters > UINT16_MAX)
        return tsr_refuse(needs, "it holds a window's gradients of %d filters at most, and there are %d", UINT16_MAX,
                          g.conv2d->filters);
    if (list_bytes(&g) > WINDOW_BYTES)
        return tsr_refuse(needs, "lists of %d filters for each cell of the pool take more than %d bytes",
                          g.conv2d->filters, WINDOW_BYTES);
    tsr_conv2d_gradient_needs(&g, needs);
    tsr_needs_strided(needs, g.dx, 0, 0, 0, 0);
    tsr_needs_prepared(needs, g.w, TSR_FORM_TRANSPOSED, g.conv2d);
    if (!private_floats(&g))
        needs->workspace = (size_t)g.conv2d->batch * (size_t)stripe_count(&g) * image_floats(&g) * sizeof(cl_float);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    int32_t windows = 0;
    tsr_conv2d_gradient_block block = listed(&g) ? tsr_conv2d_gradient_block_of(&g, step->target, TSR_GRADIENT_SUMS)
                                                 : product_block(&g, step->target, &windows);
    char options[TSR_CONV2D_GRADIENT_OPTIONS];
    int length = tsr_conv2d_gradient_options(&g, block.vector, options);
    snprintf(options + length, sizeof options - (size_t)length,
             " -D ROWS=%d -D VECTORS=%d -D CHUNK=%d -D BLOCK=%d -D PART=%d -D TOGETHER=%d -D IMAGE=%zu", block.rows,
             block.vectors, listed(&g) ? chunk(&g) : product_chunk(&g, windows), windows, part(&g),
             listed(&g) ? together(&g, block) : 1, private_floats(&g));

    const tsr_conv2d_descriptor *c = g.conv2d;
    tsr_launch *launch = tsr_step_launch(step, "conv2d_grad_data_cpu.cl", options, "conv2d_grad_data_cpu", &status);
    tsr_conv2d_gradient_arguments(step, launch, &g, &status);
    tsr_launch_prepared(step, launch, 0, &status);
    if (!private_floats(&g)) tsr_launch_workspace(step, launch, &status);
    tsr_launch_value(step, launch, g.dx, &status);
    tsr_conv2d_launch_layout(launch, tsr_conv2d_layout_of(step, g.dx, c->height, c->width, c->channels), &status);
    tsr_conv2d_gradient_border b = tsr_conv2d_gradient_border_of(&g);
    const int32_t rest[] = {c->height, c->width, b.top, b.left, b.rows, b.columns, stripe_rows(&g)};
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
