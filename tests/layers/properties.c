/* What the pretended device says of itself. */
#include "layers/limits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

cl_int limits_answer(const void *from, size_t bytes, size_t size, void *value, size_t *needed)
{
    if (value && size < bytes) return CL_INVALID_VALUE;
    if (value) memcpy(value, from, bytes);
    if (needed) *needed = bytes;
    return CL_SUCCESS;
}

static cl_int answer_text(const char *text, size_t size, void *value, size_t *needed)
{
    return limits_answer(text, strlen(text) + 1, size, value, needed);
}

static cl_int answer_uint(cl_uint number, size_t size, void *value, size_t *needed)
{
    return limits_answer(&number, sizeof number, size, value, needed);
}

cl_ulong limits_lower(cl_ulong real, cl_ulong limit)
{
    return limit && limit < real ? limit : real;
}

size_t limits_work_items(int side)
{
    return side < 3 && limits->work_items[side] ? limits->work_items[side] : limits->work_group;
}

/* Texts of the device; NULL: the driver's own. */
static const char *device_text(cl_device_info name)
{
    switch (name) {
    case CL_DEVICE_NAME:
        return limits->device;
    case CL_DEVICE_VENDOR:
        return limits->vendor;
    case CL_DRIVER_VERSION:
        return limits->driver;
    case CL_DEVICE_VERSION:
        return limits->version;
    case CL_DEVICE_BOARD_NAME_AMD:
        return limits->board;
    }
    return NULL;
}

/* Bytes of the type whose vector width is asked for; 0: something else is. */
static cl_uint vector_type_bytes(cl_device_info name)
{
    switch (name) {
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_CHAR:
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_CHAR:
        return 1;
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_SHORT:
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_SHORT:
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_HALF:
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF:
        return 2;
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_INT:
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_INT:
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_FLOAT:
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT:
        return 4;
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_LONG:
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_LONG:
    case CL_DEVICE_PREFERRED_VECTOR_WIDTH_DOUBLE:
    case CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE:
        return 8;
    }
    return 0;
}

/* Vectors of a type that the device lacks, or that the real one lacks, have the width 0. */
static cl_ulong vector_width(cl_device_info name, cl_ulong real)
{
    bool is_double = name == CL_DEVICE_PREFERRED_VECTOR_WIDTH_DOUBLE || name == CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE;
    bool is_half = name == CL_DEVICE_PREFERRED_VECTOR_WIDTH_HALF || name == CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF;
    if ((is_double && limits->no_fp64) || (is_half && limits->no_fp16)) return 0;
    cl_ulong fitting = limits->vector_bytes / vector_type_bytes(name);
    return limits->vector_bytes && real ? (fitting ? fitting : 1) : real;
}

/* Changes a number that the driver gave; false when it is none of the profile's. */
static bool adjust(cl_device_info name, cl_ulong *number)
{
    cl_ulong real = *number;
    switch (name) {
    case CL_DEVICE_TYPE:
        *number = CL_DEVICE_TYPE_GPU;
        return true;
    case CL_DEVICE_VENDOR_ID:
        *number = limits->vendor_id ? limits->vendor_id : real;
        return true;
    case CL_DEVICE_MAX_COMPUTE_UNITS:
        *number = limits->compute_units ? limits->compute_units : real;
        return true;
    case CL_DEVICE_HOST_UNIFIED_MEMORY:
        *number = limits->unified ? CL_TRUE : CL_FALSE;
        return true;
    case CL_DEVICE_MAX_WORK_GROUP_SIZE:
        *number = limits_lower(real, limits->work_group);
        return true;
    case CL_DEVICE_LOCAL_MEM_SIZE:
        *number = limits_lower(real, limits->local_memory);
        return true;
    case CL_DEVICE_LOCAL_MEM_TYPE:
        *number = limits->local_memory_global ? CL_GLOBAL : CL_LOCAL;
        return true;
    case CL_DEVICE_GLOBAL_MEM_SIZE:
        *number = limits_lower(real, limits->memory);
        return true;
    case CL_DEVICE_MAX_MEM_ALLOC_SIZE:
        *number = limits_lower(real, limits->max_allocation);
        return true;
    case CL_DEVICE_MEM_BASE_ADDR_ALIGN: /* bits */
        *number = 8 * limits->alignment > real ? 8 * limits->alignment : real;
        return true;
    case CL_DEVICE_PROFILING_TIMER_RESOLUTION:
        *number = limits->timer ? limits->timer : real;
        return true;
    case CL_DEVICE_QUEUE_PROPERTIES:
        if (limits->no_out_of_order) *number &= ~(cl_ulong)CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE;
        return true;
    case CL_DEVICE_SINGLE_FP_CONFIG:
        if (limits->no_denormals) *number &= ~(cl_ulong)CL_FP_DENORM;
        if (limits->no_fma) *number &= ~(cl_ulong)CL_FP_FMA;
        return true;
    case CL_DEVICE_DOUBLE_FP_CONFIG:
        if (limits->no_fp64) *number = 0;
        return true;
    case CL_DEVICE_HALF_FP_CONFIG:
        if (limits->no_fp16) *number = 0;
        return true;
    }
    if (!vector_type_bytes(name)) return false;
    *number = vector_width(name, real);
    return true;
}

