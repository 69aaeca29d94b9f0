#include "support/support.h"

#include <stdlib.h>
#include <string.h>

START_TEST(the_reference_network_s_summary_is_keras_s)
{
    static const char wanted[] = "Model: \"sequential\"\n"
                                 "_________________________________________________________________\n"
                                 " Layer (type)                Output Shape              Param #   \n"
                                 "=================================================================\n"
                                 " conv2d (Conv2D)             (None, 28, 28, 32)        320       \n"
                                 "                                                                 \n"
                                 " max_pooling2d (MaxPooling2  (None, 14, 14, 32)        0         \n"
                                 " D)                                                              \n"
                                 "                                                                 \n"
                                 " conv2d_1 (Conv2D)           (None, 14, 14, 64)        18496     \n"
                                 "                                                                 \n"
                                 " max_pooling2d_1 (MaxPoolin  (None, 7, 7, 64)          0         \n"
                                 " g2D)                                                            \n"
                                 "                                                                 \n"
                                 " flatten (Flatten)           (None, 3136)              0         \n"
                                 "                                                                 \n"
                                 " dense (Dense)               (None, 100)               313700    \n"
                                 "                                                                 \n"
                                 " dropout (Dropout)           (None, 100)               0         \n"
                                 "                                                                 \n"
                                 " dense_1 (Dense)             (None, 10)                1010      \n"
                                 "                                                                 \n"
                                 "=================================================================\n"
                                 "Total params: 333526 (1.27 MB)\n"
                                 "Trainable params: 333526 (1.27 MB)\n"
                                 "Non-trainable params: 0 (0.00 Byte)\n"
                                 "_________________________________________________________________\n";
    tsr_model *model;
    char *text;
    check_ok(tsr_model_create_reference(28, 28, 1, 10, &model));
    check_ok(tsr_model_summary(model, &text));
    ck_assert_str_eq(text, wanted);
    free(text);
    tsr_model_free(model);
}
END_TEST

START_TEST(long_names_and_shapes_are_broken)
{
    tsr_model *model;
    char *text;
    check_ok(tsr_model_create("net", &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 10000, .width = 1000, .channels = 7}));
    check_ok(
        tsr_model_add_activation(model, &(tsr_activation_config){.name = "a_name_that_is_longer_than_the_column_by_far",
                                                                 .activation = TSR_RELU}));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 100, .name = "d"}));
    check_ok(tsr_model_summary(model, &text));
    ck_assert_ptr_nonnull(strstr(text, " a_name_that_is_longer_than  (None, 10000, 1000, 7)    0         \n"
                                       " _the_column_by_far (Activa                                      \n"
                                       " tion)                                                           \n"));
    ck_assert_ptr_nonnull(strstr(text, " d (Dense)                   (None, 10000, 1000, 100   800       \n"
                                       "                             )                                   \n"));
    ck_assert_ptr_nonnull(strstr(text, "Total params: 800 (3.12 KB)\n"));
    for (const char *line = text; *line; line = strchr(line, '\n') + 1)
        if (*line == ' ') ck_assert_int_eq(strchr(line, '\n') - line, 65);
    free(text);
    tsr_model_free(model);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, the_reference_network_s_summary_is_keras_s);
    tcase_add_test(tests, long_names_and_shapes_are_broken);
}

int main(void)
{
    return test_run("summary", add_tests);
}
