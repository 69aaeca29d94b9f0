/* Training steps against Keras in double precision (data/make_step_fixture.py): losses, gradients, and weights after
 * one and ten steps of Adam, for a tiny network and the reference network, with each matrix product, fused and not. */
#include "support/fixture.h"
#include "support/tester.h"

#include "model/layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 64
enum { IMAGES = 100, LABELS = 101, CHOICE = 200 };

/* The formula of the fixture: element e of a tensor, in [0, 1), a multiple of 2^-24. */

static uint32_t mix(uint32_t x)
{
    x ^= x >> 16;
    x *= 0x7feb352du;
    x ^= x >> 15;
    x *= 0x846ca68bu;
    return x ^ (x >> 16);
}

static double uniform(uint32_t seed, uint32_t tensor, uint32_t element)
{
    return (mix(element + mix(seed * 1000 + tensor)) >> 8) * 0x1p-24;
}

/* A network, its fixture, and what a run of Tessera gave. */
typedef struct experiment {
    json_t *fixture;
    uint32_t seed;
    int32_t batch, steps;
    tsr_data data;
    float *images;
    uint8_t *labels;
    tsr_model *model;
    int tensors;
    float **gradient, **first, **last; /* first, last: weights after that step */
} experiment;

/* The reference network; its dropout drops nothing. */
static tsr_model *make_reference(void)
{
    tsr_model *model;
    check_ok(tsr_model_create("reference", &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 28, .width = 28, .channels = 1}));
    for (int32_t filters = 32; filters <= 64; filters *= 2) {
        check_ok(tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = filters,
                                                                  .kernel_size = {3, 3},
                                                                  .padding = TSR_PADDING_SAME,
                                                                  .activation = TSR_RELU}));
        check_ok(tsr_model_add_max_pooling2d(model, NULL));
    }
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 100, .activation = TSR_RELU}));
    check_ok(tsr_model_add_dropout(model, NULL));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 10, .activation = TSR_SOFTMAX}));
    return model;
}

static tsr_model *make_tiny(void)
{
    tsr_model *model;
    check_ok(tsr_model_create("tiny", &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 7, .width = 6, .channels = 2}));
    check_ok(tsr_model_add_conv2d(
        model, &(tsr_conv2d_config){
                   .filters = 3, .kernel_size = {3, 3}, .padding = TSR_PADDING_SAME, .activation = TSR_RELU}));
    check_ok(tsr_model_add_max_pooling2d(model, NULL));
    check_ok(
        tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 4, .kernel_size = {2, 2}, .activation = TSR_RELU}));
    check_ok(tsr_model_add_average_pooling2d(model, &(tsr_pooling2d_config){.pool_size = {2, 1}}));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 5, .activation = TSR_RELU}));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 3, .activation = TSR_SOFTMAX}));
    return model;
}

/* Kernels as Glorot uniform, biases in +-0.05. */
static void set_weights(experiment *e)
{
    for (int i = 0; i < e->tensors; i++) {
        tsr_weight_info about = tsr_model_weight(e->model, i);
        double area = 1, limit = 0.05;
        for (int axis = 0; axis < about.rank - 2; axis++) area *= about.extent[axis];
        if (about.rank > 1) limit = sqrt(6 / (area * (about.extent[about.rank - 2] + about.extent[about.rank - 1])));
        float *values = malloc(about.count * sizeof *values);
        for (size_t k = 0; k < about.count; k++) {
            values[k] = (float)((2 * uniform(e->seed, (uint32_t)i, (uint32_t)k) - 1) * limit);
        }
        check_ok(tsr_model_set_weight(e->model, i, values));
        free(values);
    }
}

static void make_data(experiment *e, int32_t classes)
{
    tsr_layer_info input = tsr_model_layer(e->model, 0);
    uint32_t count = (uint32_t)(e->batch * input.output[0] * input.output[1] * input.output[2]);
    e->images = malloc(count * sizeof *e->images);
    e->labels = malloc((size_t)e->batch);
    for (uint32_t i = 0; i < count; i++) e->images[i] = (float)uniform(e->seed, IMAGES, i);
    for (uint32_t i = 0; i < (uint32_t)e->batch; i++) {
        e->labels[i] = (uint8_t)(uniform(e->seed, LABELS, i) * classes);
    }
    e->data = (tsr_data){.images = e->images,
                         .real = true,
                         .count = e->batch,
                         .height = input.output[0],
                         .width = input.output[1],
                         .channels = input.output[2],
                         .labels = e->labels};
}

