#include "support/support.h"

#include "model/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static tsr_model *small(void)
{
    tsr_model *model;
    check_ok(tsr_model_create("small", &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 6, .width = 6, .channels = 1}));
    check_ok(tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 4, .kernel_size = {3, 3}}));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 50, .activation = TSR_RELU}));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 3, .activation = TSR_SOFTMAX}));
    return model;
}

static float *weight(tsr_model *model, int number)
{
    float *values = malloc(tsr_model_weight(model, number).count * sizeof *values);
    check_ok(tsr_model_get_weight(model, number, values));
    return values;
}

START_TEST(the_reference_network_is_as_published)
{
    static const char *const names[] = {"conv2d",  "max_pooling2d", "conv2d_1", "max_pooling2d_1",
                                        "flatten", "dense",         "dropout",  "dense_1"};
    static const int64_t parameters[] = {320, 0, 18496, 0, 0, 313700, 0, 1010};
    tsr_model *model;
    check_ok(tsr_model_create_reference(28, 28, 1, 10, &model));
    ck_assert_str_eq(tsr_model_name(model), "sequential");
    ck_assert_int_eq(tsr_model_layer_count(model), 9);
    for (int i = 0; i < 8; i++) {
        tsr_layer_info layer = tsr_model_layer(model, i + 1);
        ck_assert_str_eq(layer.name, names[i]);
        ck_assert_int_eq(layer.parameters, parameters[i]);
    }
    ck_assert_int_eq(tsr_model_parameters(model), 333526);
    ck_assert_int_eq(tsr_model_weight_count(model), 8);
    tsr_weight_info kernel = tsr_model_weight(model, 2);
    ck_assert_str_eq(kernel.name, "conv2d_1/kernel");
    ck_assert_int_eq(kernel.rank, 4);
    ck_assert_int_eq(kernel.extent[2], 32);
    ck_assert_int_eq(kernel.extent[3], 64);
    ck_assert_uint_eq(kernel.count, 18432);
    ck_assert_int_eq(tsr_model_outputs(model), 10);
    tsr_model_free(model);
}
END_TEST

START_TEST(names_are_unique)
{
    tsr_model *model, *model_without;
    check_ok(tsr_model_create(NULL, &model));
    check_fails(tsr_model_add_flatten(model, NULL), TSR_INVALID_ARGUMENT, "no input yet");
    const tsr_input_config input = {.height = 2, .width = 2, .channels = 1};
    check_ok(tsr_model_add_input(model, &input));
    check_fails(tsr_model_add_input(model, &input), TSR_INVALID_ARGUMENT, "an input already");
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 1, .name = "dense_1"}));
    check_fails(tsr_model_add_flatten(model, &(tsr_flatten_config){.name = "dense_1"}), TSR_INVALID_ARGUMENT,
                "two layers");
    check_fails(tsr_model_add_flatten(model, &(tsr_flatten_config){.name = "a/b"}), TSR_INVALID_ARGUMENT,
                "no name for a layer");
    check_fails(tsr_model_add_flatten(model, &(tsr_flatten_config){.name = "a\xff"}), TSR_INVALID_ARGUMENT,
                "name of layer 2 is not UTF-8");
    check_fails(tsr_model_create("\x1b[2J", &model_without), TSR_INVALID_ARGUMENT, "without control characters");
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 1}));
    ck_assert_str_eq(tsr_model_layer(model, 2).name, "dense_2"); /* dense_1 is taken */
    tsr_model_free(model);
}
END_TEST

