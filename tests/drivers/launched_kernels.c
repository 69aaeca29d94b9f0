/* An OpenCL layer (OPENCL_LAYERS of the ICD loader) that appends the name of every kernel that is launched to the file
 * TESSERA_LAUNCHED_KERNELS, once a process and run of launches of the same kernel. */
#include <CL/cl.h>
#include <CL/cl_layer.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct _cl_icd_dispatch table;
static const struct _cl_icd_dispatch *driver;

/* A whole line with one write: several processes may share the file. */
static void note(cl_kernel kernel)
{
    static char names[256][64];
    static int count;
    char name[64];
    if (driver->clGetKernelInfo(kernel, CL_KERNEL_FUNCTION_NAME, sizeof name - 1, name, NULL) != CL_SUCCESS) return;
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return;
    if (count < 256) strcpy(names[count++], name);
    const char *path = getenv("TESSERA_LAUNCHED_KERNELS");
    int file = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666) : -1;
    strcat(name, "\n");
    if (file < 0 || write(file, name, strlen(name)) < 0) fprintf(stderr, "the launch of %s cannot be noted\n", name);
    if (file >= 0) close(file);
}

static cl_int CL_API_CALL launch(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions, const size_t *offset,
                                 const size_t *global, const size_t *local, cl_uint waits, const cl_event *wait,
                                 cl_event *event)
{
    note(kernel);
    return driver->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, waits, wait, event);
}

CL_API_ENTRY cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size, void *value, size_t *needed)
{
    const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    if (name != CL_LAYER_API_VERSION || (value && size < sizeof version)) return CL_INVALID_VALUE;
    if (value) memcpy(value, &version, sizeof version);
    if (needed) *needed = sizeof version;
    return CL_SUCCESS;
}

CL_API_ENTRY cl_int CL_API_CALL clInitLayer(cl_uint count, const struct _cl_icd_dispatch *target, cl_uint *mine,
                                            const struct _cl_icd_dispatch **result)
{
    if (!target || !mine || !result || count < sizeof table / sizeof(void *)) return CL_INVALID_VALUE;
    driver = target;
    table = *target;
    table.clEnqueueNDRangeKernel = launch;
    *result = &table;
    *mine = sizeof table / sizeof(void *);
    return CL_SUCCESS;
}
