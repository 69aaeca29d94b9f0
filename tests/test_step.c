/* The helpers with which implementations prepare launches. */
#include "support/tester.h"

#include <stdlib.h>

static const tsr_implementation implementation = {.name = "tested"};

/* A step over two values, of which the first has a buffer already. */
typedef struct prepared {
    tsr_target target;
    tsr_view views[2];
    tsr_step step;
    tsr_launch *launch;
    tsr_status status;
} prepared;

static void begin(prepared *p)
{
    *p = (prepared){.target = {.device = test_device()}};
    check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, 64, "a value", &p->views[0].buffer));
    p->step = (tsr_step){.implementation = &implementation, .target = &p->target, .views = p->views};
    p->launch = tsr_step_launch(&p->step, "advance.cl", "", "advance", &p->status);
    check_ok(p->status);
}

static void end(prepared *p)
{
    for (int i = 0; i < p->step.launch_count; i++) clReleaseKernel(p->step.launches[i].kernel);
    clReleaseMemObject(p->views[0].buffer);
}

START_TEST(values_are_bound)
{
    prepared p;
    begin(&p);
    tsr_launch_value(&p.step, p.launch, 0, &p.status);
    tsr_launch_value(&p.step, p.launch, 1, &p.status); /* without a buffer yet */
    tsr_launch_int(p.launch, 32, &p.status);
    check_ok(p.status);
    ck_assert_str_eq(p.launch->name, "tested/advance");
    ck_assert_uint_eq(p.launch->next_argument, 3);
    ck_assert_int_eq(p.step.binding_count, 2);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(p.step.bindings[i].launch, 0);
        ck_assert_uint_eq(p.step.bindings[i].argument, (cl_uint)i);
        ck_assert_int_eq(p.step.bindings[i].value, i);
    }
    ck_assert_ptr_eq(tsr_step_view(&p.step, 0), &p.views[0]);
    end(&p);
}
END_TEST

START_TEST(workspace_and_prepared_forms_are_bound)
{
    prepared p;
    begin(&p);
    p.step.workspace = p.step.prepared[1] = p.views[0].buffer;
    tsr_launch_workspace(&p.step, p.launch, &p.status);
    tsr_launch_prepared(&p.step, p.launch, 1, &p.status);
    check_ok(p.status);
    ck_assert_int_eq(p.step.bindings[0].value, TSR_BINDING_WORKSPACE);
    ck_assert_int_eq(p.step.bindings[1].value, TSR_BINDING_PREPARED - 1);
    end(&p);
}
END_TEST

START_TEST(groups_shrink_and_spaces_are_rounded_up)
{
    prepared p;
    begin(&p);
    size_t limit, global[2] = {1001, 3}, local[2] = {1u << 20, 2};
    check_ok(tsr_kernel_limit(p.target.device, p.launch->kernel, &limit));
    tsr_launch_over(&p.step, p.launch, 2, global, local, true, &p.status);
    check_ok(p.status);
    ck_assert_uint_le(p.launch->local[0] * p.launch->local[1], limit);
    for (int d = 0; d < 2; d++) {
        ck_assert_uint_ge(p.launch->local[d], 1);
        ck_assert_uint_eq(p.launch->global[d] % p.launch->local[d], 0);
        ck_assert_uint_ge(p.launch->global[d], global[d]);
        ck_assert_uint_lt(p.launch->global[d], global[d] + p.launch->local[d]);
    }
    ck_assert_uint_eq(p.launch->global[2], 1);

    check_fails((tsr_launch_over(&p.step, p.launch, 2, global, local, false, &p.status), p.status), TSR_UNSUPPORTED,
                "work-groups of 1048576 x 2 x 1");
    end(&p);
}
END_TEST

START_TEST(the_driver_chooses_without_a_local_size)
{
    prepared p;
    begin(&p);
    tsr_launch_over(&p.step, p.launch, 1, (size_t[]){1001}, (size_t[]){0}, false, &p.status);
    check_ok(p.status);
    ck_assert_uint_eq(p.launch->global[0], 1001);
    ck_assert_uint_eq(p.launch->local[0], 0);
    end(&p);
}
END_TEST

