/* conv2d, conv2d_grad_data and conv2d_grad_weights: their definitions in double precision, and how they follow from one
 * another. */
#include "ops/primitive.h"

#include <stdio.h>
#include <string.h>

/* What the loops below share. */
typedef struct geometry {
    int32_t rows, columns; /* of y */
    int32_t top, left;     /* padding */
} geometry;

static geometry geometry_of(const tsr_conv2d_descriptor *c)
{
    return (geometry){
        .rows = tsr_window_output(c->height, c->kernel_height, c->stride_height, c->padding),
        .columns = tsr_window_output(c->width, c->kernel_width, c->stride_width, c->padding),
        .top = tsr_window_before(c->height, c->kernel_height, c->stride_height, c->padding),
        .left = tsr_window_before(c->width, c->kernel_width, c->stride_width, c->padding),
    };
}

static size_t y_size(const tsr_conv2d_descriptor *c, geometry g)
{
    return (size_t)c->batch * (size_t)g.rows * (size_t)g.columns * (size_t)c->filters;
}

static size_t x_size(const tsr_conv2d_descriptor *c)
{
    return (size_t)c->batch * (size_t)c->height * (size_t)c->width * (size_t)c->channels;
}

static size_t w_size(const tsr_conv2d_descriptor *c)
{
    return (size_t)c->kernel_height * (size_t)c->kernel_width * (size_t)c->channels * (size_t)c->filters;
}

/* Calls visit(context, y's pixel, x's pixel, tap) for each tap of each window that lies inside the image. */
typedef void (*visitor)(const tsr_conv2d_descriptor *c, void *operands, size_t y_pixel, size_t x_pixel, size_t tap);

static void for_each_tap(const tsr_conv2d_descriptor *c, visitor visit, void *operands)
{
    geometry g = geometry_of(c);
    for (int32_t n = 0; n < c->batch; n++)
        for (int32_t i = 0; i < g.rows; i++)
            for (int32_t j = 0; j < g.columns; j++)
                for (int32_t p = 0; p < c->kernel_height; p++)
                    for (int32_t q = 0; q < c->kernel_width; q++) {
                        int32_t row = i * c->stride_height - g.top + p, column = j * c->stride_width - g.left + q;
                        if (row < 0 || row >= c->height || column < 0 || column >= c->width) continue;
                        visit(c, operands, ((size_t)n * (size_t)g.rows + (size_t)i) * (size_t)g.columns + (size_t)j,
                              ((size_t)n * (size_t)c->height + (size_t)row) * (size_t)c->width + (size_t)column,
                              (size_t)p * (size_t)c->kernel_width + (size_t)q);
                    }
}

typedef struct operands {
    const double *x, *w, *dy;
    double *y, *dx, *dw;
} operands;

/* y[f] += sum over c of x[c] w[c][f] */
static void add_forward(const tsr_conv2d_descriptor *d, void *context, size_t y_pixel, size_t x_pixel, size_t tap)
{
    const operands *o = context;
    size_t channels = (size_t)d->channels, filters = (size_t)d->filters;
    for (size_t c = 0; c < channels; c++)
        for (size_t f = 0; f < filters; f++)
            o->y[y_pixel * filters + f] += o->x[x_pixel * channels + c] * o->w[(tap * channels + c) * filters + f];
}

/* dx[c] += sum over f of dy[f] w[c][f] */
static void add_grad_data(const tsr_conv2d_descriptor *d, void *context, size_t y_pixel, size_t x_pixel, size_t tap)
{
    const operands *o = context;
    size_t channels = (size_t)d->channels, filters = (size_t)d->filters;
    for (size_t c = 0; c < channels; c++)
        for (size_t f = 0; f < filters; f++)
            o->dx[x_pixel * channels + c] += o->dy[y_pixel * filters + f] * o->w[(tap * channels + c) * filters + f];
}

/* dw[c][f] += x[c] dy[f] */
static void add_grad_weights(const tsr_conv2d_descriptor *d, void *context, size_t y_pixel, size_t x_pixel, size_t tap)
{
    const operands *o = context;
    size_t channels = (size_t)d->channels, filters = (size_t)d->filters;
    for (size_t c = 0; c < channels; c++)
        for (size_t f = 0; f < filters; f++)
            o->dw[(tap * channels + c) * filters + f] += o->x[x_pixel * channels + c] * o->dy[y_pixel * filters + f];
}

