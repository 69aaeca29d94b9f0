#include "model/initializer.h"

#include "base/random.h"
#include "model/layers/layers.h"

#include <math.h>

static const char *const modes[] = {"fan_in", "fan_out", "fan_avg", NULL};
static const char *const distributions[] = {"truncated_normal", "untruncated_normal", "uniform", NULL};

/* The least of what must be above zero. */
#define LEAST 1e-30f

#define REAL(key, least)                                                                                               \
    {                                                                                                                  \
        .name = #key, .type = TSR_FIELD_FLOAT, .offset = offsetof(tsr_initializer, key), .minimum = least,             \
        .limit = INFINITY                                                                                              \
    }
#define SEED                                                                                                           \
    {                                                                                                                  \
        .name = "seed", .type = TSR_FIELD_FREE, .text = "null"                                                         \
    }

static const tsr_field seed_only[] = {SEED};
static const tsr_field scaling[] = {
    REAL(scale, LEAST),
    {.name = "mode", .type = TSR_FIELD_CHOICE, .offset = offsetof(tsr_initializer, mode), .words = modes},
    {.name = "distribution",
     .type = TSR_FIELD_CHOICE,
     .offset = offsetof(tsr_initializer, distribution),
     .words = distributions},
    SEED,
};
static const tsr_field uniform[] = {REAL(minval, -INFINITY), REAL(maxval, -INFINITY), SEED};
static const tsr_field normal[] = {REAL(mean, -INFINITY), REAL(stddev, LEAST), SEED};
static const tsr_field constant[] = {REAL(value, -INFINITY)};

static const tsr_initializer_class classes[] = {
    [TSR_INITIALIZER_GLOROT_UNIFORM] = {"GlorotUniform", seed_only, 1},
    [TSR_INITIALIZER_GLOROT_NORMAL] = {"GlorotNormal", seed_only, 1},
    [TSR_INITIALIZER_HE_UNIFORM] = {"HeUniform", seed_only, 1},
    [TSR_INITIALIZER_HE_NORMAL] = {"HeNormal", seed_only, 1},
    [TSR_INITIALIZER_LECUN_UNIFORM] = {"LecunUniform", seed_only, 1},
    [TSR_INITIALIZER_LECUN_NORMAL] = {"LecunNormal", seed_only, 1},
    [TSR_INITIALIZER_VARIANCE_SCALING] = {"VarianceScaling", scaling, TSR_COUNT_OF(scaling)},
    [TSR_INITIALIZER_RANDOM_UNIFORM] = {"RandomUniform", uniform, TSR_COUNT_OF(uniform)},
    [TSR_INITIALIZER_RANDOM_NORMAL] = {"RandomNormal", normal, TSR_COUNT_OF(normal)},
    [TSR_INITIALIZER_TRUNCATED_NORMAL] = {"TruncatedNormal", normal, TSR_COUNT_OF(normal)},
    [TSR_INITIALIZER_ZEROS] = {"Zeros", NULL, 0},
    [TSR_INITIALIZER_ONES] = {"Ones", NULL, 0},
    [TSR_INITIALIZER_CONSTANT] = {"Constant", constant, TSR_COUNT_OF(constant)},
};

const tsr_initializer_class *tsr_initializer_class_of(tsr_initializer_kind kind)
{
    return (int)kind > 0 && (int)kind < TSR_COUNT_OF(classes) ? &classes[kind] : NULL;
}

tsr_status tsr_initializer_complete(const char *layer, const char *field, tsr_initializer_kind otherwise,
                                    tsr_initializer *initializer)
{
    if (initializer->kind == TSR_INITIALIZER_DEFAULT) initializer->kind = otherwise;
    if (!tsr_initializer_class_of(initializer->kind))
        return tsr_fail(TSR_INVALID_ARGUMENT, "layer %s: %s is no known initializer", layer, field);
    if (initializer->scale == 0) initializer->scale = 1;
    if (initializer->stddev == 0) initializer->stddev = 0.05f;
    if (initializer->minval == 0 && initializer->maxval == 0) {
        initializer->minval = -0.05f;
        initializer->maxval = 0.05f;
    }
    if (!(initializer->scale > 0 && isfinite(initializer->scale) && initializer->stddev > 0 &&
          isfinite(initializer->stddev)))
        return tsr_fail(TSR_INVALID_ARGUMENT, "layer %s: scale and stddev of its %s must be above 0", layer, field);
    if (!(initializer->minval < initializer->maxval && isfinite(initializer->minval) && isfinite(initializer->maxval)))
        return tsr_fail(TSR_INVALID_ARGUMENT, "layer %s: minval of its %s must be less than maxval", layer, field);
    if (!isfinite(initializer->mean) || !isfinite(initializer->value))
        return tsr_fail(TSR_INVALID_ARGUMENT, "layer %s: its %s is not finite", layer, field);
    if ((unsigned)initializer->mode > TSR_FAN_AVERAGE || (unsigned)initializer->distribution > TSR_UNIFORM)
        return tsr_fail(TSR_INVALID_ARGUMENT, "layer %s: its %s has no known mode or distribution", layer, field);
    return TSR_OK;
}