START_TEST(weights_start_glorot_uniform_from_the_seed)
{
    tsr_model *model = small(), *same = small(), *other = small();
    check_fails(tsr_model_get_weight(model, 0, NULL), TSR_INVALID_ARGUMENT, "no values yet");
    check_ok(tsr_model_compile(model, test_device(), &(tsr_compile_options){.seed = 7}));
    check_ok(tsr_model_compile(same, test_device(), &(tsr_compile_options){.seed = 7, .sgd = true}));
    check_ok(tsr_model_compile(other, test_device(), &(tsr_compile_options){.seed = 8}));
    static const double fans[] = {9 * 1 + 9 * 4, 0, 64 + 50, 0, 50 + 3, 0};
    for (int number = 0; number < 6; number++) {
        size_t count = tsr_model_weight(model, number).count;
        float *a = weight(model, number), *b = weight(same, number), *c = weight(other, number);
        double limit = fans[number] > 0 ? sqrt(6 / fans[number]) : 0, largest = 0, sum = 0;
        for (size_t i = 0; i < count; i++) {
            ck_assert(fabs(a[i]) <= limit * (1 + 1e-6));
            largest = fmax(largest, fabs(a[i]));
            sum += a[i];
        }
        if (number == 2) { /* 3200 draws: the edge is reached, the mean is near zero */
            ck_assert(largest > 0.99 * limit);
            ck_assert(fabs(sum / (double)count) < 4 * limit / sqrt(3.0 * (double)count));
        }
        ck_assert_mem_eq(a, b, count * sizeof *a);
        ck_assert((memcmp(a, c, count * sizeof *a) == 0) == (fans[number] == 0));
        free(a), free(b), free(c);
    }
    tsr_model_free(model);
    tsr_model_free(same);
    tsr_model_free(other);
}
END_TEST

START_TEST(weights_that_were_set_are_kept)
{
    tsr_model *model = small();
    const float bias[3] = {1, -2, 3};
    float found[3];
    check_ok(tsr_model_set_weight(model, 5, bias)); /* before there is a device */
    check_ok(tsr_model_get_weight(model, 5, found));
    ck_assert_mem_eq(found, bias, sizeof bias);
    check_ok(tsr_model_compile(model, test_device(), NULL));
    check_ok(tsr_model_get_weight(model, 5, found));
    ck_assert_mem_eq(found, bias, sizeof bias);
    float *kernel = weight(model, 2);
    check_ok(tsr_model_compile(model, test_device(), &(tsr_compile_options){.seed = 99}));
    check_ok(tsr_model_get_weight(model, 5, found));
    ck_assert_mem_eq(found, bias, sizeof bias);
    float *again = weight(model, 2);
    ck_assert_mem_eq(kernel, again, tsr_model_weight(model, 2).count * sizeof *kernel);
    check_ok(tsr_model_reinitialize(model));
    check_ok(tsr_model_get_weight(model, 5, found));
    ck_assert_float_eq(found[0], 0);
    check_fails(tsr_model_set_weight(model, 6, bias), TSR_INVALID_ARGUMENT, "no number 6");
    check_fails(tsr_model_get_weight(model, -1, found), TSR_INVALID_ARGUMENT, "no number -1");
    free(kernel), free(again);
    tsr_model_free(model);
}
END_TEST

START_TEST(compile_options_are_completed_and_checked)
{
    tsr_model *model = small();
    check_fails(tsr_model_set_learning_rate(model, 1), TSR_INVALID_ARGUMENT, "tsr_model_compile");
    check_fails(tsr_model_compile(model, NULL, NULL), TSR_INVALID_ARGUMENT, "device");
    check_fails(tsr_model_compile(model, test_device(), &(tsr_compile_options){.learning_rate = -1}),
                TSR_INVALID_ARGUMENT, "learning_rate is -1");
    check_fails(tsr_model_compile(model, test_device(), &(tsr_compile_options){.beta_2 = 1}), TSR_INVALID_ARGUMENT,
                "beta_2 is 1");
    check_fails(tsr_model_compile(model, test_device(), &(tsr_compile_options){.momentum = NAN}), TSR_INVALID_ARGUMENT,
                "momentum is nan");
    check_ok(tsr_model_compile(model, test_device(), NULL));
    tsr_compile_options options = tsr_model_compile_options(model);
    ck_assert_float_eq(options.learning_rate, 0.001f);
    ck_assert_float_eq(options.beta_1, 0.9f);
    ck_assert_float_eq(options.beta_2, 0.999f);
    ck_assert_float_eq(options.epsilon, 1e-7f);
    ck_assert_int_eq(tsr_model_moment_count(model), 2);
    check_ok(tsr_model_set_learning_rate(model, 0.5f));
    ck_assert_float_eq(tsr_model_learning_rate(model), 0.5f);
    check_fails(tsr_model_set_learning_rate(model, INFINITY), TSR_INVALID_ARGUMENT, "inf");
    check_fails(tsr_model_add_flatten(model, NULL), TSR_INVALID_ARGUMENT, "compiled already");
    check_ok(tsr_model_compile(model, test_device(), &(tsr_compile_options){.sgd = true}));
    ck_assert_float_eq(tsr_model_learning_rate(model), 0.01f);
    ck_assert_int_eq(tsr_model_moment_count(model), 0);
    ck_assert_ptr_eq(tsr_model_device(model), test_device());
    tsr_model_free(model);
}
END_TEST

