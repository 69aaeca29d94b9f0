#include "device/device.h"
#include "support/kernels.h"
#include "support/support.h"

#include <string.h>
#include <time.h>

START_TEST(a_device_opens_and_finishes)
{
    tsr_device *device;
    check_ok(tsr_device_open(NULL, false, &device));
    ck_assert(tsr_device_context(device) != NULL && tsr_device_queue(device) != NULL);
    ck_assert(tsr_device_get_info(device)->chosen);
    check_ok(tsr_device_finish(device));
    tsr_device_close(device);
    tsr_device_close(NULL);
}
END_TEST

START_TEST(a_name_that_matches_nothing_opens_nothing)
{
    tsr_device *device = (tsr_device *)1;
    check_fails(tsr_device_open("no such device", false, &device), TSR_NOT_FOUND, "no device matches");
    ck_assert(device == NULL);
}
END_TEST

START_TEST(errors_have_names_and_advice)
{
    ck_assert_str_eq(tsr_opencl_error_name(-5), "CL_OUT_OF_RESOURCES");
    ck_assert_str_eq(tsr_opencl_error_name(-12345), "unknown OpenCL error");
    check_ok(tsr_check(CL_SUCCESS, NULL, "nothing"));
    check_fails(tsr_check(-4, NULL, "making a buffer"), TSR_OUT_OF_MEMORY,
                "making a buffer failed: CL_MEM_OBJECT_ALLOCATION_FAILURE (-4); use a smaller batch");
    check_fails(tsr_check(-12345, test_device(), "thinking"), TSR_DEVICE, tsr_device_get_info(test_device())->name);
    check_fails(tsr_check(-11, NULL, "building"), TSR_BUILD, "CL_BUILD_PROGRAM_FAILURE (-11)");
}
END_TEST

/* Each launch reads what the one before it wrote: y[i] = 3 x[(i + 1) % n] + 1, modulo 2^16. */
static const char step_text[] =
    "__kernel void step_on(__global const uint *restrict x, __global uint *restrict y, int n)\n"
    "{\n"
    "    int i = (int)get_global_id(0);\n"
    "    if (i < n) y[i] = (3 * x[(i + 1) % n] + 1) & 0xffff;\n"
    "}\n";

/* Runs a long chain of launches without waiting, and compares with the same on the host. */
static void check_chain(tsr_device *device)
{
    enum { N = 1000, STEPS = 200 };
    static cl_uint host[2][N], result[N];
    cl_mem buffer[2];
    const cl_int n = N;
    const size_t global = N;
    test_kernel_file("step_on.cl", step_text);
    cl_kernel kernel = test_kernel(device, "step_on.cl", "", "step_on");
    for (cl_uint i = 0; i < N; i++) host[0][i] = i;
    for (int i = 0; i < 2; i++)
        check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, sizeof result, "a test", &buffer[i]));
    check_ok(tsr_buffer_write(device, buffer[0], 0, host[0], sizeof host[0]));
    for (int step = 0; step < STEPS; step++) {
        const cl_uint *x = host[step % 2];
        cl_uint *y = host[(step + 1) % 2];
        for (int i = 0; i < N; i++) y[i] = (3 * x[(i + 1) % N] + 1) & 0xffff;
        ck_assert(clSetKernelArg(kernel, 0, sizeof(cl_mem), &buffer[step % 2]) == CL_SUCCESS);
        ck_assert(clSetKernelArg(kernel, 1, sizeof(cl_mem), &buffer[(step + 1) % 2]) == CL_SUCCESS);
        ck_assert(clSetKernelArg(kernel, 2, sizeof n, &n) == CL_SUCCESS);
        check_ok(tsr_enqueue_kernel(device, kernel, "step_on", 1, &global, NULL));
    }
    check_ok(tsr_buffer_read(device, buffer[STEPS % 2], 0, result, sizeof result));
    ck_assert(memcmp(result, host[STEPS % 2], sizeof result) == 0);
    clReleaseKernel(kernel);
    for (int i = 0; i < 2; i++) clReleaseMemObject(buffer[i]);
    test_kernel_files_end();
}

START_TEST(launches_run_in_order)
{
    check_chain(test_device());
}
END_TEST

static void check_callers_queue(cl_command_queue_properties properties)
{
    tsr_device *own = test_device(), *device;
    cl_int code;
    cl_uint references;
    cl_command_queue queue = clCreateCommandQueue(own->context, own->id, properties, &code);
    if (code == CL_INVALID_QUEUE_PROPERTIES) return; /* the device has no out-of-order queues */
    ck_assert(code == CL_SUCCESS);
    check_ok(tsr_device_from_queue(queue, &device));
    ck_assert(device->in_order == !properties);
    ck_assert(tsr_device_queue(device) == queue && tsr_device_context(device) == own->context);
    ck_assert_str_eq(tsr_device_get_info(device)->name, own->info.name);
    ck_assert(tsr_device_get_info(device)->type == own->info.type);
    check_chain(device);
    tsr_device_close(device);
    /* A driver's thread may let go of the last commands a moment after they have finished. */
    for (int i = 0; i < 500; i++) {
        ck_assert(clGetCommandQueueInfo(queue, CL_QUEUE_REFERENCE_COUNT, sizeof references, &references, NULL) ==
                  CL_SUCCESS);
        if (references == 1) break;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    ck_assert_uint_eq(references, 1);
    clReleaseCommandQueue(queue);
}

START_TEST(a_callers_queue_is_used_and_given_back)
{
    tsr_device *device;
    check_callers_queue(0);
    check_callers_queue(CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
    check_fails(tsr_device_from_queue(NULL, &device), TSR_INVALID_ARGUMENT, "queue is NULL");
    ck_assert(device == NULL);
}
END_TEST

START_TEST(a_launch_that_fails_names_its_kernel)
{
    tsr_device *device = test_device();
    const size_t global = 4, local = 3;
    test_kernel_file("step_on.cl", step_text);
    cl_kernel kernel = test_kernel(device, "step_on.cl", "", "step_on");
    check_fails(tsr_enqueue_kernel(device, kernel, "step_on", 1, &global, &local), TSR_DEVICE,
                "launching the kernel step_on failed on");
    clReleaseKernel(kernel);
    test_kernel_files_end();
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_device_opens_and_finishes);
    tcase_add_test(tests, a_name_that_matches_nothing_opens_nothing);
    tcase_add_test(tests, errors_have_names_and_advice);
    tcase_add_test(tests, launches_run_in_order);
    tcase_add_test(tests, a_callers_queue_is_used_and_given_back);
    tcase_add_test(tests, a_launch_that_fails_names_its_kernel);
}

int main(void)
{
    return test_run("device", add_tests);
}
