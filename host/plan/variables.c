#include "plan/variables.h"

#include "base/memory.h"

#include <string.h>

typedef struct tsr_form_entry {
    int slot;
    tsr_form form;
    cl_mem buffer;
    tsr_launch launch;
    uint64_t version; /* of the weights that it was made from; 0: never */
} tsr_form_entry;

struct tsr_variables {
    tsr_device *device;
    int slots, moments;
    size_t *counts;  /* floats of a slot */
    size_t *offsets; /* bytes from the start of each flat buffer */
    size_t bytes;    /* of a flat buffer */
    cl_mem flat[3];  /* weights, then the moments */
    cl_mem *parts[3];
    tsr_form_entry *forms;
    size_t form_count, form_capacity;
    uint64_t version;
};

/* Weights are flat[0], moment m is flat[1 + m]; TSR_NONE is -1. */
static int flat_of(int moment)
{
    return moment + 1;
}

tsr_status tsr_variables_create(tsr_device *device, const size_t *counts, int slots, int moments,
                                tsr_variables **variables)
{
    tsr_status status = TSR_OK;
    tsr_variables *v = tsr_alloc(1, sizeof *v);
    if (!v) return tsr_fail_memory("the variables", sizeof *v);
    *v = (tsr_variables){.device = device, .slots = slots, .moments = moments, .version = 1};
    v->counts = tsr_alloc((size_t)slots, sizeof *v->counts);
    v->offsets = tsr_alloc((size_t)slots, sizeof *v->offsets);
    if (!v->counts || !v->offsets) {
        status = tsr_fail_memory("the variables", (size_t)slots * sizeof *v->counts);
        goto done;
    }
    size_t alignment = device->info.alignment > 64 ? device->info.alignment : 64;
    for (int i = 0; i < slots; i++) {
        v->counts[i] = counts[i];
        v->offsets[i] = v->bytes;
        v->bytes += (size_t)tsr_round_up((int64_t)(counts[i] * sizeof(float)), (int64_t)alignment);
    }
    for (int f = 0; f <= moments && !status; f++) {
        v->parts[f] = tsr_alloc((size_t)slots, sizeof(cl_mem));
        if (!v->parts[f]) {
            status = tsr_fail_memory("the variables", (size_t)slots * sizeof(cl_mem));
            goto done;
        }
        status = tsr_buffer_create(device, CL_MEM_READ_WRITE, v->bytes, f ? "the optimizer's state" : "the weights",
                                   &v->flat[f]);
        if (!status) status = tsr_buffer_fill(device, v->flat[f], 0, 0, v->bytes ? v->bytes : 1);
        for (int i = 0; i < slots && !status; i++)
            status = tsr_buffer_part(device, v->flat[f], v->offsets[i], counts[i] * sizeof(float), &v->parts[f][i]);
    }
done:
    if (status) {
        tsr_variables_free(v);
        v = NULL;
    }
    *variables = v;
    return status;
}

static void free_form(tsr_form_entry *entry)
{
    if (entry->launch.kernel) clReleaseKernel(entry->launch.kernel);
    if (entry->buffer) clReleaseMemObject(entry->buffer);
}

void tsr_variables_free(tsr_variables *variables)
{
    if (!variables) return;
    for (size_t i = 0; i < variables->form_count; i++) free_form(&variables->forms[i]);
    for (int f = 0; f < 3; f++) {
        for (int i = 0; variables->parts[f] && i < variables->slots; i++)
            if (variables->parts[f][i]) clReleaseMemObject(variables->parts[f][i]);
        free(variables->parts[f]);
        if (variables->flat[f]) clReleaseMemObject(variables->flat[f]);
    }
    free(variables->forms);
    free(variables->counts);
    free(variables->offsets);
    free(variables);
}

int tsr_variables_slots(const tsr_variables *variables)
{
    return variables->slots;
}

tsr_status tsr_variables_read(tsr_variables *variables, int slot, int moment, float *data)
{
    return tsr_buffer_read(variables->device, variables->flat[flat_of(moment)], variables->offsets[slot], data,
                           variables->counts[slot] * sizeof(float));
}

