/* Initializers: range, mean and variance of each are those of Keras's formula, and defaults and refusals. */
#include "support/support.h"

#include "model/initializer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 300, COLUMNS = 200, COUNT = ROWS * COLUMNS };

static float values[COUNT];

/* First values of a dense kernel of 300 inputs and 200 units. */
static void fill(tsr_initializer initializer, uint64_t seed, int slot)
{
    tsr_parameter kernel = {
        .rank = 2, .extent = {ROWS, COLUMNS}, .initializer = initializer, .fan_in = ROWS, .fan_out = COLUMNS};
    check_ok(
        tsr_initializer_complete("dense", "kernel_initializer", TSR_INITIALIZER_GLOROT_UNIFORM, &kernel.initializer));
    tsr_initializer_fill(&kernel, seed, slot, values);
}

/* Within five standard deviations of what 60000 draws give: the mean, and the mean square of what lies around it. */
static void check_moments(const char *name, double mean, double variance, double least, double most)
{
    double sum = 0, squares = 0, lowest = INFINITY, highest = -INFINITY;
    for (int i = 0; i < COUNT; i++) {
        sum += values[i];
        squares += (values[i] - mean) * (values[i] - mean);
        lowest = fmin(lowest, values[i]);
        highest = fmax(highest, values[i]);
    }
    ck_assert_msg(fabs(sum / COUNT - mean) <= 5 * sqrt(variance / COUNT), "%s: mean %g, not %g", name, sum / COUNT,
                  mean);
    ck_assert_msg(fabs(squares / COUNT - variance) <= 5 * variance * sqrt(2.0 / COUNT), "%s: variance %g, not %g", name,
                  squares / COUNT, variance);
    double edge = 0.02 * (most - least); /* the ends are nearly reached */
    ck_assert_msg(lowest >= least - 1e-6 && highest <= most + 1e-6 && lowest < least + edge && highest > most - edge,
                  "%s: from %g to %g, not %g to %g", name, lowest, highest, least, most);
}

