/* The layer that passes a device off as another one. This program runs itself again under each of its profiles, since
 * the loader reads the environment once; what the real device says goes along as numbers. */
#include "base/file.h"
#include "device/device.h"
#include "layers/profiles.h"
#include "support/kernels.h"
#include "support/process.h"
#include "support/support.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The real device's own limits. */
typedef struct real_limits {
    size_t work_group, timer;
    uint64_t local_memory, memory, max_allocation;
    uint32_t alignment, units; /* alignment in bytes */
} real_limits;

static real_limits real;
static const limits_profile *profile;

static size_t least(size_t a, size_t b)
{
    return b && b < a ? b : a;
}

/* Asks the device, and sees that the answer's size is told and kept to. */
static void ask(cl_device_info name, void *value, size_t bytes)
{
    size_t needed = 0, again = 0;
    cl_device_id id = test_device()->id;
    ck_assert_int_eq(clGetDeviceInfo(id, name, 0, NULL, &needed), CL_SUCCESS);
    ck_assert_uint_le(needed, bytes);
    ck_assert_int_eq(clGetDeviceInfo(id, name, needed - 1, value, NULL), CL_INVALID_VALUE);
    ck_assert_int_eq(clGetDeviceInfo(id, name, bytes, value, &again), CL_SUCCESS);
    ck_assert_uint_eq(again, needed);
}

static cl_ulong ask_number(cl_device_info name, size_t bytes)
{
    cl_uint narrow = 0;
    cl_ulong wide = 0;
    ask(name, bytes == sizeof narrow ? (void *)&narrow : (void *)&wide, bytes);
    return bytes == sizeof narrow ? narrow : wide;
}

static void check_text(cl_device_info name, const char *wanted)
{
    char text[512];
    ask(name, text, sizeof text);
    if (wanted) ck_assert_str_eq(text, wanted);
}

START_TEST(the_texts_are_the_profiles)
{
    static const cl_platform_info names[] = {CL_PLATFORM_NAME, CL_PLATFORM_VENDOR, CL_PLATFORM_VERSION};
    const char *wanted[] = {profile->platform, profile->platform_vendor, profile->platform_version};
    check_text(CL_DEVICE_NAME, profile->device);
    check_text(CL_DEVICE_VENDOR, profile->vendor);
    check_text(CL_DRIVER_VERSION, profile->driver);
    check_text(CL_DEVICE_VERSION, profile->version);
    for (int i = 0; i < 3; i++) {
        char text[256];
        size_t needed = 0;
        cl_platform_id platform = test_device()->platform;
        ck_assert_int_eq(clGetPlatformInfo(platform, names[i], 0, NULL, &needed), CL_SUCCESS);
        ck_assert_int_eq(clGetPlatformInfo(platform, names[i], needed - 1, text, NULL), CL_INVALID_VALUE);
        ck_assert_int_eq(clGetPlatformInfo(platform, names[i], sizeof text, text, NULL), CL_SUCCESS);
        if (wanted[i]) ck_assert_str_eq(text, wanted[i]);
    }
}
END_TEST

START_TEST(the_numbers_are_the_profiles)
{
    size_t sides[3] = {0};
    ck_assert_uint_eq(ask_number(CL_DEVICE_TYPE, 8), CL_DEVICE_TYPE_GPU);
    ck_assert_uint_eq(ask_number(CL_DEVICE_HOST_UNIFIED_MEMORY, 4), profile->unified);
    ck_assert_uint_eq(ask_number(CL_DEVICE_MAX_COMPUTE_UNITS, 4),
                      profile->compute_units ? profile->compute_units : real.units);
    if (profile->vendor_id) ck_assert_uint_eq(ask_number(CL_DEVICE_VENDOR_ID, 4), profile->vendor_id);
    ck_assert_uint_eq(ask_number(CL_DEVICE_MAX_WORK_GROUP_SIZE, 8), least(real.work_group, profile->work_group));
    ck_assert_uint_eq(ask_number(CL_DEVICE_LOCAL_MEM_SIZE, 8), least(real.local_memory, profile->local_memory));
    ck_assert_uint_eq(ask_number(CL_DEVICE_LOCAL_MEM_TYPE, 4), profile->local_memory_global ? CL_GLOBAL : CL_LOCAL);
    ck_assert_uint_eq(ask_number(CL_DEVICE_GLOBAL_MEM_SIZE, 8), least(real.memory, profile->memory));
    ck_assert_uint_eq(ask_number(CL_DEVICE_MAX_MEM_ALLOC_SIZE, 8), least(real.max_allocation, profile->max_allocation));
    ck_assert_uint_eq(ask_number(CL_DEVICE_MEM_BASE_ADDR_ALIGN, 4) / 8,
                      profile->alignment > real.alignment ? profile->alignment : real.alignment);
    ck_assert_uint_eq(ask_number(CL_DEVICE_PROFILING_TIMER_RESOLUTION, 8),
                      profile->timer ? profile->timer : real.timer);
    cl_ulong floats = profile->vector_bytes / 4 ? profile->vector_bytes / 4 : 1;
    ck_assert_uint_eq(ask_number(CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, 4), floats);
    ck_assert_uint_eq(ask_number(CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT, 4), floats);
    ask(CL_DEVICE_MAX_WORK_ITEM_SIZES, sides, sizeof sides);
    for (int d = 0; d < 3; d++) {
        size_t side = profile->work_items[d] ? profile->work_items[d] : profile->work_group;
        ck_assert_uint_eq(sides[d], least(real.work_group, side));
    }
}
END_TEST

