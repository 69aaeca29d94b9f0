/* The OpenCL loader, and the drivers that it would load. */
#define _GNU_SOURCE                       /* dladdr, memmem */
#define CL_USE_DEPRECATED_OPENCL_1_1_APIS /* clGetExtensionFunctionAddress */
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "tessera/doctor.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char usual_place[] = "/etc/OpenCL/vendors";

/* Where libOpenCL lies. */
static void describe_library(tsr_loader *loader)
{
    cl_int (*const known)(cl_uint, cl_platform_id *, cl_uint *) = clGetPlatformIDs;
    void *address;
    Dl_info found;
    memcpy(&address, &known, sizeof address);
    if (!dladdr(address, &found) || !found.dli_fname) return;
    char *path = realpath(found.dli_fname, NULL);
    snprintf(loader->library, sizeof loader->library, "%s", path ? path : found.dli_fname);
    free(path);
}

static tsr_status add_driver(tsr_loader *loader, size_t *capacity, const char *file)
{
    char *text = NULL;
    size_t size;
    if (!tsr_grow((void **)&loader->drivers, capacity, loader->driver_count + 1, sizeof *loader->drivers))
        return tsr_fail_memory("the list of drivers", (loader->driver_count + 1) * sizeof *loader->drivers);
    tsr_driver *driver = &loader->drivers[loader->driver_count++];
    *driver = (tsr_driver){0};
    snprintf(driver->file, sizeof driver->file, "%s", file);
    if (!tsr_text_ends_with(file, ".icd")) { /* the library itself */
        snprintf(driver->library, sizeof driver->library, "%s", file);
        return TSR_OK;
    }
    driver->outcome = TSR_DRIVER_BROKEN; /* until the file names a library */
    if (tsr_file_read(file, 4096, &text, &size) != TSR_OK) {
        snprintf(driver->problem, sizeof driver->problem, "%.500s", tsr_last_error());
        return TSR_OK;
    }
    text[strcspn(text, "\r\n")] = '\0';
    if (text[0] && tsr_text_is_plain(text)) {
        snprintf(driver->library, sizeof driver->library, "%s", text);
        driver->outcome = TSR_DRIVER_UNTRIED;
    } else {
        snprintf(driver->problem, sizeof driver->problem, "the file names no library");
    }
    free(text);
    return TSR_OK;
}

static int by_file(const void *a, const void *b)
{
    return strcmp(((const tsr_driver *)a)->file, ((const tsr_driver *)b)->file);
}

static tsr_status add_directory(tsr_loader *loader, size_t *capacity)
{
    tsr_status status = TSR_OK;
    DIR *directory = opendir(loader->vendors);
    if (!directory) return TSR_OK; /* then there are no drivers */
    for (struct dirent *entry; !status && (entry = readdir(directory));) {
        char path[1024];
        if (!tsr_text_ends_with(entry->d_name, ".icd")) continue;
        const char *slash = tsr_text_ends_with(loader->vendors, "/") ? "" : "/";
        snprintf(path, sizeof path, "%s%s%s", loader->vendors, slash, entry->d_name);
        status = add_driver(loader, capacity, path);
    }
    closedir(directory);
    if (loader->driver_count) qsort(loader->drivers, loader->driver_count, sizeof *loader->drivers, by_file);
    return status;
}

/* A name without a directory, and no file here: an .icd file of the usual place, or a library of the system's. */
static tsr_status add_named(tsr_loader *loader, size_t *capacity)
{
    char path[sizeof usual_place + sizeof loader->vendors];
    if (!tsr_text_ends_with(loader->vendors, ".icd")) return add_driver(loader, capacity, loader->vendors);
    snprintf(path, sizeof path, "%s/%s", usual_place, loader->vendors);
    return add_driver(loader, capacity, path);
}

/* Whether the loader asks for an environment variable: then it holds the name. */
static bool loader_asks_for(const tsr_loader *loader, const char *variable)
{
    char *data;
    size_t size;
    if (!loader->library[0] || tsr_file_read(loader->library, (size_t)64 << 20, &data, &size) != TSR_OK) return false;
    bool found = memmem(data, size, variable, strlen(variable)) != NULL;
    free(data);
    return found;
}

