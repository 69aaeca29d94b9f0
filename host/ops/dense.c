/* The dense layer and its gradients on any device: tiles in local memory, or in private memory where the device allows
 * only work-groups of one. */
#include "ops/dense.h"
#include "ops/tile.h"

#include <stdio.h>

#define TILE        32  /* rows and columns of a small tile */
#define DEPTH       16  /* of a tile */
#define CHUNK_LEAST 64  /* depth that is worth a partial sum of its own */
#define GROUPS      256 /* work-groups that are enough to fill a device */
#define CHUNKS      32
#define MOST_FLOATS (4 << 20) /* of all partial sums */

bool tsr_is_dense_product(tsr_kind kind)
{
    return kind == TSR_KIND_DENSE || kind == TSR_KIND_DENSE_GRAD_DATA || kind == TSR_KIND_DENSE_GRAD_WEIGHTS;
}

tsr_dense_product tsr_dense_product_of(const tsr_span *span)
{
    const tsr_primitive *p = &span->graph->primitives[span->primitives[0]];
    const tsr_dense_descriptor *d = &p->as.dense;
    tsr_dense_product product = {
        .a = p->inputs[0], .b = p->inputs[1], .c = p->outputs[0], .bias = TSR_NONE, .bias_gradient = TSR_NONE};
    switch (p->kind) {
    case TSR_KIND_DENSE:
        product.rows = d->rows, product.columns = d->units, product.depth = d->inputs;
        product.a_by_depth = true;
        product.a_stride = d->inputs, product.b_stride = d->units;
        if (d->bias) product.bias = p->inputs[2];
        break;
    case TSR_KIND_DENSE_GRAD_DATA:
        product.rows = d->rows, product.columns = d->inputs, product.depth = d->units;
        product.a_by_depth = product.b_by_depth = true;
        product.a_stride = product.b_stride = d->units;
        break;
    default: /* dw = x^T dy */
        product.a = p->inputs[1], product.b = p->inputs[0];
        product.rows = d->inputs, product.columns = d->units, product.depth = d->rows;
        product.a_stride = d->inputs, product.b_stride = d->units;
        if (d->bias) product.bias_gradient = p->outputs[1];
    }
    return product;
}

/* How the depth is split: by the shape alone, so that a thin product still fills the device; into chunks that vectors
 * do not straddle. */
static void divide(const tsr_dense_product *product, int32_t *chunk, int32_t *chunks)
{
    int64_t tiles = tsr_divide_up(product->rows, TILE) * tsr_divide_up(product->columns, TILE);
    int64_t most = GROUPS / tiles, floats = (int64_t)product->rows * product->columns;
    if (most > CHUNKS) most = CHUNKS;
    if (most > product->depth / CHUNK_LEAST) most = product->depth / CHUNK_LEAST;
    if (most > MOST_FLOATS / floats) most = MOST_FLOATS / floats;
    if (most < 1) most = 1;
    *chunk = (int32_t)tsr_round_up(tsr_divide_up(product->depth, most), 4);
    *chunks = (int32_t)tsr_divide_up(product->depth, *chunk);
}

/* The sums of b's columns are wanted: the bias's gradient. */
static bool wants_column_sums(const tsr_span *span, const tsr_dense_product *product)
{
    return product->bias_gradient != TSR_NONE && tsr_span_stores(span, product->bias_gradient);
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (target->gemm == TSR_GEMM_CLBLAST) {
#ifdef TSR_WITH_CLBLAST
        return tsr_refuse(needs, "CLBlast was asked for");
#else
        return tsr_refuse(needs, "CLBlast was asked for, and this build of the library is without it");
#endif
    }
    tsr_dense_product product = tsr_dense_product_of(span);
    int32_t chunk, chunks;
    divide(&product, &chunk, &chunks);
    if (chunks == 1) return true;
    /* A stack is left to its reader where that adds stacks, as all do of gradients; else it is added here. */
    tsr_needs_partials(needs, product.c, chunks);
    if (wants_column_sums(span, &product)) tsr_needs_partials(needs, product.bias_gradient, chunks);
    if (span->graph->values[product.c].role != TSR_ROLE_GRADIENT)
        needs->workspace = (size_t)chunks * (size_t)product.rows * (size_t)product.columns * sizeof(float);
    return true;
}

/* Short depths have zeros in the tile: shapes share programs. */
static tsr_tile_product tile_product_of(const tsr_dense_product *p, int32_t chunk, int32_t chunks)
{
    return (tsr_tile_product){.rows = p->rows,
                              .columns = p->columns,
                              .depth = tsr_round_up(chunk, DEPTH),
                              .splits = chunks,
                              .row_unit = 1,
                              .left_along_depth = p->a_by_depth,
                              .right_along_depth = p->b_by_depth,
                              .left_contiguous = p->a_stride,
                              .right_contiguous = p->b_stride};
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_dense_product p = tsr_dense_product_of(step->span);
    bool product = tsr_span_stores(step->span, p.c), column_sums = wants_column_sums(step->span, &p);
    bool stack = product && tsr_step_view(step, p.c)->partials > 1;
    int32_t chunk, chunks;
    divide(&p, &chunk, &chunks);
    tsr_tile_product shape = tile_product_of(&p, chunk, chunks);
    if (!product) shape.rows = 1; /* the first tile's are enough for the columns' sums */
    tsr_tile tile;
    char options[64];
    snprintf(options, sizeof options, "-D BIAS=%d -D PRODUCT=%d -D COLUMN_SUMS=%d", p.bias != TSR_NONE, product,
             column_sums);
    tsr_launch *gemm = tsr_tile_launch(step, "dense.cl", "dense_gemm", options, &shape, &tile, &status);
    tsr_launch_value(step, gemm, p.a, &status);
    tsr_launch_value(step, gemm, p.b, &status);
    if (p.bias != TSR_NONE) tsr_launch_value(step, gemm, p.bias, &status);
    if (product && chunks > 1 && !stack) {
        tsr_launch_workspace(step, gemm, &status);
        tsr_launch_int(gemm, p.rows * p.columns, &status);
    } else if (product) {
        tsr_launch_value(step, gemm, p.c, &status);
        tsr_launch_int(gemm, tsr_step_view(step, p.c)->partial_stride, &status);
    }
    if (column_sums) {
        tsr_launch_value(step, gemm, p.bias_gradient, &status);
        tsr_launch_int(gemm, tsr_step_view(step, p.bias_gradient)->partial_stride, &status);
    }
    const int32_t numbers[] = {p.rows, p.columns, p.depth, p.a_stride, p.b_stride, chunk};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(gemm, numbers[i], &status);
    tsr_tile_launch_over(step, gemm, &shape, &tile, &status);
    if (product && chunks > 1 && !stack) tsr_dense_sum(step, &p, chunks, &status);
    return status;
}

const tsr_implementation tsr_implementation_dense = {
    .name = "dense", .anchor = TSR_KIND_DENSE, .match = tsr_match_single, .supports = supports, .prepare = prepare};

const tsr_implementation tsr_implementation_dense_grad_data = {.name = "dense_grad_data",
                                                               .anchor = TSR_KIND_DENSE_GRAD_DATA,
                                                               .match = tsr_match_single,
                                                               .supports = supports,
                                                               .prepare = prepare};

const tsr_implementation tsr_implementation_dense_grad_weights = {.name = "dense_grad_weights",
                                                                  .anchor = TSR_KIND_DENSE_GRAD_WEIGHTS,
                                                                  .match = tsr_match_single,
                                                                  .supports = supports,
                                                                  .prepare = prepare};
