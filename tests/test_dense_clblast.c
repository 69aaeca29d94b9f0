/* The dense layer by CLBlast against its twins, and where it is not used. */
#include "support/dense_cases.h"

#include "device/device.h"

#ifdef TSR_WITH_CLBLAST
START_TEST(agrees_with_the_twins)
{
    test_dense_all((const char *const[]){"dense_clblast", "dense_grad_data_clblast", "dense_grad_weights_clblast"},
                   TSR_GEMM_CLBLAST, 1);
}
END_TEST

/* Large enough for the kernels that take their operands rearranged, through the workspace. */
START_TEST(large)
{
    dense_case c = {.dense = {257, 300, 270, true}, .fill = TEST_INTEGERS};
    test_dense_forward(&c, &(test_options){.only = "dense_clblast"});
    test_dense_backward_data(&c, &(test_options){.only = "dense_grad_data_clblast"});
    test_dense_backward_weights(&c, &(test_options){.only = "dense_grad_weights_clblast"});
}
END_TEST

START_TEST(is_chosen_when_asked_for)
{
    test_dense_chooses(64, TSR_GEMM_CLBLAST, "_clblast");
}
END_TEST

static void refused_with(const char *reason)
{
    test_case t = {.fill = TEST_INTEGERS};
    int wanted[4];
    int count = test_dense_graph(&t, &(tsr_dense_descriptor){8, 20, 12, true}, wanted);
    tsr_plan *plan = NULL;
    check_fails(tsr_plan_create(test_device(), &t.graph, wanted, count, &(tsr_plan_options){.gemm = TSR_GEMM_CLBLAST},
                                NULL, &plan),
                TSR_UNSUPPORTED, reason);
    test_clear_case(&t);
}

/* A device's limits are checked before a call; with AUTO the native kernels take over. */
START_TEST(is_not_called_beyond_the_limits)
{
    tsr_device *device = test_device();
    tsr_device_info info = device->info;
    device->info.max_work_group = 64;
    refused_with("CLBlast was asked for");
    device->info.type = TSR_DEVICE_INTEGRATED_GPU;
    test_dense_chooses(64, TSR_GEMM_AUTO, NULL);
    device->info = info;
    device->info.local_memory = 1024;
    refused_with("CLBlast was asked for");
    device->info = info;
}
END_TEST

/* Products with a short side are the native kernels', unless CLBlast is asked for. */
START_TEST(leaves_thin_products)
{
    tsr_device *device = test_device();
    tsr_device_info info = device->info;
    device->info.type = TSR_DEVICE_INTEGRATED_GPU;
    test_dense_chooses(64, TSR_GEMM_AUTO, "_clblast");
    test_dense_chooses(63, TSR_GEMM_AUTO, NULL);
    test_dense_chooses(63, TSR_GEMM_CLBLAST, "_clblast");
    device->info = info;
}
END_TEST
#endif

static void add_tests(TCase *tests)
{
#ifdef TSR_WITH_CLBLAST
    tcase_add_test(tests, agrees_with_the_twins);
    tcase_add_test(tests, large);
    tcase_add_test(tests, is_chosen_when_asked_for);
    tcase_add_test(tests, is_not_called_beyond_the_limits);
    tcase_add_test(tests, leaves_thin_products);
#else
    (void)tests;
#endif
}

int main(void)
{
    return test_run("dense_clblast", add_tests);
}
