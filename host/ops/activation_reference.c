/* The activations and their gradients: definitions in plain C. */
#include "ops/primitive.h"

#include <math.h>

static const double selu_alpha = 1.6732632423543772, selu_scale = 1.0507009873554805;
static const double pi = 3.14159265358979323846;

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* The share of a standard normal distribution below x: (1 + erf(x / sqrt 2)) / 2. */
static double normal_below(double x)
{
    return erfc(-x / sqrt(2)) / 2;
}

static double function_of(const tsr_activation_descriptor *a, double x)
{
    switch (a->function) {
    case TSR_LINEAR:
        return x;
    case TSR_RELU:
        return x < 0 ? 0 : x;
    case TSR_SIGMOID:
        return sigmoid(x);
    case TSR_TANH:
        return tanh(x);
    case TSR_ELU:
        return x > 0 ? x : a->alpha * expm1(x);
    case TSR_SELU:
        return selu_scale * (x > 0 ? x : selu_alpha * expm1(x));
    case TSR_GELU:
        return x * normal_below(x);
    case TSR_SWISH:
        return x * sigmoid(x);
    case TSR_LEAKY_RELU:
        return x > 0 ? x : a->alpha * x;
    case TSR_SOFTPLUS:
        return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
    case TSR_SOFTMAX:
        break; /* not elementwise */
    }
    return NAN;
}

/* The derivative, computed from the output y. */
static double slope_from_output(const tsr_activation_descriptor *a, double y)
{
    switch (a->function) {
    case TSR_LINEAR:
        return 1;
    case TSR_RELU:
        return y > 0;
    case TSR_SIGMOID:
        return y * (1 - y);
    case TSR_TANH:
        return 1 - y * y;
    case TSR_ELU:
        return y > 0 ? 1 : y + a->alpha;
    case TSR_SELU:
        return y > 0 ? selu_scale : y + selu_scale * selu_alpha;
    case TSR_LEAKY_RELU:
        return y > 0 ? 1 : a->alpha;
    case TSR_SOFTPLUS:
        return -expm1(-y);
    default:
        return NAN;
    }
}

/* The derivative, computed from the input x. */
static double slope_from_input(const tsr_activation_descriptor *a, double x)
{
    switch (a->function) {
    case TSR_ELU:
        return x > 0 ? 1 : a->alpha * exp(x);
    case TSR_LEAKY_RELU:
        return x > 0 ? 1 : a->alpha;
    case TSR_GELU:
        return normal_below(x) + x * exp(-x * x / 2) / sqrt(2 * pi);
    case TSR_SWISH:
        return sigmoid(x) * (1 + x * sigmoid(-x));
    default:
        return NAN;
    }
}

/* y = e^(x - max) / sum over the row. */
static void softmax(const double *x, double *y, size_t columns)
{
    double max = x[0], sum = 0;
    for (size_t c = 0; c < columns; c++) max = x[c] > max ? x[c] : max;
    for (size_t c = 0; c < columns; c++) sum += exp(x[c] - max);
    for (size_t c = 0; c < columns; c++) y[c] = exp(x[c] - max) / sum;
}

/* dx = y (dy - sum of dy y over the row). */
static void softmax_gradient(const double *dy, const double *y, double *dx, size_t columns)
{
    double sum = 0;
    for (size_t c = 0; c < columns; c++) sum += dy[c] * y[c];
    for (size_t c = 0; c < columns; c++) dx[c] = y[c] * (dy[c] - sum);
}

static void activation(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_activation_descriptor *a = &primitive->as.activation;
    size_t rows = (size_t)a->rows, columns = (size_t)a->columns;
    if (a->function == TSR_SOFTMAX)
        for (size_t r = 0; r < rows; r++) softmax(inputs[0] + r * columns, outputs[0] + r * columns, columns);
    else
        for (size_t e = 0; e < rows * columns; e++) outputs[0][e] = function_of(a, inputs[0][e]);
}

/* dx = dy f'(x). relu's is 0 where its output is not positive, whatever dy is. */
static void activation_grad(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_activation_descriptor *a = &primitive->as.activation;
    const double *dy = inputs[0], *from = inputs[1];
    size_t rows = (size_t)a->rows, columns = (size_t)a->columns;
    bool output = tsr_activation_gradient_from_output(a);
    if (a->function == TSR_SOFTMAX) {
        for (size_t r = 0; r < rows; r++)
            softmax_gradient(dy + r * columns, from + r * columns, outputs[0] + r * columns, columns);
        return;
    }
    for (size_t e = 0; e < rows * columns; e++) {
        double slope = output ? slope_from_output(a, from[e]) : slope_from_input(a, from[e]);
        outputs[0][e] = a->function == TSR_RELU && slope == 0 ? 0 : dy[e] * slope;
    }
}

static tsr_status differentiate(tsr_graph *graph, int number, const int *output_gradients, const bool *wanted,
                                int *input_gradients)
{
    const tsr_primitive forward = graph->primitives[number]; /* a copy: the array grows */
    if (!wanted[0] || output_gradients[0] == TSR_NONE) return TSR_OK;
    bool output = tsr_activation_gradient_from_output(&forward.as.activation);
    tsr_primitive gradient = {.kind = TSR_KIND_ACTIVATION_GRAD,
                              .layer = forward.layer,
                              .input_count = 2,
                              .inputs = {output_gradients[0], output ? forward.outputs[0] : forward.inputs[0]},
                              .output_count = 1,
                              .as = forward.as};
    gradient.outputs[0] = input_gradients[0] = tsr_gradient_value(graph, forward.inputs[0]);
    if (input_gradients[0] == TSR_NONE || tsr_graph_primitive(graph, &gradient) == TSR_NONE)
        return tsr_fail_memory("the gradient of an activation", sizeof gradient);
    return TSR_OK;
}

const tsr_primitive_row tsr_activation_row = {.reference = activation, .differentiate = differentiate, .cheap = true};
const tsr_primitive_row tsr_activation_grad_row = {.reference = activation_grad, .cheap = true};
