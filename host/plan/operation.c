/* Public operations: each is a plan whose operands the caller binds at every enqueue. */
#include "base/memory.h"
#include "ops/primitive.h"
#include "plan/plan.h"

#include <string.h>

enum { MAX_OPERANDS = 8 };

struct tsr_operation {
    tsr_device *device;
    tsr_plan *plan;
    cl_mem workspace; /* its own, made when the caller gives none */
    cl_mem arena;     /* the one bound last */
    int operand_count;
    int operands[MAX_OPERANDS]; /* values */
    cl_mem bound[MAX_OPERANDS]; /* the caller's buffers of the last enqueue, retained: the address stays theirs */
    size_t bytes[MAX_OPERANDS];
};

/* The graph under construction. */
typedef struct building {
    tsr_graph graph;
    int operands[MAX_OPERANDS];
    int operand_count;
    int wanted[TSR_MAX_OUTPUTS];
    int wanted_count;
    const char *only;  /* the implementation to use where it can be; NULL: the best */
    tsr_status status; /* the first failure */
} building;

static int add_value(building *b, const char *name, tsr_role role, tsr_dtype dtype, int rank, const int32_t *extent)
{
    if (b->status) return TSR_NONE;
    int64_t count = 1;
    for (int i = 0; i < rank && count <= INT32_MAX; i++) count *= extent[i];
    if (count > INT32_MAX) {
        b->status = tsr_fail(TSR_UNSUPPORTED, "%s has more than the %d elements that are supported", name, INT32_MAX);
        return TSR_NONE;
    }
    int value = tsr_graph_value(&b->graph, name, role, dtype, rank, extent);
    if (value == TSR_NONE) b->status = tsr_fail_memory("the operation", sizeof(tsr_value));
    return value;
}

/* A value that the caller gives or takes, in the order of the calls. */
static int operand(building *b, const char *name, tsr_role role, tsr_dtype dtype, int rank, const int32_t *extent)
{
    int value = add_value(b, name, role, dtype, rank, extent);
    b->operands[b->operand_count++] = value;
    return value;
}

static int output(building *b, const char *name, tsr_dtype dtype, int rank, const int32_t *extent)
{
    int value = operand(b, name, TSR_ROLE_TEMPORARY, dtype, rank, extent);
    b->wanted[b->wanted_count++] = value;
    return value;
}

static void primitive(building *b, tsr_primitive p)
{
    if (!b->status && tsr_graph_primitive(&b->graph, &p) == TSR_NONE)
        b->status = tsr_fail_memory("the operation", sizeof p);
}

/* A gradient of a parameter may come as a stack of partial sums; the caller gets their sum. */
static void sum_of(building *b, int stack, int sum)
{
    if (b->status) return;
    tsr_primitive p = {.kind = TSR_KIND_SUM_PARTIALS,
                       .layer = TSR_NONE,
                       .input_count = 1,
                       .inputs = {stack},
                       .output_count = 1,
                       .outputs = {sum}};
    p.as.partials = (tsr_partials_descriptor){.partials = 1, .count = (int32_t)tsr_value_count(&b->graph.values[sum])};
    primitive(b, p);
}

static tsr_status finish(building *b, tsr_device *device, tsr_gemm gemm, tsr_operation **result)
{
    tsr_status status = b->status;
    tsr_operation *operation = tsr_alloc(1, sizeof *operation);
    if (!status && !operation) status = tsr_fail_memory("the operation", sizeof *operation);
    if (!status) {
        operation->device = device;
        operation->operand_count = b->operand_count;
        for (int i = 0; i < b->operand_count; i++) {
            operation->operands[i] = b->operands[i];
            operation->bytes[i] = tsr_value_bytes(&b->graph.values[b->operands[i]]);
        }
        const tsr_plan_options options = {.gemm = gemm, .bind_wanted = true, .bind_arena = true, .only = b->only};
        status = tsr_plan_create(device, &b->graph, b->wanted, b->wanted_count, &options, NULL, &operation->plan);
    }
    tsr_graph_clear(&b->graph);
    if (status) {
        tsr_operation_free(operation);
        operation = NULL;
    }
    *result = operation;
    return status;
}