START_TEST(what_the_vendor_lacks_is_missing)
{
    char extensions[8192];
    ask(CL_DEVICE_EXTENSIONS, extensions, sizeof extensions);
    if (profile->no_fp64) {
        ck_assert(!strstr(extensions, "cl_khr_fp64") && !test_device()->info.fp64);
        ck_assert_uint_eq(ask_number(CL_DEVICE_DOUBLE_FP_CONFIG, 8), 0);
        ck_assert_uint_eq(ask_number(CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE, 4), 0);
    }
    if (profile->no_fp16) ck_assert(!strstr(extensions, "cl_khr_fp16") && !test_device()->info.fp16);
    if (profile->extensions) ck_assert(strstr(extensions, profile->extensions) != NULL);
    ck_assert(strstr(extensions, "cl_khr_byte_addressable_store") != NULL);
    if (profile->no_denormals) ck_assert(!(ask_number(CL_DEVICE_SINGLE_FP_CONFIG, 8) & CL_FP_DENORM));
    if (profile->no_fma) ck_assert(!(ask_number(CL_DEVICE_SINGLE_FP_CONFIG, 8) & CL_FP_FMA));
    cl_int code;
    cl_command_queue queue =
        clCreateCommandQueue(test_device()->context, test_device()->id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    bool out_of_order = ask_number(CL_DEVICE_QUEUE_PROPERTIES, 8) & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE;
    ck_assert_int_eq(code, out_of_order ? CL_SUCCESS : CL_INVALID_QUEUE_PROPERTIES);
    if (profile->no_out_of_order) ck_assert(!out_of_order);
    if (queue) clReleaseCommandQueue(queue);
}
END_TEST

START_TEST(its_place_is_known)
{
    ck_assert_str_eq(test_device()->info.pci, profile->pci ? profile->pci : "");
}
END_TEST

START_TEST(it_is_found_among_gpus_alone)
{
    cl_uint count = 0;
    cl_int code;
    cl_platform_id platform = test_device()->platform;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)platform, 0};
    ck_assert_int_eq(clGetDeviceIDs(platform, CL_DEVICE_TYPE_GPU, 0, NULL, &count), CL_SUCCESS);
    ck_assert_uint_ge(count, 1);
    ck_assert_int_eq(clGetDeviceIDs(platform, CL_DEVICE_TYPE_CPU, 0, NULL, &count), CL_DEVICE_NOT_FOUND);
    ck_assert(clCreateContextFromType(properties, CL_DEVICE_TYPE_CPU, NULL, NULL, &code) == NULL);
    ck_assert_int_eq(code, CL_DEVICE_NOT_FOUND);
    cl_context context = clCreateContextFromType(properties, CL_DEVICE_TYPE_GPU, NULL, NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    clReleaseContext(context);
}
END_TEST

