/* The portable matrix products of the dense layer against their twins, with tiles in local memory and with work-groups
 * of one. */
#include "support/dense_cases.h"

#include "device/device.h"
#include "ops/primitive.h"

static const char *const portable[] = {"dense", "dense_grad_data", "dense_grad_weights"};

/* Small tiles: several of them each way, and quicker to compile. */
START_TEST(tiles_in_local_memory)
{
    tsr_device *device = test_device();
    tsr_device_info info = device->info;
    device->info.max_work_group = 16;
    test_dense_all(portable, TSR_GEMM_AUTO, 1);
    device->info = info;
}
END_TEST

START_TEST(work_groups_of_one)
{
    tsr_device *device = test_device();
    tsr_device_info info = device->info;
    device->info.max_work_group = 1;
    device->info.max_work_items[0] = device->info.max_work_items[1] = device->info.max_work_items[2] = 1;
    device->info.local_memory = 0;
    test_dense_all(portable, TSR_GEMM_NATIVE, 4);
    device->info = info;
}
END_TEST

/* More tiles than enough to fill a device, so that nothing is split, and a depth that is split unevenly. */
START_TEST(splits)
{
    for (int i = 0; i < 2; i++) {
        dense_case c = {.dense = {600, i ? 13 : 1011, i ? 530 : 65, true}, .fill = TEST_INTEGERS};
        test_dense_forward(&c, &(test_options){.only = portable[0]});
        test_dense_backward_data(&c, &(test_options){.only = portable[1]});
        test_dense_backward_weights(&c, &(test_options){.only = portable[2]});
    }
}
END_TEST

/* Few rows or columns and a long sum, which is split all the same. */
START_TEST(thin_ones_split)
{
    dense_case weights = {.dense = {700, 9, 5, true}, .fill = TEST_INTEGERS};
    dense_case forward = {.dense = {3, 700, 5, true}, .fill = TEST_INTEGERS};
    test_dense_backward_weights(&weights, &(test_options){.only = portable[2]});
    test_dense_forward(&forward, &(test_options){.only = portable[0]});
}
END_TEST

/* The bias's gradient alone, of one partial sum and of several. */
START_TEST(bias_gradient_alone)
{
    for (int i = 0; i < 2; i++) {
        test_case t = {.fill = TEST_INTEGERS};
        tsr_dense_descriptor d = {i ? 300 : 20, 70, 37, true};
        int dy = test_input(&t, "dy", TSR_F32, 2, (int32_t[]){d.rows, d.units}), db;
        test_dense_grad_weights(&t, &d, dy, test_input(&t, "x", TSR_F32, 2, (int32_t[]){d.rows, d.inputs}), &db);
        test_want(&t, db);
        test_run_case(&t, &(test_options){.only = portable[2]});
    }
}
END_TEST

/* x is (rows, inputs) whatever its extents. */
START_TEST(flattens)
{
    test_case t = {.fill = TEST_INTEGERS};
    int x = test_input(&t, "x", TSR_F32, 4, (int32_t[]){3, 2, 5, 4});
    test_dense(&t, &(tsr_dense_descriptor){3, 40, 6, true}, x);
    test_run_case(&t, &(test_options){.only = portable[0]});
}
END_TEST

/* By the formula, written out: the twin is what everything else is checked against. */
START_TEST(twin)
{
    tsr_primitive p = {.as.dense = {2, 3, 2, true}};
    const double x[] = {1, 2, 3, -1, 0, 4}, w[] = {1, 0, 2, -1, 0, 3}, b[] = {10, 20}, dy[] = {1, 2, -1, 5};
    double y[4], dx[6], dw[6], db[2];
    tsr_primitive_row_of(TSR_KIND_DENSE)->reference(&p, (const double *[]){x, w, b}, (double *[]){y});
    tsr_primitive_row_of(TSR_KIND_DENSE_GRAD_DATA)->reference(&p, (const double *[]){dy, w}, (double *[]){dx});
    tsr_primitive_row_of(TSR_KIND_DENSE_GRAD_WEIGHTS)->reference(&p, (const double *[]){dy, x}, (double *[]){dw, db});
    const double y_is[] = {15, 27, 9, 32}, dx_is[] = {1, 0, 6, -1, -7, 15}, dw_is[] = {2, -3, 2, 4, -1, 26};
    for (int i = 0; i < 4; i++) ck_assert_double_eq(y[i], y_is[i]);
    for (int i = 0; i < 6; i++) ck_assert_double_eq(dx[i], dx_is[i]);
    for (int i = 0; i < 6; i++) ck_assert_double_eq(dw[i], dw_is[i]);
    ck_assert_double_eq(db[0], 0);
    ck_assert_double_eq(db[1], 7);
}
END_TEST