tsr_status tsr_variables_write(tsr_variables *variables, int slot, int moment, const float *data)
{
    if (moment == TSR_NONE) variables->version++;
    return tsr_buffer_write(variables->device, variables->flat[flat_of(moment)], variables->offsets[slot], data,
                            variables->counts[slot] * sizeof(float));
}

tsr_status tsr_variables_reset_moments(tsr_variables *variables)
{
    tsr_status status = TSR_OK;
    for (int m = 0; m < variables->moments && !status; m++)
        status = tsr_buffer_fill(variables->device, variables->flat[flat_of(m)], 0, 0,
                                 variables->bytes ? variables->bytes : 1);
    return status;
}

/* Copies `bytes` from one buffer to another, in queue order. */
static tsr_status copy_buffer(tsr_device *device, cl_mem from, cl_mem to, size_t bytes)
{
    if (bytes == 0) return TSR_OK;
    tsr_status status = tsr_enqueue_barrier(device);
    if (status) return status;
    cl_int code = clEnqueueCopyBuffer(device->queue, from, to, 0, 0, bytes, 0, NULL, NULL);
    status = tsr_check(code, device, "copying the weights");
    return status ? status : tsr_enqueue_barrier(device);
}

tsr_status tsr_variables_save(tsr_variables *variables, cl_mem *copy)
{
    tsr_status status = TSR_OK;
    if (!*copy)
        status =
            tsr_buffer_create(variables->device, CL_MEM_READ_WRITE, variables->bytes, "a copy of the weights", copy);
    return status ? status : copy_buffer(variables->device, variables->flat[0], *copy, variables->bytes);
}

tsr_status tsr_variables_restore(tsr_variables *variables, cl_mem copy)
{
    variables->version++;
    return copy_buffer(variables->device, copy, variables->flat[0], variables->bytes);
}

tsr_view tsr_variables_view(const tsr_variables *variables, int slot, int moment)
{
    int f = flat_of(moment);
    return (tsr_view){.buffer = variables->parts[f][slot],
                      .partials = 1,
                      .bytes = variables->counts[slot] * sizeof(float),
                      .whole = variables->flat[f],
                      .whole_offset = variables->offsets[slot]};
}

uint64_t tsr_variables_version(const tsr_variables *variables)
{
    return variables->version;
}

void tsr_variables_changed(tsr_variables *variables)
{
    variables->version++;
}

tsr_status tsr_variables_form(tsr_variables *variables, const tsr_target *target, int slot, tsr_form form,
                              const tsr_conv2d_descriptor *conv2d, cl_mem *buffer)
{
    for (size_t i = 0; i < variables->form_count; i++)
        if (variables->forms[i].slot == slot && variables->forms[i].form == form) {
            *buffer = variables->forms[i].buffer;
            return TSR_OK;
        }
    if (!tsr_grow((void **)&variables->forms, &variables->form_capacity, variables->form_count + 1,
                  sizeof *variables->forms))
        return tsr_fail_memory("a form of the weights", sizeof *variables->forms);
    tsr_form_entry entry = {.slot = slot, .form = form};
    tsr_status status = tsr_buffer_create(variables->device, CL_MEM_READ_WRITE, tsr_form_bytes(target, form, conv2d),
                                          "a form of the weights", &entry.buffer);
    if (!status)
        status = tsr_form_prepare(target, form, conv2d, variables->parts[0][slot], entry.buffer, &entry.launch);
    if (status) {
        free_form(&entry);
        return status;
    }
    variables->forms[variables->form_count++] = entry;
    *buffer = entry.buffer;
    return TSR_OK;
}

int tsr_variables_form_count(const tsr_variables *variables)
{
    return (int)variables->form_count;
}

tsr_status tsr_variables_refresh(tsr_variables *variables)
{
    for (size_t i = 0; i < variables->form_count; i++) {
        tsr_form_entry *entry = &variables->forms[i];
        if (entry->version == variables->version) continue;
        const tsr_launch *launch = &entry->launch;
        tsr_status status = tsr_enqueue_kernel(variables->device, launch->kernel, launch->name, launch->dimensions,
                                               launch->global, launch->local[0] ? launch->local : NULL);
        if (status) return status;
        entry->version = variables->version;
    }
    return TSR_OK;
}
