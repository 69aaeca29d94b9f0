#include "device/query.h"

#include "base/memory.h"
#include "base/text.h"
#include "device/device.h"

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

static bool contains(const char *text, const char *part)
{
    size_t length = strlen(part);
    for (; *text; text++) {
        size_t i = 0;
        while (i < length && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i])) i++;
        if (i == length) return true;
    }
    return length == 0;
}

tsr_device_type tsr_query_type(cl_device_type type, bool unified, const char *name)
{
    static const char *const rasterizers[] = {"llvmpipe", "softpipe", "swrast", "swiftshader", "basic render driver"};
    for (size_t i = 0; i < sizeof rasterizers / sizeof rasterizers[0]; i++)
        if (contains(name, rasterizers[i])) return TSR_DEVICE_SOFTWARE;
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
            if (contains(said[j], texts[i].text)) return texts[i].vendor;
    return TSR_VENDOR_OTHER;
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
    *info = (tsr_device_info){0};
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
    }
    free(platforms);
    return status;
}

/* The best: by type, then by compute units, then the first. */
static size_t best(const tsr_candidate *candidates, size_t count)
{
    size_t chosen = 0;
    for (size_t i = 1; i < count; i++) {
        const tsr_device_info *info = &candidates[i].info, *other = &candidates[chosen].info;
        if (info->type < other->type || (info->type == other->type && info->compute_units > other->compute_units))
            chosen = i;
    }
    return chosen;
}

/* Fails with the list of all candidates, or of those that match `part`. */
static tsr_status fail_with_list(const tsr_candidate *candidates, size_t count, const char *part, const char *sentence,
                                 const char *wanted, const char *advice)
{
    tsr_text list = {0};
    for (size_t i = 0; i < count; i++) {
        char name[260];
        snprintf(name, sizeof name, "%s %s", candidates[i].info.platform, candidates[i].info.name);
        if (contains(name, part)) tsr_text_add(&list, "%s%zu: %s", list.length ? ", " : "", i, name);
    }
    tsr_status status =
        tsr_fail(TSR_NOT_FOUND, "%s \"%s\"; %s: %s", sentence, wanted, advice, list.data ? list.data : "");
    tsr_text_clear(&list);
    return status;
}

tsr_status tsr_choose(const tsr_candidate *candidates, size_t count, const char *wanted, size_t *chosen)
{
    if (!wanted || !*wanted) wanted = getenv("TESSERA_DEVICE");
    if (!wanted || !*wanted) {
        *chosen = best(candidates, count);
        return TSR_OK;
    }
    if (strspn(wanted, "0123456789") == strlen(wanted)) {
        unsigned long index = strlen(wanted) < 9 ? strtoul(wanted, NULL, 10) : count;
        if (index >= count)
            return fail_with_list(candidates, count, "", "no device has the number", wanted, "there are");
        *chosen = index;
        return TSR_OK;
    }
    size_t matches = 0;
    for (size_t i = 0; i < count; i++) {
        char name[260];
        snprintf(name, sizeof name, "%s %s", candidates[i].info.platform, candidates[i].info.name);
        if (contains(name, wanted) && matches++ == 0) *chosen = i;
    }
    if (matches == 0) return fail_with_list(candidates, count, "", "no device matches", wanted, "there are");
    if (matches > 1)
        return fail_with_list(candidates, count, wanted, "several devices match", wanted,
                              "say which by its number or name");
    return TSR_OK;
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