/* y[n,i,j,f] = b[f] + sum over (p,q,c) of x[n, i*sh - top + p, j*sw - left + q, c] * w[p,q,c,f] */
static void conv2d(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_conv2d_descriptor *c = &primitive->as.conv2d;
    size_t count = y_size(c, geometry_of(c));
    for (size_t e = 0; e < count; e++) outputs[0][e] = c->bias ? inputs[2][e % (size_t)c->filters] : 0;
    for_each_tap(c, add_forward, &(operands){.x = inputs[0], .w = inputs[1], .y = outputs[0]});
}

/* dx[n,r,s,c] = sum over (i,j,p,q,f) with i*sh - top + p = r, j*sw - left + q = s of dy[n,i,j,f] * w[p,q,c,f] */
static void conv2d_grad_data(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_conv2d_descriptor *c = &primitive->as.conv2d;
    memset(outputs[0], 0, x_size(c) * sizeof(double));
    for_each_tap(c, add_grad_data, &(operands){.dy = inputs[0], .w = inputs[1], .dx = outputs[0]});
}

/* dw[p,q,c,f] = sum over (n,i,j) of x[n, i*sh - top + p, j*sw - left + q, c] * dy[n,i,j,f];
 * db[f] = sum over (n,i,j) of dy[n,i,j,f] */
static void conv2d_grad_weights(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_conv2d_descriptor *c = &primitive->as.conv2d;
    memset(outputs[0], 0, w_size(c) * sizeof(double));
    for_each_tap(c, add_grad_weights, &(operands){.dy = inputs[0], .x = inputs[1], .dw = outputs[0]});
    if (!c->bias) return;
    memset(outputs[1], 0, (size_t)c->filters * sizeof(double));
    size_t count = y_size(c, geometry_of(c));
    for (size_t e = 0; e < count; e++) outputs[1][e % (size_t)c->filters] += inputs[0][e];
}

static tsr_status add(tsr_graph *graph, const tsr_primitive *primitive)
{
    for (int i = 0; i < primitive->output_count; i++)
        if (primitive->outputs[i] == TSR_NONE) return tsr_fail_memory("a graph's values", sizeof(tsr_value));
    if (tsr_graph_primitive(graph, primitive) == TSR_NONE)
        return tsr_fail_memory("a graph's primitives", sizeof(tsr_primitive));
    return TSR_OK;
}

static tsr_status differentiate(tsr_graph *graph, int number, const int *output_gradients, const bool *wanted,
                                int *input_gradients)
{
    tsr_primitive forward = graph->primitives[number]; /* a copy: adding primitives moves them */
    bool bias = forward.as.conv2d.bias;
    if (output_gradients[0] == TSR_NONE) return TSR_OK;
    if (wanted[1] || (bias && wanted[2])) {
        tsr_primitive weights = {.kind = TSR_KIND_CONV2D_GRAD_WEIGHTS, .layer = forward.layer, .as = forward.as};
        weights.input_count = 2;
        weights.inputs[0] = output_gradients[0];
        weights.inputs[1] = forward.inputs[0];
        weights.output_count = bias ? 2 : 1;
        for (int i = 0; i < weights.output_count; i++)
            weights.outputs[i] = input_gradients[1 + i] = tsr_gradient_value(graph, forward.inputs[1 + i]);
        tsr_status status = add(graph, &weights);
        if (status) return status;
    }
    if (wanted[0]) {
        tsr_primitive data = {.kind = TSR_KIND_CONV2D_GRAD_DATA, .layer = forward.layer, .as = forward.as};
        data.input_count = 2;
        data.inputs[0] = output_gradients[0];
        data.inputs[1] = forward.inputs[1];
        data.output_count = 1;
        data.outputs[0] = input_gradients[0] = tsr_gradient_value(graph, forward.inputs[0]);
        return add(graph, &data);
    }
    return TSR_OK;
}

const tsr_primitive_row tsr_conv2d_row = {.reference = conv2d, .differentiate = differentiate};
const tsr_primitive_row tsr_conv2d_grad_data_row = {.reference = conv2d_grad_data};
const tsr_primitive_row tsr_conv2d_grad_weights_row = {.reference = conv2d_grad_weights};
