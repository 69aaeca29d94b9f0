/* What a device can reach: figures that are there, and that a run of real kernels does not contradict. */
#include "device/device.h"
#include "support/kernels.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void read_floats(cl_mem buffer, float *values, size_t count)
{
    check_ok(tsr_buffer_read(test_device(), buffer, 0, values, count * sizeof *values));
    clReleaseMemObject(buffer);
}

static cl_mem floats(const float *values, size_t count)
{
    cl_mem buffer;
    size_t bytes = count * sizeof *values;
    check_ok(tsr_buffer_create(test_device(), CL_MEM_READ_WRITE, bytes, "a test", &buffer));
    check_ok(tsr_buffer_write(test_device(), buffer, 0, values, bytes));
    return buffer;
}

/* By the formulas in cl/peak.cl; factors and sums are exact. */
START_TEST(kernels_compute_what_they_say)
{
    enum { WIDTH = 4, COUNT = 24, CHUNK = 16, SUMS = 14, ROUNDS = 3, ITEMS = 5 };
    if (test_left_out(2 * COUNT + 16 * SUMS * ROUNDS * WIDTH * ITEMS)) return;
    const cl_uint count = COUNT, chunk = CHUNK;
    const cl_int rounds = ROUNDS;
    const cl_float half = 0.5f, quarter = 0.25f;
    float x[COUNT], z[COUNT], y[COUNT] = {0};
    for (int i = 0; i < COUNT; i++) x[i] = (float)i, z[i] = (float)(2 * (i % 7));
    cl_mem on_device[] = {floats(x, COUNT), floats(z, COUNT), floats(y, COUNT)};
    cl_kernel kernel = test_kernel(test_device(), "peak.cl", " -DVW=4 -DSUMS=1", "triad");
    for (cl_uint i = 0; i < 3; i++) ck_assert_int_eq(clSetKernelArg(kernel, i, sizeof(cl_mem), &on_device[i]), 0);
    ck_assert_int_eq(clSetKernelArg(kernel, 3, sizeof half, &half), 0);
    ck_assert_int_eq(clSetKernelArg(kernel, 4, sizeof count, &count), 0);
    ck_assert_int_eq(clSetKernelArg(kernel, 5, sizeof chunk, &chunk), 0);
    check_ok(tsr_enqueue_kernel(test_device(), kernel, "triad", 1, (size_t[]){2}, (size_t[]){1}));
    read_floats(on_device[2], y, COUNT);
    for (int i = 0; i < COUNT; i++) ck_assert_float_eq(y[i], x[i] + half * z[i]);
    clReleaseMemObject(on_device[0]), clReleaseMemObject(on_device[1]);
    clReleaseKernel(kernel);

    float sums[ITEMS * WIDTH + 1] = {0};
    sums[ITEMS * WIDTH] = -1;
    on_device[0] = floats(sums, ITEMS * WIDTH + 1);
    kernel = test_kernel(test_device(), "peak.cl", " -DVW=4 -DSUMS=14", "multiply_add");
    ck_assert_int_eq(clSetKernelArg(kernel, 0, sizeof(cl_mem), &on_device[0]), 0);
    ck_assert_int_eq(clSetKernelArg(kernel, 1, sizeof half, &half), 0);
    ck_assert_int_eq(clSetKernelArg(kernel, 2, sizeof quarter, &quarter), 0);
    ck_assert_int_eq(clSetKernelArg(kernel, 3, sizeof rounds, &rounds), 0);
    check_ok(tsr_enqueue_kernel(test_device(), kernel, "multiply_add", 1, (size_t[]){ITEMS}, (size_t[]){1}));
    read_floats(on_device[0], sums, ITEMS * WIDTH + 1);
    double expected = 0;
    for (int k = 0; k < SUMS; k++) {
        double sum = (double)k / SUMS;
        for (int r = 0; r < 8 * ROUNDS; r++) sum = sum / 2 + 0.25;
        expected += sum;
    }
    for (int i = 0; i < ITEMS * WIDTH; i++) ck_assert_double_eq_tol(sums[i], expected, 1e-5);
    ck_assert_float_eq(sums[ITEMS * WIDTH], -1);
    clReleaseKernel(kernel);
}
END_TEST

START_TEST(figures_agree_with_the_profile)
{
    tsr_device *device;
    tsr_peak peak;
    tsr_profile_row *rows;
    size_t count;
    if (test_left_out(1e8)) return; /* launches are made to last */
    check_ok(tsr_device_open(NULL, true, &device));
    check_ok(tsr_measure_peak(device, &peak));
    check_ok(tsr_device_profile(device, &rows, &count));
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(rows[0].name, "peak");
    ck_assert_uint_gt(rows[0].launches, 100);
    free(rows);
    /* From a slow core to more than any device has. */
    ck_assert_msg(peak.flops > 1e7 && peak.flops < 1e16, "%g FLOP/s", peak.flops);
    ck_assert_msg(peak.bandwidth > 1e7 && peak.bandwidth < 1e14, "%g bytes/s", peak.bandwidth);
    ck_assert_msg(peak.launch_seconds > 0 && peak.launch_seconds < 0.1, "%g s a launch", peak.launch_seconds);
    ck_assert_msg(peak.profiled_launch_seconds > 0 && peak.profiled_launch_seconds < 0.1, "%g s in the profile",
                  peak.profiled_launch_seconds);
    tsr_device_close(device);
}
END_TEST

START_TEST(kernels_that_do_not_build_are_an_error)
{
    tsr_device *device;
    tsr_peak peak;
    check_ok(tsr_device_open(NULL, false, &device));
    test_kernel_file("peak.cl", "kernel void multiply_add(global float *y) { no such thing }\n");
    check_fails(tsr_measure_peak(device, &peak), TSR_BUILD, "peak.cl");
    ck_assert(peak.flops == 0 && peak.bandwidth == 0);
    test_kernel_files_end();
    tsr_device_close(device);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, kernels_compute_what_they_say);
    tcase_add_test(tests, figures_agree_with_the_profile);
    tcase_add_test(tests, kernels_that_do_not_build_are_an_error);
}

int main(void)
{
    return test_run("peak", add_tests);
}
