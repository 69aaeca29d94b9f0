#include "device/query.h"

#include "base/memory.h"
#include "base/text.h"
#include "device/choose.h"
#include "device/device.h"
#include "device/quirks.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NO_PLATFORM (-1001) /* CL_PLATFORM_NOT_FOUND_KHR, of the ICD loader */

const char *tsr_device_type_text(tsr_device_type type)
{
    switch (type) {
#define TSR_DEVICE_TYPE_CASE(name, text)                                                                               \
    case TSR_DEVICE_##name:                                                                                            \
        return text;
        TSR_DEVICE_TYPE_LIST(TSR_DEVICE_TYPE_CASE)
#undef TSR_DEVICE_TYPE_CASE
    }
    return "unknown";
}

const char *tsr_vendor_text(tsr_vendor vendor)
{
    switch (vendor) {
#define TSR_VENDOR_CASE(name, text)                                                                                    \
    case TSR_VENDOR_##name:                                                                                            \
        return text;
        TSR_VENDOR_LIST(TSR_VENDOR_CASE)
#undef TSR_VENDOR_CASE
    }
    return "unknown";
}

/* Removes blanks at both ends and makes runs of blanks one. */
static void tidy(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        bool blank = isspace((unsigned char)*from) != 0;
        if (blank && (to == text || to[-1] == ' ')) continue;
        *to++ = blank ? ' ' : *from;
    }
    if (to > text && to[-1] == ' ') to--;
    *to = '\0';
}

/* Reads a text of the device (or, with a NULL device, of the platform), cut to `size`. */
static cl_int get_text(cl_platform_id platform, cl_device_id device, cl_uint name, char *text, size_t size)
{
    size_t needed = 0;
    text[0] = '\0';
    cl_int code =
        device ? clGetDeviceInfo(device, name, 0, NULL, &needed) : clGetPlatformInfo(platform, name, 0, NULL, &needed);
    if (code != CL_SUCCESS) return code;
    char *whole = tsr_alloc(needed + 1, 1);
    if (!whole) return CL_OUT_OF_HOST_MEMORY;
    code = device ? clGetDeviceInfo(device, name, needed, whole, NULL)
                  : clGetPlatformInfo(platform, name, needed, whole, NULL);
    if (code == CL_SUCCESS) {
        tidy(whole);
        snprintf(text, size, "%.*s", (int)size - 1, whole);
    }
    free(whole);
    return code;
}

/* Whether a list of extensions has a name. */
static bool has_extension(cl_device_id id, const char *name)
{
    size_t size = 0, length = strlen(name);
    bool found = false;
    if (clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, 0, NULL, &size) != CL_SUCCESS) return false;
    char *all = tsr_alloc(size + 1, 1);
    if (!all) return false;
    if (clGetDeviceInfo(id, CL_DEVICE_EXTENSIONS, size, all, NULL) == CL_SUCCESS)
        for (const char *at = all; !found && (at = strstr(at, name)); at += length)
            found = (at == all || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0');
    free(all);
    return found;
}

tsr_device_type tsr_query_type(cl_device_type type, bool unified, const char *name)
{
    static const char *const rasterizers[] = {"llvmpipe", "softpipe", "swrast", "swiftshader", "basic render driver"};
    for (size_t i = 0; i < sizeof rasterizers / sizeof rasterizers[0]; i++)
        if (tsr_text_contains(name, rasterizers[i])) return TSR_DEVICE_SOFTWARE;
    if (type & CL_DEVICE_TYPE_CPU) return TSR_DEVICE_CPU; /* simulators say that they are everything */
    if (type & CL_DEVICE_TYPE_GPU) return unified ? TSR_DEVICE_INTEGRATED_GPU : TSR_DEVICE_DISCRETE_GPU;
    if (type & CL_DEVICE_TYPE_ACCELERATOR) return TSR_DEVICE_ACCELERATOR;
    return TSR_DEVICE_CPU;
}

