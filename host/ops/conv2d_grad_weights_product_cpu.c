/* conv2d_grad_weights, activation_grad?; gather? on CPU-class devices, as a product of matrices: where there is no max
 * pool behind, whose gradient is mostly zero. */
#include "ops/conv2d_gradient.h"

#include <stdio.h>

/* Cells that are packed together: their gradients stay in the first-level cache. */
enum { CHUNK = 64 };
/* Numbers of a patch that a work-item has, at most: its patches and sums stay in the second-level cache. */
enum { MOST_TAPS = 256, FEWEST_TAPS = 48 };

/* How the work is cut: see the kernel. */
typedef struct tiling {
    int32_t vector, vectors;       /* of filters in registers */
    int32_t block_rows, block_run; /* kernel rows and numbers of each in registers */
    int32_t blocks;                /* of filters */
    int32_t rows, run, tiles;      /* kernel rows and numbers of each in a tile, and how many tiles there are */
    int32_t partitions;
} tiling;

static void choose_tile(const tsr_conv2d_gradient *g, int32_t most, tiling *t)
{
    const tsr_conv2d_descriptor *c = g->conv2d;
    int32_t run = c->kernel_width * c->channels;
    t->run = tsr_equal_parts(run, most);
    t->rows = t->run < run ? 1 : tsr_conv2d_gradient_rows(g, most / run);
    t->tiles = c->kernel_height / t->rows * tsr_divide_up(run, t->run);
}

/* Chooses the sums that are held in registers: those that take the fewest cycles for a tile and all filters, a cycle
 * being two multiply-adds of vectors or two loads, and at least as many as hide the latency of a sum. */
static void choose_block(const tsr_conv2d_gradient *g, tiling *t)
{
    int32_t registers = t->vector == 16 ? 31 : 15, vectors = tsr_divide_up(g->conv2d->filters, t->vector);
    double best = 0;
    t->vectors = 0;
    for (int32_t v = 1; v <= vectors && v <= 8; v++)
        for (int32_t rows = 1; rows <= t->rows; rows++)
            for (int32_t run = 1; run <= t->run && rows * run * v + v + 1 <= registers; run++) {
                int32_t sums = rows * run * v, loads = rows * run + v + 1;
                if (t->rows % rows) continue;
                int32_t operations = sums > loads ? sums : loads;
                if (operations < 8) operations = 8;
                double cost = (double)tsr_divide_up(vectors, v) * (t->rows / rows) * tsr_divide_up(t->run, run) *
                              (operations + 1);
                if (t->vectors && cost >= best) continue;
                best = cost;
                t->vectors = v;
                t->block_rows = rows;
                t->block_run = run;
            }
    t->blocks = tsr_divide_up(vectors, t->vectors);
}

/* Tiles are made smaller, and only then the cells shared out, until there are work-items enough: partial sums are
 * memory that somebody adds up. */
static tiling tiling_of(const tsr_conv2d_gradient *g, const tsr_target *target)
{
    const int32_t enough = 16, cells_worth = 256;
    tiling t = {.vector = tsr_vector_around(target, g->conv2d->filters)};
    for (int32_t most = MOST_TAPS; most >= FEWEST_TAPS; most /= 2) {
        choose_tile(g, most, &t);
        choose_block(g, &t);
        if (t.blocks * t.tiles >= enough) break;
    }
    int64_t all_rows = (int64_t)g->conv2d->batch * g->rows, worth = all_rows * g->columns / cells_worth;
    int64_t partitions = tsr_divide_up(enough, t.blocks * t.tiles);
    if (partitions > worth) partitions = worth;
    if (partitions > all_rows) partitions = all_rows;
    t.partitions = partitions > 1 ? (int32_t)partitions : 1;
    return t;
}

/* Whether lists of what is not zero are faster where half is: not where an entry brings few multiplications, nor where
 * what a list reads is spread over so much memory that no cache holds it. */
static bool lists_pay(const tsr_conv2d_gradient *g)
{
    const int32_t taps = 4, channels = 256;
    return g->conv2d->kernel_height * g->conv2d->kernel_width > taps && g->conv2d->channels < channels;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "it is made for CPU-class devices");
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(span);
    if (g.pool) return tsr_refuse(needs, "behind a max pool most of the gradient is zero");
    if (2 * g.conv2d->filters < (int32_t)tsr_vector_width(target))
        return tsr_refuse(needs, "%d filters fill less than half of a vector", (int)g.conv2d->filters);
    if (tsr_conv2d_gradient_along_rows(&g, target))
        return tsr_refuse(needs, "with %d filters vectors along the rows of the kernel are faster",
                          (int)g.conv2d->filters);
    if (g.sparse && lists_pay(&g)) return tsr_refuse(needs, "behind relu much of the gradient is zero");
    size_t copy;
    if (!tsr_conv2d_gradient_padded_needs(&g, needs, &copy)) return false;
    tsr_conv2d_gradient_needs(&g, needs);
    tsr_conv2d_gradient_partials(&g, tiling_of(&g, target).partitions, needs);
    needs->workspace = copy * sizeof(cl_float);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_gradient g = tsr_conv2d_gradient_of(step->span);
    tiling t = tiling_of(&g, step->target);
    char options[TSR_CONV2D_GRADIENT_OPTIONS];
    int length = tsr_conv2d_gradient_options(&g, t.vector, options);
    snprintf(options + length, sizeof options - (size_t)length,
             " -D FILTER_VECTORS=%d -D BLOCK_ROWS=%d -D BLOCK_RUN=%d -D TILE_ROWS=%d -D TILE_RUN=%d -D CHUNK=%d%s",
             t.vectors, t.block_rows, t.block_run, t.rows, t.run, CHUNK, tsr_conv2d_gradient_store_options(&g));
    size_t copied = tsr_conv2d_gradient_pad(step, &g, &status);
    tsr_launch *launch = tsr_step_launch(step, "conv2d_grad_weights_product_cpu.cl", options,
                                         "conv2d_grad_weights_product_cpu", &status);
    tsr_conv2d_gradient_arguments(step, launch, &g, &status);
    tsr_conv2d_gradient_padded(step, launch, &g, copied, &status);
    tsr_conv2d_gradient_stores(step, launch, &g, &status);
    tsr_launch_int(launch, g.conv2d->batch, &status);
    tsr_launch_over(step, launch, 3, (size_t[]){(size_t)t.blocks, (size_t)t.tiles, (size_t)t.partitions},
                    (size_t[]){1, 1, 1}, false, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_grad_weights_product_cpu = {
    .name = "conv2d_grad_weights_product_cpu",
    .anchor = TSR_KIND_CONV2D_GRAD_WEIGHTS,
    .match = tsr_conv2d_gradient_match,
    .supports = supports,
    .prepare = prepare,
};
