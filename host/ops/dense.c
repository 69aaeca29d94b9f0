/* The dense layer and its gradients on any device: tiles in local memory, or in registers alone where the device allows
 * only work-groups of one. */
#include "ops/dense.h"

#include <stdio.h>

#define GROUP       8 /* work-items of a group in each dimension, each with ITEM x ITEM sums */
#define ITEM        4
#define DEPTH       16
#define CHUNK_LEAST 64  /* depth that is worth a partial sum of its own */
#define GROUPS      256 /* work-groups that are enough to fill a device */
#define CHUNKS      32

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

/* How the depth is split: by the shape alone, so that a thin product still fills the device. */
static void divide(const tsr_dense_product *product, int32_t *chunk, int32_t *chunks)
{
    int64_t tiles = tsr_divide_up(product->rows, GROUP * ITEM) * tsr_divide_up(product->columns, GROUP * ITEM);
    int64_t most = GROUPS / tiles;
    if (most > CHUNKS) most = CHUNKS;
    if (most > product->depth / CHUNK_LEAST) most = product->depth / CHUNK_LEAST;
    if (most < 1) most = 1;
    *chunk = tsr_divide_up(product->depth, most);
    *chunks = tsr_divide_up(product->depth, *chunk);
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
    if (chunks > 1) needs->workspace = (size_t)chunks * (size_t)product.rows * (size_t)product.columns * sizeof(float);
    return true;
}

/* Begins the launch of the product for groups of `group`. */
static tsr_launch *begin(tsr_step *step, const tsr_dense_product *product, bool bias, int group, tsr_status *status)
{
    char options[160];
    snprintf(options, sizeof options, "-DGROUP=%d -DITEM=%d -DDEPTH=%d -DA_BY_DEPTH=%d -DB_BY_DEPTH=%d -DBIAS=%d",
             group, ITEM, DEPTH, product->a_by_depth, product->b_by_depth, bias);
    return tsr_step_launch(step, "dense.cl", options, "dense_gemm", status);
}

/* Whether the device, and then the kernel on it, allow groups of GROUP x GROUP with their tiles in local memory. */
static bool device_allows(const tsr_device *device)
{
    const tsr_device_info *info = &device->info;
    return info->max_work_group >= GROUP * GROUP && info->max_work_items[0] >= GROUP &&
           info->max_work_items[1] >= GROUP && info->local_memory >= 2 * DEPTH * (GROUP * ITEM + 1) * sizeof(float);
}

static bool kernel_allows(const tsr_device *device, cl_kernel kernel)
{
    size_t limit = 0;
    return tsr_kernel_limit(device, kernel, &limit) == TSR_OK && limit >= GROUP * GROUP;
}

static void launch_product(tsr_step *step, const tsr_dense_product *product, tsr_status *status)
{
    const tsr_device *device = step->target->device;
    int32_t chunk, chunks;
    divide(product, &chunk, &chunks);
    bool bias = product->bias != TSR_NONE && chunks == 1;
    int group = device_allows(device) ? GROUP : 1;
    tsr_launch *gemm = begin(step, product, bias, group, status);
    if (*status == TSR_OK && group > 1 && !kernel_allows(device, gemm->kernel)) {
        clReleaseKernel(gemm->kernel);
        step->launch_count--;
        group = 1;
        gemm = begin(step, product, bias, group, status);
    }
    tsr_launch_value(step, gemm, product->a, status);
    tsr_launch_value(step, gemm, product->b, status);
    if (bias) tsr_launch_value(step, gemm, product->bias, status);
    if (chunks > 1)
        tsr_launch_workspace(step, gemm, status);
    else
        tsr_launch_value(step, gemm, product->c, status);
    int32_t arguments[] = {product->rows,     product->columns,  product->depth,
                           product->a_stride, product->b_stride, chunk};
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) tsr_launch_int(gemm, arguments[i], status);
    size_t side = (size_t)group, tile = side * ITEM;
    size_t global[] = {tsr_divide_up(product->columns, tile) * side, tsr_divide_up(product->rows, tile) * side,
                       (size_t)chunks};
    tsr_launch_over(step, gemm, 3, global, (size_t[]){side, side, 1}, false, status);
    if (chunks > 1) tsr_dense_sum(step, product, chunks, status);
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_dense_product product = tsr_dense_product_of(step->span);
    if (tsr_span_stores(step->span, product.c)) launch_product(step, &product, &status);
    if (product.bias_gradient != TSR_NONE && tsr_span_stores(step->span, product.bias_gradient))
        tsr_dense_bias_gradient(step, &product, &status);
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
