/* The dense layer's gradients on CPU-class devices: by data, by weights, and both in one pass with the update of the
 * parameters. */
#include "ops/activation.h"
#include "ops/dense.h"
#include "ops/dense_cpu.h"
#include "ops/optimizer.h"

#include <stdio.h>

#define CHUNKS    32    /* of the rows of the weights, at most */
#define TILE      16384 /* floats of the part of dy that a work-item transposes: 64 KB, for the second-level cache */
#define ROW_GROUP 128   /* rows of that part at most: the caches hold as many lines of dx a power of two apart */

/* The primitives of a span; NULL where it has none, or where nobody wants what it makes. */
typedef struct parts {
    const tsr_primitive *weights, *data, *mask, *update_w, *update_b;
    const tsr_dense_descriptor *dense;
    int w; /* what the data gradient reads */
} parts;

static parts parts_of(const tsr_span *span)
{
    parts p = {.weights = tsr_span_primitive(span, TSR_KIND_DENSE_GRAD_WEIGHTS),
               .data = tsr_span_primitive(span, TSR_KIND_DENSE_GRAD_DATA),
               .mask = tsr_span_primitive(span, TSR_KIND_ACTIVATION_GRAD)};
    p.dense = p.weights ? &p.weights->as.dense : &p.data->as.dense;
    p.w = p.data ? p.data->inputs[1] : TSR_NONE;
    if (p.mask && !tsr_span_stores(span, p.mask->outputs[0])) p.mask = NULL;
    if (p.data && !tsr_span_stores(span, p.data->outputs[0])) p.data = NULL;
    for (int i = 0; p.weights && i < span->count; i++) {
        const tsr_primitive *primitive = &span->graph->primitives[span->primitives[i]];
        if (primitive->kind != TSR_KIND_UPDATE) continue;
        if (primitive->inputs[1] == p.weights->outputs[0])
            p.update_w = primitive;
        else
            p.update_b = primitive;
    }
    return p;
}

/* The gradient by data from the same weights, and with it that of the activation below. */
static bool add_data(const tsr_graph *graph, int dy, int w, const bool *claimed, tsr_span *span)
{
    int data = tsr_match_reader(graph, dy, TSR_KIND_DENSE_GRAD_DATA, 0, claimed);
    if (data == TSR_NONE || graph->primitives[data].inputs[1] != w) return true;
    int dx = graph->primitives[data].outputs[0];
    bool fits = tsr_span_take(span, data);
    int mask = tsr_match_reader(graph, dx, TSR_KIND_ACTIVATION_GRAD, 0, claimed);
    if (mask == TSR_NONE || !tsr_activation_elementwise(&graph->primitives[mask].as.activation)) return fits;
    return tsr_span_take(span, mask) && fits;
}

static bool match_update(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    *span = (tsr_span){.graph = graph};
    const tsr_primitive *weights = &graph->primitives[primitive];
    bool fits = tsr_span_add(span, primitive);
    int update = tsr_match_reader(graph, weights->outputs[0], TSR_KIND_UPDATE, 1, claimed);
    if (update == TSR_NONE) return false;
    fits &= tsr_span_take(span, update);
    if (weights->as.dense.bias) {
        int update_b = tsr_match_reader(graph, weights->outputs[1], TSR_KIND_UPDATE, 1, claimed);
        if (update_b == TSR_NONE) return false;
        fits &= tsr_span_take(span, update_b);
    }
    return add_data(graph, weights->inputs[0], graph->primitives[update].inputs[0], claimed, span) && fits;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_dense_cpu_suits(target, needs)) return false;
    parts p = parts_of(span);
    return !p.update_w || tsr_optimizer_suits(p.update_w, p.update_b, needs);
}

static void set_operands(tsr_step *step, tsr_launch *launch, const parts *p, bool bias, tsr_status *status)
{
    const tsr_primitive *either = p->weights ? p->weights : p->data;
    tsr_launch_value(step, launch, either->inputs[0], status);
    if (p->weights) tsr_launch_value(step, launch, p->weights->inputs[1], status);
    if ((p->data || p->mask) && !p->update_w) tsr_launch_value(step, launch, p->w, status);
    if (p->data) tsr_launch_value(step, launch, p->data->outputs[0], status);
    if (p->mask) {
        tsr_launch_value(step, launch, p->mask->inputs[1], status);
        tsr_launch_value(step, launch, p->mask->outputs[0], status);
    }
    if (p->update_w) {
        tsr_optimizer_launch(step, launch, p->update_w, status);
        if (p->update_b) tsr_optimizer_launch(step, launch, p->update_b, status);
        for (int i = 2; i < 5; i++) tsr_launch_value(step, launch, p->update_w->inputs[i], status);
    } else if (p->weights) {
        for (int i = 0; i <= bias; i++) tsr_launch_value(step, launch, p->weights->outputs[i], status);
    }
}