START_TEST(the_optimizer_s_state_can_be_set)
{
    tsr_model *model = small();
    const float moment[3] = {4, 5, 6};
    float found[3];
    check_fails(tsr_model_set_moment(model, 5, 0, moment), TSR_INVALID_ARGUMENT, "tsr_model_compile");
    check_ok(tsr_model_compile(model, test_device(), NULL));
    check_ok(tsr_model_set_moment(model, 5, 1, moment));
    check_ok(tsr_model_get_moment(model, 5, 1, found));
    ck_assert_mem_eq(found, moment, sizeof moment);
    check_ok(tsr_model_get_moment(model, 5, 0, found));
    ck_assert_float_eq(found[2], 0);
    check_fails(tsr_model_get_moment(model, 5, 2, found), TSR_INVALID_ARGUMENT, "no number 2");
    check_ok(tsr_model_set_step(model, 12));
    ck_assert_int_eq(tsr_model_step(model), 12);
    check_fails(tsr_model_set_step(model, -1), TSR_INVALID_ARGUMENT, "negative");
    tsr_model_free(model);
}
END_TEST

START_TEST(explain_names_layers_and_purpose)
{
    tsr_model *model = small();
    char *training, *inference, *json;
    check_ok(tsr_model_explain(model, test_device(), NULL, &training)); /* not compiled */
    ck_assert_ptr_nonnull(strstr(training, "dense_1"));
    ck_assert_ptr_nonnull(strstr(training, "update"));
    ck_assert_ptr_nonnull(strstr(training, "32x6x6x1"));
    check_ok(tsr_model_explain(model, test_device(), &(tsr_explain_options){.inference = true, .batch_size = 5},
                               &inference));
    ck_assert_ptr_null(strstr(inference, "update"));
    ck_assert_ptr_nonnull(strstr(inference, "5x6x6x1"));
    check_ok(tsr_model_explain(model, test_device(), &(tsr_explain_options){.json = true}, &json));
    ck_assert_int_eq(json[0], '{');
    check_fails(tsr_model_explain(model, test_device(), &(tsr_explain_options){.batch_size = -2}, &json),
                TSR_INVALID_ARGUMENT, "batch size is -2");
    free(training), free(inference), free(json);
    tsr_model_free(model);

    /* As long a name as there may be, of characters of three bytes, which must not be cut. */
    const char *name = "\u30bf\u30a4\u30eb\u30bf\u30a4\u30eb\u30bf\u30a4\u30eb\u30bf\u30a4\u30eb\u30bf\u30a4\u30eb"
                       "\u30bf\u30a4\u30eb\u30bf\u30a4\u30eb";
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 4, .width = 4, .channels = 1}));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.name = name, .units = 3, .activation = TSR_SOFTPLUS}));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 3, .activation = TSR_SOFTMAX}));
    check_ok(tsr_model_explain(model, test_device(), NULL, &training));
    ck_assert_ptr_nonnull(strstr(training, name));
    ck_assert_ptr_nonnull(strstr(training, "softplus"));
    free(training);
    tsr_model_free(model);
    check_ok(tsr_model_create(NULL, &model));
    check_fails(tsr_model_explain(model, test_device(), NULL, &json), TSR_INVALID_ARGUMENT, "no layers");
    check_fails(tsr_model_compile(model, test_device(), NULL), TSR_INVALID_ARGUMENT, "no layers");
    tsr_model_free(model);
}
END_TEST

