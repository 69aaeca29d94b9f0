#include "device/device.h"

#include "base/memory.h"
#include "device/choose.h"
#include "device/program.h"
#include "device/profile.h"
#include "device/quirks.h"
#include "device/tuning.h"

/* A device with its context and queue still to be filled in. */
static tsr_device *new_device(void)
{
    tsr_device *device = tsr_alloc(1, sizeof *device);
    if (device && pthread_mutex_init(&device->program_lock, NULL) != 0) {
        free(device);
        return NULL;
    }
    return device;
}

tsr_status tsr_device_open(const char *wanted, bool profile, tsr_device **opened)
{
    tsr_candidate *candidates;
    size_t count, chosen;
    cl_int code;
    tsr_device *device = NULL;
    *opened = NULL;
    tsr_status status = tsr_query_candidates(&candidates, &count);
    if (status) return status;
    if ((status = tsr_choose(candidates, count, wanted, &chosen))) goto done;
    if (!(device = new_device())) {
        status = tsr_fail_memory("a device", sizeof *device);
        goto done;
    }
    device->info = candidates[chosen].info;
    device->info.chosen = true;
    device->platform = candidates[chosen].platform;
    device->id = candidates[chosen].id;
    device->in_order = true;
    const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)device->platform, 0};
    device->context = clCreateContext(properties, 1, &device->id, NULL, NULL, &code);
    if ((status = tsr_check(code, device, "making a context"))) goto done;
    device->queue = clCreateCommandQueue(device->context, device->id, profile ? CL_QUEUE_PROFILING_ENABLE : 0, &code);
    if ((status = tsr_check(code, device, "making a command queue"))) goto done;
    if (profile && !(device->profile = tsr_profile_create())) status = tsr_fail_memory("the profile", 0);
done:
    free(candidates);
    if (status) {
        tsr_device_close(device);
        return status;
    }
    *opened = device;
    return TSR_OK;
}

tsr_status tsr_device_from_queue(cl_command_queue queue, tsr_device **opened)
{
    cl_command_queue_properties properties = 0;
    *opened = NULL;
    if (!queue) return tsr_fail(TSR_INVALID_ARGUMENT, "tsr_device_from_queue: the queue is NULL");
    tsr_device *device = new_device();
    if (!device) return tsr_fail_memory("a device", sizeof *device);
    cl_int code = clGetCommandQueueInfo(queue, CL_QUEUE_DEVICE, sizeof device->id, &device->id, NULL);
    if (code == CL_SUCCESS)
        code = clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof device->context, &device->context, NULL);
    if (code == CL_SUCCESS)
        code = clGetCommandQueueInfo(queue, CL_QUEUE_PROPERTIES, sizeof properties, &properties, NULL);
    if (code == CL_SUCCESS)
        code = clGetDeviceInfo(device->id, CL_DEVICE_PLATFORM, sizeof device->platform, &device->platform, NULL);
    if (code != CL_SUCCESS) device->context = NULL; /* not retained yet */
    tsr_status status = tsr_check(code, NULL, "asking the queue for its device");
    if (!status) {
        clRetainContext(device->context);
        clRetainCommandQueue(queue);
        device->queue = queue;
        device->in_order = !(properties & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE);
        status = tsr_query_info(device->platform, device->id, &device->info);
        device->info.chosen = true;
    }
    if (status) {
        tsr_device_close(device);
        return status;
    }
    *opened = device;
    return TSR_OK;
}

void tsr_device_close(tsr_device *device)
{
    if (!device) return;
    if (device->queue) clFinish(device->queue);
    tsr_profile_free(device->profile);
    tsr_programs_free(device);
    tsr_device_forget_tuning(device);
    if (device->queue) clReleaseCommandQueue(device->queue);
    if (device->context) clReleaseContext(device->context);
    pthread_mutex_destroy(&device->program_lock);
    free(device);
}

const tsr_device_info *tsr_device_get_info(const tsr_device *device)
{
    return &device->info;
}

cl_context tsr_device_context(const tsr_device *device)
{
    return device->context;
}

cl_command_queue tsr_device_queue(const tsr_device *device)
{
    return device->queue;
}

tsr_status tsr_device_finish(tsr_device *device)
{
    return tsr_check(clFinish(device->queue), device, "waiting for the device");
}

tsr_status tsr_kernel_limit(const tsr_device *device, cl_kernel kernel, size_t *limit)
{
    *limit = device->info.max_work_group;
    if (tsr_has_quirk(&device->info, TSR_QUIRK_GROUP_LIMIT)) return TSR_OK;
    return tsr_check(
        clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_WORK_GROUP_SIZE, sizeof *limit, limit, NULL), device,
        "asking for a kernel's work-group limit");
}

tsr_status tsr_enqueue_barrier(tsr_device *device)
{
    tsr_status status = tsr_profile_begin(device);
    if (status || device->in_order) return status;
    return tsr_check(clEnqueueBarrierWithWaitList(device->queue, 0, NULL, NULL), device, "enqueuing a barrier");
}
