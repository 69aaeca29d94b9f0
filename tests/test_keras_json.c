/* Keras's configurations: the forms of every version are read, what is not supported is refused by name. */
#include "support/support.h"

#include "io/keras_json.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#define START                "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": ["
#define INPUT                "{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 8, 6, 1], \"name\": \"in\"}}, "
#define FINISH               "]}}"
#define LAYER(class, config) "{\"class_name\": \"" class "\", \"config\": {" config "}}"
#define MODEL(layers)        START INPUT layers FINISH

static tsr_model *read_model(const char *text)
{
    tsr_model *model;
    check_ok(tsr_model_from_json(text, &model));
    return model;
}

START_TEST(reads_keras_2)
{
    tsr_model *model = read_model(
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"two\", \"layers\": ["
        "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 9, 8, 3], \"dtype\": \"float32\", "
        "\"sparse\": false, \"ragged\": false, \"name\": \"input_1\"}}, "
        "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", \"trainable\": true, \"dtype\": \"float32\", "
        "\"filters\": 4, \"kernel_size\": [3, 2], \"strides\": [2, 1], \"padding\": \"same\", \"data_format\": "
        "\"channels_last\", \"dilation_rate\": [1, 1], \"groups\": 1, \"activation\": \"relu\", \"use_bias\": false, "
        "\"kernel_initializer\": {\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": null}}, "
        "\"bias_initializer\": {\"class_name\": \"Zeros\", \"config\": {}}, \"kernel_regularizer\": null}}]}, "
        "\"keras_version\": \"2.15.0\", \"backend\": \"tensorflow\"}");
    ck_assert_str_eq(tsr_model_name(model), "two");
    tsr_layer_info layer = tsr_model_layer(model, 1);
    ck_assert_int_eq(layer.input[0], 9);
    ck_assert_int_eq(layer.output[0], 5);
    ck_assert_int_eq(layer.output[1], 8);
    ck_assert_int_eq(layer.output[2], 4);
    ck_assert_int_eq(layer.parameters, 3 * 2 * 3 * 4);
    tsr_model_free(model);
}
END_TEST

START_TEST(reads_keras_3)
{
    tsr_model *model = read_model(
        "{\"module\": \"keras\", \"class_name\": \"Sequential\", \"config\": {\"name\": \"three\", \"trainable\": "
        "true, "
        "\"dtype\": {\"module\": \"keras\", \"class_name\": \"DTypePolicy\", \"config\": {\"name\": \"float32\"}, "
        "\"registered_name\": null}, \"layers\": ["
        "{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 8, 8, 1], "
        "\"dtype\": \"float32\", \"sparse\": false, \"ragged\": false, \"name\": \"i\", \"optional\": false}, "
        "\"registered_name\": null}, "
        "{\"module\": \"keras.layers\", \"class_name\": \"MaxPooling2D\", \"config\": {\"name\": \"p\", \"trainable\": "
        "true, \"dtype\": {\"module\": \"keras\", \"class_name\": \"DTypePolicy\", \"config\": {\"name\": "
        "\"float32\"}, \"registered_name\": null}, \"pool_size\": [2, 3], \"padding\": \"valid\", \"strides\": null, "
        "\"data_format\": \"channels_last\"}, \"registered_name\": null, \"build_config\": {\"input_shape\": [null, 8, "
        "8, 1]}}, "
        "{\"module\": \"keras.layers\", \"class_name\": \"Dense\", \"config\": {\"units\": 5, \"activation\": "
        "\"silu\", \"quantization_config\": null, \"kernel_initializer\": {\"module\": \"keras.initializers\", "
        "\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": null, \"input_axes\": null}, \"registered_name\": "
        "null}}}], \"build_input_shape\": [null, 8, 8, 1]}, \"registered_name\": null}");
    ck_assert_int_eq(tsr_model_layer(model, 1).output[0], 4);
    ck_assert_int_eq(tsr_model_layer(model, 1).output[1], 2);
    ck_assert_int_eq(((const tsr_dense_config *)tsr_model_layer_at(model, 2)->config)->activation, TSR_SWISH);
    tsr_model_free(model);
}
END_TEST

