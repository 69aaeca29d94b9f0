#include "support/support.h"

#include "model/network.h"

#include <string.h>

/* The kinds of a network's primitives, from `first` on. */
static void check_kinds(const tsr_network *network, const tsr_kind *kinds, size_t count)
{
    ck_assert_uint_eq(network->graph.primitive_count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(network->graph.primitives[i].kind == kinds[i], "primitive %zu is %s, wanted %s", i,
                      tsr_kind_name(network->graph.primitives[i].kind), tsr_kind_name(kinds[i]));
}

static tsr_network lower(const tsr_model *model, tsr_purpose purpose)
{
    tsr_network network;
    check_ok(tsr_network_create(
        model, &(tsr_network_options){.purpose = purpose, .batch = 32, .samples = 100, .order = 90}, &network));
    return network;
}

static tsr_model *reference(void)
{
    tsr_model *model;
    check_ok(tsr_model_create_reference(28, 28, 1, 10, &model));
    return model;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

START_TEST(training_has_forward_loss_backward_and_updates)
{
    static const tsr_kind forward[] = {
        TSR_KIND_ADVANCE,    TSR_KIND_GATHER,
        TSR_KIND_GATHER,     TSR_KIND_CONV2D,
        TSR_KIND_POOL2D,     TSR_KIND_ACTIVATION, /* relu behind the pool */
        TSR_KIND_CONV2D,     TSR_KIND_POOL2D,
        TSR_KIND_ACTIVATION, TSR_KIND_DENSE,
        TSR_KIND_ACTIVATION, TSR_KIND_DROPOUT,
        TSR_KIND_DENSE,      TSR_KIND_SOFTMAX_CROSS_ENTROPY,
        TSR_KIND_ACCUMULATE, TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD,
    };
    tsr_model *model = reference();
    tsr_network network = lower(model, TSR_FOR_TRAINING);
    const tsr_graph *graph = &network.graph;
    ck_assert_uint_gt(graph->primitive_count, COUNT(forward));
    for (size_t i = 0; i < COUNT(forward); i++) ck_assert_int_eq(graph->primitives[i].kind, forward[i]);

    /* One update a parameter, in Keras's order, with two moments; each replaces what it updates. */
    int count[TSR_KIND_COUNT] = {0}, slot = 0;
    for (size_t i = 0; i < graph->primitive_count; i++) {
        const tsr_primitive *primitive = &graph->primitives[i];
        count[primitive->kind]++;
        if (primitive->kind != TSR_KIND_UPDATE) continue;
        ck_assert_int_eq(graph->values[primitive->inputs[0]].slot, slot++);
        ck_assert_int_eq(graph->values[primitive->inputs[0]].role, TSR_ROLE_PARAMETER);
        ck_assert_int_eq(graph->values[primitive->inputs[1]].role, TSR_ROLE_GRADIENT);
        ck_assert_int_eq(primitive->input_count, 7);
        ck_assert_int_eq(primitive->output_count, 3);
        ck_assert_int_eq(graph->values[primitive->outputs[0]].replaces, primitive->inputs[0]);
        ck_assert_int_eq(graph->values[primitive->outputs[2]].replaces, primitive->inputs[6]);
        ck_assert_int_eq(graph->values[primitive->inputs[6]].moment, 1);
    }
    ck_assert_int_eq(slot, 8);
    ck_assert_int_eq(count[TSR_KIND_CONV2D_GRAD_WEIGHTS], 2);
    ck_assert_int_eq(count[TSR_KIND_CONV2D_GRAD_DATA], 1); /* nobody wants the images' gradient */
    ck_assert_int_eq(count[TSR_KIND_DENSE_GRAD_DATA], 2);
    ck_assert_int_eq(count[TSR_KIND_DENSE_GRAD_WEIGHTS], 2);
    ck_assert_int_eq(count[TSR_KIND_POOL2D_GRAD], 2);
    ck_assert_int_eq(count[TSR_KIND_DROPOUT_GRAD], 1);
    ck_assert_int_eq(count[TSR_KIND_ACTIVATION_GRAD], 3);
    ck_assert_int_eq(network.wanted_count, 3 + 3 * 8); /* clock', loss sum', counts', then w', m', v' */
    ck_assert_int_eq(graph->values[network.images].extent[0], 100);
    ck_assert_int_eq(graph->values[network.order].extent[0], 90);
    ck_assert_int_eq(graph->values[network.images].dtype, TSR_U8);
    tsr_network_clear(&network);
    tsr_model_free(model);
}
END_TEST

START_TEST(evaluation_has_no_dropout_and_no_backward)
{
    static const tsr_kind kinds[] = {
        TSR_KIND_ADVANCE,
        TSR_KIND_GATHER,
        TSR_KIND_GATHER,
        TSR_KIND_CONV2D,
        TSR_KIND_POOL2D,
        TSR_KIND_ACTIVATION,
        TSR_KIND_CONV2D,
        TSR_KIND_POOL2D,
        TSR_KIND_ACTIVATION,
        TSR_KIND_DENSE,
        TSR_KIND_ACTIVATION,
        TSR_KIND_DENSE,
        TSR_KIND_SOFTMAX_CROSS_ENTROPY,
        TSR_KIND_ACCUMULATE,
    };
    tsr_model *model = reference();
    tsr_network network = lower(model, TSR_FOR_EVALUATION);
    check_kinds(&network, kinds, COUNT(kinds));
    ck_assert_int_eq(network.wanted_count, 3);
    tsr_network_clear(&network);
    tsr_model_free(model);
}
END_TEST

START_TEST(prediction_ends_in_probabilities)
{
    static const tsr_kind kinds[] = {
        TSR_KIND_ADVANCE,    TSR_KIND_GATHER,     TSR_KIND_CONV2D, TSR_KIND_POOL2D,
        TSR_KIND_ACTIVATION, TSR_KIND_CONV2D,     TSR_KIND_POOL2D, TSR_KIND_ACTIVATION,
        TSR_KIND_DENSE,      TSR_KIND_ACTIVATION, TSR_KIND_DENSE,  TSR_KIND_ACTIVATION,
    };
    tsr_model *model = reference();
    tsr_network network = lower(model, TSR_FOR_PREDICTION);
    check_kinds(&network, kinds, COUNT(kinds));
    const tsr_primitive *softmax = &network.graph.primitives[COUNT(kinds) - 1];
    ck_assert_int_eq(softmax->as.activation.function, TSR_SOFTMAX);
    ck_assert_int_eq(softmax->as.activation.rows, 32);
    ck_assert_int_eq(softmax->as.activation.columns, 10);
    ck_assert_int_eq(network.output, softmax->outputs[0]);
    ck_assert_int_eq(network.labels, TSR_NONE);
    tsr_network_clear(&network);
    tsr_model_free(model);
}
END_TEST

/* The primitives of a convolution with an activation before a pool. */
static void check_order(tsr_activation function, bool average, tsr_kind second, tsr_kind third)
{
    tsr_model *model;
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 8, .width = 8, .channels = 2}));
    check_ok(tsr_model_add_conv2d(
        model, &(tsr_conv2d_config){.filters = 4, .kernel_size = {3, 3}, .activation = function, .no_bias = true}));
    check_ok(average ? tsr_model_add_average_pooling2d(model, NULL) : tsr_model_add_max_pooling2d(model, NULL));
    tsr_network network = lower(model, TSR_FOR_PREDICTION);
    const tsr_kind kinds[] = {TSR_KIND_ADVANCE, TSR_KIND_GATHER, TSR_KIND_CONV2D, second, third};
    check_kinds(&network, kinds, COUNT(kinds));
    tsr_network_clear(&network);
    tsr_model_free(model);
}