/* Libraries, with colons between, that Khronos's loader loads besides those of OCL_ICD_VENDORS. */
static tsr_status add_libraries(tsr_loader *loader, size_t *capacity)
{
    static const char variable[] = "OCL_ICD_FILENAMES";
    const char *at = getenv(variable);
    tsr_status status = TSR_OK;
    if (!at || !*at || !loader_asks_for(loader, variable)) return TSR_OK;
    while (!status && *at) {
        char name[sizeof loader->drivers->library];
        size_t length = strcspn(at, ":");
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        if (length) status = add_driver(loader, capacity, name);
        at += length + (at[length] == ':');
    }
    return status;
}

tsr_status tsr_loader_describe(tsr_loader *loader)
{
    const char *asked = getenv("OCL_ICD_VENDORS");
    struct stat place;
    size_t capacity = 0;
    *loader = (tsr_loader){0};
    loader->asked = asked && *asked;
    snprintf(loader->vendors, sizeof loader->vendors, "%s", loader->asked ? asked : usual_place);
    describe_library(loader);
    bool there = stat(loader->vendors, &place) == 0;
    tsr_status status;
    if (there && !S_ISDIR(place.st_mode))
        status = add_driver(loader, &capacity, loader->vendors);
    else if (!there && !strchr(loader->vendors, '/'))
        status = add_named(loader, &capacity);
    else
        status = add_directory(loader, &capacity); /* without drivers where it is not there */
    if (!status) status = add_libraries(loader, &capacity);
    if (status) tsr_loader_clear(loader);
    return status;
}

void tsr_loader_clear(tsr_loader *loader)
{
    free(loader->drivers);
    *loader = (tsr_loader){0};
}

tsr_status tsr_driver_load(const char *library)
{
    if (dlopen(library, RTLD_NOW | RTLD_LOCAL)) return TSR_OK; /* left open: drivers do not like to be unloaded */
    const char *reason = dlerror();
    return tsr_fail(TSR_NOT_FOUND, "%s", reason ? reason : "the library cannot be loaded");
}

bool tsr_loader_version(char *text, size_t size)
{
    enum { LOADER_VERSION = 2, LOADER_NAME = 3 };
    cl_int (*ask)(cl_uint name, size_t bytes, void *value, size_t *used) = NULL;
    char name[64] = "", version[64] = "";
    void *address = clGetExtensionFunctionAddress("clGetICDLoaderInfoOCLICD");
    memcpy(&ask, &address, sizeof ask);
    if (!ask || ask(LOADER_NAME, sizeof name, name, NULL) != CL_SUCCESS ||
        ask(LOADER_VERSION, sizeof version, version, NULL) != CL_SUCCESS)
        return false;
    snprintf(text, size, "%s %s", name, version);
    return true;
}

tsr_status tsr_platform_list(tsr_platform **list, size_t *count)
{
    cl_uint found = 0;
    *list = NULL;
    *count = 0;
    cl_int code = clGetPlatformIDs(0, NULL, &found);
    if (code != CL_SUCCESS || found == 0) return TSR_OK;
    cl_platform_id *ids = tsr_alloc(found, sizeof *ids);
    *list = tsr_alloc(found, sizeof **list);
    if (!ids || !*list || clGetPlatformIDs(found, ids, NULL) != CL_SUCCESS) {
        free(ids);
        free(*list);
        *list = NULL;
        return tsr_fail_memory("the list of platforms", found * sizeof **list);
    }
    for (cl_uint i = 0; i < found; i++) {
        tsr_platform *platform = &(*list)[i];
        cl_uint devices = 0;
        if (clGetPlatformInfo(ids[i], CL_PLATFORM_NAME, sizeof platform->name, platform->name, NULL) != CL_SUCCESS)
            snprintf(platform->name, sizeof platform->name, "unknown");
        if (clGetDeviceIDs(ids[i], CL_DEVICE_TYPE_ALL, 0, NULL, &devices) == CL_SUCCESS) platform->devices = devices;
    }
    *count = found;
    free(ids);
    return TSR_OK;
}
