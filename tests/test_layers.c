#include "support/support.h"

#include "model/layer.h"

#include <stdlib.h>
#include <string.h>

static tsr_model *model_of(int32_t height, int32_t width, int32_t channels)
{
    tsr_model *model;
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = height, .width = width, .channels = channels}));
    return model;
}

static void check_output(const tsr_model *model, int rank, int32_t a, int32_t b, int32_t c)
{
    tsr_layer_info layer = tsr_model_layer(model, tsr_model_layer_count(model) - 1);
    const int32_t wanted[3] = {a, b, c};
    ck_assert_int_eq(layer.rank, rank);
    for (int i = 0; i < rank; i++) ck_assert_int_eq(layer.output[i], wanted[i]);
}

START_TEST(conv2d_shapes_are_keras_s)
{
    static const struct {
        tsr_conv2d_config config;
        int32_t height, width, rows, columns, parameters;
    } cases[] = {
        {{.filters = 4, .kernel_size = {3, 3}}, 28, 28, 26, 26, 3 * 3 * 2 * 4 + 4},
        {{.filters = 4, .kernel_size = {3, 3}, .padding = TSR_PADDING_SAME}, 28, 27, 28, 27, 3 * 3 * 2 * 4 + 4},
        {{.filters = 5, .kernel_size = {7, 1}, .strides = {2, 3}, .no_bias = true}, 20, 10, 7, 4, 7 * 2 * 5},
        {{.filters = 1, .kernel_size = {1, 2}, .strides = {2, 2}, .padding = TSR_PADDING_SAME}, 5, 6, 3, 3, 2 * 2 + 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tsr_model *model = model_of(cases[i].height, cases[i].width, 2);
        check_ok(tsr_model_add_conv2d(model, &cases[i].config));
        check_output(model, 3, cases[i].rows, cases[i].columns, cases[i].config.filters);
        ck_assert_int_eq(tsr_model_layer(model, 1).parameters, cases[i].parameters);
        tsr_model_free(model);
    }
}
END_TEST

START_TEST(pool_strides_default_to_the_pool_size)
{
    tsr_model *model = model_of(9, 10, 3);
    check_ok(tsr_model_add_max_pooling2d(model, &(tsr_pooling2d_config){.pool_size = {2, 3}}));
    check_output(model, 3, 4, 3, 3);
    tsr_model_free(model);

    model = model_of(9, 10, 3);
    check_ok(tsr_model_add_average_pooling2d(
        model, &(tsr_pooling2d_config){.pool_size = {3, 3}, .strides = {2, 1}, .padding = TSR_PADDING_SAME}));
    check_output(model, 3, 5, 10, 3);
    tsr_model_free(model);

    model = model_of(9, 10, 3);
    check_ok(tsr_model_add_max_pooling2d(model, NULL)); /* 2x2 */
    check_output(model, 3, 4, 5, 3);
    const tsr_pooling2d_config *config = tsr_model_layer_at(model, 1)->config;
    ck_assert_int_eq(config->strides[0], 2);
    ck_assert_int_eq(config->strides[1], 2);
    tsr_model_free(model);
}
END_TEST

START_TEST(flat_layers_have_keras_s_shapes)
{
    tsr_model *model = model_of(3, 4, 5);
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 6})); /* over the last axis */
    check_output(model, 3, 3, 4, 6);
    ck_assert_int_eq(tsr_model_layer(model, 1).parameters, 5 * 6 + 6);
    check_ok(tsr_model_add_flatten(model, NULL));
    check_output(model, 1, 72, 0, 0);
    check_ok(tsr_model_add_flatten(model, NULL));
    check_output(model, 1, 72, 0, 0);
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 7, .no_bias = true}));
    check_output(model, 1, 7, 0, 0);
    ck_assert_int_eq(tsr_model_layer(model, 4).parameters, 72 * 7);
    check_ok(tsr_model_add_activation(model, &(tsr_activation_config){.activation = TSR_TANH}));
    check_ok(tsr_model_add_dropout(model, &(tsr_dropout_config){.rate = 0.25f}));
    check_output(model, 1, 7, 0, 0);
    ck_assert_int_eq(tsr_model_outputs(model), 7);
    tsr_model_free(model);
}
END_TEST