void tsr_operation_free(tsr_operation *operation)
{
    if (!operation) return;
    tsr_plan_free(operation->plan);
    for (int i = 0; i < operation->operand_count; i++)
        if (operation->bound[i]) clReleaseMemObject(operation->bound[i]);
    if (operation->workspace) clReleaseMemObject(operation->workspace);
    free(operation);
}

size_t tsr_operation_workspace(const tsr_operation *operation)
{
    return tsr_plan_arena_bytes(operation->plan);
}

int tsr_operation_operands(const tsr_operation *operation)
{
    return operation->operand_count;
}

size_t tsr_operation_operand_bytes(const tsr_operation *operation, int number)
{
    return number >= 0 && number < operation->operand_count ? operation->bytes[number] : 0;
}

static tsr_status bind_operand(tsr_operation *operation, int number, cl_mem buffer)
{
    if (!buffer) return tsr_fail(TSR_INVALID_ARGUMENT, "operand %d of the operation is NULL", number);
    if (buffer == operation->bound[number]) return TSR_OK;
    tsr_status status = tsr_plan_bind(operation->plan, operation->operands[number], buffer);
    if (!status) status = tsr_check(clRetainMemObject(buffer), operation->device, "retaining an operand");
    if (status) return status;
    if (operation->bound[number]) clReleaseMemObject(operation->bound[number]);
    operation->bound[number] = buffer;
    return TSR_OK;
}

tsr_status tsr_operation_enqueue(tsr_operation *operation, const cl_mem *operands, int count, cl_mem workspace)
{
    tsr_status status = TSR_OK;
    if (count != operation->operand_count)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the operation takes %d operands, but %d were given",
                        operation->operand_count, count);
    size_t needed = tsr_operation_workspace(operation);
    if (needed && !workspace && !operation->workspace)
        status = tsr_buffer_create(operation->device, CL_MEM_READ_WRITE, needed, "a workspace", &operation->workspace);
    if (!workspace) workspace = operation->workspace;
    if (!status && needed && workspace != operation->arena) {
        status = tsr_plan_bind_arena(operation->plan, workspace);
        if (!status) operation->arena = workspace;
    }
    for (int i = 0; i < count && !status; i++) status = bind_operand(operation, i, operands[i]);
    return status ? status : tsr_plan_run(operation->plan);
}

static tsr_status check_window(const char *what, int32_t batch, int32_t height, int32_t width, int32_t channels,
                               const int32_t window[4], tsr_padding padding)
{
    if (batch < 1 || height < 1 || width < 1 || channels < 1)
        return tsr_fail(TSR_INVALID_ARGUMENT, "%s of %d x %d x %d x %d: every extent must be at least 1", what, batch,
                        height, width, channels);
    for (int i = 0; i < 4; i++)
        if (window[i] < 1)
            return tsr_fail(TSR_INVALID_ARGUMENT,
                            "%s with a window of %d x %d and strides of %d x %d: each must be at "
                            "least 1",
                            what, window[0], window[1], window[2], window[3]);
    if (tsr_window_output(height, window[0], window[2], padding) < 1 ||
        tsr_window_output(width, window[1], window[3], padding) < 1)
        return tsr_fail(TSR_INVALID_ARGUMENT,
                        "%s with a window of %d x %d over %d x %d has no output: use padding "
                        "\"same\" or a smaller window",
                        what, window[0], window[1], height, width);
    return TSR_OK;
}

static tsr_status check_conv2d(const tsr_conv2d_descriptor *c)
{
    const int32_t window[4] = {c->kernel_height, c->kernel_width, c->stride_height, c->stride_width};
    if (c->filters < 1)
        return tsr_fail(TSR_INVALID_ARGUMENT, "conv2d with %d filters: at least 1 is needed", c->filters);
    return check_window("conv2d", c->batch, c->height, c->width, c->channels, window, c->padding);
}