/* What all the kinds are in the end: where a draw is taken from. */
typedef struct source {
    enum { EQUAL, UNIFORM, NORMAL, TRUNCATED } kind;
    double middle, spread; /* UNIFORM: middle +- spread; NORMAL, TRUNCATED: mean and standard deviation */
} source;

/* VarianceScaling(scale, mode, distribution): Keras's formula, on which six named initializers stand. */
static source scaled(const tsr_parameter *parameter, double scale, tsr_fan_mode mode, tsr_distribution distribution)
{
    double in = parameter->fan_in, out = parameter->fan_out;
    double fan = mode == TSR_FAN_IN ? in : mode == TSR_FAN_OUT ? out : (in + out) / 2;
    if (fan < 1) fan = 1;
    switch (distribution) {
    case TSR_UNIFORM:
        return (source){UNIFORM, 0, sqrt(3 * scale / fan)};
    case TSR_UNTRUNCATED_NORMAL:
        return (source){NORMAL, 0, sqrt(scale / fan)};
    case TSR_TRUNCATED_NORMAL:
        break;
    }
    /* Cutting a standard normal distribution at 2 leaves it this standard deviation. */
    return (source){TRUNCATED, 0, sqrt(scale / fan) / 0.87962566103423978};
}

static source source_of(const tsr_parameter *parameter)
{
    const tsr_initializer *i = &parameter->initializer;
    double minimum = i->minval, maximum = i->maxval;
    switch (i->kind) {
    case TSR_INITIALIZER_DEFAULT:
    case TSR_INITIALIZER_GLOROT_UNIFORM:
        return scaled(parameter, 1, TSR_FAN_AVERAGE, TSR_UNIFORM);
    case TSR_INITIALIZER_GLOROT_NORMAL:
        return scaled(parameter, 1, TSR_FAN_AVERAGE, TSR_TRUNCATED_NORMAL);
    case TSR_INITIALIZER_HE_UNIFORM:
        return scaled(parameter, 2, TSR_FAN_IN, TSR_UNIFORM);
    case TSR_INITIALIZER_HE_NORMAL:
        return scaled(parameter, 2, TSR_FAN_IN, TSR_TRUNCATED_NORMAL);
    case TSR_INITIALIZER_LECUN_UNIFORM:
        return scaled(parameter, 1, TSR_FAN_IN, TSR_UNIFORM);
    case TSR_INITIALIZER_LECUN_NORMAL:
        return scaled(parameter, 1, TSR_FAN_IN, TSR_TRUNCATED_NORMAL);
    case TSR_INITIALIZER_VARIANCE_SCALING:
        return scaled(parameter, i->scale, i->mode, i->distribution);
    case TSR_INITIALIZER_RANDOM_UNIFORM:
        return (source){UNIFORM, (minimum + maximum) / 2, (maximum - minimum) / 2};
    case TSR_INITIALIZER_RANDOM_NORMAL:
        return (source){NORMAL, i->mean, i->stddev};
    case TSR_INITIALIZER_TRUNCATED_NORMAL:
        return (source){TRUNCATED, i->mean, i->stddev};
    case TSR_INITIALIZER_ZEROS:
        break;
    case TSR_INITIALIZER_ONES:
        return (source){EQUAL, 1, 0};
    case TSR_INITIALIZER_CONSTANT:
        return (source){EQUAL, i->value, 0};
    }
    return (source){EQUAL, 0, 0};
}

/* P(a standard normal variable > x). */
static double upper_tail(double x)
{
    return erfc(x * 0.70710678118654752) / 2;
}

/* The x with upper_tail(x) = p, 0 < p < 1: Abramowitz and Stegun's formula 26.2.23, and two steps of Newton's method.
 */
static double quantile(double p)
{
    if (p > 0.5) return -quantile(1 - p);
    double t = sqrt(-2 * log(p));
    double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for (int step = 0; step < 2; step++)
        x += (upper_tail(x) - p) / (exp(-x * x / 2) * 0.39894228040143268); /* the density */
    return x;
}

void tsr_initializer_fill(const tsr_parameter *parameter, uint64_t seed, int slot, float *values)
{
    const source from = source_of(parameter);
    const double cut = upper_tail(2); /* a truncated one stays within two standard deviations */
    size_t count = tsr_parameter_count(parameter);
    for (size_t i = 0; i < count; i++) {
        /* In [0, 1) in steps of 2^-24; their middles are never 0 or 1. */
        double u = tsr_uniform(seed, TSR_STREAM_WEIGHTS, (uint32_t)slot, i), inside = u + 0x1p-25, draw = 0;
        if (from.kind == UNIFORM) draw = 2 * u - 1;
        if (from.kind == NORMAL) draw = quantile(inside);
        if (from.kind == TRUNCATED) draw = quantile(cut + inside * (1 - 2 * cut));
        values[i] = (float)(from.middle + from.spread * draw);
    }
}