/* Work-item i writes i to y[i] by way of local memory. */
static const char text[] = "kernel void argument(global int *y, local int *l)\n"
                           "{\n"
                           "    l[get_local_id(0)] = get_global_id(0);\n"
                           "    barrier(CLK_LOCAL_MEM_FENCE);\n"
                           "    y[get_global_id(0)] = l[get_local_id(0)];\n"
                           "}\n"
                           "kernel void array(global int *y)\n"
                           "{\n"
                           "    local int l[5120];\n"
                           "    l[5119 - get_local_id(0)] = get_global_id(0);\n"
                           "    barrier(CLK_LOCAL_MEM_FENCE);\n"
                           "    y[get_global_id(0)] = l[5119 - get_local_id(0)];\n"
                           "}\n";
static const char required_text[] =
    "kernel __attribute__((reqd_work_group_size(96, 2, 1))) void required(global int *y)\n"
    "{\n"
    "    y[get_global_id(1) * get_global_size(0) + get_global_id(0)] = get_global_id(0);\n"
    "}\n";

enum { LARGEST = 4096, REQUIRED = 96 * 2 };
static cl_mem results;

static cl_kernel make_kernel(const char *name)
{
    bool required = !strcmp(name, "required");
    const char *file = required ? "required.cl" : "limits.cl";
    test_kernel_file(file, required ? required_text : text);
    cl_kernel kernel = test_kernel(test_device(), file, "", name);
    test_kernel_files_end();
    if (!results) check_ok(tsr_buffer_create(test_device(), 0, LARGEST * sizeof(cl_int), "results", &results));
    ck_assert_int_eq(clSetKernelArg(kernel, 0, sizeof results, &results), CL_SUCCESS);
    return kernel;
}

/* local_width 0: the driver's choice. */
static cl_int launch(cl_kernel kernel, size_t width, size_t height, size_t local_width)
{
    const size_t global[2] = {width, height}, local[2] = {local_width, height};
    return clEnqueueNDRangeKernel(test_device()->queue, kernel, 2, NULL, global, local_width ? local : NULL, 0, NULL,
                                  NULL);
}

static void check_results(int count)
{
    static cl_int y[LARGEST];
    check_ok(tsr_buffer_read(test_device(), results, 0, y, (size_t)count * sizeof *y));
    for (int i = 0; i < count; i++) ck_assert_int_eq(y[i], i);
}

static size_t kernel_limit(cl_kernel kernel)
{
    size_t limit = 0;
    cl_device_id id = test_device()->id;
    ck_assert_int_eq(clGetKernelWorkGroupInfo(kernel, id, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit / 2, &limit, NULL),
                     CL_INVALID_VALUE);
    ck_assert_int_eq(clGetKernelWorkGroupInfo(kernel, id, CL_KERNEL_WORK_GROUP_SIZE, sizeof limit, &limit, NULL),
                     CL_SUCCESS);
    return limit;
}

/* A kernel that says how large its work-group is. */
static void check_required(size_t own, size_t side)
{
    bool allowed = !own || own >= REQUIRED;
    if (!allowed && profile->builds_for_group) {
        cl_program program;
        test_kernel_file("required.cl", required_text);
        check_fails(tsr_program_get(test_device(), "required.cl", "", &program), TSR_BUILD, "does not build on ");
        test_kernel_files_end();
        return;
    }
    cl_kernel required = make_kernel("required");
    if (own && real.work_group >= own) ck_assert_uint_le(kernel_limit(required), own);
    ck_assert_int_eq(launch(required, 96, 2, 96), allowed     ? CL_SUCCESS
                                                  : side < 96 ? CL_INVALID_WORK_ITEM_SIZE
                                                              : CL_INVALID_WORK_GROUP_SIZE);
    clReleaseKernel(required);
}

START_TEST(work_groups_are_limited)
{
    cl_kernel kernel = make_kernel("argument");
    size_t limit = kernel_limit(kernel), wave = 0, side = test_device()->info.max_work_items[0];
    size_t own = profile->kernel_work_group ? profile->kernel_work_group : profile->work_group;
    if (own) ck_assert_uint_le(limit, own);
    ck_assert_int_eq(clGetKernelWorkGroupInfo(kernel, test_device()->id, CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE,
                                              sizeof wave, &wave, NULL),
                     CL_SUCCESS);
    if (profile->wave) ck_assert_uint_eq(wave, profile->wave);
    ck_assert_int_eq(clSetKernelArg(kernel, 1, LARGEST * sizeof(cl_int) / 4, NULL), CL_SUCCESS);
    if (own) {
        ck_assert_int_eq(launch(kernel, least(own, 256), 1, least(own, 256)), CL_SUCCESS);
        check_results((int)least(own, 256));
        ck_assert_int_eq(launch(kernel, own + 1, 1, own + 1),
                         own < side ? CL_INVALID_WORK_GROUP_SIZE : CL_INVALID_WORK_ITEM_SIZE);
        /* Left to the driver, also where no two work-items can be together. */
        ck_assert_int_eq(launch(kernel, 96, 1, 0), CL_SUCCESS);
        check_results(96);
        ck_assert_int_eq(launch(kernel, 1021, 1, 0), CL_SUCCESS);
        check_results(1021);
    }
    check_required(own, side);
    check_ok(tsr_device_finish(test_device()));
    clReleaseKernel(kernel);
}
END_TEST