static tsr_status check_pool2d(tsr_pool2d_descriptor *p)
{
    if (!p->stride_height) p->stride_height = p->pool_height;
    if (!p->stride_width) p->stride_width = p->pool_width;
    const int32_t window[4] = {p->pool_height, p->pool_width, p->stride_height, p->stride_width};
    if (p->mode == TSR_POOL_MAX && (int64_t)p->pool_height * p->pool_width > TSR_POOL_CELLS)
        return tsr_fail(TSR_UNSUPPORTED, "pool2d with a window of %d x %d: more than the %d cells that are supported",
                        p->pool_height, p->pool_width, TSR_POOL_CELLS);
    return check_window("pool2d", p->batch, p->height, p->width, p->channels, window, p->padding);
}

static tsr_status check_activation(const tsr_activation_descriptor *activation)
{
    if ((unsigned)activation->function <= TSR_SOFTMAX) return TSR_OK;
    return tsr_fail(TSR_INVALID_ARGUMENT, "%d is no activation", (int)activation->function);
}

static void conv2d_extents(const tsr_conv2d_descriptor *c, int32_t x[4], int32_t w[4], int32_t y[4])
{
    memcpy(x, (int32_t[4]){c->batch, c->height, c->width, c->channels}, 4 * sizeof *x);
    memcpy(w, (int32_t[4]){c->kernel_height, c->kernel_width, c->channels, c->filters}, 4 * sizeof *w);
    memcpy(y,
           (int32_t[4]){c->batch, tsr_window_output(c->height, c->kernel_height, c->stride_height, c->padding),
                        tsr_window_output(c->width, c->kernel_width, c->stride_width, c->padding), c->filters},
           4 * sizeof *y);
}

static void pool2d_extents(const tsr_pool2d_descriptor *p, int32_t x[4], int32_t y[4])
{
    memcpy(x, (int32_t[4]){p->batch, p->height, p->width, p->channels}, 4 * sizeof *x);
    memcpy(y,
           (int32_t[4]){p->batch, tsr_window_output(p->height, p->pool_height, p->stride_height, p->padding),
                        tsr_window_output(p->width, p->pool_width, p->stride_width, p->padding), p->channels},
           4 * sizeof *y);
}

static tsr_dtype winner_type(const tsr_pool2d_descriptor *p)
{
    return (int64_t)p->pool_height * p->pool_width > 255 ? TSR_U16 : TSR_U8;
}

/* Adds the pool of `value`, whose extents become those of the result; *winner is made with max pooling. */
static int add_pool2d(building *b, const tsr_pool2d_descriptor *pool, int value, bool last, int32_t extent[4],
                      int *winner)
{
    int32_t from[4];
    tsr_primitive p = {.kind = TSR_KIND_POOL2D, .layer = TSR_NONE, .input_count = 1, .inputs = {value}};
    p.as.pool2d = *pool;
    pool2d_extents(pool, from, extent);
    int y = last ? output(b, "y", TSR_F32, 4, extent) : add_value(b, "pooled", TSR_ROLE_TEMPORARY, TSR_F32, 4, extent);
    p.outputs[p.output_count++] = y;
    if (pool->mode == TSR_POOL_MAX) {
        *winner = add_value(b, "winner", TSR_ROLE_TEMPORARY, winner_type(pool), 4, extent);
        p.outputs[p.output_count++] = *winner;
    }
    primitive(b, p);
    return y;
}

static int add_activation(building *b, const tsr_activation_descriptor *activation, int value, bool last,
                          const int32_t extent[4])
{
    if (b->status) return TSR_NONE;
    tsr_primitive p = {
        .kind = TSR_KIND_ACTIVATION, .layer = TSR_NONE, .input_count = 1, .inputs = {value}, .output_count = 1};
    p.as.activation = *activation;
    p.as.activation.rows = extent[0] * extent[1] * extent[2];
    p.as.activation.columns = extent[3];
    int y =
        last ? output(b, "y", TSR_F32, 4, extent) : add_value(b, "activated", TSR_ROLE_TEMPORARY, TSR_F32, 4, extent);
    p.outputs[0] = y;
    primitive(b, p);
    return y;
}