/* How the work is divided: by the shape alone. */
typedef struct division {
    int32_t chunk, chunks; /* of the rows of w: multiples of the vectors' width but for the last, which has no fewer */
    int32_t row_group, unit_block; /* of dy: what is transposed at a time */
    int32_t row_vectors;           /* of a block of data gradients */
} division;

static division divide(const tsr_dense_descriptor *d, int32_t width)
{
    division split = {.chunk = tsr_round_up(tsr_divide_up(d->inputs, CHUNKS), width)};
    split.chunks = tsr_divide_up(d->inputs, split.chunk);
    if (split.chunks > 1 && d->inputs - (split.chunks - 1) * split.chunk < width) --split.chunks;
    split.row_group = tsr_round_up(d->rows, width);
    if (split.row_group > ROW_GROUP) split.row_group = ROW_GROUP;
    split.unit_block = TILE / split.row_group / width * width;
    split.row_vectors = split.row_group > width ? 2 : 1;
    return split;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    parts p = parts_of(step->span);
    const tsr_dense_descriptor *d = p.dense;
    bool bias = p.weights && d->bias && (p.update_b || tsr_span_stores(step->span, p.weights->outputs[1]));
    if (p.weights && !p.update_w && !tsr_span_stores(step->span, p.weights->outputs[0])) {
        tsr_dense_product product = tsr_dense_product_of(step->span);
        tsr_dense_bias_gradient(step, &product, &status);
        return status;
    }
    tsr_dense_tile tile = tsr_dense_cpu_tile(step->target, d->units, d->inputs);
    division split = divide(d, (int32_t)tile.width);

    char function[TSR_ACTIVATION_OPTIONS] = "", optimizer[TSR_OPTIMIZER_OPTIONS] = "", options[512];
    if (p.mask) tsr_activation_options(&p.mask->as.activation, function);
    if (p.update_w) tsr_optimizer_options(&p.update_w->as.update, optimizer);
    snprintf(options, sizeof options,
             "-DVW=%u -DUNITS=%d -DBV=%d -DRV=%d -DTILE=%d -DDATA=%d -DMASK=%d -DWEIGHTS=%d -DUPDATE=%d -DBIAS=%d%s%s",
             tile.width, d->units, tile.vectors, split.row_vectors, TILE, p.data != NULL, p.mask != NULL,
             p.weights && !p.update_w, p.update_w != NULL, bias, function, optimizer);

    tsr_launch *launch = tsr_step_launch(step, "dense_grad_cpu.cl", options, "dense_gradient", &status);
    set_operands(step, launch, &p, bias, &status);
    tsr_launch_int(launch, d->rows, &status);
    tsr_launch_int(launch, d->inputs, &status);
    tsr_launch_int(launch, split.chunk, &status);
    tsr_launch_int(launch, split.chunks, &status);
    tsr_launch_int(launch, split.row_group, &status);
    tsr_launch_int(launch, split.unit_block, &status);
    tsr_launch_over(step, launch, 1, (size_t[]){(size_t)(split.chunks + bias)}, (size_t[]){1}, false, &status);
    return status;
}

const tsr_implementation tsr_implementation_dense_grad_update_cpu = {.name = "dense_grad_update_cpu",
                                                                     .anchor = TSR_KIND_DENSE_GRAD_WEIGHTS,
                                                                     .match = match_update,
                                                                     .supports = supports,
                                                                     .prepare = prepare};

const tsr_implementation tsr_implementation_dense_grad_data_cpu = {.name = "dense_grad_data_cpu",
                                                                   .anchor = TSR_KIND_DENSE_GRAD_DATA,
                                                                   .match = tsr_match_single,
                                                                   .supports = supports,
                                                                   .prepare = prepare};

const tsr_implementation tsr_implementation_dense_grad_weights_cpu = {.name = "dense_grad_weights_cpu",
                                                                      .anchor = TSR_KIND_DENSE_GRAD_WEIGHTS,
                                                                      .match = tsr_match_single,
                                                                      .supports = supports,
                                                                      .prepare = prepare};
