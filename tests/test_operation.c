/* Public operations on the caller's buffers: every one agrees with its twin, with its own workspace and the caller's.
 */
#include "ops/primitive.h"
#include "support/tester.h"

#include <math.h>

enum { MAX_ELEMENTS = 4096 };

/* Small integers, so that results are exact: element i of operand k. */
static double sample(int k, size_t i)
{
    return (double)((i * 7 + (size_t)k * 5) % 11) - 5;
}

/* Runs the operation on small integers and compares its outputs, the operands from `inputs` on, with the twin's. A
 * winner (bytes) is read as such. `winner_input` is filled with zeros: the first cell of a window, always inside it
 * here. */
static void check_operation(tsr_operation *operation, const tsr_primitive *p, int inputs, int winner_input,
                            int winner_output, bool own_workspace)
{
    tsr_device *device = test_device();
    int count = tsr_operation_operands(operation);
    cl_mem buffers[8], workspace = NULL;
    static double values[8][MAX_ELEMENTS], expected[8][MAX_ELEMENTS];
    static float floats[MAX_ELEMENTS];
    static unsigned char bytes[MAX_ELEMENTS];
    const double *in[8];
    double *out[8];
    for (int k = 0; k < count; k++) {
        size_t size = tsr_operation_operand_bytes(operation, k);
        ck_assert_uint_le(size, sizeof floats);
        check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, size, "an operand", &buffers[k]));
        if (k >= inputs) {
            out[k - inputs] = expected[k];
            continue;
        }
        in[k] = values[k];
        if (k == winner_input) {
            for (size_t i = 0; i < size; i++) values[k][i] = 0;
            check_ok(tsr_buffer_fill(device, buffers[k], 0, 0, size));
        } else {
            for (size_t i = 0; i < size / sizeof *floats; i++) floats[i] = (float)(values[k][i] = sample(k, i));
            check_ok(tsr_buffer_write(device, buffers[k], 0, floats, size));
        }
    }
    tsr_primitive_row_of(p->kind)->reference(p, in, out);
    size_t needed = tsr_operation_workspace(operation);
    if (!own_workspace && needed)
        check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, needed, "a workspace", &workspace));
    check_ok(tsr_operation_enqueue(operation, buffers, count, workspace));
    for (int k = inputs; k < count; k++) {
        size_t size = tsr_operation_operand_bytes(operation, k);
        bool winner = k == winner_output;
        check_ok(tsr_buffer_read(device, buffers[k], 0, winner ? (void *)bytes : (void *)floats, size));
        for (size_t i = 0; i < (winner ? size : size / sizeof *floats); i++)
            ck_assert_msg(fabs((winner ? bytes[i] : (double)floats[i]) - expected[k][i]) <= 1e-6,
                          "%s: operand %d, element %zu is %g, not %g", tsr_kind_name(p->kind), k, i,
                          winner ? bytes[i] : (double)floats[i], expected[k][i]);
    }
    for (int k = 0; k < count; k++) clReleaseMemObject(buffers[k]);
    if (workspace) clReleaseMemObject(workspace);
}

static void check_both(tsr_operation *operation, const tsr_primitive *p, int inputs, int winner_input,
                       int winner_output)
{
    check_operation(operation, p, inputs, winner_input, winner_output, true);
    check_operation(operation, p, inputs, winner_input, winner_output, false);
    tsr_operation_free(operation);
}

/* A primitive with as many operands as `inputs` and `outputs` say; the twins look at the counts. */
static tsr_primitive make_primitive(tsr_kind kind, int inputs, int outputs)
{
    return (tsr_primitive){.kind = kind, .layer = TSR_NONE, .input_count = inputs, .output_count = outputs};
}

START_TEST(convolution_and_its_gradients)
{
    for (int bias = 0; bias < 2; bias++) {
        tsr_conv2d_descriptor d = {2, 7, 5, 3, 4, 3, 3, 2, 1, TSR_PADDING_SAME, bias};
        tsr_operation *operation;
        tsr_primitive p = make_primitive(TSR_KIND_CONV2D, 2 + bias, 1);
        p.as.conv2d = d;
        check_ok(tsr_conv2d_forward(test_device(), &d, NULL, NULL, &operation));
        check_both(operation, &p, 2 + bias, -1, -1);
        p = make_primitive(TSR_KIND_CONV2D_GRAD_DATA, 2, 1);
        p.as.conv2d = d;
        check_ok(tsr_conv2d_backward_data(test_device(), &d, &operation));
        check_both(operation, &p, 2, -1, -1);
        p = make_primitive(TSR_KIND_CONV2D_GRAD_WEIGHTS, 2, 1 + bias);
        p.as.conv2d = d;
        check_ok(tsr_conv2d_backward_weights(test_device(), &d, &operation));
        check_both(operation, &p, 2, -1, -1);
    }
}
END_TEST