/* The convolution alone; its operands come first. `extent` becomes that of its result. */
static int add_conv2d(building *b, const tsr_conv2d_descriptor *conv2d, bool last, int32_t extent[4])
{
    int32_t x[4], w[4];
    conv2d_extents(conv2d, x, w, extent);
    tsr_primitive p = {.kind = TSR_KIND_CONV2D, .layer = TSR_NONE, .input_count = 2, .output_count = 1};
    p.as.conv2d = *conv2d;
    p.inputs[0] = operand(b, "x", TSR_ROLE_INPUT, TSR_F32, 4, x);
    p.inputs[1] = operand(b, "w", TSR_ROLE_PARAMETER, TSR_F32, 4, w);
    if (conv2d->bias) p.inputs[p.input_count++] = operand(b, "b", TSR_ROLE_PARAMETER, TSR_F32, 1, &conv2d->filters);
    int y = last ? output(b, "y", TSR_F32, 4, extent) : add_value(b, "conv", TSR_ROLE_TEMPORARY, TSR_F32, 4, extent);
    p.outputs[0] = y;
    primitive(b, p);
    return y;
}

tsr_status tsr_conv2d_forward(tsr_device *device, const tsr_conv2d_descriptor *conv2d,
                              const tsr_activation_descriptor *activation, const tsr_pool2d_descriptor *pool,
                              tsr_operation **operation)
{
    *operation = NULL;
    tsr_status status = check_conv2d(conv2d);
    if (status) return status;
    int32_t x[4], w[4], extent[4];
    conv2d_extents(conv2d, x, w, extent);
    tsr_pool2d_descriptor p = {0};
    if (pool) {
        p = *pool;
        p.batch = extent[0], p.height = extent[1], p.width = extent[2], p.channels = extent[3];
        if ((status = check_pool2d(&p))) return status;
    }
    if (activation && (status = check_activation(activation))) return status;
    if (activation && activation->function == TSR_LINEAR) activation = NULL;
    /* As in a network: a monotone activation comes after a max pool, with the same values and a part of the work. */
    bool behind = activation && pool && p.mode == TSR_POOL_MAX && tsr_activation_monotone(activation);

    building b = {0};
    int winner = TSR_NONE, value = add_conv2d(&b, conv2d, !activation && !pool, extent);
    if (activation && !behind) value = add_activation(&b, activation, value, !pool, extent);
    if (pool) value = add_pool2d(&b, &p, value, !behind, extent, &winner);
    if (behind) add_activation(&b, activation, value, true, extent);
    if (winner != TSR_NONE) {
        b.operands[b.operand_count++] = winner;
        b.wanted[b.wanted_count++] = winner;
    }
    return finish(&b, device, TSR_GEMM_AUTO, operation);
}

tsr_status tsr_conv2d_forward_by(tsr_device *device, const tsr_conv2d_descriptor *conv2d, const char *implementation,
                                 tsr_operation **operation)
{
    *operation = NULL;
    tsr_status status = check_conv2d(conv2d);
    if (status) return status;
    building b = {.only = implementation};
    int32_t extent[4];
    add_conv2d(&b, conv2d, true, extent);
    return finish(&b, device, TSR_GEMM_AUTO, operation);
}

tsr_status tsr_conv2d_backward_data(tsr_device *device, const tsr_conv2d_descriptor *conv2d, tsr_operation **operation)
{
    *operation = NULL;
    tsr_status status = check_conv2d(conv2d);
    if (status) return status;
    building b = {0};
    int32_t x[4], w[4], y[4];
    conv2d_extents(conv2d, x, w, y);
    tsr_primitive p = {.kind = TSR_KIND_CONV2D_GRAD_DATA, .layer = TSR_NONE, .input_count = 2, .output_count = 1};
    p.as.conv2d = *conv2d;
    p.inputs[0] = operand(&b, "dy", TSR_ROLE_INPUT, TSR_F32, 4, y);
    p.inputs[1] = operand(&b, "w", TSR_ROLE_PARAMETER, TSR_F32, 4, w);
    p.outputs[0] = output(&b, "dx", TSR_F32, 4, x);
    primitive(&b, p);
    return finish(&b, device, TSR_GEMM_AUTO, operation);
}