tsr_vendor tsr_query_vendor(cl_uint id, const char *vendor, const char *name)
{
    static const struct {
        cl_uint id; /* of PCI, or what the driver has instead */
        tsr_vendor vendor;
    } ids[] = {
        {0x1002, TSR_VENDOR_AMD},          {0x1022, TSR_VENDOR_AMD},          {0x8086, TSR_VENDOR_INTEL},
        {0x10de, TSR_VENDOR_NVIDIA},       {0x13b5, TSR_VENDOR_ARM},          {0x5143, TSR_VENDOR_QUALCOMM},
        {0x4d4f4351, TSR_VENDOR_QUALCOMM}, {0xbf4d3c4b, TSR_VENDOR_QUALCOMM}, {0x106b, TSR_VENDOR_APPLE},
        {0x1027f00, TSR_VENDOR_APPLE},
    };
    /* Apple's platform gives cards and processors of others numbers of its own, but their makers' names. */
    static const struct {
        const char *text;
        tsr_vendor vendor;
    } texts[] = {
        {"amd", TSR_VENDOR_AMD},           {"advanced micro devices", TSR_VENDOR_AMD},
        {"radeon", TSR_VENDOR_AMD},        {"intel", TSR_VENDOR_INTEL},
        {"nvidia", TSR_VENDOR_NVIDIA},     {"geforce", TSR_VENDOR_NVIDIA},
        {"qualcomm", TSR_VENDOR_QUALCOMM}, {"adreno", TSR_VENDOR_QUALCOMM},
        {"mali", TSR_VENDOR_ARM},          {"apple", TSR_VENDOR_APPLE},
    };
    const char *const said[] = {vendor, name};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        if (ids[i].id == id) return ids[i].vendor;
    if (!strcmp(vendor, "ARM")) return TSR_VENDOR_ARM; /* not as a part: too short */
    for (size_t j = 0; j < 2; j++)
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
            if (tsr_text_contains(said[j], texts[i].text)) return texts[i].vendor;
    return TSR_VENDOR_OTHER;
}

/* Extensions for the place of a card: cl_khr_pci_bus_info, cl_amd_device_attribute_query and
 * cl_nv_device_attribute_query; not every loader's headers have them. */
enum {
    PCI_BUS_INFO = 0x410f,
    AMD_TOPOLOGY = 0x4037,
    NVIDIA_BUS = 0x4008,
    NVIDIA_SLOT = 0x4009,
    NVIDIA_DOMAIN = 0x400a
};

/* The card's address; "" where the driver does not tell. */
static void query_pci(cl_device_id id, char *text, size_t size)
{
    struct {
        cl_uint domain, bus, device, function;
    } khronos;
    struct {
        cl_uint type; /* 1: PCIe */
        unsigned char unused[17], bus, device, function;
    } amd;
    cl_uint bus, slot, domain = 0;
    text[0] = '\0';
    if (has_extension(id, "cl_khr_pci_bus_info") &&
        clGetDeviceInfo(id, PCI_BUS_INFO, sizeof khronos, &khronos, NULL) == CL_SUCCESS) {
        snprintf(text, size, "%04x:%02x:%02x.%x", khronos.domain & 0xffff, khronos.bus & 0xff, khronos.device & 0x1f,
                 khronos.function & 7);
    } else if (has_extension(id, "cl_amd_device_attribute_query") &&
               clGetDeviceInfo(id, AMD_TOPOLOGY, sizeof amd, &amd, NULL) == CL_SUCCESS && amd.type == 1) {
        snprintf(text, size, "0000:%02x:%02x.%x", amd.bus, amd.device & 0x1f, amd.function & 7);
    } else if (has_extension(id, "cl_nv_device_attribute_query") &&
               clGetDeviceInfo(id, NVIDIA_BUS, sizeof bus, &bus, NULL) == CL_SUCCESS &&
               clGetDeviceInfo(id, NVIDIA_SLOT, sizeof slot, &slot, NULL) == CL_SUCCESS) {
        clGetDeviceInfo(id, NVIDIA_DOMAIN, sizeof domain, &domain, NULL); /* older drivers have none */
        snprintf(text, size, "%04x:%02x:%02x.%x", domain & 0xffff, bus & 0xff, slot >> 3 & 0x1f, slot & 7);
    }
}

