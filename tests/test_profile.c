#include "device/profile.h"
#include "support/kernels.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>

enum { ITEMS = 4096 };

static const char work_text[] = "__kernel void work(__global float *restrict x, int rounds)\n"
                                "{\n"
                                "    float sum = x[get_global_id(0)];\n"
                                "    for (int i = 0; i < rounds; i++) sum = sum * 0.5f + 1.0f;\n"
                                "    x[get_global_id(0)] = sum;\n"
                                "}\n";

static void launch(tsr_device *device, cl_kernel kernel, const char *name, int rounds, int times)
{
    const size_t global = ITEMS;
    ck_assert(clSetKernelArg(kernel, 1, sizeof(cl_int), &(cl_int){rounds}) == CL_SUCCESS);
    for (int i = 0; i < times; i++) check_ok(tsr_enqueue_kernel(device, kernel, name, 1, &global, NULL));
}

START_TEST(launches_are_counted_and_timed)
{
    tsr_device *device;
    tsr_profile_row *rows;
    size_t count;
    cl_mem buffer;
    check_ok(tsr_device_open(NULL, true, &device));
    test_kernel_file("work.cl", work_text);
    cl_kernel kernel = test_kernel(device, "work.cl", "", "work");
    check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, ITEMS * sizeof(float), "a test", &buffer));
    check_ok(tsr_buffer_fill(device, buffer, 0, 0, ITEMS * sizeof(float)));
    ck_assert(clSetKernelArg(kernel, 0, sizeof buffer, &buffer) == CL_SUCCESS);

    check_ok(tsr_device_profile(device, &rows, &count));
    ck_assert_uint_eq(count, 0);
    free(rows);

    launch(device, kernel, "quick", 1, 5);
    launch(device, kernel, "slow", 60000, 2);
    launch(device, kernel, "quick", 1, 1000); /* more than are held back */
    check_ok(tsr_device_profile(device, &rows, &count));
    ck_assert_uint_eq(count, 2);
    ck_assert(rows[0].seconds >= rows[1].seconds && rows[0].seconds < 60);
    /* A thousand launches may take longer than two slow ones, where each costs a lot. */
    const tsr_profile_row *slow = strcmp(rows[0].name, "slow") ? &rows[1] : &rows[0];
    const tsr_profile_row *quick = slow == rows ? &rows[1] : &rows[0];
    ck_assert_str_eq(slow->name, "slow");
    ck_assert_uint_eq(slow->launches, 2);
    ck_assert_str_eq(quick->name, "quick");
    ck_assert_uint_eq(quick->launches, 1005);
    ck_assert(slow->seconds / 2 > quick->seconds / 1005);
    free(rows);

    tsr_device_profile_reset(device);
    launch(device, kernel, "quick", 1, 3);
    check_ok(tsr_device_profile(device, &rows, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(rows[0].launches, 3);
    free(rows);

    launch(device, kernel, "quick", 1, 3); /* left for the closing to release */
    clReleaseKernel(kernel);
    clReleaseMemObject(buffer);
    tsr_device_close(device);
    test_kernel_files_end();
}
END_TEST

/* There is one row of the name and the layers. */
static void check_row(const tsr_profile_row *rows, size_t count, const char *name, const char *layers,
                      uint64_t launches, double flops)
{
    const tsr_profile_row *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) || strcmp(rows[i].layers, layers)) continue;
        ck_assert_ptr_null(found);
        found = &rows[i];
    }
    ck_assert_msg(found, "there is no row of %s for \"%s\"", name, layers);
    ck_assert_uint_eq(found->launches, launches);
    ck_assert(found->flops == flops);
}

START_TEST(rows_say_whose_work_it_was)
{
    static const tsr_profile_work first = {.layers = "conv2d, max_pooling2d", .flops = 30};
    static const tsr_profile_work second = {.layers = "conv2d_1", .flops = 500};
    tsr_device *device;
    tsr_profile_row *rows;
    size_t count;
    cl_mem buffer;
    check_ok(tsr_device_open(NULL, true, &device));
    test_kernel_file("work.cl", work_text);
    cl_kernel kernel = test_kernel(device, "work.cl", "", "work");
    check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, ITEMS * sizeof(float), "a test", &buffer));
    check_ok(tsr_buffer_fill(device, buffer, 0, 0, ITEMS * sizeof(float)));
    ck_assert(clSetKernelArg(kernel, 0, sizeof buffer, &buffer) == CL_SUCCESS);
    launch(device, kernel, "main", 1, 1); /* the first launch may compile */
    tsr_device_profile_reset(device);
    for (int i = 0; i < 2; i++) {
        tsr_profile_set_work(device, &first);
        launch(device, kernel, "main", 60000, 1);
        launch(device, kernel, "main/rest", 1, 3);
    }
    tsr_profile_set_work(device, &second);
    launch(device, kernel, "main", 30000, 1);
    tsr_profile_set_work(device, NULL);
    launch(device, kernel, "main", 1, 1);
    check_ok(tsr_device_profile(device, &rows, &count));
    ck_assert_uint_eq(count, 4);
    check_row(rows, count, "main", first.layers, 2, 60);
    check_row(rows, count, "main/rest", first.layers, 6, 0);
    check_row(rows, count, "main", second.layers, 1, 500);
    check_row(rows, count, "main", "", 1, 0);
    for (size_t i = 1; i < count; i++) ck_assert(rows[i].seconds <= rows[i - 1].seconds);
    free(rows);
    clReleaseKernel(kernel);
    clReleaseMemObject(buffer);
    tsr_device_close(device);
    test_kernel_files_end();
}
END_TEST

START_TEST(without_profiling_there_is_none)
{
    tsr_profile_row *rows;
    size_t count;
    check_fails(tsr_device_profile(test_device(), &rows, &count), TSR_INVALID_ARGUMENT, "not opened for profiling");
    ck_assert(rows == NULL);
    tsr_profile_set_work(test_device(), NULL);
    tsr_device_profile_reset(test_device());
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, launches_are_counted_and_timed);
    tcase_add_test(tests, rows_say_whose_work_it_was);
    tcase_add_test(tests, without_profiling_there_is_none);
}

int main(void)
{
    return test_run("profile", add_tests);
}