/* A number of 4 or 8 bytes, changed. */
static cl_int answer_number(cl_device_id device, cl_device_info name, size_t size, void *value, size_t *needed)
{
    cl_ulong number = 0;
    cl_uint narrow = 0;
    size_t bytes = 0;
    cl_int code = limits_next->clGetDeviceInfo(device, name, sizeof number, &number, &bytes);
    if (code == CL_SUCCESS && bytes == sizeof narrow) {
        memcpy(&narrow, &number, sizeof narrow);
        number = narrow;
    }
    if (code != CL_SUCCESS || !adjust(name, &number))
        return limits_next->clGetDeviceInfo(device, name, size, value, needed);
    if (bytes == sizeof narrow) return answer_uint((cl_uint)number, size, value, needed);
    return limits_answer(&number, sizeof number, size, value, needed);
}

static cl_int answer_work_items(cl_device_id device, size_t size, void *value, size_t *needed)
{
    size_t sides[16], bytes = 0;
    cl_int code = limits_next->clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof sides, sides, &bytes);
    if (code != CL_SUCCESS) return code;
    for (int i = 0; i < (int)(bytes / sizeof *sides); i++) sides[i] = limits_lower(sides[i], limits_work_items(i));
    return limits_answer(sides, bytes, size, value, needed);
}

static bool missing_extension(const char *name, size_t length)
{
    bool fp64 = length == strlen("cl_khr_fp64") && strncmp(name, "cl_khr_fp64", length) == 0;
    bool fp16 = length == strlen("cl_khr_fp16") && strncmp(name, "cl_khr_fp16", length) == 0;
    return (fp64 && limits->no_fp64) || (fp16 && limits->no_fp16);
}

/* The driver's list without what the profile lacks, and with what it adds. */
static cl_int answer_extensions(cl_device_id device, size_t size, void *value, size_t *needed)
{
    size_t bytes = 0, length = 0, added = limits->extensions ? strlen(limits->extensions) : 0;
    cl_int code = limits_next->clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, 0, NULL, &bytes);
    if (code != CL_SUCCESS) return code;
    char *real = calloc(bytes + 1, 1), *made = calloc(bytes + added + 2, 1);
    code = real && made ? limits_next->clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, bytes, real, NULL)
                        : CL_OUT_OF_HOST_MEMORY;
    for (const char *at = real; code == CL_SUCCESS && *at; at += strspn(at, " ")) {
        size_t word = strcspn(at, " ");
        if (!missing_extension(at, word)) {
            memcpy(made + length, at, word);
            length += word;
            made[length++] = ' ';
        }
        at += word;
    }
    if (code == CL_SUCCESS && added) memcpy(made + length, limits->extensions, added);
    if (code == CL_SUCCESS) code = answer_text(made, size, value, needed);
    free(real);
    free(made);
    return code;
}