START_TEST(convolution_by_a_named_implementation)
{
    static const char *const names[] = {"conv2d_cpu", "conv2d_winograd_cpu", "conv2d", "no_such_implementation"};
    tsr_conv2d_descriptor d = {1, 8, 8, 8, 8, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tsr_operation *operation;
        tsr_primitive p = make_primitive(TSR_KIND_CONV2D, 3, 1);
        p.as.conv2d = d;
        check_ok(tsr_conv2d_forward_by(test_device(), &d, names[i], &operation));
        check_both(operation, &p, 3, -1, -1);
    }
    d.filters = 0;
    tsr_operation *refused;
    check_fails(tsr_conv2d_forward_by(test_device(), &d, names[0], &refused), TSR_INVALID_ARGUMENT, "0 filters");
    ck_assert(refused == NULL);
}
END_TEST

START_TEST(pooling_and_its_gradients)
{
    for (int average = 0; average < 2; average++) {
        tsr_pool2d_descriptor d = {
            average ? TSR_POOL_AVERAGE : TSR_POOL_MAX, 2, 6, 8, 3, 2, 2, 2, 2, TSR_PADDING_VALID};
        tsr_operation *operation;
        tsr_primitive p = make_primitive(TSR_KIND_POOL2D, 1, 2 - average);
        p.as.pool2d = d;
        check_ok(tsr_pool2d_forward(test_device(), &d, &operation));
        check_both(operation, &p, 1, -1, average ? -1 : 2);
        p = make_primitive(TSR_KIND_POOL2D_GRAD, 2 - average, 1);
        p.as.pool2d = d;
        check_ok(tsr_pool2d_backward(test_device(), &d, &operation));
        check_both(operation, &p, 2 - average, average ? -1 : 1, -1);
    }
}
END_TEST

START_TEST(activations_and_their_gradients)
{
    const tsr_activation functions[] = {TSR_RELU, TSR_LEAKY_RELU, TSR_SWISH, TSR_SOFTMAX};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        tsr_activation_descriptor d = {functions[i], 0.25f, 5, 7};
        tsr_operation *operation;
        tsr_primitive p = make_primitive(TSR_KIND_ACTIVATION, 1, 1);
        p.as.activation = d;
        check_ok(tsr_activation_forward(test_device(), &d, &operation));
        check_both(operation, &p, 1, -1, -1);
        if (functions[i] == TSR_SOFTMAX) continue; /* whose gradient is taken at probabilities, not at any integers */
        p = make_primitive(TSR_KIND_ACTIVATION_GRAD, 2, 1);
        p.as.activation = d;
        check_ok(tsr_activation_backward(test_device(), &d, &operation));
        check_both(operation, &p, 2, -1, -1);
    }
}
END_TEST

START_TEST(dense_and_its_gradients)
{
    const tsr_gemm gemms[] = {TSR_GEMM_AUTO, TSR_GEMM_NATIVE};
    for (size_t g = 0; g < 2; g++) {
        tsr_dense_descriptor d = {5, 13, 6, true};
        tsr_operation *operation;
        tsr_primitive p = make_primitive(TSR_KIND_DENSE, 3, 1);
        p.as.dense = d;
        check_ok(tsr_dense_forward(test_device(), &d, gemms[g], &operation));
        check_both(operation, &p, 3, -1, -1);
        p = make_primitive(TSR_KIND_DENSE_GRAD_DATA, 2, 1);
        p.as.dense = d;
        check_ok(tsr_dense_backward_data(test_device(), &d, gemms[g], &operation));
        check_both(operation, &p, 2, -1, -1);
        p = make_primitive(TSR_KIND_DENSE_GRAD_WEIGHTS, 2, 2);
        p.as.dense = d;
        check_ok(tsr_dense_backward_weights(test_device(), &d, gemms[g], &operation));
        check_both(operation, &p, 2, -1, -1);
    }
}
END_TEST

