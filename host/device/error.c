#include "device/device.h"

static const struct {
    cl_int code;
    const char *name;
    const char *advice; /* what to do, or NULL */
} errors[] = {
#define SMALLER "use a smaller batch or model, or a device with more memory"
    {CL_SUCCESS, "CL_SUCCESS", NULL},
    {CL_DEVICE_NOT_FOUND, "CL_DEVICE_NOT_FOUND", NULL},
    {CL_DEVICE_NOT_AVAILABLE, "CL_DEVICE_NOT_AVAILABLE", "another program may hold the device"},
    {CL_COMPILER_NOT_AVAILABLE, "CL_COMPILER_NOT_AVAILABLE", NULL},
    {CL_MEM_OBJECT_ALLOCATION_FAILURE, "CL_MEM_OBJECT_ALLOCATION_FAILURE", SMALLER},
    {CL_OUT_OF_RESOURCES, "CL_OUT_OF_RESOURCES", NULL},
    {CL_OUT_OF_HOST_MEMORY, "CL_OUT_OF_HOST_MEMORY", SMALLER},
    {CL_PROFILING_INFO_NOT_AVAILABLE, "CL_PROFILING_INFO_NOT_AVAILABLE", NULL},
    {CL_MEM_COPY_OVERLAP, "CL_MEM_COPY_OVERLAP", NULL},
    {CL_IMAGE_FORMAT_MISMATCH, "CL_IMAGE_FORMAT_MISMATCH", NULL},
    {CL_IMAGE_FORMAT_NOT_SUPPORTED, "CL_IMAGE_FORMAT_NOT_SUPPORTED", NULL},
    {CL_BUILD_PROGRAM_FAILURE, "CL_BUILD_PROGRAM_FAILURE", NULL},
    {CL_MAP_FAILURE, "CL_MAP_FAILURE", NULL},
    {CL_MISALIGNED_SUB_BUFFER_OFFSET, "CL_MISALIGNED_SUB_BUFFER_OFFSET", NULL},
    {CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST",
     "an earlier kernel failed"},
    {CL_COMPILE_PROGRAM_FAILURE, "CL_COMPILE_PROGRAM_FAILURE", NULL},
    {CL_LINKER_NOT_AVAILABLE, "CL_LINKER_NOT_AVAILABLE", NULL},
    {CL_LINK_PROGRAM_FAILURE, "CL_LINK_PROGRAM_FAILURE", NULL},
    {CL_DEVICE_PARTITION_FAILED, "CL_DEVICE_PARTITION_FAILED", NULL},
    {CL_KERNEL_ARG_INFO_NOT_AVAILABLE, "CL_KERNEL_ARG_INFO_NOT_AVAILABLE", NULL},
    {CL_INVALID_VALUE, "CL_INVALID_VALUE", NULL},
    {CL_INVALID_DEVICE_TYPE, "CL_INVALID_DEVICE_TYPE", NULL},
    {CL_INVALID_PLATFORM, "CL_INVALID_PLATFORM", NULL},
    {CL_INVALID_DEVICE, "CL_INVALID_DEVICE", NULL},
    {CL_INVALID_CONTEXT, "CL_INVALID_CONTEXT", NULL},
    {CL_INVALID_QUEUE_PROPERTIES, "CL_INVALID_QUEUE_PROPERTIES", NULL},
    {CL_INVALID_COMMAND_QUEUE, "CL_INVALID_COMMAND_QUEUE",
     "an earlier kernel may have crashed or been stopped by the driver's time limit"},
    {CL_INVALID_HOST_PTR, "CL_INVALID_HOST_PTR", NULL},
    {CL_INVALID_MEM_OBJECT, "CL_INVALID_MEM_OBJECT", NULL},
    {CL_INVALID_BINARY, "CL_INVALID_BINARY", NULL},
    {CL_INVALID_BUILD_OPTIONS, "CL_INVALID_BUILD_OPTIONS", NULL},
    {CL_INVALID_PROGRAM, "CL_INVALID_PROGRAM", NULL},
    {CL_INVALID_PROGRAM_EXECUTABLE, "CL_INVALID_PROGRAM_EXECUTABLE", NULL},
    {CL_INVALID_KERNEL_NAME, "CL_INVALID_KERNEL_NAME", NULL},
    {CL_INVALID_KERNEL_DEFINITION, "CL_INVALID_KERNEL_DEFINITION", NULL},
    {CL_INVALID_KERNEL, "CL_INVALID_KERNEL", NULL},
    {CL_INVALID_ARG_INDEX, "CL_INVALID_ARG_INDEX", NULL},
    {CL_INVALID_ARG_VALUE, "CL_INVALID_ARG_VALUE", NULL},
    {CL_INVALID_ARG_SIZE, "CL_INVALID_ARG_SIZE", NULL},
    {CL_INVALID_KERNEL_ARGS, "CL_INVALID_KERNEL_ARGS", NULL},
    {CL_INVALID_WORK_DIMENSION, "CL_INVALID_WORK_DIMENSION", NULL},
    {CL_INVALID_WORK_GROUP_SIZE, "CL_INVALID_WORK_GROUP_SIZE", NULL},
    {CL_INVALID_WORK_ITEM_SIZE, "CL_INVALID_WORK_ITEM_SIZE", NULL},
    {CL_INVALID_GLOBAL_OFFSET, "CL_INVALID_GLOBAL_OFFSET", NULL},
    {CL_INVALID_EVENT_WAIT_LIST, "CL_INVALID_EVENT_WAIT_LIST", NULL},
    {CL_INVALID_EVENT, "CL_INVALID_EVENT", NULL},
    {CL_INVALID_OPERATION, "CL_INVALID_OPERATION", NULL},
    {CL_INVALID_BUFFER_SIZE, "CL_INVALID_BUFFER_SIZE", SMALLER},
    {CL_INVALID_GLOBAL_WORK_SIZE, "CL_INVALID_GLOBAL_WORK_SIZE", NULL},
    {-1001, "CL_PLATFORM_NOT_FOUND_KHR", "install an OpenCL driver, such as the package pocl-opencl-icd"},
    {-9999, "illegal memory access (NVIDIA)", "this is a defect; please report it"},
#undef SMALLER
};

