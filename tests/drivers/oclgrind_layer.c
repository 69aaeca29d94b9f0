/* An OpenCL layer (OPENCL_LAYERS of the ICD loader) for the lane beside it.
 *
 * It appends the name of every kernel that is launched to the file TESSERA_LAUNCHED_KERNELS, once a process.
 *
 * And it lets a kernel do what the host writes to a part of a buffer, or fills: oclgrind 21.10 then takes the whole
 * buffer for one that was never written. (One that kernels only read counts as written as a whole from then on.) */
#include <CL/cl.h>
#include <CL/cl_layer.h>
#include <fcntl.h>
#include <stdbool.h>
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

static const char *const source = "kernel void put(const global T *from, uint period, global T *to, ulong at)\n"
                                  "{ size_t i = get_global_id(0); to[at + i] = from[i % period]; }\n";

/* The kernel for a queue's context, made once and kept until the end. */
static cl_kernel find_kernel(cl_command_queue queue, bool wide, cl_context *context, cl_int *code)
{
    static struct {
        cl_context context;
        cl_kernel kernel[2];
    } made[64];
    int at = 0;
    cl_device_id device;
    *code = driver->clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof *context, context, NULL);
    if (!*code) *code = driver->clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device, &device, NULL);
    if (*code) return NULL;
    while (at < 63 && made[at].context && made[at].context != *context) at++;
    made[at].context = *context;
    if (made[at].kernel[wide]) return made[at].kernel[wide];
    cl_program program = driver->clCreateProgramWithSource(*context, 1, (const char **)&source, NULL, code);
    if (!*code) *code = driver->clBuildProgram(program, 1, &device, wide ? "-DT=uint4" : "-DT=uchar", NULL, NULL);
    if (!*code) made[at].kernel[wide] = driver->clCreateKernel(program, "put", code);
    return made[at].kernel[wide];
}

static size_t size_of(cl_mem buffer)
{
    size_t size = 0;
    driver->clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof size, &size, NULL);
    return size;
}

/* Puts bytes into a buffer that kernels only read: with all that is there, it is written as a whole. */
static cl_int put_by_host(cl_command_queue queue, cl_mem buffer, const void *data, size_t period, size_t offset,
                          size_t bytes, size_t size)
{
    char *whole = malloc(size);
    if (!whole) return CL_OUT_OF_HOST_MEMORY;
    cl_int code = driver->clEnqueueReadBuffer(queue, buffer, CL_TRUE, 0, size, whole, 0, NULL, NULL);
    for (size_t i = 0; i < bytes; i++) whole[offset + i] = ((const char *)data)[i % period];
    if (!code) code = driver->clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, size, whole, 0, NULL, NULL);
    free(whole);
    return code;
}

/* Puts `bytes` bytes into the buffer with a kernel, `data` (of `period` bytes) again and again. */
static cl_int put(cl_command_queue queue, cl_mem buffer, const void *data, size_t period, size_t offset, size_t bytes)
{
    enum { WIDE = 16 };
    bool wide = period % WIDE == 0 && offset % WIDE == 0 && bytes % WIDE == 0;
    size_t unit = wide ? WIDE : 1, global = bytes / unit;
    cl_uint times = (cl_uint)(period / unit);
    cl_ulong at = offset / unit;
    cl_int code;
    cl_context context;
    cl_mem_flags flags = 0;
    driver->clGetMemObjectInfo(buffer, CL_MEM_FLAGS, sizeof flags, &flags, NULL);
    if (flags & CL_MEM_READ_ONLY) return put_by_host(queue, buffer, data, period, offset, bytes, size_of(buffer));
    cl_kernel kernel = find_kernel(queue, wide, &context, &code);
    if (code) return code;
    cl_mem from = driver->clCreateBuffer(context, CL_MEM_READ_WRITE, period, NULL, &code);
    if (!code) code = driver->clEnqueueWriteBuffer(queue, from, CL_TRUE, 0, period, data, 0, NULL, NULL);
    if (!code) code = driver->clSetKernelArg(kernel, 0, sizeof from, &from);
    if (!code) code = driver->clSetKernelArg(kernel, 1, sizeof times, &times);
    if (!code) code = driver->clSetKernelArg(kernel, 2, sizeof buffer, &buffer);
    if (!code) code = driver->clSetKernelArg(kernel, 3, sizeof at, &at);
    if (!code) code = driver->clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &global, NULL, 0, NULL, NULL);
    return code ? code : driver->clFinish(queue); /* `from` stays, as all buffers do */
}

/* What the driver would have done before and after. */
static cl_int await(cl_uint waits, const cl_event *wait)
{
    return waits ? driver->clWaitForEvents(waits, wait) : CL_SUCCESS;
}

static cl_int mark(cl_int code, cl_command_queue queue, cl_event *event)
{
    return code || !event ? code : driver->clEnqueueMarkerWithWaitList(queue, 0, NULL, event);
}

static bool is_whole(cl_mem buffer, size_t offset, size_t bytes)
{
    cl_mem parent = NULL;
    driver->clGetMemObjectInfo(buffer, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL);
    return !parent && offset == 0 && bytes == size_of(buffer);
}

static cl_int CL_API_CALL write_buffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, size_t offset,
                                       size_t bytes, const void *data, cl_uint waits, const cl_event *wait,
                                       cl_event *event)
{
    size_t size = size_of(buffer);
    if (is_whole(buffer, offset, bytes) || !data || bytes == 0 || bytes > size || offset > size - bytes)
        return driver->clEnqueueWriteBuffer(queue, buffer, blocking, offset, bytes, data, waits, wait, event);
    cl_int code = await(waits, wait);
    if (!code) code = driver->clFinish(queue);
    if (!code) code = put(queue, buffer, data, bytes, offset, bytes);
    return mark(code, queue, event);
}

static cl_int CL_API_CALL fill_buffer(cl_command_queue queue, cl_mem buffer, const void *pattern, size_t pattern_bytes,
                                      size_t offset, size_t bytes, cl_uint waits, const cl_event *wait, cl_event *event)
{
    enum { PERIOD = 128 }; /* the largest pattern */
    size_t size = size_of(buffer);
    if (!pattern || pattern_bytes == 0 || PERIOD % pattern_bytes || bytes == 0 || bytes > size || offset > size - bytes)
        return driver->clEnqueueFillBuffer(queue, buffer, pattern, pattern_bytes, offset, bytes, waits, wait, event);
    char data[PERIOD];
    for (size_t i = 0; i < PERIOD; i += pattern_bytes) memcpy(data + i, pattern, pattern_bytes);
    cl_int code = await(waits, wait);
    if (!code) code = put(queue, buffer, data, PERIOD, offset, bytes);
    return mark(code, queue, event);
}

static cl_int CL_API_CALL release_buffer(cl_mem buffer)
{
    cl_uint references = 0;
    cl_mem parent = NULL;
    driver->clGetMemObjectInfo(buffer, CL_MEM_REFERENCE_COUNT, sizeof references, &references, NULL);
    driver->clGetMemObjectInfo(buffer, CL_MEM_ASSOCIATED_MEMOBJECT, sizeof parent, &parent, NULL);
    return references == 1 && !parent ? CL_SUCCESS : driver->clReleaseMemObject(buffer);
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
    table.clReleaseMemObject = release_buffer;
    table.clEnqueueWriteBuffer = write_buffer;
    table.clEnqueueFillBuffer = fill_buffer;
    *result = &table;
    *mine = sizeof table / sizeof(void *);
    return CL_SUCCESS;
}