START_TEST(scaled_ones_have_their_variance)
{
    const struct {
        tsr_initializer initializer;
        const char *name;
        double variance;
        bool uniform;
    } cases[] = {
        {{.kind = TSR_INITIALIZER_DEFAULT}, "default", 1 / 250.0, true},
        {{.kind = TSR_INITIALIZER_GLOROT_UNIFORM}, "GlorotUniform", 1 / 250.0, true},
        {{.kind = TSR_INITIALIZER_GLOROT_NORMAL}, "GlorotNormal", 1 / 250.0, false},
        {{.kind = TSR_INITIALIZER_HE_UNIFORM}, "HeUniform", 2 / 300.0, true},
        {{.kind = TSR_INITIALIZER_HE_NORMAL}, "HeNormal", 2 / 300.0, false},
        {{.kind = TSR_INITIALIZER_LECUN_UNIFORM}, "LecunUniform", 1 / 300.0, true},
        {{.kind = TSR_INITIALIZER_LECUN_NORMAL}, "LecunNormal", 1 / 300.0, false},
        {{.kind = TSR_INITIALIZER_VARIANCE_SCALING}, "VarianceScaling", 1 / 300.0, false},
        {{.kind = TSR_INITIALIZER_VARIANCE_SCALING, .scale = 3, .mode = TSR_FAN_OUT, .distribution = TSR_UNIFORM},
         "VarianceScaling(3, fan_out, uniform)",
         3 / 200.0,
         true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double variance = cases[i].variance;
        /* A truncated normal's standard deviation is larger before it is cut. */
        double most = cases[i].uniform ? sqrt(3 * variance) : 2 * sqrt(variance) / 0.87962566103423978;
        fill(cases[i].initializer, 5, (int)i);
        check_moments(cases[i].name, 0, variance, -most, most);
    }
}
END_TEST

START_TEST(the_others_are_as_their_parameters_say)
{
    fill((tsr_initializer){.kind = TSR_INITIALIZER_RANDOM_UNIFORM}, 1, 0);
    check_moments("RandomUniform", 0, 0.01 / 12, -0.05, 0.05);
    fill((tsr_initializer){.kind = TSR_INITIALIZER_RANDOM_UNIFORM, .minval = 1, .maxval = 3}, 1, 0);
    check_moments("RandomUniform(1, 3)", 2, 4.0 / 12, 1, 3);
    fill((tsr_initializer){.kind = TSR_INITIALIZER_TRUNCATED_NORMAL, .mean = 1, .stddev = 2}, 1, 0);
    check_moments("TruncatedNormal(1, 2)", 1, 4 * 0.87962566103423978 * 0.87962566103423978, -3, 5);
    fill((tsr_initializer){.kind = TSR_INITIALIZER_RANDOM_NORMAL, .mean = -1}, 1, 0);
    double sum = 0, squares = 0, beyond = 0;
    for (int i = 0; i < COUNT; i++) {
        double z = (values[i] + 1) / 0.05;
        sum += z;
        squares += z * z;
        beyond += fabs(z) > 2;
    }
    ck_assert(fabs(sum / COUNT) < 5 / sqrt(COUNT));
    ck_assert(fabs(squares / COUNT - 1) < 5 * sqrt(2.0 / COUNT));
    ck_assert(fabs(beyond / COUNT - 0.0455) < 5 * sqrt(0.0455 / COUNT)); /* the tails are there */
    fill((tsr_initializer){.kind = TSR_INITIALIZER_VARIANCE_SCALING,
                           .mode = TSR_FAN_AVERAGE,
                           .distribution = TSR_UNTRUNCATED_NORMAL},
         1, 0);
    beyond = 0;
    for (int i = 0; i < COUNT; i++) beyond += fabs(values[i]) > 2 / sqrt(250);
    ck_assert(fabs(beyond / COUNT - 0.0455) < 5 * sqrt(0.0455 / COUNT));
    fill((tsr_initializer){.kind = TSR_INITIALIZER_ONES}, 1, 0);
    for (int i = 0; i < COUNT; i++) ck_assert_float_eq(values[i], 1);
    fill((tsr_initializer){.kind = TSR_INITIALIZER_CONSTANT, .value = -0.25f}, 1, 0);
    for (int i = 0; i < COUNT; i++) ck_assert_float_eq(values[i], -0.25f);
    fill((tsr_initializer){.kind = TSR_INITIALIZER_ZEROS}, 1, 0);
    for (int i = 0; i < COUNT; i++) ck_assert_float_eq(values[i], 0);
}
END_TEST

START_TEST(a_seed_and_a_slot_have_values_of_their_own)
{
    static float kept[COUNT];
    const tsr_initializer he = {.kind = TSR_INITIALIZER_HE_NORMAL};
    fill(he, 3, 1);
    memcpy(kept, values, sizeof kept);
    fill(he, 3, 1);
    ck_assert_mem_eq(kept, values, sizeof kept);
    fill(he, 4, 1);
    ck_assert_mem_ne(kept, values, sizeof kept);
    fill(he, 3, 2);
    ck_assert_mem_ne(kept, values, sizeof kept);
}
END_TEST

static tsr_status add_dense(tsr_initializer kernel)
{
    tsr_model *model;
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 2, .width = 2, .channels = 1}));
    check_ok(tsr_model_add_flatten(model, NULL));
    tsr_status status = tsr_model_add_dense(model, &(tsr_dense_config){.units = 2, .kernel_initializer = kernel});
    tsr_model_free(model);
    return status;
}

START_TEST(what_makes_no_sense_is_refused)
{
    check_fails(add_dense((tsr_initializer){.kind = (tsr_initializer_kind)99}), TSR_INVALID_ARGUMENT,
                "layer dense: kernel_initializer is no known initializer");
    check_fails(add_dense((tsr_initializer){.stddev = -1}), TSR_INVALID_ARGUMENT, "must be above 0");
    check_fails(add_dense((tsr_initializer){.scale = NAN}), TSR_INVALID_ARGUMENT, "must be above 0");
    check_fails(add_dense((tsr_initializer){.minval = 2, .maxval = 1}), TSR_INVALID_ARGUMENT, "less than maxval");
    check_fails(add_dense((tsr_initializer){.value = INFINITY}), TSR_INVALID_ARGUMENT, "not finite");
    check_fails(add_dense((tsr_initializer){.mode = (tsr_fan_mode)3}), TSR_INVALID_ARGUMENT, "no known mode");
    check_ok(add_dense((tsr_initializer){.kind = TSR_INITIALIZER_HE_UNIFORM}));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, scaled_ones_have_their_variance);
    tcase_add_test(tests, the_others_are_as_their_parameters_say);
    tcase_add_test(tests, a_seed_and_a_slot_have_values_of_their_own);
    tcase_add_test(tests, what_makes_no_sense_is_refused);
}

int main(void)
{
    return test_run("initializer", add_tests);
}