static const size_t error_count = sizeof errors / sizeof errors[0];

const char *tsr_opencl_error_name(cl_int code)
{
    for (size_t i = 0; i < error_count; i++)
        if (errors[i].code == code) return errors[i].name;
    return "unknown OpenCL error";
}

/* Which status stands for an OpenCL error. */
static tsr_status status_of(cl_int code)
{
    switch (code) {
    case CL_MEM_OBJECT_ALLOCATION_FAILURE:
    case CL_OUT_OF_HOST_MEMORY:
    case CL_INVALID_BUFFER_SIZE:
        return TSR_OUT_OF_MEMORY;
    case CL_BUILD_PROGRAM_FAILURE:
    case CL_COMPILE_PROGRAM_FAILURE:
    case CL_LINK_PROGRAM_FAILURE:
        return TSR_BUILD;
    case CL_DEVICE_NOT_FOUND:
    case -1001:
        return TSR_NOT_FOUND;
    default:
        return TSR_DEVICE;
    }
}

tsr_status tsr_check(cl_int code, const tsr_device *device, const char *what)
{
    const char *advice = NULL;
    if (code == CL_SUCCESS) return TSR_OK;
    for (size_t i = 0; i < error_count; i++)
        if (errors[i].code == code) advice = errors[i].advice;
    return tsr_fail(status_of(code), "%s failed%s%s: %s (%d)%s%s", what, device ? " on " : "",
                    device ? device->info.name : "", tsr_opencl_error_name(code), (int)code, advice ? "; " : "",
                    advice ? advice : "");
}