START_TEST(only_monotone_activations_move_behind_only_max_pools)
{
    check_order(TSR_RELU, false, TSR_KIND_POOL2D, TSR_KIND_ACTIVATION);
    check_order(TSR_LEAKY_RELU, false, TSR_KIND_POOL2D, TSR_KIND_ACTIVATION);
    check_order(TSR_GELU, false, TSR_KIND_ACTIVATION, TSR_KIND_POOL2D);
    check_order(TSR_SOFTMAX, false, TSR_KIND_ACTIVATION, TSR_KIND_POOL2D);
    check_order(TSR_RELU, true, TSR_KIND_ACTIVATION, TSR_KIND_POOL2D);
}
END_TEST

START_TEST(softmax_is_over_channels_before_flatten_and_over_all_behind_it)
{
    tsr_model *model;
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 2, .width = 3, .channels = 5}));
    check_ok(tsr_model_add_activation(model, &(tsr_activation_config){.activation = TSR_SOFTMAX}));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_activation(model, &(tsr_activation_config){.activation = TSR_SOFTMAX}));
    tsr_network network = lower(model, TSR_FOR_PREDICTION);
    const tsr_primitive *primitives = network.graph.primitives;
    ck_assert_uint_eq(network.graph.primitive_count, 4);
    ck_assert_int_eq(primitives[2].as.activation.rows, 32 * 6);
    ck_assert_int_eq(primitives[2].as.activation.columns, 5);
    ck_assert_int_eq(primitives[3].as.activation.rows, 32);
    ck_assert_int_eq(primitives[3].as.activation.columns, 30);
    tsr_network_clear(&network);
    tsr_model_free(model);
}
END_TEST