START_TEST(wrong_calls_get_a_sentence)
{
    tsr_operation *operation;
    tsr_conv2d_descriptor empty = {1, 2, 2, 1, 1, 3, 3, 1, 1, TSR_PADDING_VALID, false};
    check_fails(tsr_conv2d_forward(test_device(), &empty, NULL, NULL, &operation), TSR_INVALID_ARGUMENT, "no output");
    tsr_conv2d_descriptor none = {1, 2, 2, 1, 0, 1, 1, 1, 1, TSR_PADDING_VALID, false};
    check_fails(tsr_conv2d_forward(test_device(), &none, NULL, NULL, &operation), TSR_INVALID_ARGUMENT, "0 filters");
    tsr_dense_descriptor dense = {0, 1, 1, false};
    check_fails(tsr_dense_forward(test_device(), &dense, TSR_GEMM_AUTO, &operation), TSR_INVALID_ARGUMENT, "0 rows");
    tsr_activation_descriptor relu = {TSR_RELU, 0, 3, 4};
    check_ok(tsr_activation_forward(test_device(), &relu, &operation));
    cl_mem small, right;
    check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, 47, "an operand", &small));
    check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, 48, "an operand", &right));
    check_fails(tsr_operation_enqueue(operation, (cl_mem[]){small, right}, 2, NULL), TSR_INVALID_ARGUMENT,
                "48 are needed");
    check_fails(tsr_operation_enqueue(operation, (cl_mem[]){right}, 1, NULL), TSR_INVALID_ARGUMENT, "2 operands");
    check_fails(tsr_operation_enqueue(operation, (cl_mem[]){right, NULL}, 2, NULL), TSR_INVALID_ARGUMENT, "NULL");
    tsr_operation_free(operation);
    clReleaseMemObject(small), clReleaseMemObject(right);

    tsr_conv2d_descriptor huge = {1 << 20, 1 << 10, 1 << 10, 1, 1, 1, 1, 1, 1, TSR_PADDING_VALID, false};
    check_fails(tsr_conv2d_forward(test_device(), &huge, &relu, NULL, &operation), TSR_UNSUPPORTED, "x has more than");
    check_fails(tsr_conv2d_backward_weights(test_device(), &huge, &operation), TSR_UNSUPPORTED, "dy has more than");
    dense = (tsr_dense_descriptor){1, 1 << 16, 1 << 16, false};
    check_fails(tsr_dense_forward(test_device(), &dense, TSR_GEMM_AUTO, &operation), TSR_UNSUPPORTED,
                "w has more than");
    tsr_pool2d_descriptor wide = {TSR_POOL_MAX, 1, 9, 9, 1, 300, 300, 1, 1, TSR_PADDING_SAME};
    check_fails(tsr_pool2d_forward(test_device(), &wide, &operation), TSR_UNSUPPORTED, "more than the 65536 cells");
    tsr_activation_descriptor unknown = {(tsr_activation)99, 0, 3, 4};
    check_fails(tsr_activation_forward(test_device(), &unknown, &operation), TSR_INVALID_ARGUMENT, "no activation");
    tsr_conv2d_descriptor one = {1, 1, 1, 1, 1, 1, 1, 1, 1, TSR_PADDING_VALID, false};
    check_fails(tsr_conv2d_forward(test_device(), &one, &unknown, NULL, &operation), TSR_INVALID_ARGUMENT,
                "no activation");
}
END_TEST

/* A buffer that is given back right after the enqueue cannot be taken for a new, smaller one at the same address. */
START_TEST(operands_are_retained)
{
    tsr_operation *operation;
    tsr_activation_descriptor relu = {TSR_RELU, 0, 64, 64};
    check_ok(tsr_activation_forward(test_device(), &relu, &operation));
    cl_mem x, y;
    cl_uint references = 0, left = 0;
    check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, 4 * 64 * 64, "x", &x));
    check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, 4 * 64 * 64, "y", &y));
    check_ok(tsr_buffer_fill(test_device(), x, 0, 0, 4 * 64 * 64));
    for (int i = 0; i < 2; i++) {
        check_ok(tsr_operation_enqueue(operation, (cl_mem[]){x, y}, 2, NULL));
        check_ok(tsr_device_finish(test_device()));
        ck_assert_int_eq(clGetMemObjectInfo(x, CL_MEM_REFERENCE_COUNT, sizeof references, &references, NULL), 0);
        ck_assert_uint_ge(references, 2); /* rusticl holds a kernel's arguments as well */
    }
    tsr_operation_free(operation);
    ck_assert_int_eq(clGetMemObjectInfo(x, CL_MEM_REFERENCE_COUNT, sizeof left, &left, NULL), 0);
    ck_assert_uint_lt(left, references);
    clReleaseMemObject(x), clReleaseMemObject(y);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, convolution_and_its_gradients);
    tcase_add_test(tests, convolution_by_a_named_implementation);
    tcase_add_test(tests, pooling_and_its_gradients);
    tcase_add_test(tests, activations_and_their_gradients);
    tcase_add_test(tests, dense_and_its_gradients);
    tcase_add_test(tests, wrong_calls_get_a_sentence);
    tcase_add_test(tests, operands_are_retained);
}

int main(void)
{
    return test_run("operation", add_tests);
}