/* Ten images of 6x6 and their labels. */
static tsr_data make_data(void)
{
    static uint8_t images[10 * 36], labels[10];
    for (int i = 0; i < 360; i++) images[i] = (uint8_t)(i * 37 + i / 36 * 11);
    for (int i = 0; i < 10; i++) labels[i] = (uint8_t)(i % 3);
    return (tsr_data){.images = images, .count = 10, .height = 6, .width = 6, .channels = 1, .labels = labels};
}

/* More primitives than any span holds, and more updates than a step has launches. Self-normalising, so that gradients
 * reach the first layer. */
START_TEST(a_deep_model_trains)
{
    tsr_model *model;
    tsr_data data = make_data();
    tsr_history history = {0};
    const tsr_initializer lecun = {.kind = TSR_INITIALIZER_LECUN_NORMAL};
    check_ok(tsr_model_create("deep", &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 6, .width = 6, .channels = 1}));
    for (int i = 0; i < 20; i++)
        check_ok(tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 4,
                                                                  .kernel_size = {3, 3},
                                                                  .padding = TSR_PADDING_SAME,
                                                                  .activation = TSR_SELU,
                                                                  .kernel_initializer = lecun}));
    check_ok(tsr_model_add_flatten(model, NULL));
    for (int i = 0; i < 150; i++)
        check_ok(tsr_model_add_dense(
            model, &(tsr_dense_config){.units = 8, .activation = TSR_SELU, .kernel_initializer = lecun}));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 3, .activation = TSR_SOFTMAX}));
    check_ok(tsr_model_compile(model, test_device(), NULL));
    float *first = weight(model, 0), *last = weight(model, 340);
    check_ok(tsr_model_fit(model, &data, &(tsr_fit_options){.epochs = 2, .batch_size = 5}, &history));
    ck_assert(isfinite(history.epochs[1].training.loss));
    ck_assert_int_eq(tsr_model_step(model), 4);
    float *first_now = weight(model, 0), *last_now = weight(model, 340);
    ck_assert_mem_ne(first, first_now, 9 * 4 * sizeof *first);
    ck_assert_mem_ne(last, last_now, 8 * 3 * sizeof *last);
    free(first), free(last), free(first_now), free(last_now);
    tsr_history_clear(&history);
    tsr_model_free(model);
}
END_TEST

/* Two models, each on a device object of its own, trained in turns, become what each becomes alone. */
START_TEST(models_do_not_disturb_each_other)
{
    tsr_device *device;
    tsr_data data = make_data();
    check_ok(tsr_device_open(NULL, false, &device));
    tsr_model *alone = small(), *here = small(), *there = small();
    const tsr_compile_options options = {.seed = 3};
    const tsr_fit_options fit = {.batch_size = 4};
    check_ok(tsr_model_compile(alone, test_device(), &options));
    for (int i = 0; i < 2; i++) check_ok(tsr_model_fit(alone, &data, &fit, NULL));
    check_ok(tsr_model_compile(here, test_device(), &options));
    check_ok(tsr_model_compile(there, device, &options));
    for (int i = 0; i < 2; i++) {
        check_ok(tsr_model_fit(here, &data, &fit, NULL));
        check_ok(tsr_model_fit(there, &data, &fit, NULL));
    }
    for (int number = 0; number < 6; number++) {
        float *a = weight(alone, number), *b = weight(here, number), *c = weight(there, number);
        ck_assert_mem_eq(a, b, tsr_model_weight(alone, number).count * sizeof *a);
        ck_assert_mem_eq(a, c, tsr_model_weight(alone, number).count * sizeof *a);
        free(a), free(b), free(c);
    }
    tsr_model_free(alone), tsr_model_free(here), tsr_model_free(there);
    tsr_device_close(device);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, the_reference_network_is_as_published);
    tcase_add_test(tests, names_are_unique);
    tcase_add_test(tests, weights_start_glorot_uniform_from_the_seed);
    tcase_add_test(tests, weights_that_were_set_are_kept);
    tcase_add_test(tests, compile_options_are_completed_and_checked);
    tcase_add_test(tests, the_optimizer_s_state_can_be_set);
    tcase_add_test(tests, explain_names_layers_and_purpose);
    tcase_add_test(tests, a_deep_model_trains);
    tcase_add_test(tests, models_do_not_disturb_each_other);
}

int main(void)
{
    return test_run("model", add_tests);
}