START_TEST(each_dropout_has_a_stream_of_its_own)
{
    tsr_model *model;
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 2, .width = 2, .channels = 1}));
    check_ok(tsr_model_add_dropout(model, &(tsr_dropout_config){.rate = 0.5f}));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dropout(model, &(tsr_dropout_config){.rate = 0.5f}));
    check_ok(tsr_model_add_dropout(model, NULL)); /* rate 0 does nothing */
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 3, .activation = TSR_SOFTMAX}));
    tsr_network network = lower(model, TSR_FOR_TRAINING);
    int count = 0;
    uint32_t streams[2] = {0};
    for (size_t i = 0; i < network.graph.primitive_count; i++)
        if (network.graph.primitives[i].kind == TSR_KIND_DROPOUT && count < 2)
            streams[count++] = network.graph.primitives[i].as.dropout.stream;
    ck_assert_int_eq(count, 2);
    ck_assert_uint_ne(streams[0], streams[1]);
    tsr_network_clear(&network);
    tsr_model_free(model);
}
END_TEST

START_TEST(training_without_softmax_at_the_end_is_refused)
{
    tsr_model *model;
    tsr_network network;
    const tsr_network_options options = {.purpose = TSR_FOR_TRAINING, .batch = 2, .samples = 2, .order = 2};
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 2, .width = 2, .channels = 1}));
    check_ok(tsr_model_add_activation(model, &(tsr_activation_config){.activation = TSR_SOFTMAX}));
    check_fails(tsr_network_create(model, &options, &network), TSR_UNSUPPORTED, "does not end in a softmax");
    check_ok(tsr_model_add_flatten(model, NULL));
    check_fails(tsr_network_create(model, &options, &network), TSR_UNSUPPORTED, "does not end in a softmax");
    check_ok(tsr_model_add_activation(model, &(tsr_activation_config){.activation = TSR_SOFTMAX}));
    check_ok(tsr_network_create(model, &options, &network));
    tsr_network_clear(&network);
    tsr_model_free(model);
}
END_TEST

START_TEST(a_batch_with_too_many_elements_is_refused)
{
    tsr_model *model;
    tsr_network network;
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 100, .width = 100, .channels = 1}));
    check_ok(tsr_model_add_conv2d(
        model, &(tsr_conv2d_config){.filters = 1000, .kernel_size = {1, 1}, .padding = TSR_PADDING_SAME}));
    check_fails(tsr_network_create(
                    model,
                    &(tsr_network_options){.purpose = TSR_FOR_PREDICTION, .batch = 300, .samples = 300, .order = 300},
                    &network),
                TSR_UNSUPPORTED, "use a smaller batch size");
    tsr_model_free(model);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, training_has_forward_loss_backward_and_updates);
    tcase_add_test(tests, evaluation_has_no_dropout_and_no_backward);
    tcase_add_test(tests, prediction_ends_in_probabilities);
    tcase_add_test(tests, only_monotone_activations_move_behind_only_max_pools);
    tcase_add_test(tests, softmax_is_over_channels_before_flatten_and_over_all_behind_it);
    tcase_add_test(tests, each_dropout_has_a_stream_of_its_own);
    tcase_add_test(tests, training_without_softmax_at_the_end_is_refused);
    tcase_add_test(tests, a_batch_with_too_many_elements_is_refused);
}

int main(void)
{
    return test_run("lower", add_tests);
}
