#include "device/profile.h"

#include "base/memory.h"
#include "base/time.h"
#include "device/quirks.h"

#include <stdio.h>
#include <string.h>

/* Events are read in lots of this size, so that a long run does not hold them all. */
#define LOT 512

struct tsr_profile {
    tsr_profile_row *rows;
    size_t row_count, row_capacity;
    struct {
        size_t row;
        cl_event event;
    } pending[LOT];
    size_t pending_count;
    const tsr_profile_work *work; /* what is launched now is for this */
    double flops;                 /* of it, not yet in a row */
    double began; /* host's clock: when the next launch began, where the device's is not to be trusted */
};

tsr_profile *tsr_profile_create(void)
{
    return tsr_alloc(1, sizeof(tsr_profile));
}

void tsr_profile_free(tsr_profile *profile)
{
    if (!profile) return;
    for (size_t i = 0; i < profile->pending_count; i++) clReleaseEvent(profile->pending[i].event);
    free(profile->rows);
    free(profile);
}

/* Adds the time of a finished event to its row. */
static void read_event(tsr_profile_row *row, cl_event event)
{
    cl_ulong start = 0, end = 0;
    row->launches++;
    if (clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_START, sizeof start, &start, NULL) != CL_SUCCESS) return;
    if (clGetEventProfilingInfo(event, CL_PROFILING_COMMAND_END, sizeof end, &end, NULL) != CL_SUCCESS) return;
    if (end > start) row->seconds += (double)(end - start) * 1e-9;
}

/* Waits for the pending events and reads them. */
static void drain(tsr_profile *profile)
{
    for (size_t i = 0; i < profile->pending_count; i++) {
        cl_event event = profile->pending[i].event;
        if (clWaitForEvents(1, &event) == CL_SUCCESS) read_event(&profile->rows[profile->pending[i].row], event);
        clReleaseEvent(event);
    }
    profile->pending_count = 0;
}

void tsr_profile_set_work(tsr_device *device, const tsr_profile_work *work)
{
    if (!device->profile) return;
    device->profile->work = work;
    device->profile->flops = work ? work->flops : 0;
}

/* The row of a name and the work at hand, added when it is new; false when memory is short. */
static bool find_row(tsr_profile *profile, const char *name, size_t *row)
{
    char shortened[sizeof profile->rows->name];
    const char *layers = profile->work ? profile->work->layers : "";
    snprintf(shortened, sizeof shortened, "%s", name);
    for (*row = 0; *row < profile->row_count; ++*row)
        if (!strcmp(profile->rows[*row].name, shortened) && !strcmp(profile->rows[*row].layers, layers)) return true;
    if (!tsr_grow((void **)&profile->rows, &profile->row_capacity, profile->row_count + 1, sizeof *profile->rows))
        return false;
    profile->rows[*row] = (tsr_profile_row){0};
    strcpy(profile->rows[*row].name, shortened);
    strcpy(profile->rows[*row].layers, layers);
    profile->row_count++;
    return true;
}

tsr_status tsr_profile_begin(tsr_device *device)
{
    if (!device->profile || !tsr_has_quirk(&device->info, TSR_QUIRK_HOST_CLOCK)) return TSR_OK;
    tsr_status status = tsr_device_finish(device);
    device->profile->began = tsr_seconds();
    return status;
}

void tsr_profile_event(tsr_device *device, const char *name, cl_event event)
{
    tsr_profile *profile = device->profile;
    size_t row;
    if (!event) return;
    if (!profile || !find_row(profile, name, &row)) {
        clReleaseEvent(event);
        return;
    }
    profile->rows[row].flops += profile->flops;
    profile->flops = 0;
    if (tsr_has_quirk(&device->info, TSR_QUIRK_HOST_CLOCK)) {
        if (clWaitForEvents(1, &event) == CL_SUCCESS) profile->rows[row].seconds += tsr_seconds() - profile->began;
        profile->rows[row].launches++;
        clReleaseEvent(event);
        return;
    }
    if (profile->pending_count == LOT) drain(profile);
    profile->pending[profile->pending_count].row = row;
    profile->pending[profile->pending_count++].event = event;
}

tsr_status tsr_enqueue_kernel(tsr_device *device, cl_kernel kernel, const char *name, cl_uint dimensions,
                              const size_t *global, const size_t *local)
{
    static const size_t one[] = {1, 1, 1};
    cl_event event = NULL;
    tsr_status status = tsr_enqueue_barrier(device);
    if (status) return status;
    /* PoCL 3.1 aborts when it has to choose where there is no choice. */
    if (!local && device->info.max_work_group == 1) local = one;
    cl_int code = clEnqueueNDRangeKernel(device->queue, kernel, dimensions, NULL, global, local, 0, NULL,
                                         device->profile ? &event : NULL);
    if (code != CL_SUCCESS) {
        char what[160];
        snprintf(what, sizeof what, "launching the kernel %s", name);
        return tsr_check(code, device, what);
    }
    tsr_profile_event(device, name, event);
    return TSR_OK;
}

static int slower_first(const void *a, const void *b)
{
    const tsr_profile_row *left = a, *right = b;
    if (left->seconds != right->seconds) return left->seconds < right->seconds ? 1 : -1;
    int order = strcmp(left->name, right->name);
    return order ? order : strcmp(left->layers, right->layers);
}

tsr_status tsr_device_profile(tsr_device *device, tsr_profile_row **rows, size_t *count)
{
    tsr_profile *profile = device->profile;
    *rows = NULL;
    *count = 0;
    if (!profile) return tsr_fail(TSR_INVALID_ARGUMENT, "the device was not opened for profiling");
    drain(profile);
    if (!(*rows = tsr_alloc(profile->row_count, sizeof **rows)))
        return tsr_fail_memory("the profile", profile->row_count * sizeof **rows);
    if (profile->row_count) memcpy(*rows, profile->rows, profile->row_count * sizeof **rows);
    *count = profile->row_count;
    qsort(*rows, *count, sizeof **rows, slower_first);
    return TSR_OK;
}

void tsr_device_profile_reset(tsr_device *device)
{
    if (!device->profile) return;
    drain(device->profile);
    device->profile->row_count = 0;
}
