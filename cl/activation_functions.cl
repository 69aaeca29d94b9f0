/* The elementwise activations as functions of one element, in one text for scalars and vectors; kernels that apply an
 * activation include this file.
 *
 *   activate(x), activate_vec(x)                              y = f(x)
 *   activation_gradient(dy, a), activation_gradient_vec(dy, a)    dy * f'(x), where a is y; or x when
 *                                                                 ACTIVATION_FROM_INPUT is 1
 *
 * The formulas neither overflow nor cancel, and pass not-a-number on. (relu's gradient is 0 where its output is not
 * positive, whatever dy is: no gradient enters a dead cell.)
 *
 * Macros, made by tsr_activation_options:
 *   ACTIVATION             one of the names below; linear when it is not given
 *   ALPHA                  elu, leaky relu
 *   ACTIVATION_FROM_INPUT  1: the gradient reads the input */
#ifndef ACTIVATION_CL
#define ACTIVATION_CL

#include "common.cl"

#define ACTIVATION_LINEAR     1
#define ACTIVATION_RELU       2
#define ACTIVATION_SIGMOID    3
#define ACTIVATION_TANH       4
#define ACTIVATION_ELU        5
#define ACTIVATION_SELU       6
#define ACTIVATION_GELU       7
#define ACTIVATION_SWISH      8
#define ACTIVATION_LEAKY_RELU 9
#define ACTIVATION_SOFTPLUS   10
#define ACTIVATION_SOFTMAX    11

#ifndef ACTIVATION
#define ACTIVATION ACTIVATION_LINEAR
#endif
#ifndef ACTIVATION_FROM_INPUT
#define ACTIVATION_FROM_INPUT 0
#endif

/* T is float or vec. e^-|x| is at most 1. */
#define SIGMOID_OF(T, x) (select((T)exp(-fabs(x)), (T)(1.0f), (x) >= (T)(0.0f)) / ((T)(1.0f) + exp(-fabs(x))))

#if ACTIVATION == ACTIVATION_LINEAR
#define ACTIVATE(T, x)     (x)
#define GRADIENT(T, dy, y) (dy)

#elif ACTIVATION == ACTIVATION_RELU
#define ACTIVATE(T, x)     select(x, (T)(0.0f), (x) < (T)(0.0f))
#define GRADIENT(T, dy, y) select((T)(0.0f), dy, (y) > (T)(0.0f))

#elif ACTIVATION == ACTIVATION_SIGMOID
#define ACTIVATE(T, x)     SIGMOID_OF(T, x)
#define GRADIENT(T, dy, y) ((dy) * ((y) * ((T)(1.0f) - (y))))

#elif ACTIVATION == ACTIVATION_TANH
#define ACTIVATE(T, x)     tanh(x)
#define GRADIENT(T, dy, y) ((dy) * (((T)(1.0f) - (y)) * ((T)(1.0f) + (y))))

#elif ACTIVATION == ACTIVATION_ELU || ACTIVATION == ACTIVATION_SELU
#if ACTIVATION == ACTIVATION_SELU
#define ALPHA 1.6732632423543772f
#define SCALE 1.0507009873554805f
#else
#define SCALE 1.0f
#endif
#define ACTIVATE(T, x) ((T)(SCALE)*select((T)(ALPHA)*expm1(x), x, (x) > (T)(0.0f)))
#if ACTIVATION_FROM_INPUT
#define GRADIENT(T, dy, x) ((dy) * ((T)(SCALE)*select((T)(ALPHA)*exp(x), (T)(1.0f), (x) > (T)(0.0f))))
#else
#define GRADIENT(T, dy, y) ((dy)*select((y) + (T)(SCALE * ALPHA), (T)(SCALE), (y) > (T)(0.0f)))
#endif

#elif ACTIVATION == ACTIVATION_GELU
/* x/2 (1 + erf(x / sqrt 2)), which cancels for negative x when computed so; the gradient is
 * (1 + erf(x / sqrt 2)) / 2 + x e^(-x^2 / 2) / sqrt(2 pi). */
#define NORMAL_BELOW(T, x) ((T)(0.5f) * erfc((x) * (T)(-0.70710678118654752f)))
#define ACTIVATE(T, x)     ((x)*NORMAL_BELOW(T, x))
#define GRADIENT(T, dy, x) ((dy) * (NORMAL_BELOW(T, x) + (x) * (T)(0.39894228040143268f) * exp((T)(-0.5f) * (x) * (x))))

#elif ACTIVATION == ACTIVATION_SWISH
/* Divided by 1 + exp(-x), not multiplied by the sigmoid, which may be too small for a device without denormal numbers
 * where the product is not. */
#define ACTIVATE(T, x)     ((x) / ((T)(1.0f) + exp(-(x))))
#define GRADIENT(T, dy, x) ((dy) * (((T)(1.0f) + (x)*SIGMOID_OF(T, -(x))) / ((T)(1.0f) + exp(-(x)))))

#elif ACTIVATION == ACTIVATION_LEAKY_RELU
/* From the output or the input alike, as alpha is not negative where the output is read. */
#define ACTIVATE(T, x)     select((T)(ALPHA) * (x), x, (x) > (T)(0.0f))
#define GRADIENT(T, dy, a) ((dy)*select((T)(ALPHA), (T)(1.0f), (a) > (T)(0.0f)))

#elif ACTIVATION == ACTIVATION_SOFTPLUS
#define ACTIVATE(T, x)     (fmax(x, (T)(0.0f)) + log1p(exp(-fabs(x))))
#define GRADIENT(T, dy, y) ((dy) * -expm1(-(y)))

#else
#error "ACTIVATION is not the name of an elementwise activation"
#endif

static inline float activate(float x)
{
    return ACTIVATE(float, x);
}

static inline vec activate_vec(vec x)
{
    return ACTIVATE(vec, x);
}

static inline float activation_gradient(float dy, float a)
{
    return GRADIENT(float, dy, a);
}

static inline vec activation_gradient_vec(vec dy, vec a)
{
    return GRADIENT(vec, dy, a);
}

#endif