START_TEST(reads_other_forms)
{
    tsr_model *model = read_model(START LAYER(
        "Conv2D",
        "\"batch_input_shape\": [null, 8.0, 6, 1], \"filters\": 2.0, "
        "\"kernel_size\": 3, \"strides\": 2, \"dilation_rate\": 1, "
        "\"kernel_initializer\": \"glorot_uniform\"") ", " LAYER("Activation", "\"activation\": {\"class_name\": "
                                                                               "\"function\", \"config\": \"relu\"}")
                                      FINISH);
    ck_assert_int_eq(tsr_model_layer_count(model), 3);
    ck_assert_int_eq(tsr_model_layer(model, 1).output[0], 3);
    tsr_model_free(model);
    model = read_model("{\"class_name\": \"Sequential\", \"config\": [" LAYER(
        "InputLayer", "\"batch_input_shape\": [null, 3, 3, 1]") ", " LAYER("Dropout", "\"rate\": 0") "]}");
    ck_assert_int_eq(tsr_model_layer_count(model), 2);
    tsr_model_free(model);
}
END_TEST

static void check_refused(const char *text, tsr_status status, const char *part)
{
    tsr_model *model;
    check_fails(tsr_model_from_json(text, &model), status, part);
    ck_assert_ptr_null(model);
}

START_TEST(refuses_other_models)
{
    check_refused("", TSR_FORMAT, "not valid JSON");
    check_refused("[]", TSR_FORMAT, "class_name is missing");
    check_refused("{\"class_name\": \"Functional\", \"config\": {}}", TSR_UNSUPPORTED, "class Functional");
    check_refused(START FINISH, TSR_FORMAT, "no layers");
    check_refused("{\"class_name\": \"Sequential\"}", TSR_FORMAT, "no layers");
    check_refused(START "7" FINISH, TSR_FORMAT, "layer 0 has no class_name");
    check_refused(START LAYER("Flatten", "") FINISH, TSR_INVALID_ARGUMENT, "no input");
    check_refused("{\"class_name\": \"Sequential\", \"config\": {\"trainable\": false, \"layers\": [1]}}",
                  TSR_UNSUPPORTED, "frozen models");
    check_refused("{\"class_name\": \"Sequential\", \"config\": {\"batch_mode\": 1, \"layers\": [1]}}", TSR_UNSUPPORTED,
                  "the option batch_mode of Sequential");
}
END_TEST

START_TEST(refuses_other_layers)
{
    check_refused(MODEL(LAYER("LSTM", "\"name\": \"memory\", \"units\": 3")), TSR_UNSUPPORTED,
                  "layer 1, \"memory\": layers of class LSTM are not supported");
    check_refused(MODEL("{\"class_name\": \"Dense\", \"registered_name\": \"Mine>Dense\", \"config\": {\"units\": 3}}"),
                  TSR_UNSUPPORTED, "class Mine>Dense");
    check_refused(MODEL(LAYER("Sequential", "\"layers\": []")), TSR_UNSUPPORTED, "class Sequential");
}
END_TEST