/* Keeps a copy of every weight, or, as gradients, of every first moment divided by 1 - beta_1. */
static float **keep(experiment *e, bool gradients)
{
    float **kept = calloc((size_t)e->tensors, sizeof *kept);
    for (int i = 0; i < e->tensors; i++) {
        size_t count = tsr_model_weight(e->model, i).count;
        kept[i] = malloc(count * sizeof **kept);
        if (!gradients)
            check_ok(tsr_model_get_weight(e->model, i, kept[i]));
        else
            check_ok(tsr_model_get_moment(e->model, i, 0, kept[i]));
        for (size_t k = 0; gradients && k < count; k++) kept[i][k] /= 0.1f;
    }
    return kept;
}

static void drop(experiment *e, float **kept)
{
    for (int i = 0; i < e->tensors; i++) free(kept[i]);
    free(kept);
}

static tsr_status end_epoch(void *context, tsr_model *model, const tsr_epoch *epoch, bool *stop)
{
    experiment *e = context;
    (void)model, (void)stop;
    if (epoch->epoch == 1) {
        e->gradient = keep(e, true);
        e->first = keep(e, false);
    }
    if (epoch->epoch == e->steps) e->last = keep(e, false);
    return TSR_OK;
}

/* Epochs of one batch are steps. */
static void train(experiment *e, const char *what)
{
    tsr_history history = {0};
    const tsr_callback callback = {.context = e, .on_epoch_end = end_epoch};
    const tsr_fit_options options = {
        .epochs = e->steps, .batch_size = e->batch, .no_shuffle = true, .callbacks = &callback, .callback_count = 1};
    check_ok(tsr_model_fit(e->model, &e->data, &options, &history));
    ck_assert_int_eq(history.count, e->steps);
    const json_t *losses = json_object_get(e->fixture, "losses");
    double tolerance = fmax(1e-5, 4 * json_real_value(json_object_get(e->fixture, "loss_difference")));
    for (int i = 0; i < e->steps; i++) {
        double wanted = json_real_value(json_array_get(losses, (size_t)i)), got = history.epochs[i].training.loss;
        ck_assert_msg(fabs(got - wanted) <= tolerance * wanted, "%s: step %d: the loss is %.9g, Keras's %.9g", what,
                      i + 1, got, wanted);
    }
    tsr_history_clear(&history);
}