START_TEST(local_memory_is_limited)
{
    cl_kernel argument = make_kernel("argument"), array = make_kernel("array");
    cl_ulong limit = test_device()->info.local_memory, used = 0;
    ck_assert_int_eq(clSetKernelArg(argument, 1, limit, NULL), CL_SUCCESS);
    ck_assert_int_eq(
        clGetKernelWorkGroupInfo(argument, test_device()->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof used, &used, NULL),
        CL_SUCCESS);
    ck_assert_uint_eq(used, limit);
    ck_assert_int_eq(launch(argument, 8, 1, 1), CL_SUCCESS);
    check_results(8);
    ck_assert_int_eq(clSetKernelArg(argument, 1, limit + sizeof(cl_int), NULL), CL_SUCCESS);
    ck_assert_int_eq(launch(argument, 8, 1, 1), CL_OUT_OF_RESOURCES);
    ck_assert_int_eq(launch(array, 8, 1, 1), limit < 20480 ? CL_OUT_OF_RESOURCES : CL_SUCCESS);
    if (limit >= 20480) check_results(8);
    clReleaseKernel(argument);
    clReleaseKernel(array);
}
END_TEST

START_TEST(buffers_are_limited)
{
    cl_int code;
    cl_ulong limit = test_device()->info.max_allocation;
    cl_context context = test_device()->context;
    ck_assert(clCreateBuffer(context, 0, limit + 1, NULL, &code) == NULL);
    ck_assert_int_eq(code, CL_INVALID_BUFFER_SIZE);
    cl_mem buffer = clCreateBuffer(context, 0, least(limit, (size_t)64 << 20), NULL, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    size_t alignment = test_device()->info.alignment;
    cl_buffer_region region = {alignment, 16};
    cl_mem part = clCreateSubBuffer(buffer, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    clReleaseMemObject(part);
    region.origin = alignment + alignment / 2;
    ck_assert(clCreateSubBuffer(buffer, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code) == NULL);
    ck_assert_int_eq(code, CL_MISALIGNED_SUB_BUFFER_OFFSET);
    clReleaseMemObject(buffer);
}
END_TEST

START_TEST(times_tick)
{
    cl_int code, zero = 0;
    cl_event event;
    cl_ulong began, ended;
    cl_command_queue queue =
        clCreateCommandQueue(test_device()->context, test_device()->id, CL_QUEUE_PROFILING_ENABLE, &code);
    ck_assert_int_eq(code, CL_SUCCESS);
    clReleaseKernel(make_kernel("array")); /* makes `results` */
    ck_assert_int_eq(clEnqueueWriteBuffer(queue, results, CL_TRUE, 0, sizeof zero, &zero, 0, NULL, &event), CL_SUCCESS);
    ck_assert_int_eq(clWaitForEvents(1, &event), CL_SUCCESS); /* Intel's runtime has no times before */
    ck_assert_int_eq(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof began, &began, NULL),
                     CL_SUCCESS);
    ck_assert_int_eq(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof ended, &ended, NULL), CL_SUCCESS);
    ck_assert_int_eq(clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, 4, &ended, NULL), CL_INVALID_VALUE);
    ck_assert_uint_ge(ended, began);
    if (profile->timer) ck_assert(began % profile->timer == 0 && ended % profile->timer == 0);
    clReleaseEvent(event);
    clReleaseCommandQueue(queue);
}
END_TEST

