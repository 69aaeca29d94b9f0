/* An OpenCL layer that pretends that every device is another one: it reports the properties of the profile that
 * TESSERA_LAYER_PROFILE names (properties.c), and refuses what such a device would refuse, with the errors that drivers
 * give.
 *
 *   OPENCL_LAYERS=liblimits.so TESSERA_LAYER_PROFILE=amd-gfx1030 PROGRAM
 *
 * The loader says nothing about a layer that it could not load: look at the device's name to see that it is there. */
#include "layers/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cl_icd_dispatch *limits_next;
const limits_profile *limits;
static cl_icd_dispatch table; /* the next one's with our functions in it */

/* The driver's name for a type of the pretended devices: all of its own where GPUs are among those that are asked for.
 */
static cl_device_type real_type(cl_device_type type)
{
    return type & CL_DEVICE_TYPE_GPU ? CL_DEVICE_TYPE_ALL : type & CL_DEVICE_TYPE_DEFAULT;
}

static cl_int CL_API_CALL get_device_ids(cl_platform_id platform, cl_device_type type, cl_uint room,
                                         cl_device_id *devices, cl_uint *count)
{
    if (type == 0 || real_type(type))
        return limits_next->clGetDeviceIDs(platform, real_type(type), room, devices, count);
    if (count) *count = 0;
    return CL_DEVICE_NOT_FOUND;
}

static cl_context CL_API_CALL create_context_from_type(const cl_context_properties *properties, cl_device_type type,
                                                       void(CL_CALLBACK *notify)(const char *, const void *, size_t,
                                                                                 void *),
                                                       void *data, cl_int *code)
{
    if (type == 0 || real_type(type))
        return limits_next->clCreateContextFromType(properties, real_type(type), notify, data, code);
    if (code) *code = CL_DEVICE_NOT_FOUND;
    return NULL;
}

static cl_command_queue fail_queue(cl_int *code)
{
    if (code) *code = CL_INVALID_QUEUE_PROPERTIES;
    return NULL;
}

static cl_command_queue CL_API_CALL create_queue(cl_context context, cl_device_id device,
                                                 cl_command_queue_properties properties, cl_int *code)
{
    if (limits->no_out_of_order && properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) return fail_queue(code);
    return limits_next->clCreateCommandQueue(context, device, properties, code);
}

static cl_command_queue CL_API_CALL create_queue_with_properties(cl_context context, cl_device_id device,
                                                                 const cl_queue_properties *properties, cl_int *code)
{
    for (const cl_queue_properties *p = properties; limits->no_out_of_order && p && p[0]; p += 2)
        if (p[0] == CL_QUEUE_PROPERTIES && p[1] & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE) return fail_queue(code);
    return limits_next->clCreateCommandQueueWithProperties(context, device, properties, code);
}

static cl_mem fail_memory(cl_int error, cl_int *code)
{
    if (code) *code = error;
    return NULL;
}

static bool too_large(size_t bytes)
{
    return limits->max_allocation && bytes > limits->max_allocation;
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code)
{
    if (too_large(bytes)) return fail_memory(CL_INVALID_BUFFER_SIZE, code);
    return limits_next->clCreateBuffer(context, flags, bytes, host, code);
}

static cl_mem CL_API_CALL create_buffer_with_properties(cl_context context, const cl_mem_properties *properties,
                                                        cl_mem_flags flags, size_t bytes, void *host, cl_int *code)
{
    if (too_large(bytes)) return fail_memory(CL_INVALID_BUFFER_SIZE, code);
    return limits_next->clCreateBufferWithProperties(context, properties, flags, bytes, host, code);
}

static cl_mem CL_API_CALL create_sub_buffer(cl_mem buffer, cl_mem_flags flags, cl_buffer_create_type type,
                                            const void *info, cl_int *code)
{
    if (limits->alignment && type == CL_BUFFER_CREATE_TYPE_REGION && info &&
        ((const cl_buffer_region *)info)->origin % limits->alignment != 0)
        return fail_memory(CL_MISALIGNED_SUB_BUFFER_OFFSET, code);
    return limits_next->clCreateSubBuffer(buffer, flags, type, info, code);
}

