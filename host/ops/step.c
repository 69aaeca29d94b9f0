#include "ops/implementation.h"

#include <stdio.h>
#include <string.h>

bool tsr_is_cpu_class(const tsr_target *target)
{
    return target->device->info.type == TSR_DEVICE_CPU;
}

uint32_t tsr_vector_width(const tsr_target *target)
{
    if (!tsr_is_cpu_class(target)) return 1;
    uint32_t width = 1;
    while (width < 16 && 2 * width <= target->vector_width) width *= 2;
    return width;
}

int32_t tsr_vector_within(const tsr_target *target, int32_t count)
{
    int32_t width = (int32_t)tsr_vector_width(target);
    while (width > count) width /= 2;
    return width;
}

int32_t tsr_vector_around(const tsr_target *target, int32_t count)
{
    int32_t width = (int32_t)tsr_vector_width(target);
    while (width / 2 >= count) width /= 2;
    return width;
}

int64_t tsr_divide_up(int64_t count, int64_t part)
{
    return (count + part - 1) / part;
}

int64_t tsr_round_up(int64_t count, int64_t part)
{
    return tsr_divide_up(count, part) * part;
}

int32_t tsr_equal_parts(int32_t count, int32_t most)
{
    return tsr_divide_up(count, tsr_divide_up(count, most));
}

const tsr_view *tsr_step_view(const tsr_step *step, int value)
{
    return &step->views[value];
}

tsr_launch *tsr_step_launch(tsr_step *step, const char *file, const char *options, const char *kernel,
                            tsr_status *status)
{
    if (*status != TSR_OK) return NULL;
    if (step->launch_count == TSR_STEP_LAUNCHES) {
        *status =
            tsr_fail(TSR_INTERNAL, "%s makes more than %d launches", step->implementation->name, TSR_STEP_LAUNCHES);
        return NULL;
    }
    cl_program program;
    *status = tsr_program_get(step->target->device, file, options, &program);
    if (*status != TSR_OK) return NULL;
    cl_int code;
    cl_kernel made = clCreateKernel(program, kernel, &code);
    char what[160];
    snprintf(what, sizeof what, "making kernel %s of %s", kernel, file);
    *status = tsr_check(code, step->target->device, what);
    if (*status != TSR_OK) return NULL;

    tsr_launch *launch = &step->launches[step->launch_count++];
    *launch = (tsr_launch){.kernel = made};
    const char *name = step->implementation->name;
    if (strcmp(name, kernel) == 0)
        snprintf(launch->name, sizeof launch->name, "%s", name);
    else
        snprintf(launch->name, sizeof launch->name, "%s/%s", name, kernel);
    return launch;
}

/* The next argument of the launch; the step's failure so far is kept. */
static void set_argument(tsr_launch *launch, size_t bytes, const void *argument, tsr_status *status)
{
    if (*status != TSR_OK) return;
    cl_int code = clSetKernelArg(launch->kernel, launch->next_argument, bytes, argument);
    if (code != CL_SUCCESS) {
        char what[160];
        snprintf(what, sizeof what, "setting argument %u of %s", launch->next_argument, launch->name);
        *status = tsr_check(code, NULL, what);
    }
    launch->next_argument++;
}

/* A buffer that the plan may exchange later; one that is not there yet is set by the plan. */
static void set_buffer(tsr_step *step, tsr_launch *launch, int value, cl_mem buffer, tsr_status *status)
{
    if (*status != TSR_OK) return;
    if (step->binding_count == TSR_STEP_BINDINGS) {
        *status =
            tsr_fail(TSR_INTERNAL, "%s takes more than %d buffers", step->implementation->name, TSR_STEP_BINDINGS);
        return;
    }
    int i = step->binding_count++;
    step->bindings[i].launch = (int)(launch - step->launches);
    step->bindings[i].argument = launch->next_argument;
    step->bindings[i].value = value;
    if (buffer)
        set_argument(launch, sizeof buffer, &buffer, status);
    else
        launch->next_argument++;
}