/* Where the card is, as the vendor's own extension tells it: three of them have one each. */
static bool answer_place(cl_device_info name, size_t size, void *value, size_t *needed, cl_int *code)
{
    enum { NVIDIA_BUS = 0x4008, NVIDIA_SLOT = 0x4009, NVIDIA_DOMAIN = 0x400a }; /* in no header */
    cl_device_pci_bus_info_khr at;
    cl_device_topology_amd topology = {.pcie = {.type = CL_DEVICE_TOPOLOGY_TYPE_PCIE_AMD}};
    if (!limits->pci ||
        sscanf(limits->pci, "%x:%x:%x.%x", &at.pci_domain, &at.pci_bus, &at.pci_device, &at.pci_function) != 4)
        return false;
    if (name == CL_DEVICE_PCI_BUS_INFO_KHR && strstr(limits->extensions, "pci_bus_info")) {
        *code = limits_answer(&at, sizeof at, size, value, needed);
    } else if (name == CL_DEVICE_TOPOLOGY_AMD && limits->board) {
        topology.pcie.bus = (cl_char)at.pci_bus;
        topology.pcie.device = (cl_char)at.pci_device;
        topology.pcie.function = (cl_char)at.pci_function;
        *code = limits_answer(&topology, sizeof topology, size, value, needed);
    } else if (name == NVIDIA_BUS && limits->compute_capability) {
        *code = answer_uint(at.pci_bus, size, value, needed);
    } else if (name == NVIDIA_SLOT && limits->compute_capability) {
        *code = answer_uint(at.pci_device << 3 | at.pci_function, size, value, needed);
    } else if (name == NVIDIA_DOMAIN && limits->compute_capability) {
        *code = answer_uint(at.pci_domain, size, value, needed);
    } else {
        return false;
    }
    return true;
}

cl_int CL_API_CALL limits_get_device_info(cl_device_id device, cl_device_info name, size_t size, void *value,
                                          size_t *needed)
{
    cl_device_type type;
    cl_int code = limits_next->clGetDeviceInfo(device, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    if (code != CL_SUCCESS) return code;
    if (device_text(name)) return answer_text(device_text(name), size, value, needed);
    if (answer_place(name, size, value, needed, &code)) return code;
    switch (name) {
    case CL_DEVICE_MAX_WORK_ITEM_SIZES:
        return answer_work_items(device, size, value, needed);
    case CL_DEVICE_EXTENSIONS:
        return answer_extensions(device, size, value, needed);
    case CL_DEVICE_WAVEFRONT_WIDTH_AMD:
        if (limits->board) return answer_uint((cl_uint)limits->wave, size, value, needed);
        break;
    case CL_DEVICE_WARP_SIZE_NV:
        if (limits->compute_capability) return answer_uint((cl_uint)limits->wave, size, value, needed);
        break;
    case CL_DEVICE_COMPUTE_CAPABILITY_MAJOR_NV:
        if (limits->compute_capability) return answer_uint(limits->compute_capability / 10, size, value, needed);
        break;
    case CL_DEVICE_COMPUTE_CAPABILITY_MINOR_NV:
        if (limits->compute_capability) return answer_uint(limits->compute_capability % 10, size, value, needed);
        break;
    }
    return answer_number(device, name, size, value, needed);
}

cl_int CL_API_CALL limits_get_platform_info(cl_platform_id platform, cl_platform_info name, size_t size, void *value,
                                            size_t *needed)
{
    const char *text = NULL;
    if (name == CL_PLATFORM_NAME) text = limits->platform;
    if (name == CL_PLATFORM_VENDOR) text = limits->platform_vendor;
    if (name == CL_PLATFORM_VERSION) text = limits->platform_version;
    cl_int code = limits_next->clGetPlatformInfo(platform, name, text ? 0 : size, text ? NULL : value, needed);
    return code == CL_SUCCESS && text ? answer_text(text, size, value, needed) : code;
}