tsr_status tsr_query_info(cl_platform_id platform, cl_device_id id, tsr_device_info *info)
{
    cl_device_type type = 0;
    cl_bool unified = CL_FALSE;
    cl_device_local_mem_type local_type = CL_GLOBAL;
    cl_uint compute_units = 0, vector_width = 1, align_bits = 0;
    cl_ulong memory = 0, max_allocation = 0, local_memory = 0;
    size_t max_work_group = 0, max_work_items[8] = {0};
    cl_uint dimensions = 0, vendor_id = 0;
    *info = (tsr_device_info){.same_as = -1};
    get_text(platform, NULL, CL_PLATFORM_NAME, info->platform, sizeof info->platform);
    get_text(platform, NULL, CL_PLATFORM_VERSION, info->platform_version, sizeof info->platform_version);
    get_text(platform, id, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    get_text(platform, id, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    get_text(platform, id, CL_DEVICE_VERSION, info->version, sizeof info->version);
    cl_int code = get_text(platform, id, CL_DEVICE_NAME, info->name, sizeof info->name);
    const struct {
        cl_device_info what;
        size_t size;
        void *to;
    } needed[] = {
        {CL_DEVICE_TYPE, sizeof type, &type},
        {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof compute_units, &compute_units},
        {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory},
        {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof max_allocation, &max_allocation},
        {CL_DEVICE_LOCAL_MEM_SIZE, sizeof local_memory, &local_memory},
        {CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof max_work_group, &max_work_group},
        {CL_DEVICE_MAX_WORK_ITEM_DIMENSIONS, sizeof dimensions, &dimensions},
        {CL_DEVICE_MEM_BASE_ADDR_ALIGN, sizeof align_bits, &align_bits},
    };
    for (size_t i = 0; i < sizeof needed / sizeof needed[0] && code == CL_SUCCESS; i++)
        code = clGetDeviceInfo(id, needed[i].what, needed[i].size, needed[i].to, NULL);
    if (code == CL_SUCCESS && dimensions <= 8)
        code = clGetDeviceInfo(id, CL_DEVICE_MAX_WORK_ITEM_SIZES, sizeof max_work_items, max_work_items, NULL);
    if (code != CL_SUCCESS) return tsr_check(code, NULL, "asking a device for its limits");
    /* Questions that drivers may leave without an answer. */
    clGetDeviceInfo(id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof unified, &unified, NULL);
    clGetDeviceInfo(id, CL_DEVICE_LOCAL_MEM_TYPE, sizeof local_type, &local_type, NULL);
    clGetDeviceInfo(id, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT, sizeof vector_width, &vector_width, NULL);
    clGetDeviceInfo(id, CL_DEVICE_VENDOR_ID, sizeof vendor_id, &vendor_id, NULL);

    info->type = tsr_query_type(type, unified == CL_TRUE, info->name);
    info->vendor_kind = tsr_query_vendor(vendor_id, info->vendor, info->name);
    info->compute_units = compute_units;
    info->memory = memory;
    info->max_allocation = max_allocation;
    info->local_memory = local_memory;
    info->local_memory_dedicated = local_type == CL_LOCAL;
    info->max_work_group = max_work_group ? max_work_group : 1;
    for (int i = 0; i < 3; i++) info->max_work_items[i] = max_work_items[i] ? max_work_items[i] : 1;
    info->vector_width = vector_width ? vector_width : 1;
    info->alignment = align_bits >= 8 ? align_bits / 8 : 1;
    info->fp16 = has_extension(id, "cl_khr_fp16");
    info->fp64 = has_extension(id, "cl_khr_fp64");
    query_pci(id, info->pci, sizeof info->pci);
    tsr_quirks_apply(info);
    return TSR_OK;
}

/* Whether kernels can be compiled for it and run on it now. */
static bool usable(cl_device_id id)
{
    cl_bool available = CL_FALSE, compiler = CL_FALSE;
    clGetDeviceInfo(id, CL_DEVICE_AVAILABLE, sizeof available, &available, NULL);
    clGetDeviceInfo(id, CL_DEVICE_COMPILER_AVAILABLE, sizeof compiler, &compiler, NULL);
    return available && compiler;
}

/* Appends the platform's devices. A platform that fails adds none. */
static tsr_status add_platform(cl_platform_id platform, tsr_candidate **candidates, size_t *count, size_t *capacity)
{
    cl_uint found = 0;
    cl_device_id *ids = NULL;
    tsr_status status = TSR_OK;
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 0, NULL, &found) != CL_SUCCESS || found == 0) return TSR_OK;
    if (!(ids = tsr_alloc(found, sizeof *ids))) return tsr_fail_memory("the list of devices", found * sizeof *ids);
    if (clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, found, ids, NULL) != CL_SUCCESS) goto done;
    if (!tsr_grow((void **)candidates, capacity, *count + found, sizeof **candidates)) {
        status = tsr_fail_memory("the list of devices", (*count + found) * sizeof **candidates);
        goto done;
    }
    for (cl_uint i = 0; i < found; i++) {
        tsr_candidate *candidate = &(*candidates)[*count];
        if (!usable(ids[i]) || tsr_query_info(platform, ids[i], &candidate->info) != TSR_OK) continue;
        candidate->platform = platform;
        candidate->id = ids[i];
        ++*count;
    }
