/* Variables: weights and moments in flat buffers, copies, other forms of filters. */
#include "base/random.h"
#include "device/device.h"
#include "support/tester.h"

#include <math.h>
#include <stdlib.h>

static const size_t counts[] = {2 * 2 * 3 * 5, 5, 7};

static tsr_variables *make(int moments)
{
    tsr_variables *variables;
    check_ok(tsr_variables_create(test_device(), counts, 3, moments, &variables));
    return variables;
}

START_TEST(each_slot_and_moment_holds_its_own)
{
    tsr_variables *variables = make(2);
    float data[64], got[64];
    for (int slot = 0; slot < 3; slot++)
        for (int moment = TSR_NONE; moment < 2; moment++) {
            for (size_t i = 0; i < counts[slot]; i++) data[i] = (float)(100 * slot + 10 * moment) + (float)i;
            check_ok(tsr_variables_write(variables, slot, moment, data));
        }
    for (int slot = 0; slot < 3; slot++)
        for (int moment = TSR_NONE; moment < 2; moment++) {
            check_ok(tsr_variables_read(variables, slot, moment, got));
            for (size_t i = 0; i < counts[slot]; i++)
                ck_assert_float_eq(got[i], (float)(100 * slot + 10 * moment) + (float)i);
        }
    check_ok(tsr_variables_reset_moments(variables));
    check_ok(tsr_variables_read(variables, 1, 1, got));
    for (size_t i = 0; i < counts[1]; i++) ck_assert_float_eq(got[i], 0);
    check_ok(tsr_variables_read(variables, 1, TSR_NONE, got));
    ck_assert_float_eq(got[1], 91);
    tsr_variables_free(variables);
}
END_TEST

START_TEST(a_copy_brings_the_weights_back)
{
    tsr_variables *variables = make(0);
    float before[7] = {1, 2, 3, 4, 5, 6, 7}, after[7] = {0}, got[7];
    cl_mem copy = NULL;
    check_ok(tsr_variables_write(variables, 2, TSR_NONE, before));
    check_ok(tsr_variables_save(variables, &copy));
    check_ok(tsr_variables_write(variables, 2, TSR_NONE, after));
    uint64_t version = tsr_variables_version(variables);
    check_ok(tsr_variables_restore(variables, copy));
    ck_assert_uint_gt(tsr_variables_version(variables), version);
    check_ok(tsr_variables_read(variables, 2, TSR_NONE, got));
    ck_assert_mem_eq(got, before, sizeof before);
    clReleaseMemObject(copy);
    tsr_variables_free(variables);
}
END_TEST

/* What the form's buffer holds after a refresh. */
static void read_form(tsr_variables *variables, cl_mem form, float *data, size_t count)
{
    check_ok(tsr_variables_refresh(variables));
    check_ok(tsr_buffer_read(test_device(), form, 0, data, count * sizeof *data));
}

START_TEST(forms_are_shared_and_follow_the_weights)
{
    tsr_variables *variables = make(0);
    tsr_conv2d_descriptor conv = {1, 4, 4, 3, 5, 2, 2, 1, 1, TSR_PADDING_SAME, true};
    tsr_target target = {.device = test_device(), .fuse = true, .vector_width = 4};
    cl_mem form, again;
    check_ok(tsr_variables_form(variables, &target, 0, TSR_FORM_TRANSPOSED, &conv, &form));
    check_ok(tsr_variables_form(variables, &target, 0, TSR_FORM_TRANSPOSED, &conv, &again));
    ck_assert_ptr_eq(form, again);
    ck_assert_int_eq(tsr_variables_form_count(variables), 1);
    float w[60], got[60];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 60; i++) w[i] = (float)(i + 1000 * round);
        check_ok(tsr_variables_write(variables, 0, TSR_NONE, w));
        read_form(variables, form, got, 60);
        for (int t = 0; t < 4; t++)
            for (int c = 0; c < 3; c++)
                for (int f = 0; f < 5; f++) ck_assert_float_eq(got[(f * 4 + t) * 3 + c], w[(t * 3 + c) * 5 + f]);
    }
    tsr_variables_free(variables);
}
END_TEST

/* A form whose kernel cannot be had is not there afterwards, half made. */
START_TEST(a_form_that_fails_is_made_again)
{
    tsr_device *device;
    tsr_variables *variables;
    size_t count = 60;
    tsr_conv2d_descriptor conv = {1, 4, 4, 3, 5, 2, 2, 1, 1, TSR_PADDING_SAME, true};
    cl_mem form;
    check_ok(tsr_device_open(NULL, false, &device)); /* one that has built nothing yet */
    check_ok(tsr_variables_create(device, &count, 1, 0, &variables));
    tsr_target target = {.device = device, .fuse = true, .vector_width = 4};
    setenv("TESSERA_KERNEL_PATH", "/nonexistent", 1);
    check_fails(tsr_variables_form(variables, &target, 0, TSR_FORM_TRANSPOSED, &conv, &form), TSR_NOT_FOUND, "form.cl");
    unsetenv("TESSERA_KERNEL_PATH");
    check_ok(tsr_variables_refresh(variables));
    check_ok(tsr_variables_form(variables, &target, 0, TSR_FORM_TRANSPOSED, &conv, &form));
    check_ok(tsr_variables_refresh(variables));
    ck_assert_int_eq(tsr_variables_form_count(variables), 1);
    tsr_variables_free(variables);
    tsr_device_close(device);
}
END_TEST

START_TEST(winograd_transforms_the_filters)
{
    /* U = G w G^T, in double. */
    static const double g[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
    enum { C = 3, F = 4 }; /* one vector of filters, on a CPU */
    tsr_device_type own = test_device()->info.type;
    test_device()->info.type = TSR_DEVICE_CPU;
    tsr_conv2d_descriptor conv = {1, 4, 4, C, F, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    tsr_variables *variables;
    size_t count = 9 * C * F;
    check_ok(tsr_variables_create(test_device(), &count, 1, 0, &variables));
    tsr_target target = {.device = test_device(), .fuse = true, .vector_width = F};
    cl_mem form;
    check_ok(tsr_variables_form(variables, &target, 0, TSR_FORM_WINOGRAD, &conv, &form));
    ck_assert_uint_eq(tsr_form_bytes(&target, TSR_FORM_WINOGRAD, &conv), 16 * C * F * sizeof(float));
    float w[9 * C * F], got[16 * C * F];
    for (int i = 0; i < 9 * C * F; i++) w[i] = tsr_uniform(7, 1, 0, (uint64_t)i) - 0.5f;
    check_ok(tsr_variables_write(variables, 0, TSR_NONE, w));
    read_form(variables, form, got, 16 * C * F);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++)
            for (int k = 0; k < C * F; k++) {
                double u = 0;
                for (int a = 0; a < 3; a++)
                    for (int b = 0; b < 3; b++) u += g[i][a] * (double)w[(a * 3 + b) * C * F + k] * g[j][b];
                ck_assert_double_le(fabs(u - (double)got[(4 * i + j) * C * F + k]), 4e-7);
            }
    tsr_variables_free(variables);
    test_device()->info.type = own;
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, each_slot_and_moment_holds_its_own);
    tcase_add_test(tests, a_copy_brings_the_weights_back);
    tcase_add_test(tests, forms_are_shared_and_follow_the_weights);
    tcase_add_test(tests, a_form_that_fails_is_made_again);
    tcase_add_test(tests, winograd_transforms_the_filters);
}

int main(void)
{
    return test_run("variables", add_tests);
}