static double real_of(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

/* Compares a tensor with the norm and the samples of Keras's. */
static void check_tensor(const experiment *e, int tensor, const char *stage, const float *got, const char *what)
{
    tsr_weight_info about = tsr_model_weight(e->model, tensor);
    const json_t *all = json_array_get(json_object_get(e->fixture, "tensors"), (size_t)tensor);
    const json_t *wanted = json_object_get(all, stage), *samples = json_object_get(wanted, "samples");
    double norm = 0, largest = real_of(wanted, "max"), wanted_norm = real_of(wanted, "norm");
    for (size_t i = 0; i < about.count; i++) norm += (double)got[i] * got[i];
    norm = sqrt(norm);
    double tolerance = fmax(1e-5, 4 * real_of(wanted, "norm_difference"));
    ck_assert_msg(fabs(norm - wanted_norm) <= tolerance * wanted_norm, "%s: %s, %s: the norm is %.9g, Keras's %.9g",
                  what, about.name, stage, norm, wanted_norm);
    tolerance = fmax(1e-5, 4 * real_of(wanted, "difference")) * largest;
    ck_assert_uint_eq(json_array_size(samples), about.count < SAMPLES ? about.count : SAMPLES);
    for (size_t i = 0; i < json_array_size(samples); i++) {
        size_t at = i;
        if (about.count > SAMPLES) {
            at = (size_t)(uniform(e->seed, (uint32_t)(CHOICE + tensor), (uint32_t)i) * (double)about.count);
        }
        double sample = json_number_value(json_array_get(samples, i));
        ck_assert_msg(fabs(got[at] - sample) <= tolerance, "%s: %s, %s: element %zu is %.9g, Keras's %.9g (max %.3g)",
                      what, about.name, stage, at, (double)got[at], sample, largest);
    }
}

static void check_steps(const char *name, tsr_model *(*make)(void), int32_t classes, tsr_gemm gemm, bool no_fusion)
{
    char file[64], what[64];
    experiment e = {.model = make()};
    snprintf(file, sizeof file, "keras_step_%s.json", name);
    snprintf(what, sizeof what, "%s, %s%s", name, gemm == TSR_GEMM_NATIVE ? "native" : "clblast",
             no_fusion ? ", not fused" : "");
    e.fixture = test_json(file);
    e.seed = (uint32_t)json_integer_value(json_object_get(e.fixture, "seed"));
    e.batch = (int32_t)json_integer_value(json_object_get(e.fixture, "batch"));
    e.steps = (int32_t)json_array_size(json_object_get(e.fixture, "losses"));
    e.tensors = tsr_model_weight_count(e.model);
    ck_assert_int_eq((int)json_array_size(json_object_get(e.fixture, "tensors")), e.tensors);
    set_weights(&e);
    make_data(&e, classes);
    check_ok(tsr_model_compile(e.model, test_device(), &(tsr_compile_options){.gemm = gemm, .no_fusion = no_fusion}));
    train(&e, what);
    for (int i = 0; i < e.tensors; i++) {
        check_tensor(&e, i, "gradient", e.gradient[i], what);
        check_tensor(&e, i, "after_1", e.first[i], what);
        if (e.steps > 1) check_tensor(&e, i, "after_10", e.last[i], what);
    }
    drop(&e, e.gradient);
    drop(&e, e.first);
    drop(&e, e.last);
    free(e.images);
    free(e.labels);
    json_decref(e.fixture);
    tsr_model_free(e.model);
}

#ifdef TSR_WITH_CLBLAST
START_TEST(agrees_with_keras_through_clblast)
{
    /* CLBlast's kernels have work-groups. */
    if (test_device_is_pretended() || tsr_device_get_info(test_device())->max_work_group == 1) return;
    check_steps("tiny", make_tiny, 3, TSR_GEMM_CLBLAST, _i == 1);
    check_steps("reference", make_reference, 10, TSR_GEMM_CLBLAST, _i == 1);
    check_steps("batch", make_reference, 10, TSR_GEMM_CLBLAST, _i == 1);
}
END_TEST
#endif

START_TEST(agrees_with_keras_through_native_kernels)
{
    check_steps("tiny", make_tiny, 3, TSR_GEMM_NATIVE, _i == 1);
    check_steps("reference", make_reference, 10, TSR_GEMM_NATIVE, _i == 1);
    check_steps("batch", make_reference, 10, TSR_GEMM_NATIVE, _i == 1);
}
END_TEST

/* The kernels that GPUs get. */
START_TEST(agrees_with_keras_as_if_on_a_gpu)
{
    if (test_device()->info.type != TSR_DEVICE_CPU) return; /* it gets them anyway */
    test_pretend_gpu();
    check_steps("tiny", make_tiny, 3, TSR_GEMM_NATIVE, _i == 1);
    check_steps("reference", make_reference, 10, TSR_GEMM_NATIVE, _i == 1);
    test_pretend_nothing();
}
END_TEST

static void add_tests(TCase *tests)
{
#ifdef TSR_WITH_CLBLAST
    tcase_add_loop_test(tests, agrees_with_keras_through_clblast, 0, 2);
#endif
    tcase_add_loop_test(tests, agrees_with_keras_through_native_kernels, 0, 2);
    tcase_add_loop_test(tests, agrees_with_keras_as_if_on_a_gpu, 0, 2);
}

int main(void)
{
    return test_run("keras_step", add_tests);
}
