/* The optimizers' step for one element or one vector of elements, shared by every kernel that updates parameters.
 *
 *   adam   alpha = lr sqrt(1 - beta_2^t) / (1 - beta_1^t), t counted from 1
 *          m += (g - m)(1 - beta_1); v += (g^2 - v)(1 - beta_2); w -= m alpha / (sqrt(v) + epsilon)
 *   sgd    w -= lr g; with momentum: m = momentum m - lr g; w += m
 *
 * -D OPTIMIZER_ADAM      with BETA_1, BETA_2, EPSILON and ONE_MINUS_BETA_1, ONE_MINUS_BETA_2 (see ops/optimizer.h)
 * -D OPTIMIZER_MOMENTUM  sgd with MOMENTUM
 * neither                plain sgd
 *
 * optimizer_rate() is computed once a work-item. OPTIMIZER_STEP(T, name) defines
 * void name(T g, float rate, T *w, T *m, T *v) for a type T; moments that the optimizer has not are left alone. */
#ifndef OPTIMIZER_CL
#define OPTIMIZER_CL

#ifdef OPTIMIZER_ADAM
/* 1 - (1 - e)^t by repeated squaring of what is wanted itself: with f(n) = 1 - (1 - e)^n,
 * f(2n) = f(n) (2 - f(n)) and f(n + 1) = f(n) + (1 - f(n)) e. No digits are lost while it is small, as they are in
 * 1 - pow(beta, t) and in some devices' expm1(). */
static float one_minus_power(float e, int t)
{
    float f = 0.0f;
    for (int bit = 31 - clz(t); bit >= 0; bit--) {
        f = f * (2.0f - f);
        if (t >> bit & 1) f = f + (1.0f - f) * e;
    }
    return f;
}
#endif

/* What the step multiplies by: alpha for adam, the learning rate for sgd. */
static float optimizer_rate(float learning_rate, int step)
{
#ifdef OPTIMIZER_ADAM
    return learning_rate * sqrt(one_minus_power(1.0f - BETA_2, step)) / one_minus_power(1.0f - BETA_1, step);
#else
    return learning_rate;
#endif
}

#if defined(OPTIMIZER_ADAM)
#define OPTIMIZER_STEP(T, name)                                                                                        \
    static void name(T g, float rate, T *w, T *m, T *v)                                                                \
    {                                                                                                                  \
        *m += (g - *m) * ONE_MINUS_BETA_1;                                                                             \
        *v += (g * g - *v) * ONE_MINUS_BETA_2;                                                                         \
        *w -= *m * rate / (sqrt(*v) + EPSILON);                                                                        \
    }
#elif defined(OPTIMIZER_MOMENTUM)
#define OPTIMIZER_STEP(T, name)                                                                                        \
    static void name(T g, float rate, T *w, T *m, T *v)                                                                \
    {                                                                                                                  \
        *m = *m * MOMENTUM - g * rate;                                                                                 \
        *w += *m;                                                                                                      \
    }
#else
#define OPTIMIZER_STEP(T, name)                                                                                        \
    static void name(T g, float rate, T *w, T *m, T *v)                                                                \
    {                                                                                                                  \
        *w -= g * rate;                                                                                                \
    }
#endif

#endif