START_TEST(bad_configurations_are_refused_by_name)
{
    tsr_model *model = model_of(4, 4, 1);
    check_fails(tsr_model_add_conv2d(model, &(tsr_conv2d_config){.kernel_size = {3, 3}}), TSR_INVALID_ARGUMENT,
                "layer conv2d: filters is 0");
    check_fails(tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 2}), TSR_INVALID_ARGUMENT,
                "layer conv2d: kernel_size is 0");
    check_fails(tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 2, .kernel_size = {3, -1}}),
                TSR_INVALID_ARGUMENT, "kernel_size is -1");
    check_fails(
        tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 2, .kernel_size = {3, 3}, .strides = {0, 2}}),
        TSR_INVALID_ARGUMENT, "strides is 0");
    check_fails(tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 2, .kernel_size = {5, 3}}),
                TSR_INVALID_ARGUMENT, "its output would be empty");
    check_fails(tsr_model_add_max_pooling2d(model, &(tsr_pooling2d_config){.name = "p", .pool_size = {1, 5}}),
                TSR_INVALID_ARGUMENT, "layer p: its output would be empty");
    const tsr_pooling2d_config wide = {.name = "w", .pool_size = {300, 300}, .padding = TSR_PADDING_SAME};
    check_fails(tsr_model_add_max_pooling2d(model, &wide), TSR_UNSUPPORTED, "more than the 65536 cells");
    check_fails(tsr_model_add_dense(model, &(tsr_dense_config){.units = -3}), TSR_INVALID_ARGUMENT, "units is -3");
    check_fails(tsr_model_add_dropout(model, &(tsr_dropout_config){.rate = 1}), TSR_INVALID_ARGUMENT, "rate is 1");
    check_fails(tsr_model_add_dropout(model, &(tsr_dropout_config){.rate = -0.5f}), TSR_INVALID_ARGUMENT,
                "rate is -0.5");
    check_fails(tsr_model_add_activation(model, &(tsr_activation_config){.activation = (tsr_activation)99}),
                TSR_INVALID_ARGUMENT, "no known activation");
    check_fails(tsr_model_add_conv2d(
                    model, &(tsr_conv2d_config){.filters = 2, .kernel_size = {3, 3}, .padding = (tsr_padding)7}),
                TSR_INVALID_ARGUMENT, "neither valid nor same");
    check_fails(tsr_model_add_dense(model, &(tsr_dense_config){.units = INT32_MAX}), TSR_UNSUPPORTED,
                "more than 2147483647 elements");
    check_ok(tsr_model_add_flatten(model, NULL));
    check_fails(tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 2, .kernel_size = {1, 1}}),
                TSR_INVALID_ARGUMENT, "flat");
    check_fails(tsr_model_add_average_pooling2d(model, NULL), TSR_INVALID_ARGUMENT, "flat");
    ck_assert_int_eq(tsr_model_layer_count(model), 2); /* nothing refused was added */
    tsr_model_free(model);
}
END_TEST

START_TEST(the_table_of_layers_is_sound)
{
    static const char *const names[] = {"InputLayer", "Conv2D", "MaxPooling2D", "AveragePooling2D",
                                        "Flatten",    "Dense",  "Activation",   "Dropout"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const tsr_layer_class *class = tsr_layer_class_find(names[i]);
        ck_assert_ptr_nonnull(class);
        for (int k = 0; k < class->field_count; k++) {
            const tsr_field *field = &class->fields[k];
            ck_assert_ptr_eq(tsr_layer_class_field(class, field->name), field); /* no key twice */
            bool stored = field->type < TSR_FIELD_CONSTANT;
            ck_assert_msg(stored == (field->text == NULL), "%s %s", names[i], field->name);
            ck_assert_uint_lt(field->offset, class->config_size);
        }
    }
    ck_assert_ptr_null(tsr_layer_class_find("Conv3D"));
    ck_assert_ptr_null(tsr_layer_class_field(tsr_layer_class_find("Dense"), "filters"));
    tsr_activation function;
    ck_assert(tsr_activation_find("leaky_relu", &function) && function == TSR_LEAKY_RELU);
    ck_assert(tsr_activation_find("silu", &function) && function == TSR_SWISH);
    ck_assert(!tsr_activation_find("mish", &function));
    tsr_padding padding;
    ck_assert(tsr_padding_find("same", &padding) && padding == TSR_PADDING_SAME);
    ck_assert(!tsr_padding_find("causal", &padding));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, conv2d_shapes_are_keras_s);
    tcase_add_test(tests, pool_strides_default_to_the_pool_size);
    tcase_add_test(tests, flat_layers_have_keras_s_shapes);
    tcase_add_test(tests, bad_configurations_are_refused_by_name);
    tcase_add_test(tests, the_table_of_layers_is_sound);
}

int main(void)
{
    return test_run("layers", add_tests);
}
