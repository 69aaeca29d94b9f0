/* Builders of the tester's graphs. */
#include "support/tester.h"

#include "base/memory.h"

#include <stdlib.h>

int test_value(test_case *t, const char *name, tsr_role role, tsr_dtype dtype, int rank, const int32_t *extent)
{
    int value = tsr_graph_value(&t->graph, name, role, dtype, rank, extent);
    ck_assert_msg(value != TSR_NONE && value < TEST_MAX_VALUES, "too many values in a test's graph");
    memset(&t->values[value], 0, sizeof t->values[value]);
    if (role == TSR_ROLE_PARAMETER) t->graph.values[value].slot = t->slots++;
    return value;
}

int test_input(test_case *t, const char *name, tsr_dtype dtype, int rank, const int32_t *extent)
{
    return test_value(t, name, TSR_ROLE_INPUT, dtype, rank, extent);
}

/* A gradient of the parameter that `like` is, or of one that the graph does not hold. */
static int gradient(test_case *t, const char *name, int rank, const int32_t *extent)
{
    int value = test_value(t, name, TSR_ROLE_GRADIENT, TSR_F32, rank, extent);
    t->graph.values[value].slot = t->slots++;
    return value;
}

static int temporary(test_case *t, const char *name, tsr_dtype dtype, int rank, const int32_t *extent)
{
    return test_value(t, name, TSR_ROLE_TEMPORARY, dtype, rank, extent);
}

void test_fill_value(test_case *t, int value, test_fill fill)
{
    t->values[value].has_fill = true;
    t->values[value].fill = fill;
}

void test_set(test_case *t, int value, const double *data)
{
    size_t count = tsr_value_count(&t->graph.values[value]);
    free(t->values[value].data);
    t->values[value].data = tsr_alloc(count, sizeof *data);
    ck_assert(t->values[value].data != NULL);
    memcpy(t->values[value].data, data, count * sizeof *data);
}

void test_want(test_case *t, int value)
{
    t->wanted[t->wanted_count++] = value;
}

int test_primitive(test_case *t, const tsr_primitive *primitive)
{
    ck_assert(tsr_graph_primitive(&t->graph, primitive) != TSR_NONE);
    return primitive->outputs[0];
}

void test_conv2d_output(const tsr_conv2d_descriptor *d, int32_t extent[4])
{
    extent[0] = d->batch;
    extent[1] = tsr_window_output(d->height, d->kernel_height, d->stride_height, d->padding);
    extent[2] = tsr_window_output(d->width, d->kernel_width, d->stride_width, d->padding);
    extent[3] = d->filters;
}

void test_pool2d_output(const tsr_pool2d_descriptor *d, int32_t extent[4])
{
    extent[0] = d->batch;
    extent[1] = tsr_window_output(d->height, d->pool_height, d->stride_height, d->padding);
    extent[2] = tsr_window_output(d->width, d->pool_width, d->stride_width, d->padding);
    extent[3] = d->channels;
}

static int filters(test_case *t, const tsr_conv2d_descriptor *d)
{
    return test_value(t, "w", TSR_ROLE_PARAMETER, TSR_F32, 4,
                      (int32_t[]){d->kernel_height, d->kernel_width, d->channels, d->filters});
}

int test_conv2d(test_case *t, const tsr_conv2d_descriptor *d, int x)
{
    tsr_primitive p = {.kind = TSR_KIND_CONV2D, .input_count = 2, .output_count = 1, .as.conv2d = *d};
    p.inputs[0] = x;
    p.inputs[1] = filters(t, d);
    if (d->bias) p.inputs[p.input_count++] = test_value(t, "b", TSR_ROLE_PARAMETER, TSR_F32, 1, &d->filters);
    int32_t extent[4];
    test_conv2d_output(d, extent);
    p.outputs[0] = temporary(t, "conv", TSR_F32, 4, extent);
    return test_primitive(t, &p);
}

int test_conv2d_grad_data(test_case *t, const tsr_conv2d_descriptor *d, int dy)
{
    tsr_primitive p = {.kind = TSR_KIND_CONV2D_GRAD_DATA, .input_count = 2, .output_count = 1, .as.conv2d = *d};
    p.inputs[0] = dy;
    p.inputs[1] = filters(t, d);
    p.outputs[0] = temporary(t, "dx", TSR_F32, 4, (int32_t[]){d->batch, d->height, d->width, d->channels});
    return test_primitive(t, &p);
}

