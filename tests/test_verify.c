/* A training step against its twins: models that are right, kernels that are not, images that are no numbers. */
#include "tessera/check.h"

#include "model/layer.h"
#include "support/poison.h"
#include "support/tester.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 12, CHANNELS = 2, CLASSES = 4, IMAGES = 8 };

static float images[IMAGES * SIDE * SIDE * CHANNELS];
static uint8_t labels[IMAGES];

static tsr_data make_data(void)
{
    uint32_t state = 1;
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        state = state * 1664525u + 1013904223u;
        images[i] = (float)(state >> 8) * 0x1p-24f;
    }
    for (int i = 0; i < IMAGES; i++) labels[i] = (uint8_t)(i % CLASSES);
    return (tsr_data){.images = images,
                      .real = true,
                      .count = IMAGES,
                      .height = SIDE,
                      .width = SIDE,
                      .channels = CHANNELS,
                      .labels = labels};
}

static tsr_model *make_model(tsr_device *device, const tsr_compile_options *options)
{
    tsr_model *model;
    check_ok(tsr_model_create_reference(SIDE, SIDE, CHANNELS, CLASSES, &model));
    check_ok(tsr_model_compile(model, device, options));
    return model;
}

static tsr_verification *verify(tsr_model *model, const tsr_data *data, int32_t batch)
{
    tsr_verification *v;
    check_ok(tsr_model_verify(model, data, &(tsr_verify_options){.batch_size = batch, .budget = 60}, &v));
    return v;
}

static void check_right(const tsr_verification *v)
{
    ck_assert_msg(v->right, "%s, %s: %s", v->layers[v->fault].name, v->implementation, v->text);
    for (int i = 0; i < v->layer_count; i++) {
        ck_assert(v->layers[i].right);
        ck_assert_double_le(v->layers[i].value.share, 1);
        ck_assert_double_le(v->layers[i].gradient.share, 1);
    }
    ck_assert_double_gt(v->step_seconds, 0);
}

START_TEST(a_model_is_right_and_stays_as_it_was)
{
    const tsr_compile_options options[] = {{.seed = 3}, {.seed = 3, .sgd = true, .momentum = 0.9f}};
    tsr_data data = make_data();
    for (size_t o = 0; o < 2; o++) {
        tsr_model *model = make_model(test_device(), &options[o]);
        check_ok(tsr_model_fit(model, &data, &(tsr_fit_options){.batch_size = 4}, NULL));
        size_t count = tsr_model_weight(model, 0).count;
        float *weights = malloc(3 * count * sizeof *weights), *after = weights + count, *moment = after + count;
        ck_assert_ptr_nonnull(weights);
        check_ok(tsr_model_get_weight(model, 0, weights));
        tsr_verification *v = verify(model, &data, 4);
        check_right(v);
        ck_assert(v->finite);
        ck_assert_int_eq(v->batch, 4);
        ck_assert_int_eq(v->step_batch, 4);
        ck_assert_int_eq(v->layer_count, tsr_model_layer_count(model) + 1);
        ck_assert_str_eq(v->layers[1].name, "conv2d");
        ck_assert_str_eq(v->layers[v->layer_count - 1].name, "loss");
        ck_assert(v->layers[2].value.known);     /* the pool's output, after relu */
        for (int i = 0; i < v->layer_count; i++) /* every layer with weights shows its new ones */
            if (i + 1 < v->layer_count && tsr_model_layer(model, i).parameters) {
                ck_assert_msg(v->layers[i].gradient.known, "%s", v->layers[i].name);
                ck_assert_double_gt(v->layers[i].gradient.error, 0);
            }
        tsr_verification_free(v);
        check_ok(tsr_model_get_weight(model, 0, after));
        ck_assert_mem_eq(weights, after, count * sizeof *weights);
        ck_assert_int_eq(tsr_model_step(model), 2);
        check_ok(tsr_model_get_moment(model, 0, 0, moment));
        ck_assert_float_ne(moment[0], 0);
        free(weights);
        tsr_model_free(model);
    }
}
END_TEST

/* Verifies on a device whose kernel is wrong; *model is freed by the caller. */
static tsr_verification *verify_poisoned(const char *file, const char *kernel, const char *code, tsr_device **device,
                                         tsr_model **model)
{
    tsr_data data = make_data();
    const char *variable = poison_kernels(file, kernel, code);
    setenv("TESSERA_KERNEL_PATH", strchr(variable, '=') + 1, 1);
    check_ok(tsr_device_open(NULL, false, device));
    *model = make_model(*device, &(tsr_compile_options){.no_fusion = true});
    tsr_verification *v = verify(*model, &data, 4);
    unsetenv("TESSERA_KERNEL_PATH");
    return v;
}