void tsr_launch_value(tsr_step *step, tsr_launch *launch, int value, tsr_status *status)
{
    if (*status == TSR_OK) set_buffer(step, launch, value, step->views[value].buffer, status);
}

void tsr_launch_workspace(tsr_step *step, tsr_launch *launch, tsr_status *status)
{
    set_buffer(step, launch, TSR_BINDING_WORKSPACE, step->workspace, status);
}

void tsr_launch_prepared(tsr_step *step, tsr_launch *launch, int wish, tsr_status *status)
{
    set_buffer(step, launch, TSR_BINDING_PREPARED - wish, step->prepared[wish], status);
}

void tsr_launch_buffer(tsr_launch *launch, cl_mem buffer, tsr_status *status)
{
    set_argument(launch, sizeof buffer, &buffer, status);
}

void tsr_launch_int(tsr_launch *launch, int32_t argument, tsr_status *status)
{
    cl_int value = argument;
    set_argument(launch, sizeof value, &value, status);
}

void tsr_launch_strides(tsr_step *step, tsr_launch *launch, int value, tsr_status *status)
{
    if (*status != TSR_OK) return;
    const tsr_view *view = tsr_step_view(step, value);
    tsr_launch_int(launch, view->origin, status);
    for (int i = 0; i < 3; i++) tsr_launch_int(launch, view->stride[i], status);
}

void tsr_launch_uint(tsr_launch *launch, uint32_t argument, tsr_status *status)
{
    cl_uint value = argument;
    set_argument(launch, sizeof value, &value, status);
}

void tsr_launch_float(tsr_launch *launch, float argument, tsr_status *status)
{
    cl_float value = argument;
    set_argument(launch, sizeof value, &value, status);
}

void tsr_launch_local(tsr_launch *launch, size_t bytes, tsr_status *status)
{
    set_argument(launch, bytes, NULL, status);
}

/* Halves the longest side of the work-group until the kernel and the device allow it. */
static void shrink(size_t local[3], size_t limit, const size_t max_items[3])
{
    for (int d = 0; d < 3; d++)
        while (local[d] > max_items[d] && local[d] > 1) local[d] /= 2;
    while (local[0] * local[1] * local[2] > limit) {
        int longest = 0;
        for (int d = 1; d < 3; d++)
            if (local[d] > local[longest]) longest = d;
        if (local[longest] == 1) break;
        local[longest] /= 2;
    }
}

void tsr_launch_over(tsr_step *step, tsr_launch *launch, cl_uint dimensions, const size_t *global, const size_t *local,
                     bool shrinkable, tsr_status *status)
{
    if (*status != TSR_OK) return;
    const tsr_device *device = step->target->device;
    launch->dimensions = dimensions;
    for (cl_uint d = 0; d < 3; d++) {
        launch->global[d] = d < dimensions ? global[d] : 1;
        launch->local[d] = local && d < dimensions && local[0] ? local[d] : 1;
    }
    if (!local || local[0] == 0) {
        launch->local[0] = 0;
        return;
    }
    size_t limit = 0;
    *status = tsr_kernel_limit(device, launch->kernel, &limit);
    if (*status != TSR_OK) return;
    size_t allowed[3];
    memcpy(allowed, launch->local, sizeof allowed);
    shrink(allowed, limit, device->info.max_work_items);
    if (!shrinkable && memcmp(allowed, launch->local, sizeof allowed) != 0) {
        *status =
            tsr_fail(TSR_UNSUPPORTED, "%s needs work-groups of %zu x %zu x %zu; %s allows this kernel %zu work-items",
                     launch->name, launch->local[0], launch->local[1], launch->local[2], device->info.name, limit);
        return;
    }
    for (cl_uint d = 0; d < dimensions; d++) {
        launch->local[d] = allowed[d];
        launch->global[d] = tsr_round_up(launch->global[d], allowed[d]);
    }
}

void tsr_launch_elements(tsr_step *step, tsr_launch *launch, size_t count, tsr_status *status)
{
    /* One size for all shapes: CPU drivers compile a kernel anew for each size of work-group. */
    size_t local = 64;
    tsr_launch_over(step, launch, 1, &count, &local, true, status);
}