START_TEST(the_first_failure_is_kept)
{
    prepared p;
    begin(&p);
    tsr_launch *none = tsr_step_launch(&p.step, "advance.cl", "", "no_such_kernel", &p.status);
    ck_assert_ptr_null(none);
    check_fails(p.status, TSR_DEVICE, "no_such_kernel of advance.cl");
    tsr_status first = p.status;
    /* All of these see the failure and do nothing. */
    tsr_launch_value(&p.step, none, 0, &p.status);
    tsr_launch_workspace(&p.step, none, &p.status);
    tsr_launch_prepared(&p.step, none, 0, &p.status);
    tsr_launch_buffer(none, p.views[0].buffer, &p.status);
    tsr_launch_int(none, 1, &p.status);
    tsr_launch_uint(none, 1, &p.status);
    tsr_launch_float(none, 1, &p.status);
    tsr_launch_local(none, 4, &p.status);
    tsr_launch_elements(&p.step, none, 1, &p.status);
    ck_assert_ptr_null(tsr_step_launch(&p.step, "advance.cl", "", "advance", &p.status));
    ck_assert_int_eq(p.status, first);
    ck_assert_int_eq(p.step.launch_count, 1);
    end(&p);
}
END_TEST

START_TEST(arguments_too_many_are_errors)
{
    prepared p;
    begin(&p);
    for (int i = 0; i < 3; i++) tsr_launch_int(p.launch, i, &p.status); /* the first ones are buffers */
    ck_assert_int_ne(p.status, TSR_OK);
    ck_assert(strstr(tsr_last_error(), "argument 0 of tested/advance") != NULL);
    end(&p);
}
END_TEST

START_TEST(launches_are_counted)
{
    prepared p;
    begin(&p);
    while (p.step.launch_count < TSR_STEP_LAUNCHES)
        ck_assert_ptr_nonnull(tsr_step_launch(&p.step, "advance.cl", "", "advance", &p.status));
    check_fails((tsr_step_launch(&p.step, "advance.cl", "", "advance", &p.status), p.status), TSR_INTERNAL,
                "more than");
    end(&p);
}
END_TEST

START_TEST(vectors_suit_the_class_of_device)
{
    tsr_device *device = calloc(1, sizeof *device);
    ck_assert_ptr_nonnull(device);
    tsr_target target = {.device = device, .vector_width = 8};
    const tsr_device_type others[] = {TSR_DEVICE_DISCRETE_GPU, TSR_DEVICE_INTEGRATED_GPU, TSR_DEVICE_ACCELERATOR,
                                      TSR_DEVICE_SOFTWARE};
    const uint32_t asked[] = {0, 1, 2, 3, 4, 8, 16, 32}, given[] = {1, 1, 2, 2, 4, 8, 16, 16};
    device->info.type = TSR_DEVICE_CPU;
    ck_assert(tsr_is_cpu_class(&target));
    for (int k = 0; k < 8; k++) {
        target.vector_width = asked[k];
        ck_assert_uint_eq(tsr_vector_width(&target), given[k]);
    }
    for (int i = 0; i < 4; i++) {
        device->info.type = others[i];
        ck_assert(!tsr_is_cpu_class(&target));
        ck_assert_uint_eq(tsr_vector_width(&target), 1);
    }
    free(device);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, values_are_bound);
    tcase_add_test(tests, workspace_and_prepared_forms_are_bound);
    tcase_add_test(tests, groups_shrink_and_spaces_are_rounded_up);
    tcase_add_test(tests, the_driver_chooses_without_a_local_size);
    tcase_add_test(tests, the_first_failure_is_kept);
    tcase_add_test(tests, arguments_too_many_are_errors);
    tcase_add_test(tests, launches_are_counted);
    tcase_add_test(tests, vectors_suit_the_class_of_device);
}

int main(void)
{
    return test_run("step", add_tests);
}
