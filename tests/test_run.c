/* Plans as objects: bindings, running, reading, what is refused. */
#include "support/tester.h"

enum { N = 37 };

/* y = relu(x) over N floats. */
static void build(test_case *t, int *x, int *y)
{
    *t = (test_case){.fill = TEST_RANDOM};
    *x = test_input(t, "x", TSR_F32, 2, (int32_t[]){1, N});
    *y = test_activation(t, TSR_RELU, 0, *x);
}

static cl_mem make_buffer(size_t bytes)
{
    cl_mem buffer;
    check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, bytes, "a test's data", &buffer));
    return buffer;
}

START_TEST(another_binding_is_used_from_then_on)
{
    test_case t;
    int x, y;
    build(&t, &x, &y);
    tsr_plan *plan;
    check_ok(tsr_plan_create(test_device(), &t.graph, &y, 1, NULL, NULL, &plan));
    cl_mem buffers[2] = {make_buffer(N * sizeof(float)), make_buffer(N * sizeof(float))};
    float data[N], got[N];
    for (int b = 0; b < 2; b++) {
        for (int i = 0; i < N; i++) data[i] = (float)(b ? i : -i);
        check_ok(tsr_plan_bind(plan, x, buffers[b]));
        check_ok(tsr_plan_write(plan, x, data));
    }
    for (int b = 0; b < 2; b++) {
        check_ok(tsr_plan_bind(plan, x, buffers[b]));
        check_ok(tsr_plan_run(plan));
        check_ok(tsr_plan_read(plan, y, got));
        for (int i = 0; i < N; i++) ck_assert_float_eq(got[i], b ? (float)i : 0.0f);
    }
    tsr_plan_free(plan);
    for (int b = 0; b < 2; b++) clReleaseMemObject(buffers[b]);
    test_clear_case(&t);
}
END_TEST

START_TEST(a_buffer_too_small_is_refused)
{
    test_case t;
    int x, y;
    build(&t, &x, &y);
    tsr_plan *plan;
    check_ok(tsr_plan_create(test_device(), &t.graph, &y, 1, NULL, NULL, &plan));
    cl_mem small = make_buffer((N - 1) * sizeof(float));
    check_fails(tsr_plan_bind(plan, x, small), TSR_INVALID_ARGUMENT, "144 bytes, but 148 are needed");
    check_fails(tsr_plan_bind(plan, y, small), TSR_INTERNAL, "not the caller's");
    tsr_plan_free(plan);
    clReleaseMemObject(small);
    test_clear_case(&t);
}
END_TEST

START_TEST(a_hidden_value_cannot_be_read)
{
    test_case t;
    int x, y;
    build(&t, &x, &y);
    tsr_plan *plan;
    check_ok(tsr_plan_create(test_device(), &t.graph, &y, 1, NULL, NULL, &plan));
    float data[N];
    check_fails(tsr_plan_read(plan, x, data), TSR_INTERNAL, "not stored");
    tsr_plan_free(plan);
    test_clear_case(&t);
}
END_TEST

START_TEST(the_caller_may_give_the_arena)
{
    /* Two activations: the value between them lies in the arena. */
    test_case t = {.fill = TEST_RANDOM};
    int x = test_input(&t, "x", TSR_F32, 2, (int32_t[]){1, N});
    int y = test_activation(&t, TSR_LEAKY_RELU, 0.5f, test_activation(&t, TSR_RELU, 0, x));
    tsr_plan *plan;
    tsr_plan_options options = {.bind_arena = true, .bind_wanted = true, .no_fusion = true};
    check_ok(tsr_plan_create(test_device(), &t.graph, &y, 1, &options, NULL, &plan));
    size_t bytes = tsr_plan_arena_bytes(plan);
    ck_assert_uint_ge(bytes, N * sizeof(float));
    cl_mem small = make_buffer(bytes - 1), arena = make_buffer(bytes), in = make_buffer(N * sizeof(float)),
           out = make_buffer(N * sizeof(float));
    check_fails(tsr_plan_bind_arena(plan, small), TSR_INVALID_ARGUMENT, "workspace holds");
    check_ok(tsr_plan_bind_arena(plan, arena));
    check_ok(tsr_plan_bind(plan, x, in));
    check_ok(tsr_plan_bind(plan, y, out));
    float data[N], got[N];
    for (int i = 0; i < N; i++) data[i] = (float)(i - 5);
    check_ok(tsr_plan_write(plan, x, data));
    check_ok(tsr_plan_run(plan));
    check_ok(tsr_plan_read(plan, y, got));
    for (int i = 0; i < N; i++) ck_assert_float_eq(got[i], i < 5 ? 0.0f : (float)(i - 5));
    tsr_plan_free(plan);
    clReleaseMemObject(small), clReleaseMemObject(arena), clReleaseMemObject(in), clReleaseMemObject(out);
    test_clear_case(&t);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, another_binding_is_used_from_then_on);
    tcase_add_test(tests, a_buffer_too_small_is_refused);
    tcase_add_test(tests, a_hidden_value_cannot_be_read);
    tcase_add_test(tests, the_caller_may_give_the_arena);
}

int main(void)
{
    return test_run("run", add_tests);
}