START_TEST(refuses_other_options)
{
    check_refused(MODEL(LAYER("Conv2D", "\"name\": \"c\", \"filters\": 3, \"kernel_size\": 3, \"dilation_rate\": 2")),
                  TSR_UNSUPPORTED, "layer \"c\": dilation_rate = 2 is not supported; it must be [1, 1]");
    check_refused(MODEL(LAYER("Conv2D", "\"filters\": 3, \"kernel_size\": 3, \"groups\": 3")), TSR_UNSUPPORTED,
                  "groups = 3");
    check_refused(MODEL(LAYER("Conv2D", "\"filters\": 3, \"kernel_size\": 3, \"data_format\": \"channels_first\"")),
                  TSR_UNSUPPORTED, "data_format = \"channels_first\"");
    check_refused(MODEL(LAYER("Conv2D", "\"filters\": 3, \"kernel_size\": 3, \"padding\": \"causal\"")),
                  TSR_UNSUPPORTED, "padding = \"causal\"");
    check_refused(MODEL(LAYER("Conv2D", "\"filters\": 0, \"kernel_size\": 3")), TSR_UNSUPPORTED, "filters = 0");
    check_refused(MODEL(LAYER("Conv2D", "\"filters\": 3, \"kernel_size\": 2147483647, \"padding\": \"same\"")),
                  TSR_UNSUPPORTED, "its kernel has more than 2147483647 elements");
    check_refused(MODEL(LAYER("Conv2D", "\"filters\": 3.5, \"kernel_size\": 3")), TSR_UNSUPPORTED, "filters = 3.5");
    check_refused(MODEL(LAYER("Conv2D", "\"filters\": 1e30, \"kernel_size\": 3")), TSR_UNSUPPORTED, "filters = 1e30");
    check_refused(MODEL(LAYER("Conv2D", "\"filters\": 3, \"kernel_size\": [3, 3, 3]")), TSR_UNSUPPORTED,
                  "kernel_size = [3, 3, 3]");
    check_refused(MODEL(LAYER("Conv2D", "\"filters\": 3, \"kernel_size\": null")), TSR_UNSUPPORTED,
                  "kernel_size = null");
    check_refused(MODEL(LAYER("Conv2D", "\"kernel_size\": 3")), TSR_INVALID_ARGUMENT, "filters");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"activation\": \"hard_sigmoid\"")), TSR_UNSUPPORTED,
                  "activation = \"hard_sigmoid\" is not supported");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"kernel_regularizer\": {\"class_name\": \"L2\"}")),
                  TSR_UNSUPPORTED, "kernel_regularizer");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"kernel_initializer\": {\"class_name\": \"Orthogonal\"}")),
                  TSR_UNSUPPORTED, "kernel_initializer Orthogonal is not supported");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"bias_initializer\": {\"class_name\": \"Zeros\", "
                                       "\"registered_name\": \"my>Zeros\"}")),
                  TSR_UNSUPPORTED, "bias_initializer my>Zeros is not supported");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"kernel_initializer\": 3")), TSR_UNSUPPORTED, "(not a name)");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"kernel_initializer\": {\"class_name\": \"HeNormal\", "
                                       "\"config\": {\"scale\": 2}}")),
                  TSR_UNSUPPORTED, "HeNormal is not supported with the option scale");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"kernel_initializer\": {\"class_name\": \"RandomNormal\", "
                                       "\"config\": {\"stddev\": 0}}")),
                  TSR_UNSUPPORTED, "stddev = 0");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"kernel_initializer\": {\"class_name\": \"VarianceScaling\", "
                                       "\"config\": {\"mode\": \"fan\"}}")),
                  TSR_UNSUPPORTED, "mode = \"fan\"");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"kernel_initializer\": {\"class_name\": \"RandomUniform\", "
                                       "\"config\": {\"minval\": 0, \"maxval\": 0}}")),
                  TSR_UNSUPPORTED, "maxval no larger than minval");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"lora_rank\": 4")), TSR_UNSUPPORTED,
                  "the option lora_rank of Dense is not supported");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"trainable\": false")), TSR_UNSUPPORTED, "frozen layers");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"use_bias\": 1")), TSR_UNSUPPORTED, "use_bias = 1");
    check_refused(MODEL(LAYER("Dense", "\"units\": 3, \"dtype\": {\"config\": {\"name\": \"mixed_float16\"}}")),
                  TSR_UNSUPPORTED, "dtype mixed_float16");
    check_refused(MODEL(LAYER("Dropout", "\"rate\": 1")), TSR_UNSUPPORTED, "rate = 1 is not supported");
    check_refused(START LAYER("InputLayer", "\"batch_shape\": [null, 3]") FINISH, TSR_UNSUPPORTED,
                  "[null, height, width, channels]");
    check_refused(START LAYER("InputLayer", "\"batch_shape\": [null, null, null, 1]") FINISH, TSR_UNSUPPORTED,
                  "[null, height, width, channels]");
    check_refused(MODEL(LAYER("MaxPooling2D", "\"name\": \"p\", \"pool_size\": 9")), TSR_INVALID_ARGUMENT, "empty");
}
END_TEST

/* Everything that differs from the defaults comes back. */
START_TEST(writes_what_it_reads)
{
    static const char network[] = START INPUT
        "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"first\", \"filters\": 5, \"kernel_size\": [1, 3], "
        "\"strides\": [2, 1], \"padding\": \"same\", \"activation\": \"tanh\", \"use_bias\": false}}, "
        "{\"class_name\": \"AveragePooling2D\", \"config\": {\"pool_size\": [2, 3], \"strides\": [1, 2], "
        "\"padding\": \"same\"}}, "
        "{\"class_name\": \"Flatten\", \"config\": {}}, "
        "{\"class_name\": \"Dropout\", \"config\": {\"rate\": 0.4}}, "
        "{\"class_name\": \"Dense\", \"config\": {\"units\": 7}}, "
        "{\"class_name\": \"Activation\", \"config\": {\"activation\": \"softmax\", \"name\": \"last\"}}" FINISH;
    tsr_model *model = read_model(network);
    tsr_model *copy;
    char *text, *again;
    setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed, numbers are printed with a comma */
    check_ok(tsr_model_to_json(model, &text));
    check_ok(tsr_model_from_json(text, &copy));
    check_ok(tsr_model_to_json(copy, &again));
    setlocale(LC_ALL, "C");
    ck_assert_str_eq(text, again);
    ck_assert_ptr_nonnull(strstr(text, "\"rate\": 0.4,"));
    ck_assert_ptr_nonnull(strstr(text, "\"kernel_size\": [1, 3], \"strides\": [2, 1], \"padding\": \"same\""));
    ck_assert_ptr_nonnull(strstr(text, "\"batch_input_shape\": [null, 8, 6, 1]"));
    ck_assert_ptr_nonnull(strstr(text, "\"kernel_initializer\": {\"class_name\": \"GlorotUniform\", \"config\": "
                                       "{\"seed\": null}}"));
    for (int i = 0; i < tsr_model_layer_count(model); i++) {
        const tsr_layer *a = tsr_model_layer_at(model, i), *b = tsr_model_layer_at(copy, i);
        ck_assert_ptr_eq(a->class, b->class);
        ck_assert_str_eq(a->name, b->name);
    }
    free(text), free(again);
    tsr_model_free(model), tsr_model_free(copy);
}
END_TEST