done:
    free(ids);
    return status;
}

tsr_status tsr_query_candidates(tsr_candidate **candidates, size_t *count)
{
    tsr_status status = TSR_OK;
    cl_uint platform_count = 0;
    cl_platform_id *platforms = NULL;
    size_t capacity = 0;
    *candidates = NULL;
    *count = 0;
    cl_int code = clGetPlatformIDs(0, NULL, &platform_count);
    if (code == NO_PLATFORM || (code == CL_SUCCESS && platform_count == 0))
        return tsr_fail(TSR_NOT_FOUND,
                        "no OpenCL platform is installed; install your graphics card's OpenCL driver, or "
                        "the package pocl-opencl-icd to run on the CPU");
    if (code != CL_SUCCESS) return tsr_check(code, NULL, "asking for the OpenCL platforms");
    if (!(platforms = tsr_alloc(platform_count, sizeof *platforms)))
        return tsr_fail_memory("the list of platforms", platform_count * sizeof *platforms);
    code = clGetPlatformIDs(platform_count, platforms, NULL);
    status = tsr_check(code, NULL, "asking for the OpenCL platforms");
    for (cl_uint i = 0; i < platform_count && !status; i++)
        status = add_platform(platforms[i], candidates, count, &capacity);
    if (!status && *count == 0) {
        tsr_text names = {0};
        for (cl_uint i = 0; i < platform_count; i++) {
            char name[128];
            get_text(platforms[i], NULL, CL_PLATFORM_NAME, name, sizeof name);
            tsr_text_add(&names, "%s%s", i ? ", " : "", name);
        }
        status =
            tsr_fail(TSR_NOT_FOUND,
                     "no OpenCL platform has a usable device (platforms: %s); check the driver and the rights of "
                     "this user (groups render and video), or install the package pocl-opencl-icd to run on the CPU",
                     names.data ? names.data : "unknown");
        tsr_text_clear(&names);
    }
    if (status) {
        free(*candidates);
        *candidates = NULL;
    } else {
        tsr_find_duplicates(*candidates, *count);
    }
    free(platforms);
    return status;
}

tsr_status tsr_device_list(const char *wanted, tsr_device_info **list, size_t *count)
{
    tsr_candidate *candidates;
    size_t chosen;
    *list = NULL;
    tsr_status status = tsr_query_candidates(&candidates, count);
    if (status) return status;
    *list = tsr_alloc(*count, sizeof **list);
    if (!*list) {
        free(candidates);
        return tsr_fail_memory("the list of devices", *count * sizeof **list);
    }
    for (size_t i = 0; i < *count; i++) (*list)[i] = candidates[i].info;
    if (tsr_choose(candidates, *count, wanted, &chosen) == TSR_OK) (*list)[chosen].chosen = true;
    free(candidates);
    return TSR_OK;
}