START_TEST(a_wrong_kernel_is_found_in_its_layer)
{
    const struct {
        const char *file, *kernel, *layer;
        bool gradient;
    } cases[] = {
        {"dropout.cl", "dropout", "dropout", false},
        {"softmax_cross_entropy.cl", "softmax_cross_entropy_grad", "loss", true},
        {"update.cl", "update", "conv2d", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tsr_device *device;
        tsr_model *model;
        tsr_verification *v = verify_poisoned(cases[i].file, cases[i].kernel, POISON_WRONG, &device, &model);
        ck_assert(!v->right);
        ck_assert_str_eq(v->layers[v->fault].name, cases[i].layer);
        const tsr_verified_layer *layer = &v->layers[v->fault];
        ck_assert(!layer->right);
        ck_assert_double_gt((cases[i].gradient ? layer->gradient : layer->value).share, 1);
        ck_assert_ptr_nonnull(strstr(v->text, "element "));
        ck_assert_str_ne(v->implementation, "");
        /* The others are right: their twins are given what their kernels were given. */
        for (int k = 0; k < v->layer_count && strcmp(cases[i].file, "update.cl") != 0; k++)
            ck_assert_msg(v->layers[k].right == (k != v->fault), "%s", v->layers[k].name);
        tsr_verification_free(v);
        tsr_model_free(model);
        tsr_device_close(device);
    }
}
END_TEST

START_TEST(a_wrong_fused_kernel_is_found)
{
    if (test_device()->info.type != TSR_DEVICE_CPU) return;
    tsr_data data = make_data();
    tsr_device *device;
    const char *variable = poison_kernels("conv2d_cpu.cl", "conv2d_cpu", POISON_WRONG);
    setenv("TESSERA_KERNEL_PATH", strchr(variable, '=') + 1, 1);
    check_ok(tsr_device_open(NULL, false, &device));
    tsr_model *model = make_model(device, NULL);
    tsr_verification *v = verify(model, &data, 4);
    unsetenv("TESSERA_KERNEL_PATH");
    ck_assert(!v->right);
    ck_assert_str_eq(v->implementation, "conv2d_activation_cpu");
    ck_assert_ptr_nonnull(strstr(v->layers[v->fault].name, "conv2d")); /* or the pool behind it */
    tsr_verification_free(v);
    tsr_model_free(model);
    tsr_device_close(device);
}
END_TEST

START_TEST(images_that_are_no_numbers_agree)
{
    tsr_data data = make_data();
    tsr_model *model = make_model(test_device(), NULL);
    images[5] = NAN;
    images[700] = INFINITY;
    tsr_verification *v = verify(model, &data, 4);
    check_right(v);
    ck_assert(!v->finite);
    tsr_verification_free(v);
    tsr_model_free(model);
}
END_TEST

START_TEST(the_batch_fits_the_budget)
{
    tsr_data data = make_data();
    tsr_verification *v;
    tsr_model *model = make_model(test_device(), NULL);
    check_ok(tsr_model_verify(model, &data, &(tsr_verify_options){.budget = 0.1}, &v));
    ck_assert_int_eq(v->step_batch, IMAGES);
    ck_assert_int_lt(v->batch, IMAGES);
    check_right(v);
    tsr_verification_free(v);
    check_fails(tsr_model_verify(model, &data, &(tsr_verify_options){.budget = 1e-6}, &v), TSR_UNSUPPORTED,
                "would take about");
    ck_assert_ptr_null(v);
    check_fails(tsr_model_verify(model, &data, &(tsr_verify_options){.batch_size = -1}, &v), TSR_INVALID_ARGUMENT,
                "batch size of -1");
    data.count = 0;
    check_fails(tsr_model_verify(model, &data, NULL, &v), TSR_INVALID_ARGUMENT, "at least one image");
    tsr_model_free(model);
    data = make_data();
    check_ok(tsr_model_create_reference(SIDE, SIDE, CHANNELS, CLASSES, &model));
    check_fails(tsr_model_verify(model, &data, NULL, &v), TSR_INVALID_ARGUMENT, "no device yet");
    tsr_model_free(model);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_model_is_right_and_stays_as_it_was);
    tcase_add_test(tests, a_wrong_kernel_is_found_in_its_layer);
    tcase_add_test(tests, a_wrong_fused_kernel_is_found);
    tcase_add_test(tests, images_that_are_no_numbers_agree);
    tcase_add_test(tests, the_batch_fits_the_budget);
}

int main(void)
{
    return test_run("verify", add_tests);
}