/* Every initializer, by its class and by its name, comes back as what it was. */
START_TEST(reads_and_writes_initializers)
{
    static const char *const written[] = {
        "{\"class_name\": \"GlorotUniform\", \"config\": {\"seed\": null}}",
        "{\"class_name\": \"GlorotNormal\", \"config\": {\"seed\": null}}",
        "{\"class_name\": \"HeUniform\", \"config\": {\"seed\": null}}",
        "{\"class_name\": \"HeNormal\", \"config\": {\"seed\": null}}",
        "{\"class_name\": \"LecunUniform\", \"config\": {\"seed\": null}}",
        "{\"class_name\": \"LecunNormal\", \"config\": {\"seed\": null}}",
        ("{\"class_name\": \"VarianceScaling\", \"config\": {\"scale\": 1.5, \"mode\": \"fan_avg\", \"distribution\": "
         "\"untruncated_normal\", \"seed\": null}}"),
        "{\"class_name\": \"RandomUniform\", \"config\": {\"minval\": -0.1, \"maxval\": 0.3, \"seed\": null}}",
        "{\"class_name\": \"RandomNormal\", \"config\": {\"mean\": 0.5, \"stddev\": 0.1, \"seed\": null}}",
        "{\"class_name\": \"TruncatedNormal\", \"config\": {\"mean\": -0.5, \"stddev\": 2.0, \"seed\": null}}",
        "{\"class_name\": \"Zeros\", \"config\": {}}",
        "{\"class_name\": \"Ones\", \"config\": {}}",
        "{\"class_name\": \"Constant\", \"config\": {\"value\": 0.01}}",
    };
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        char network[1024], *text;
        snprintf(network, sizeof network,
                 MODEL(LAYER("Conv2D", "\"filters\": 2, \"kernel_size\": 3, \"kernel_initializer\": %s, "
                                       "\"bias_initializer\": %s")),
                 written[i], written[i]);
        tsr_model *model = read_model(network);
        check_ok(tsr_model_to_json(model, &text));
        const char *kernel = strstr(text, written[i]);
        ck_assert_msg(kernel && strstr(kernel + 1, written[i]), "%s is not in %s", written[i], text);
        free(text);
        tsr_model_free(model);
    }
    tsr_model *model = read_model(
        MODEL(LAYER("Dense", "\"units\": 3, \"kernel_initializer\": \"he_normal\", \"bias_initializer\": {\"module\": "
                             "\"keras.initializers\", \"class_name\": \"random_normal\", \"config\": {\"seed\": 7, "
                             "\"dtype\": \"float32\"}, \"registered_name\": null}")));
    const tsr_dense_config *dense = tsr_model_layer_at(model, 1)->config;
    ck_assert_int_eq(dense->kernel_initializer.kind, TSR_INITIALIZER_HE_NORMAL);
    ck_assert_int_eq(dense->bias_initializer.kind, TSR_INITIALIZER_RANDOM_NORMAL);
    ck_assert_float_eq(dense->bias_initializer.stddev, 0.05f);
    tsr_model_free(model);
}
END_TEST

START_TEST(writes_reals_shortly)
{
    static const float values[] = {0.4f, 0.9f, 0.999f, 1e-7f, 0, 1, 0.1234567f};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        json_t *real = tsr_keras_real(values[i]);
        ck_assert_float_eq((float)json_real_value(real), values[i]);
        json_decref(real);
    }
    json_t *real = tsr_keras_real(0.999f);
    ck_assert_double_eq(json_real_value(real), 0.999);
    json_decref(real);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, reads_keras_2);
    tcase_add_test(tests, reads_keras_3);
    tcase_add_test(tests, reads_other_forms);
    tcase_add_test(tests, refuses_other_models);
    tcase_add_test(tests, refuses_other_layers);
    tcase_add_test(tests, refuses_other_options);
    tcase_add_test(tests, writes_what_it_reads);
    tcase_add_test(tests, reads_and_writes_initializers);
    tcase_add_test(tests, writes_reals_shortly);
}

int main(void)
{
    return test_run("keras_json", add_tests);
}
