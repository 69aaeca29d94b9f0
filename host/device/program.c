#include "device/program.h"

#include "base/memory.h"
#include "device/quirks.h"

#include <string.h>

/* Every kernel is written for OpenCL C 1.2, may be contracted (a * b + c in one rounding), and may take denormal
 * numbers for zero: Adam's moments of weights that are seldom used decay into them, and some processors take a hundred
 * times as long for such a number (a step of the reference network: 2.8 ms rather than 3.9 on a Xeon). */
const char *tsr_program_options(const tsr_device *device)
{
#define OPTIONS(mad_enable) "-cl-std=CL1.2" mad_enable " -cl-denorms-are-zero"
    static const char *const options[2][2] = {
        {OPTIONS(" -cl-mad-enable"), OPTIONS(" -cl-mad-enable") " -DNO_MUL_HI"},
        {OPTIONS(""), OPTIONS("") " -DNO_MUL_HI"},
    };
#undef OPTIONS
    return options[tsr_has_quirk(&device->info, TSR_QUIRK_NO_MAD_ENABLE)]
                  [tsr_has_quirk(&device->info, TSR_QUIRK_NO_MUL_HI)];
}

struct tsr_program_entry {
    char *name; /* "FILE OPTIONS" */
    cl_program program;
    tsr_program_entry *next;
};

void tsr_programs_free(tsr_device *device)
{
    for (tsr_program_entry *entry = device->programs; entry;) {
        tsr_program_entry *next = entry->next;
        if (entry->program) clReleaseProgram(entry->program);
        free(entry->name);
        free(entry);
        entry = next;
    }
    device->programs = NULL;
}

/* The failure of a build, with the device's log. */
static tsr_status fail_build(tsr_device *device, cl_program program, const char *file, const char *options, cl_int code)
{
    size_t size = 0;
    char *log = NULL;
    if (clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) == CL_SUCCESS && size > 1 &&
        (log = tsr_alloc(size + 1, 1)) != NULL &&
        clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL) != CL_SUCCESS)
        log[0] = '\0';
    size_t length = log ? strlen(log) : 0;
    while (length > 0 && (log[length - 1] == '\n' || log[length - 1] == ' ')) log[--length] = '\0';
    tsr_fail(TSR_BUILD, "the kernel file %s (options %s) does not build on %s: %s (%d)%s%s", file, options,
             device->info.name, tsr_opencl_error_name(code), (int)code, length ? "; its log:\n" : "",
             length ? log : "");
    free(log);
    return TSR_BUILD;
}

static tsr_status build(tsr_device *device, const char *source, const char *file, const char *options,
                        cl_program *program)
{
    cl_int code;
    *program = clCreateProgramWithSource(device->context, 1, &source, NULL, &code);
    if (code != CL_SUCCESS) {
        *program = NULL;
        return tsr_check(code, device, "making a program");
    }
    code = clBuildProgram(*program, 1, &device->id, options, NULL, NULL);
    if (code == CL_SUCCESS) return TSR_OK;
    tsr_status status = fail_build(device, *program, file, options, code);
    clReleaseProgram(*program);
    *program = NULL;
    return status;
}

/* All that a built program depends on. */
static char *key_of(const tsr_device *device, const char *options, const char *source)
{
    tsr_text key = {0};
    tsr_text_add(&key, "%s\n%s\n%s\n%s\n%s\n%s\n%s\n", device->info.platform, device->info.platform_version,
                 device->info.name, device->info.version, device->info.driver, TSR_VERSION_STRING, options);
    tsr_text_add_bytes(&key, source, strlen(source));
    return tsr_text_take(&key);
}

/* From the disk, else compiled. */
static tsr_status load_or_build(tsr_device *device, const char *file, const char *options, cl_program *program)
{
    char *source, *key = NULL;
    tsr_status status = tsr_program_source(file, &source);
    if (status) return status;
    if (tsr_program_cache_enabled(device)) key = key_of(device, options, source);
    if (!key || !tsr_program_cache_load(device, key, options, program)) {
        status = build(device, source, file, options, program);
        if (!status && key) tsr_program_cache_store(device, key, *program);
    }
    free(key);
    free(source);
    return status;
}

static tsr_status get_locked(tsr_device *device, const char *file, const char *options, const char *name,
                             cl_program *program)
{
    for (const tsr_program_entry *entry = device->programs; entry; entry = entry->next) {
        if (strcmp(entry->name, name)) continue;
        *program = entry->program;
        return TSR_OK;
    }
    tsr_program_entry *entry = tsr_alloc(1, sizeof *entry);
    char *own_name = tsr_copy_text(name);
    tsr_status status =
        entry && own_name ? load_or_build(device, file, options, program) : tsr_fail_memory("a program", sizeof *entry);
    if (status) {
        free(own_name);
        free(entry);
        return status;
    }
    *entry = (tsr_program_entry){own_name, *program, device->programs};
    device->programs = entry;
    return TSR_OK;
}

tsr_status tsr_program_get(tsr_device *device, const char *file, const char *options, cl_program *program)
{
    tsr_text all = {0}, name = {0};
    tsr_status status;
    *program = NULL;
    tsr_text_add(&all, "%s%s%s", tsr_program_options(device), options && *options ? " " : "", options ? options : "");
    tsr_text_add(&name, "%s %s", file, all.data ? all.data : "");
    if (all.failed || name.failed) {
        status = tsr_fail_memory("a program's name", 0);
    } else {
        pthread_mutex_lock(&device->program_lock);
        status = get_locked(device, file, all.data, name.data, program);
        pthread_mutex_unlock(&device->program_lock);
    }
    tsr_text_clear(&all);
    tsr_text_clear(&name);
    return status;
}
