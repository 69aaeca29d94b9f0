/* The dense layer on CPU-class devices, alone or with its activation. */
#include "ops/activation.h"
#include "ops/dense_cpu.h"

#include <stdio.h>

#define ROW_GROUP   32 /* rows that go by while a chunk of the weights stays in the cache, */
#define LARGE_GROUP 64 /* where there are enough of them; */
#define LARGE       (16 * LARGE_GROUP)
#define PACKED_ROWS 16 /* that are worth a copy of the weights */
#define CHUNKS      16 /* of the inputs at most, as long as there are few groups of rows */
#define CHUNK_LEAST 64 /* inputs that are worth a partial sum of their own */

tsr_dense_tile tsr_dense_cpu_tile(const tsr_target *target, int32_t units, int32_t inputs)
{
    tsr_dense_tile tile = {.width = tsr_vector_width(target)};
    while (tile.width > (uint32_t)units || tile.width > (uint32_t)inputs) tile.width /= 2;
    tile.vectors = tsr_equal_parts(tsr_divide_up(units, tile.width), tile.width == 16 ? 7 : 3);
    return tile;
}

bool tsr_dense_cpu_suits(const tsr_target *target, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "made for CPU-class devices");
    if (target->gemm == TSR_GEMM_CLBLAST) return tsr_refuse(needs, "CLBlast was asked for");
    return true;
}

/* How the sums are split: by the shape alone. */
typedef struct division {
    int32_t group, groups, chunks, chunk;
} division;

static division divide(const tsr_dense_descriptor *d)
{
    division parts = {.group = d->rows < LARGE ? ROW_GROUP : LARGE_GROUP};
    parts.groups = tsr_divide_up(d->rows, parts.group);
    int32_t most = parts.groups < CHUNKS ? CHUNKS / parts.groups : 1;
    parts.chunks = d->inputs / CHUNK_LEAST < most ? d->inputs / CHUNK_LEAST : most;
    if (parts.chunks < 1) parts.chunks = 1;
    parts.chunk = tsr_divide_up(d->inputs, parts.chunks);
    parts.chunks = tsr_divide_up(d->inputs, parts.chunk);
    return parts;
}

static bool match_activation(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    return tsr_match_chain(graph, primitive, (int[]){TSR_KIND_ACTIVATION, TSR_KIND_DENSE, TSR_KIND_COUNT}, claimed,
                           span);
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    const tsr_primitive *dense = tsr_span_primitive(span, TSR_KIND_DENSE);
    const tsr_primitive *activation = tsr_span_primitive(span, TSR_KIND_ACTIVATION);
    if (!tsr_dense_cpu_suits(target, needs)) return false;
    if (activation && !tsr_activation_elementwise(&activation->as.activation))
        return tsr_refuse(needs, "%s is not elementwise", tsr_activation_name(activation->as.activation.function));
    const tsr_dense_descriptor *d = &dense->as.dense;
    division parts = divide(d);
    if (parts.chunks == 1) return true;
    if (!activation) tsr_needs_partials(needs, dense->outputs[0], parts.chunks);
    needs->workspace = (size_t)parts.chunks * (size_t)d->rows * (size_t)d->units * sizeof(float);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    const tsr_primitive *dense = tsr_span_primitive(step->span, TSR_KIND_DENSE);
    const tsr_primitive *activation = tsr_span_primitive(step->span, TSR_KIND_ACTIVATION);
    const tsr_dense_descriptor *d = &dense->as.dense;
    int y = activation ? activation->outputs[0] : dense->outputs[0];
    division parts = divide(d);
    bool partial = parts.chunks > 1, stack = tsr_step_view(step, y)->partials > 1;
    tsr_dense_tile tile = tsr_dense_cpu_tile(step->target, d->units, INT32_MAX);
    bool packed = d->rows >= PACKED_ROWS && d->units > tile.vectors * (int32_t)tile.width;

    char function[TSR_ACTIVATION_OPTIONS], options[TSR_ACTIVATION_OPTIONS + 160];
    tsr_activation_options(activation ? &activation->as.activation : NULL, function);
    snprintf(options, sizeof options, "-DVW=%u -DUNITS=%d -DBR=%d -DBV=%d -DPACKED=%d -DPARTIAL=%d -DBIAS=%d%s",
             tile.width, d->units,
             d->rows >= 4   ? 4
             : d->rows >= 2 ? 2
                            : 1,
             tile.vectors, packed, partial, d->bias, function);

    tsr_status status = TSR_OK;
    size_t one[] = {1, 1};
    tsr_launch *forward = tsr_step_launch(step, "dense_cpu.cl", options, "dense_forward", &status);
    tsr_launch_value(step, forward, dense->inputs[0], &status);
    tsr_launch_value(step, forward, dense->inputs[1], &status);
    if (d->bias) tsr_launch_value(step, forward, dense->inputs[2], &status);
    if (partial && !stack)
        tsr_launch_workspace(step, forward, &status);
    else
        tsr_launch_value(step, forward, y, &status);
    tsr_launch_int(forward, d->rows, &status);
    tsr_launch_int(forward, d->inputs, &status);
    tsr_launch_int(forward, parts.chunk, &status);
    tsr_launch_int(forward, parts.group, &status);
    tsr_launch_over(step, forward, 2, (size_t[]){(size_t)parts.chunks, (size_t)parts.groups}, one, false, &status);
    if (!partial || stack || status) return status;

    tsr_launch *finish = tsr_step_launch(step, "dense_cpu.cl", options, "dense_finish", &status);
    tsr_launch_workspace(step, finish, &status);
    tsr_launch_value(step, finish, y, &status);
    tsr_launch_int(finish, d->rows, &status);
    tsr_launch_int(finish, parts.chunks, &status);
    tsr_launch_over(step, finish, 1, (size_t[]){(size_t)d->rows}, one, false, &status);
    return status;
}

const tsr_implementation tsr_implementation_dense_activation_cpu = {.name = "dense_activation_cpu",
                                                                    .anchor = TSR_KIND_ACTIVATION,
                                                                    .match = match_activation,
                                                                    .supports = supports,
                                                                    .prepare = prepare};

const tsr_implementation tsr_implementation_dense_cpu = {
    .name = "dense_cpu", .anchor = TSR_KIND_DENSE, .match = tsr_match_single, .supports = supports, .prepare = prepare};
