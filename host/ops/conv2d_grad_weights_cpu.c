/* conv2d_grad_weights, pool2d_grad?, activation_grad?; gather? on CPU-class devices. */
#include "ops/conv2d_gradient.h"

#include <stdio.h>

enum { BLOCK = 8, CHUNK = 64 }; /* filters, and at most windows, that are listed together, as in the kernel */

/* Windows whose lists are held at a time: of whole images where there is room for some. */
static int32_t chunk_of(const tsr_conv2d_gradient *g)
{
    int32_t windows = g->rows * g->columns;
    return windows <= CHUNK ? CHUNK / windows * windows : CHUNK;
}

/* Eights of filters that a work-item has: several where an image does not stay in the first-level cache until the next
 * ones read it. */
static int32_t blocks_of(const tsr_conv2d_gradient *g)
{
    const size_t cache = 48 * 1024, several = 4;
    size_t image = (size_t)g->padded_rows * (size_t)g->padded_columns * (size_t)g->conv2d->channels * sizeof(cl_float);
    size_t blocks = tsr_divide_up(g->conv2d->filters, BLOCK);
    if (image <= cache) return 1;
    return (int32_t)(blocks < several ? blocks : several);
}

/* Filters of a work-item. */
static size_t lists_of(const tsr_conv2d_gradient *g)
{
    return (size_t)blocks_of(g) * BLOCK;
}

static size_t block_count(const tsr_conv2d_gradient *g)
{
    return tsr_divide_up(g->conv2d->filters, lists_of(g));
}

/* Parts of the batch that are summed apart: as many as make enough work-items of equal cost, and in a large batch so
 * many that a part's images stay in the second-level cache while all blocks of filters go by; but not so many that the
 * partial sums, which somebody adds up, take more memory than the images. */
static int32_t partition_count(const tsr_conv2d_gradient *g)
{
    const tsr_conv2d_descriptor *c = g->conv2d;
    const size_t enough = blocks_of(g) > 1 ? 16 : 32, most = 16, most_of_large = 64, part = 512 << 10;
    size_t images = sizeof(float) * (size_t)c->batch * (size_t)c->height * (size_t)c->width * (size_t)c->channels;
    size_t sums =
        sizeof(float) * (size_t)c->kernel_height * (size_t)c->kernel_width * (size_t)c->channels * (size_t)c->filters;
    size_t partitions = tsr_divide_up(enough, block_count(g));
    if (partitions > most) partitions = most;
    size_t wanted = images / part < images / sums ? images / part : images / sums;
    if (wanted > most_of_large) wanted = most_of_large;
    if (wanted > partitions) partitions = wanted;
    return (int32_t)partitions < c->batch ? (int32_t)partitions : c->batch;
}

/* Few filters whose gradients are hardly ever zero are summed together, without lists. */
static bool is_listed(const tsr_conv2d_gradient *g)
{
    return g->conv2d->filters > TSR_GRADIENT_FEW || !tsr_conv2d_gradient_dense(g);
}

/* An entry of a list serves all rows that are summed at a time; without lists the filters share the registers. Vectors
 * of sixteen floats come with twice as many registers as others. */
static tsr_conv2d_gradient_block block_of(const tsr_conv2d_gradient *g, const tsr_target *target)
{
    int32_t sums = TSR_GRADIENT_SUMS * (tsr_vector_width(target) == 16 ? 2 : 1);
    return tsr_conv2d_gradient_block_of(g, target, is_listed(g) ? sums : sums / g->conv2d->filters);
}

/* Floats that hold the sums of every block and partition: each stretch of a kernel row apart. */
static size_t sums_count(const tsr_conv2d_gradient *g, const tsr_target *target)
{
    tsr_conv2d_gradient_block b = block_of(g, target);
    size_t run = (size_t)g->conv2d->kernel_width * (size_t)g->conv2d->channels;
    size_t stretch = (size_t)b.vectors * (size_t)b.vector, stretches = tsr_divide_up(run, stretch);
    size_t sums = stretches == 1 ? run : stretches * stretch;
    return (size_t)partition_count(g) * block_count(g) * lists_of(g) * (size_t)g->conv2d->kernel_height * sums;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "it is made for CPU-class devices");
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    size_t copy;
    if (!tsr_conv2d_gradient_padded_needs(&g, needs, &copy)) return false;
    tsr_conv2d_gradient_needs(&g, needs);
    tsr_conv2d_gradient_partials(&g, partition_count(&g), needs);
    needs->workspace = (copy + sums_count(&g, target)) * sizeof(cl_float);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    tsr_conv2d_gradient_block block = block_of(&g, step->target);
    char options[TSR_CONV2D_GRADIENT_OPTIONS];
    int length = tsr_conv2d_gradient_options(&g, block.vector, options);
    snprintf(options + length, sizeof options - (size_t)length, " -D ROWS=%d -D VECTORS=%d -D BLOCKS=%d -D LISTED=%d%s",
             block.rows, block.vectors, blocks_of(&g), is_listed(&g), tsr_conv2d_gradient_store_options(&g));

    const tsr_conv2d_descriptor *c = g.conv2d;
    size_t copied = tsr_conv2d_gradient_pad(step, &g, &status);
    tsr_launch *launch =
        tsr_step_launch(step, "conv2d_grad_weights_cpu.cl", options, "conv2d_grad_weights_cpu", &status);
    tsr_conv2d_gradient_arguments(step, launch, &g, &status);
    tsr_conv2d_gradient_padded(step, launch, &g, copied, &status);
    tsr_launch_workspace(step, launch, &status);
    tsr_launch_int(launch, (int32_t)copied, &status);
    tsr_conv2d_gradient_stores(step, launch, &g, &status);
    tsr_launch_int(launch, c->batch, &status);
    tsr_launch_int(launch, chunk_of(&g), &status);
    tsr_launch_over(step, launch, 2, (size_t[]){block_count(&g), (size_t)partition_count(&g)}, (size_t[]){1, 1}, false,
                    &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_weights_cpu = {
    .name = "conv2d_grad_weights_cpu",
    .anchor = TSR_KIND_CONV2D_GRAD_WEIGHTS,
    .match = tsr_conv2d_gradient_match,
    .supports = supports,
    .prepare = prepare,
};