static size_t kernel_work_group(void)
{
    return limits->kernel_work_group ? limits->kernel_work_group : limits->work_group;
}

static cl_int CL_API_CALL get_kernel_info(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info name,
                                          size_t size, void *value, size_t *needed)
{
    size_t number;
    if (name != CL_KERNEL_WORK_GROUP_SIZE && name != CL_KERNEL_PREFERRED_WORK_GROUP_SIZE_MULTIPLE)
        return limits_next->clGetKernelWorkGroupInfo(kernel, device, name, size, value, needed);
    cl_int code = limits_next->clGetKernelWorkGroupInfo(kernel, device, name, sizeof number, &number, NULL);
    if (code != CL_SUCCESS) return code;
    if (name == CL_KERNEL_WORK_GROUP_SIZE)
        number = limits_lower(number, kernel_work_group());
    else if (limits->wave)
        number = limits->wave;
    return limits_answer(&number, sizeof number, size, value, needed);
}

/* The most work-items that a kernel of the program asks for. */
static size_t required_work_group(cl_program program, cl_device_id device)
{
    enum { MOST = 16 };
    cl_kernel kernels[MOST];
    cl_uint count = 0;
    size_t most = 0;
    if (limits_next->clCreateKernelsInProgram(program, MOST, kernels, &count) != CL_SUCCESS) return 0;
    for (cl_uint i = 0; i < count && i < MOST; i++) {
        size_t side[3] = {0};
        limits_next->clGetKernelWorkGroupInfo(kernels[i], device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof side, side,
                                              NULL);
        if (side[0] * side[1] * side[2] > most) most = side[0] * side[1] * side[2];
        limits_next->clReleaseKernel(kernels[i]);
    }
    return most;
}

static cl_int CL_API_CALL build_program(cl_program program, cl_uint count, const cl_device_id *devices,
                                        const char *options, void(CL_CALLBACK *notify)(cl_program, void *), void *data)
{
    cl_int code = limits_next->clBuildProgram(program, count, devices, options, notify, data);
    bool refuses = code == CL_SUCCESS && limits->builds_for_group && count && devices &&
                   required_work_group(program, devices[0]) > kernel_work_group();
    return refuses ? CL_BUILD_PROGRAM_FAILURE : code;
}

/* What a launch would be refused for. What the driver itself refuses is left to it. */
static cl_int check_launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *local)
{
    cl_device_id device;
    size_t items = 1, required[3] = {0};
    cl_ulong used = 0, there = 0;
    if (limits_next->clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL) != CL_SUCCESS)
        return CL_SUCCESS;
    limits_next->clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_COMPILE_WORK_GROUP_SIZE, sizeof required, required,
                                          NULL);
    if (!local && required[0]) {
        local = required;
        dimensions = 3;
    }
    for (cl_uint d = 0; local && d < dimensions && d < 3; d++) {
        if (limits_work_items((int)d) && local[d] > limits_work_items((int)d)) return CL_INVALID_WORK_ITEM_SIZE;
        items *= local[d];
    }
    if (kernel_work_group() && items > kernel_work_group()) return CL_INVALID_WORK_GROUP_SIZE;
    limits_next->clGetKernelWorkGroupInfo(kernel, device, CL_KERNEL_LOCAL_MEM_SIZE, sizeof used, &used, NULL);
    limits_get_device_info(device, CL_DEVICE_LOCAL_MEM_SIZE, sizeof there, &there, NULL);
    return used > there ? CL_OUT_OF_RESOURCES : CL_SUCCESS;
}

/* A work-group for a launch that leaves it to the driver, which does not know of the limits: along each side the
 * largest divisor that is allowed. */
static void choose_local(cl_uint dimensions, const size_t *global, size_t *local)
{
    size_t left = kernel_work_group();
    for (cl_uint d = 0; d < dimensions; d++) {
        local[d] = left < limits_work_items((int)d) ? left : limits_work_items((int)d);
        while (local[d] > 1 && global[d] % local[d] != 0) local[d]--;
        left /= local[d];
    }
}