/* dw and db of a primitive that yields both, each the sum of its partial sums. */
static void weight_gradients(building *b, tsr_primitive *p, int rank, const int32_t *w, bool bias, const int32_t *units)
{
    int dw = output(b, "dw", TSR_F32, rank, w), db = bias ? output(b, "db", TSR_F32, 1, units) : TSR_NONE;
    p->outputs[p->output_count++] = add_value(b, "dw partials", TSR_ROLE_GRADIENT, TSR_F32, rank, w);
    if (bias) p->outputs[p->output_count++] = add_value(b, "db partials", TSR_ROLE_GRADIENT, TSR_F32, 1, units);
    primitive(b, *p);
    sum_of(b, p->outputs[0], dw);
    if (bias) sum_of(b, p->outputs[1], db);
}

tsr_status tsr_conv2d_backward_weights(tsr_device *device, const tsr_conv2d_descriptor *conv2d,
                                       tsr_operation **operation)
{
    *operation = NULL;
    tsr_status status = check_conv2d(conv2d);
    if (status) return status;
    building b = {0};
    int32_t x[4], w[4], y[4];
    conv2d_extents(conv2d, x, w, y);
    tsr_primitive p = {.kind = TSR_KIND_CONV2D_GRAD_WEIGHTS, .layer = TSR_NONE, .input_count = 2};
    p.as.conv2d = *conv2d;
    p.inputs[0] = operand(&b, "dy", TSR_ROLE_INPUT, TSR_F32, 4, y);
    p.inputs[1] = operand(&b, "x", TSR_ROLE_INPUT, TSR_F32, 4, x);
    weight_gradients(&b, &p, 4, w, conv2d->bias, &conv2d->filters);
    return finish(&b, device, TSR_GEMM_AUTO, operation);
}

static tsr_status pool2d_operation(tsr_device *device, const tsr_pool2d_descriptor *pool, bool backward,
                                   tsr_operation **operation)
{
    *operation = NULL;
    tsr_pool2d_descriptor d = *pool;
    tsr_status status = check_pool2d(&d);
    if (status) return status;
    building b = {0};
    int32_t x[4], y[4];
    pool2d_extents(&d, x, y);
    tsr_primitive p = {.kind = backward ? TSR_KIND_POOL2D_GRAD : TSR_KIND_POOL2D, .layer = TSR_NONE};
    p.as.pool2d = d;
    bool winner = d.mode == TSR_POOL_MAX;
    if (backward) {
        p.inputs[p.input_count++] = operand(&b, "dy", TSR_ROLE_INPUT, TSR_F32, 4, y);
        if (winner) p.inputs[p.input_count++] = operand(&b, "winner", TSR_ROLE_INPUT, winner_type(&d), 4, y);
        p.outputs[p.output_count++] = output(&b, "dx", TSR_F32, 4, x);
    } else {
        p.inputs[p.input_count++] = operand(&b, "x", TSR_ROLE_INPUT, TSR_F32, 4, x);
        p.outputs[p.output_count++] = output(&b, "y", TSR_F32, 4, y);
        if (winner) p.outputs[p.output_count++] = output(&b, "winner", winner_type(&d), 4, y);
    }
    primitive(&b, p);
    return finish(&b, device, TSR_GEMM_AUTO, operation);
}

tsr_status tsr_pool2d_forward(tsr_device *device, const tsr_pool2d_descriptor *pool, tsr_operation **operation)
{
    return pool2d_operation(device, pool, false, operation);
}

tsr_status tsr_pool2d_backward(tsr_device *device, const tsr_pool2d_descriptor *pool, tsr_operation **operation)
{
    return pool2d_operation(device, pool, true, operation);
}

