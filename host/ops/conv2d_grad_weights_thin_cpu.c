/* conv2d_grad_weights, pool2d_grad?, activation_grad?; gather? on CPU-class devices, for images of few channels. */
#include "ops/conv2d_gradient.h"

#include <stdio.h>

static int32_t partition_count(const tsr_conv2d_gradient *g)
{
    const int32_t most = 16;
    return g->conv2d->batch < most ? g->conv2d->batch : most;
}

/* What is summed at a time: rows of the kernel, numbers of each, and vectors of filters. Twelve sums fit the sixteen
 * vector registers of most CPUs; those with vectors of sixteen floats have twice as many. */
typedef struct taps {
    int32_t rows, columns, vectors;
} taps;

static taps taps_of(const tsr_conv2d_gradient *g, int32_t vector)
{
    int32_t most = vector == 16 ? 24 : 12, run = g->conv2d->kernel_width * g->conv2d->channels;
    taps t = {.columns = tsr_equal_parts(run, most)};
    t.rows = tsr_conv2d_gradient_rows(g, most / t.columns);
    t.vectors = tsr_equal_parts((int32_t)tsr_divide_up(g->conv2d->filters, vector), most / (t.rows * t.columns));
    return t;
}

static int32_t cell_count(const tsr_conv2d_gradient *g)
{
    return g->pool ? g->pool->pool_height * g->pool->pool_width : 1;
}

/* Vector operations for a window, lanes over filters: a mask for each cell, a multiplication for each tap, and some for
 * each pass over the windows. */
static double masked_work(const tsr_conv2d_gradient *g, const tsr_target *target)
{
    int32_t vector = tsr_vector_around(target, g->conv2d->filters);
    int64_t vectors = tsr_divide_up(g->conv2d->filters, vector);
    int32_t run = g->conv2d->kernel_width * g->conv2d->channels;
    taps t = taps_of(g, vector);
    double passes = (double)(g->conv2d->kernel_height / t.rows * tsr_divide_up(run, t.columns));
    return (double)vectors * (2 * passes + 1.1 * cell_count(g) * (1 + (double)g->conv2d->kernel_height * run));
}

/* And with lanes along kernel rows: with lists of winners an entry for each filter, of which relu leaves about half,
 * and multiplications for those that stay, two at a time where vectors are not full; without lists, where gradients are
 * dense, little but the multiplications. */
static double listed_work(const tsr_conv2d_gradient *g, const tsr_target *target)
{
    int32_t run = g->conv2d->kernel_width * g->conv2d->channels;
    int32_t vector = tsr_vector_within(target, run);
    double row = (double)tsr_divide_up(run, vector);
    if (tsr_conv2d_gradient_dense(g)) return 10 + g->conv2d->filters * g->conv2d->kernel_height * row;
    double live = g->sparse ? 0.5 : 1;
    if (vector < (int32_t)tsr_vector_width(target)) row /= 2;
    return g->conv2d->filters * (4 + live * (2 + g->conv2d->kernel_height * row));
}

/* Where neither images nor gradients lie so wide apart that they are worth packing for a product of matrices, which
 * also shares out what is within an image. */
static bool is_narrow(const tsr_conv2d_gradient *g)
{
    const int32_t channels = 32, filters = 64, batch = 4, small = 4;
    const tsr_conv2d_descriptor *c = g->conv2d;
    return c->channels <= channels && c->filters <= filters && c->batch >= batch &&
           c->kernel_height * c->kernel_width > small;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "it is made for CPU-class devices");
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    if (tsr_conv2d_gradient_dense(&g) && g.conv2d->filters >= TSR_GRADIENT_FEW &&
        !tsr_conv2d_gradient_along_rows(&g, target)) {
        if (!is_narrow(&g)) return tsr_refuse(needs, "a product of matrices is faster for a layer so wide");
    } else if (masked_work(&g, target) > listed_work(&g, target))
        return tsr_refuse(needs, "with %d channels and %d filters vectors along the rows of the kernel take less work",
                          g.conv2d->channels, g.conv2d->filters);
    tsr_conv2d_gradient_needs(&g, needs);
    if (!g.gather) tsr_needs_strided(needs, g.x, 0, 0, 0, 0);
    tsr_conv2d_gradient_partials(&g, partition_count(&g), needs);
    tsr_conv2d_gradient_border b = tsr_conv2d_gradient_border_of(&g);
    size_t image = (size_t)b.rows * (size_t)b.columns * (size_t)g.conv2d->channels;
    /* The last sums of a kernel row may read on beyond it, for nothing. */
    size_t beyond = (size_t)taps_of(&g, tsr_vector_around(target, g.conv2d->filters)).columns;
    needs->workspace = ((size_t)g.conv2d->batch * image + beyond) * sizeof(cl_float);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    int32_t vector = tsr_vector_around(step->target, g.conv2d->filters);
    taps t = taps_of(&g, vector);
    char options[TSR_CONV2D_GRADIENT_OPTIONS];
    int length = tsr_conv2d_gradient_options(&g, vector, options);
    snprintf(options + length, sizeof options - (size_t)length, " -D ROWS=%d -D COLUMNS=%d -D FILTER_VECTORS=%d%s%s",
             t.rows, t.columns, t.vectors, tsr_conv2d_image_options(g.gather), tsr_conv2d_gradient_store_options(&g));

    tsr_conv2d_gradient_border b = tsr_conv2d_gradient_border_of(&g);
    tsr_launch *launch =
        tsr_step_launch(step, "conv2d_grad_weights_thin_cpu.cl", options, "conv2d_grad_weights_thin_cpu", &status);
    tsr_conv2d_gradient_arguments(step, launch, &g, &status);
    tsr_conv2d_launch_images(step, launch, g.gather, g.x, g.conv2d, &status);
    tsr_launch_workspace(step, launch, &status);
    const int32_t geometry[] = {g.conv2d->height, g.conv2d->width, b.top, b.left, b.rows, b.columns};
    for (size_t i = 0; i < sizeof geometry / sizeof *geometry; i++) tsr_launch_int(launch, geometry[i], &status);
    tsr_conv2d_gradient_stores(step, launch, &g, &status);
    tsr_launch_int(launch, g.conv2d->batch, &status);
    tsr_launch_over(step, launch, 1, (size_t[]){(size_t)partition_count(&g)}, (size_t[]){1}, false, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_weights_thin_cpu = {
    .name = "conv2d_grad_weights_thin_cpu",
    .anchor = TSR_KIND_CONV2D_GRAD_WEIGHTS,
    .match = tsr_conv2d_gradient_match,
    .supports = supports,
    .prepare = prepare,
};
