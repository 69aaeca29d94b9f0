#include "device/device.h"

#include <stdio.h>

tsr_status tsr_buffer_create(tsr_device *device, cl_mem_flags flags, size_t bytes, const char *what, cl_mem *buffer)
{
    cl_int code;
    char sentence[256];
    *buffer = NULL;
    if (bytes > device->info.max_allocation)
        return tsr_fail(
            TSR_OUT_OF_MEMORY,
            "%s: %zu bytes are needed, more than the largest allocation of %s (%llu bytes); use a smaller batch or "
            "model, or a device with more memory",
            what, bytes, device->info.name, (unsigned long long)device->info.max_allocation);
    *buffer = clCreateBuffer(device->context, flags, bytes ? bytes : 1, NULL, &code);
    if (code == CL_SUCCESS) return TSR_OK;
    *buffer = NULL;
    snprintf(sentence, sizeof sentence, "allocating %zu bytes for %s", bytes, what);
    return tsr_check(code, device, sentence);
}

tsr_status tsr_buffer_part(tsr_device *device, cl_mem whole, size_t offset, size_t bytes, cl_mem *part)
{
    cl_int code;
    const cl_buffer_region region = {offset, bytes ? bytes : 1};
    *part = clCreateSubBuffer(whole, 0, CL_BUFFER_CREATE_TYPE_REGION, &region, &code);
    if (code != CL_SUCCESS) *part = NULL;
    return tsr_check(code, device, "making a part of a buffer");
}

tsr_status tsr_buffer_write(tsr_device *device, cl_mem buffer, size_t offset, const void *data, size_t bytes)
{
    tsr_status status = tsr_enqueue_barrier(device);
    if (status || bytes == 0) return status;
    cl_int code = clEnqueueWriteBuffer(device->queue, buffer, CL_TRUE, offset, bytes, data, 0, NULL, NULL);
    return tsr_check(code, device, "copying to the device");
}

tsr_status tsr_buffer_read(tsr_device *device, cl_mem buffer, size_t offset, void *data, size_t bytes)
{
    tsr_status status = tsr_enqueue_barrier(device);
    if (status || bytes == 0) return status;
    cl_int code = clEnqueueReadBuffer(device->queue, buffer, CL_TRUE, offset, bytes, data, 0, NULL, NULL);
    return tsr_check(code, device, "copying from the device");
}

tsr_status tsr_buffer_fill(tsr_device *device, cl_mem buffer, size_t offset, unsigned char byte, size_t bytes)
{
    tsr_status status = tsr_enqueue_barrier(device);
    if (status || bytes == 0) return status;
    cl_int code = clEnqueueFillBuffer(device->queue, buffer, &byte, 1, offset, bytes, 0, NULL, NULL);
    return tsr_check(code, device, "filling a buffer");
}