static tsr_status activation_operation(tsr_device *device, const tsr_activation_descriptor *activation, bool backward,
                                       tsr_operation **operation)
{
    *operation = NULL;
    if (activation->rows < 1 || activation->columns < 1)
        return tsr_fail(TSR_INVALID_ARGUMENT, "activation of %d x %d elements: both must be at least 1",
                        activation->rows, activation->columns);
    tsr_status status = check_activation(activation);
    if (status) return status;
    building b = {0};
    const int32_t extent[2] = {activation->rows, activation->columns};
    tsr_primitive p = {
        .kind = backward ? TSR_KIND_ACTIVATION_GRAD : TSR_KIND_ACTIVATION, .layer = TSR_NONE, .output_count = 1};
    p.as.activation = *activation;
    if (backward) p.inputs[p.input_count++] = operand(&b, "dy", TSR_ROLE_INPUT, TSR_F32, 2, extent);
    bool from_output = backward && tsr_activation_gradient_from_output(activation);
    p.inputs[p.input_count++] = operand(&b, from_output ? "y" : "x", TSR_ROLE_INPUT, TSR_F32, 2, extent);
    p.outputs[0] = output(&b, backward ? "dx" : "y", TSR_F32, 2, extent);
    primitive(&b, p);
    return finish(&b, device, TSR_GEMM_AUTO, operation);
}

tsr_status tsr_activation_forward(tsr_device *device, const tsr_activation_descriptor *activation,
                                  tsr_operation **operation)
{
    return activation_operation(device, activation, false, operation);
}

tsr_status tsr_activation_backward(tsr_device *device, const tsr_activation_descriptor *activation,
                                   tsr_operation **operation)
{
    return activation_operation(device, activation, true, operation);
}

static tsr_status dense_operation(tsr_device *device, const tsr_dense_descriptor *dense, tsr_gemm gemm, tsr_kind kind,
                                  tsr_operation **operation)
{
    *operation = NULL;
    if (dense->rows < 1 || dense->inputs < 1 || dense->units < 1)
        return tsr_fail(TSR_INVALID_ARGUMENT, "dense of %d rows, %d inputs, %d units: each must be at least 1",
                        dense->rows, dense->inputs, dense->units);
    building b = {0};
    const int32_t x[2] = {dense->rows, dense->inputs}, w[2] = {dense->inputs, dense->units};
    const int32_t y[2] = {dense->rows, dense->units};
    tsr_primitive p = {.kind = kind, .layer = TSR_NONE, .input_count = 2};
    p.as.dense = *dense;
    if (kind == TSR_KIND_DENSE) {
        p.inputs[0] = operand(&b, "x", TSR_ROLE_INPUT, TSR_F32, 2, x);
        p.inputs[1] = operand(&b, "w", TSR_ROLE_PARAMETER, TSR_F32, 2, w);
        if (dense->bias) p.inputs[p.input_count++] = operand(&b, "b", TSR_ROLE_PARAMETER, TSR_F32, 1, &dense->units);
        p.outputs[p.output_count++] = output(&b, "y", TSR_F32, 2, y);
        primitive(&b, p);
    } else if (kind == TSR_KIND_DENSE_GRAD_DATA) {
        p.inputs[0] = operand(&b, "dy", TSR_ROLE_INPUT, TSR_F32, 2, y);
        p.inputs[1] = operand(&b, "w", TSR_ROLE_PARAMETER, TSR_F32, 2, w);
        p.outputs[p.output_count++] = output(&b, "dx", TSR_F32, 2, x);
        primitive(&b, p);
    } else {
        p.inputs[0] = operand(&b, "dy", TSR_ROLE_INPUT, TSR_F32, 2, y);
        p.inputs[1] = operand(&b, "x", TSR_ROLE_INPUT, TSR_F32, 2, x);
        weight_gradients(&b, &p, 2, w, dense->bias, &dense->units);
    }
    return finish(&b, device, gemm, operation);
}

tsr_status tsr_dense_forward(tsr_device *device, const tsr_dense_descriptor *dense, tsr_gemm gemm,
                             tsr_operation **operation)
{
    return dense_operation(device, dense, gemm, TSR_KIND_DENSE, operation);
}

tsr_status tsr_dense_backward_data(tsr_device *device, const tsr_dense_descriptor *dense, tsr_gemm gemm,
                                   tsr_operation **operation)
{
    return dense_operation(device, dense, gemm, TSR_KIND_DENSE_GRAD_DATA, operation);
}

tsr_status tsr_dense_backward_weights(tsr_device *device, const tsr_dense_descriptor *dense, tsr_gemm gemm,
                                      tsr_operation **operation)
{
    return dense_operation(device, dense, gemm, TSR_KIND_DENSE_GRAD_WEIGHTS, operation);
}