int test_conv2d_grad_weights(test_case *t, const tsr_conv2d_descriptor *d, int dy, int x, int *db)
{
    tsr_primitive p = {.kind = TSR_KIND_CONV2D_GRAD_WEIGHTS, .input_count = 2, .output_count = 1, .as.conv2d = *d};
    p.inputs[0] = dy;
    p.inputs[1] = x;
    p.outputs[0] = gradient(t, "dw", 4, (int32_t[]){d->kernel_height, d->kernel_width, d->channels, d->filters});
    if (d->bias) p.outputs[p.output_count++] = gradient(t, "db", 1, &d->filters);
    if (db) *db = d->bias ? p.outputs[1] : TSR_NONE;
    return test_primitive(t, &p);
}

static int winners(test_case *t, const tsr_pool2d_descriptor *d, tsr_role role)
{
    int32_t extent[4];
    test_pool2d_output(d, extent);
    return test_value(t, "winner", role, d->pool_height * d->pool_width > 255 ? TSR_U16 : TSR_U8, 4, extent);
}

int test_pool2d(test_case *t, const tsr_pool2d_descriptor *d, int x, int *winner)
{
    tsr_primitive p = {.kind = TSR_KIND_POOL2D, .input_count = 1, .output_count = 1, .as.pool2d = *d};
    p.inputs[0] = x;
    int32_t extent[4];
    test_pool2d_output(d, extent);
    p.outputs[0] = temporary(t, "pool", TSR_F32, 4, extent);
    if (d->mode == TSR_POOL_MAX && winner) p.outputs[p.output_count++] = *winner = winners(t, d, TSR_ROLE_TEMPORARY);
    return test_primitive(t, &p);
}

int test_relay(test_case *t, int value)
{
    const int32_t *extent = t->graph.values[value].extent;
    return test_pool2d(t,
                       &(tsr_pool2d_descriptor){TSR_POOL_MAX, extent[0], extent[1], extent[2], extent[3], 1, 1, 1, 1,
                                                TSR_PADDING_VALID},
                       value, NULL);
}

/* Places in the windows that lie inside the image, of an input. */
static int winner_input(test_case *t, const tsr_pool2d_descriptor *d)
{
    int value = winners(t, d, TSR_ROLE_INPUT);
    const tsr_value *w = &t->graph.values[value];
    double *data = tsr_alloc(tsr_value_count(w), sizeof *data);
    ck_assert(data != NULL);
    uint32_t state = 7u + t->seed;
    size_t e = 0;
    for (int32_t n = 0; n < w->extent[0]; n++)
        for (int32_t i = 0; i < w->extent[1]; i++)
            for (int32_t j = 0; j < w->extent[2]; j++)
                for (int32_t c = 0; c < w->extent[3]; c++) {
                    int32_t p, q, row, column;
                    do {
                        state = state * 1664525u + 1013904223u;
                        p = (int32_t)((state >> 16) % (uint32_t)d->pool_height);
                        q = (int32_t)((state >> 8) % (uint32_t)d->pool_width);
                        row = i * d->stride_height + p -
                              tsr_window_before(d->height, d->pool_height, d->stride_height, d->padding);
                        column = j * d->stride_width + q -
                                 tsr_window_before(d->width, d->pool_width, d->stride_width, d->padding);
                    } while (row < 0 || row >= d->height || column < 0 || column >= d->width);
                    data[e++] = p * d->pool_width + q;
                }
    test_set(t, value, data);
    free(data);
    return value;
}

int test_pool2d_grad(test_case *t, const tsr_pool2d_descriptor *d, int dy, int winner)
{
    tsr_primitive p = {.kind = TSR_KIND_POOL2D_GRAD, .input_count = 1, .output_count = 1, .as.pool2d = *d};
    p.inputs[0] = dy;
    if (d->mode == TSR_POOL_MAX) p.inputs[p.input_count++] = winner == TSR_NONE ? winner_input(t, d) : winner;
    p.outputs[0] = temporary(t, "dx", TSR_F32, 4, (int32_t[]){d->batch, d->height, d->width, d->channels});
    return test_primitive(t, &p);
}

static tsr_primitive elementwise(test_case *t, tsr_kind kind, tsr_activation function, float alpha, int like)
{
    tsr_value value = t->graph.values[like];
    int32_t columns = value.extent[value.rank - 1];
    tsr_primitive p = {.kind = kind, .output_count = 1};
    p.as.activation = (tsr_activation_descriptor){.function = function,
                                                  .alpha = alpha,
                                                  .rows = (int32_t)(tsr_value_count(&value) / (size_t)columns),
                                                  .columns = columns};
    p.outputs[0] = temporary(t, tsr_activation_name(function), TSR_F32, value.rank, value.extent);
    return p;
}

