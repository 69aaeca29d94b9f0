/* The dense layer on CPU-class devices against its twins, alone and with its activation. */
#include "support/dense_cases.h"

#include "device/device.h"
#include "ops/implementation.h"

START_TEST(agrees_with_the_twins)
{
    test_dense_all((const char *const[]){"dense_cpu", "dense_grad_data_cpu", "dense_grad_weights_cpu"}, TSR_GEMM_NATIVE,
                   1);
}
END_TEST

/* Every elementwise activation behind a product that is split and one that is not. */
START_TEST(activations)
{
    static const tsr_activation functions[] = {TSR_LINEAR, TSR_RELU, TSR_SIGMOID, TSR_TANH,       TSR_ELU,
                                               TSR_SELU,   TSR_GELU, TSR_SWISH,   TSR_LEAKY_RELU, TSR_SOFTPLUS};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        test_case t = {.fill = i % 2 ? TEST_INTEGERS : TEST_RANDOM, .seed = (uint32_t)i};
        tsr_dense_descriptor d = {5, i % 3 ? 70 : 300, 21, i % 2};
        int y = test_dense(&t, &d, test_input(&t, "x", TSR_F32, 2, (int32_t[]){d.rows, d.inputs}));
        test_activation(&t, functions[i], 0.25f, y);
        test_run_case(&t, &(test_options){.only = "dense_activation_cpu", .vector_width = 8});
    }
}
END_TEST

/* More inputs than a piece of copied weights has, columns that two blocks share, and a last block of fewer rows: sums
 * that are split, and sums that are not, where the activation waits for the last piece. */
START_TEST(weights_go_by_in_pieces)
{
    static const struct {
        tsr_dense_descriptor dense;
        uint32_t width;
    } cases[] = {{{53, 1009, 129, true}, 16},
                 {{521, 300, 129, true}, 16},
                 {{523, 900, 50, false}, 4},
                 {{513, 2100, 5, true}, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_case t = {.fill = TEST_INTEGERS, .seed = (uint32_t)i};
        const tsr_dense_descriptor *d = &cases[i].dense;
        int y = test_dense(&t, d, test_input(&t, "x", TSR_F32, 2, (int32_t[]){d->rows, d->inputs}));
        test_activation(&t, TSR_RELU, 0, y);
        test_run_case(&t, &(test_options){.only = "dense_activation_cpu", .vector_width = cases[i].width});
    }
}
END_TEST

START_TEST(relu_passes_nan_on)
{
    test_case t = {.fill = TEST_NAN};
    int y = test_dense(&t, &(tsr_dense_descriptor){3, 2, 19, true}, test_input(&t, "x", TSR_F32, 2, (int32_t[]){3, 2}));
    test_activation(&t, TSR_RELU, 0, y);
    test_run_case(&t, &(test_options){.only = "dense_activation_cpu"});
}
END_TEST

/* The tail takes it where it may. */
START_TEST(softmax_stays_apart)
{
    test_case t = {.fill = TEST_INTEGERS};
    int y = test_dense(&t, &(tsr_dense_descriptor){3, 4, 5, true}, test_input(&t, "x", TSR_F32, 2, (int32_t[]){3, 4}));
    y = test_activation(&t, TSR_SOFTMAX, 0, y);
    tsr_plan *plan;
    const tsr_plan_options options = {.only = "dense_activation_cpu"};
    check_ok(tsr_plan_create(test_device(), &t.graph, &y, 1, &options, NULL, &plan));
    ck_assert_int_eq(tsr_plan_step_count(plan), 2);
    tsr_plan_free(plan);
    test_clear_case(&t);
}
END_TEST

START_TEST(are_chosen)
{
    if (test_device()->info.type != TSR_DEVICE_CPU) return;
    test_dense_chooses(64, TSR_GEMM_AUTO, "_cpu");
    test_dense_chooses(64, TSR_GEMM_NATIVE, "_cpu");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, agrees_with_the_twins);
    tcase_add_test(tests, activations);
    tcase_add_test(tests, weights_go_by_in_pieces);
    tcase_add_test(tests, relu_passes_nan_on);
    tcase_add_test(tests, softmax_stays_apart);
    tcase_add_test(tests, are_chosen);
}

int main(void)
{
    return test_run_on_cpus("dense_cpu", add_tests);
}