static cl_int CL_API_CALL enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                         const size_t *offset, const size_t *global, const size_t *local,
                                         cl_uint wait_count, const cl_event *wait, cl_event *event)
{
    size_t chosen[3];
    cl_int code = check_launch(queue, kernel, dimensions, local);
    if (code != CL_SUCCESS) return code;
    if (!local && global && dimensions >= 1 && dimensions <= 3 && kernel_work_group()) {
        choose_local(dimensions, global, chosen);
        local = chosen;
    }
    return limits_next->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, wait_count, wait,
                                               event);
}

static cl_int CL_API_CALL enqueue_task(cl_command_queue queue, cl_kernel kernel, cl_uint wait_count,
                                       const cl_event *wait, cl_event *event)
{
    const size_t one = 1;
    cl_int code = check_launch(queue, kernel, 1, &one);
    return code == CL_SUCCESS ? limits_next->clEnqueueTask(queue, kernel, wait_count, wait, event) : code;
}

/* Times tick as the device's clock does. */
static cl_int CL_API_CALL get_event_times(cl_event event, cl_profiling_info name, size_t size, void *value,
                                          size_t *needed)
{
    cl_ulong time;
    cl_int code = limits_next->clGetEventProfilingInfo(event, name, sizeof time, &time, NULL);
    if (code != CL_SUCCESS) return code;
    if (limits->timer) time -= time % limits->timer;
    return limits_answer(&time, sizeof time, size, value, needed);
}

static void fill_table(void)
{
    table.clGetPlatformInfo = limits_get_platform_info;
    table.clGetDeviceInfo = limits_get_device_info;
    table.clGetDeviceIDs = get_device_ids;
    table.clCreateContextFromType = create_context_from_type;
    table.clCreateCommandQueue = create_queue;
    table.clCreateCommandQueueWithProperties = create_queue_with_properties;
    table.clCreateBuffer = create_buffer;
    table.clCreateBufferWithProperties = create_buffer_with_properties;
    table.clCreateSubBuffer = create_sub_buffer;
    table.clBuildProgram = build_program;
    table.clGetKernelWorkGroupInfo = get_kernel_info;
    table.clEnqueueNDRangeKernel = enqueue_kernel;
    table.clEnqueueTask = enqueue_task;
    table.clGetEventProfilingInfo = get_event_times;
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size, void *value, size_t *needed)
{
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char own_name[] = "Tessera's limits";
    if (name == CL_LAYER_API_VERSION) return limits_answer(&version, sizeof version, size, value, needed);
    if (name == CL_LAYER_NAME) return limits_answer(own_name, sizeof own_name, size, value, needed);
    return CL_INVALID_VALUE;
}

EXPORTED cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target, cl_uint *made,
                                        const cl_icd_dispatch **layer)
{
    const char *name = getenv(LIMITS_VARIABLE);
    if (!target || !made || !layer) return CL_INVALID_VALUE;
    if (entries < sizeof table / sizeof(void *)) {
        fprintf(stderr, "the limits layer: the OpenCL loader knows %u functions; %zu are needed, so use a newer one\n",
                (unsigned)entries, sizeof table / sizeof(void *));
        return CL_INVALID_VALUE;
    }
    limits = name ? limits_profile_find(name) : NULL;
    if (!limits) {
        fprintf(stderr, "the limits layer: %s is \"%s\"; set it to one of", LIMITS_VARIABLE, name ? name : "");
        for (size_t i = 0; i < limits_profile_count; i++)
            fprintf(stderr, "%s %s", i ? "," : "", limits_profiles[i].name);
        fputc('\n', stderr);
        return CL_INVALID_VALUE;
    }
    limits_next = target;
    table = *target;
    fill_table();
    *layer = &table;
    *made = sizeof table / sizeof(void *);
    return CL_SUCCESS;
}