int test_activation(test_case *t, tsr_activation function, float alpha, int x)
{
    tsr_primitive p = elementwise(t, TSR_KIND_ACTIVATION, function, alpha, x);
    p.input_count = 1;
    p.inputs[0] = x;
    return test_primitive(t, &p);
}

int test_activation_grad(test_case *t, tsr_activation function, float alpha, int dy, int from)
{
    tsr_primitive p = elementwise(t, TSR_KIND_ACTIVATION_GRAD, function, alpha, dy);
    p.input_count = 2;
    p.inputs[0] = dy;
    p.inputs[1] = from;
    return test_primitive(t, &p);
}

int test_dense(test_case *t, const tsr_dense_descriptor *d, int x)
{
    tsr_primitive p = {.kind = TSR_KIND_DENSE, .input_count = 2, .output_count = 1, .as.dense = *d};
    p.inputs[0] = x;
    p.inputs[1] = test_value(t, "w", TSR_ROLE_PARAMETER, TSR_F32, 2, (int32_t[]){d->inputs, d->units});
    if (d->bias) p.inputs[p.input_count++] = test_value(t, "b", TSR_ROLE_PARAMETER, TSR_F32, 1, &d->units);
    p.outputs[0] = temporary(t, "dense", TSR_F32, 2, (int32_t[]){d->rows, d->units});
    return test_primitive(t, &p);
}

int test_dense_grad_data(test_case *t, const tsr_dense_descriptor *d, int dy, int *w)
{
    tsr_primitive p = {.kind = TSR_KIND_DENSE_GRAD_DATA, .input_count = 2, .output_count = 1, .as.dense = *d};
    p.inputs[0] = dy;
    p.inputs[1] = test_value(t, "w", TSR_ROLE_PARAMETER, TSR_F32, 2, (int32_t[]){d->inputs, d->units});
    if (w) *w = p.inputs[1];
    p.outputs[0] = temporary(t, "dx", TSR_F32, 2, (int32_t[]){d->rows, d->inputs});
    return test_primitive(t, &p);
}

int test_dense_grad_weights(test_case *t, const tsr_dense_descriptor *d, int dy, int x, int *db)
{
    tsr_primitive p = {.kind = TSR_KIND_DENSE_GRAD_WEIGHTS, .input_count = 2, .output_count = 1, .as.dense = *d};
    p.inputs[0] = dy;
    p.inputs[1] = x;
    p.outputs[0] = gradient(t, "dw", 2, (int32_t[]){d->inputs, d->units});
    if (d->bias) p.outputs[p.output_count++] = gradient(t, "db", 1, &d->units);
    if (db) *db = d->bias ? p.outputs[1] : TSR_NONE;
    return test_primitive(t, &p);
}

int test_gather(test_case *t, const tsr_gather_descriptor *d, int samples, int rank, const int32_t *extent)
{
    int32_t full[TSR_MAX_RANK] = {samples};
    memcpy(full + 1, extent, (size_t)(rank - 1) * sizeof *extent);
    tsr_primitive p = {.kind = TSR_KIND_GATHER, .input_count = 3, .output_count = 1, .as.gather = *d};
    p.inputs[0] = test_input(t, "source", d->source, rank, full);
    p.inputs[1] = test_input(t, "order", TSR_I32, 1, (int32_t[]){samples});
    p.inputs[2] = test_input(t, "clock", TSR_I32, 1, (int32_t[]){4});
    double *order = tsr_alloc((size_t)samples, sizeof *order);
    ck_assert(order != NULL);
    for (int i = 0; i < samples; i++) order[i] = (i * 7 + 3) % samples; /* with repeats when 7 divides it */
    test_set(t, p.inputs[1], order);
    free(order);
    int position = samples > d->batch ? 1 : 0;
    test_set(t, p.inputs[2], (double[]){1, position, position + d->batch, 0});
    full[0] = d->batch;
    p.outputs[0] = temporary(t, "gathered", d->source == TSR_I32 ? TSR_I32 : TSR_F32, rank, full);
    return test_primitive(t, &p);
}

bool test_has_clblast(void)
{
    test_case t = {.fill = TEST_INTEGERS};
    int y = test_dense(&t, &(tsr_dense_descriptor){2, 2, 2, false}, test_input(&t, "x", TSR_F32, 2, (int32_t[]){2, 2}));
    tsr_plan *plan = NULL;
    tsr_status status =
        tsr_plan_create(test_device(), &t.graph, &y, 1, &(tsr_plan_options){.gemm = TSR_GEMM_CLBLAST}, NULL, &plan);
    if (status != TSR_UNSUPPORTED) check_ok(status);
    tsr_plan_free(plan);
    test_clear_case(&t);
    return status == TSR_OK;
}
