/* What a device can reach: figures that are there, and that a run of real kernels does not contradict. */
#include "support/kernels.h"
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

START_TEST(figures_agree_with_the_profile)
{
    tsr_device *device;
    tsr_peak peak;
    tsr_profile_row *rows;
    size_t count;
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
    tcase_add_test(tests, figures_agree_with_the_profile);
    tcase_add_test(tests, kernels_that_do_not_build_are_an_error);
}

int main(void)
{
    return test_run("peak", add_tests);
}