static void add_profile_tests(TCase *tests)
{
    tcase_add_test(tests, the_texts_are_the_profiles);
    tcase_add_test(tests, the_numbers_are_the_profiles);
    tcase_add_test(tests, what_the_vendor_lacks_is_missing);
    tcase_add_test(tests, its_place_is_known);
    tcase_add_test(tests, it_is_found_among_gpus_alone);
    tcase_add_test(tests, work_groups_are_limited);
    tcase_add_test(tests, local_memory_is_limited);
    tcase_add_test(tests, buffers_are_limited);
    tcase_add_test(tests, times_tick);
}

static int run_under_profile(void)
{
    const char *numbers = getenv("TEST_REAL_LIMITS");
    profile = limits_profile_find(getenv(LIMITS_VARIABLE));
    if (!numbers || !profile ||
        sscanf(numbers, "%zu %zu %" SCNu64 " %" SCNu64 " %" SCNu64 " %u %u", &real.work_group, &real.timer,
               &real.local_memory, &real.memory, &real.max_allocation, &real.alignment, &real.units) != 7)
        return 2;
    int code = test_run(profile->name, add_profile_tests);
    if (results) clReleaseMemObject(results);
    return code;
}

/* What the device is called: with a profile whose name is not known the loader leaves the layer out. */
static int print_device_name(void)
{
    tsr_device_info *list;
    size_t count;
    if (tsr_device_list(NULL, &list, &count)) return 2;
    for (size_t i = 0; i < count; i++)
        if (list[i].chosen) puts(list[i].name);
    free(list);
    return 0;
}

static test_process process;

START_TEST(every_profile_is_what_its_table_says)
{
    char variable[64], numbers[256];
    const tsr_device_info *info = &test_device()->info;
    clGetDeviceInfo(test_device()->id, CL_DEVICE_PROFILING_TIMER_RESOLUTION, sizeof real.timer, &real.timer, NULL);
    snprintf(variable, sizeof variable, "%s=%s", LIMITS_VARIABLE, limits_profiles[_i].name);
    snprintf(numbers, sizeof numbers, "TEST_REAL_LIMITS=%zu %zu %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %u",
             info->max_work_group, real.timer, info->local_memory, info->memory, info->max_allocation,
             (unsigned)info->alignment, info->compute_units);
    test_execute_self("profile", (const char *[]){"OPENCL_LAYERS=" TEST_LIMITS_LAYER, variable, numbers, NULL},
                      &process);
    ck_assert_msg(process.code == 0, "%s", process.out);
}
END_TEST

START_TEST(an_unknown_profile_is_said)
{
    const char *changes[] = {"OPENCL_LAYERS=" TEST_LIMITS_LAYER, LIMITS_VARIABLE "=amd-gfx", NULL};
    test_execute_self("name", changes, &process);
    ck_assert_int_eq(process.code, 0);
    ck_assert_msg(strstr(process.err, "TESSERA_LAYER_PROFILE is \"amd-gfx\"; set it to one of amd-gfx803, amd-gfx906"),
                  "%s", process.err);
    ck_assert_msg(strstr(process.out, test_device()->info.name) != NULL, "%s", process.out);
    changes[1] = LIMITS_VARIABLE;
    test_execute_self("name", changes, &process);
    ck_assert_msg(strstr(process.err, "TESSERA_LAYER_PROFILE is \"\"; set it to one of"), "%s", process.err);
}
END_TEST

/* A copy of it is a layer of its own. */
START_TEST(it_stands_on_other_layers)
{
    char *layer, layers[1024];
    size_t bytes;
    const char *copy = test_path("liblimits.so");
    check_ok(tsr_file_read(TEST_LIMITS_LAYER, 1 << 24, &layer, &bytes));
    check_ok(tsr_file_write(copy, layer, bytes));
    free(layer);
    snprintf(layers, sizeof layers, "OPENCL_LAYERS=%s:%s", TEST_LIMITS_LAYER, copy);
    test_execute_self("name", (const char *[]){layers, LIMITS_VARIABLE "=apple-m1", NULL}, &process);
    ck_assert_msg(process.code == 0 && process.err[0] == '\0', "%s", process.err);
    ck_assert_str_eq(process.out, "Apple M1\n");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_loop_test(tests, every_profile_is_what_its_table_says, 0, (int)limits_profile_count);
    tcase_add_test(tests, an_unknown_profile_is_said);
    tcase_add_test(tests, it_stands_on_other_layers);
}

int main(int count, char **arguments)
{
    if (count == 1) return test_run("limits_layer", add_tests);
    return strcmp(arguments[1], "name") == 0 ? print_device_name() : run_under_profile();
}