static int differentiate(tsr_graph *graph, bool bias, const bool *wanted, int *gradients)
{
    tsr_primitive p = {.kind = TSR_KIND_DENSE, .input_count = bias ? 3 : 2, .output_count = 1};
    p.as.dense = (tsr_dense_descriptor){4, 6, 5, bias};
    p.inputs[0] = tsr_graph_value(graph, "x", TSR_ROLE_TEMPORARY, TSR_F32, 4, (int32_t[]){4, 1, 3, 2});
    p.inputs[1] = tsr_graph_value(graph, "w", TSR_ROLE_PARAMETER, TSR_F32, 2, (int32_t[]){6, 5});
    p.inputs[2] = tsr_graph_value(graph, "b", TSR_ROLE_PARAMETER, TSR_F32, 1, (int32_t[]){5});
    p.outputs[0] = tsr_graph_value(graph, "y", TSR_ROLE_TEMPORARY, TSR_F32, 2, (int32_t[]){4, 5});
    graph->values[p.inputs[1]].slot = 7;
    graph->values[p.inputs[2]].slot = 8;
    int dy = tsr_graph_value(graph, "dy", TSR_ROLE_TEMPORARY, TSR_F32, 2, (int32_t[]){4, 5});
    int at = tsr_graph_primitive(graph, &p);
    for (int i = 0; i < 3; i++) gradients[i] = TSR_NONE;
    check_ok(tsr_dense_row.differentiate(graph, at, &dy, wanted, gradients));
    return dy;
}

START_TEST(gradients_of_the_graph)
{
    tsr_graph graph = {0};
    int g[3], dy = differentiate(&graph, true, (bool[]){true, true, true}, g);
    ck_assert_int_eq((int)graph.primitive_count, 3);
    const tsr_primitive *data = &graph.primitives[1], *weights = &graph.primitives[2];
    ck_assert_int_eq(data->kind, TSR_KIND_DENSE_GRAD_DATA);
    ck_assert(data->inputs[0] == dy && data->inputs[1] == 1 && data->outputs[0] == g[0]);
    ck_assert_int_eq(graph.values[g[0]].rank, 4);
    ck_assert_int_eq(weights->kind, TSR_KIND_DENSE_GRAD_WEIGHTS);
    ck_assert(weights->inputs[0] == dy && weights->inputs[1] == 0 && weights->outputs[0] == g[1]);
    ck_assert_int_eq(weights->outputs[1], g[2]);
    for (int i = 1; i < 3; i++) {
        ck_assert_int_eq(graph.values[g[i]].role, TSR_ROLE_GRADIENT);
        ck_assert_int_eq(graph.values[g[i]].slot, 6 + i);
    }
    tsr_graph_clear(&graph);
}
END_TEST

START_TEST(gradients_that_nobody_wants)
{
    tsr_graph graph = {0};
    int g[3];
    differentiate(&graph, false, (bool[]){false, true, false}, g);
    ck_assert_int_eq((int)graph.primitive_count, 2);
    ck_assert_int_eq(graph.primitives[1].output_count, 1);
    ck_assert(g[0] == TSR_NONE && g[1] != TSR_NONE && g[2] == TSR_NONE);
    tsr_graph_clear(&graph);
    differentiate(&graph, true, (bool[]){true, false, false}, g);
    ck_assert_int_eq((int)graph.primitive_count, 2);
    ck_assert(g[0] != TSR_NONE && g[1] == TSR_NONE && g[2] == TSR_NONE);
    tsr_graph_clear(&graph);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, twin);
    tcase_add_test(tests, gradients_of_the_graph);
    tcase_add_test(tests, gradients_that_nobody_wants);
    tcase_add_test(tests, tiles_in_local_memory);
    tcase_add_test(tests, work_groups_of_one);
    tcase_add_test(tests, splits);
    tcase_add_test(tests, thin_ones_split);
    tcase_add_test(tests, bias_gradient_alone);
    tcase_add_test(tests, flattens);
}

int main(void)
{
    return test_run("dense", add_tests);
}
