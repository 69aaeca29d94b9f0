/* Plans as objects: made from a graph, bound to buffers, run, read. */
#include "base/memory.h"
#include "device/tuning.h"
#include "plan/internal.h"

#include <string.h>

static tsr_status copy_graph(tsr_graph *to, const tsr_graph *from)
{
    *to = (tsr_graph){.primitive_count = from->primitive_count,
                      .primitive_capacity = from->primitive_count,
                      .value_count = from->value_count,
                      .value_capacity = from->value_count};
    to->primitives = tsr_alloc(from->primitive_count, sizeof *to->primitives);
    to->values = tsr_alloc(from->value_count, sizeof *to->values);
    if (!to->primitives || !to->values) return tsr_fail_memory("the graph", from->value_count * sizeof *to->values);
    if (from->primitive_count) memcpy(to->primitives, from->primitives, from->primitive_count * sizeof *to->primitives);
    if (from->value_count) memcpy(to->values, from->values, from->value_count * sizeof *to->values);
    return TSR_OK;
}

static const tsr_slot *workspace_of(const tsr_plan *plan, int step)
{
    for (size_t i = 0; i < plan->slot_count; i++)
        if (plan->slots[i].value == TSR_NONE && plan->slots[i].step == step) return &plan->slots[i];
    return NULL;
}

/* The buffer of another form of a parameter: the variables', or one of the plan's own for a parameter that is bound. */
static tsr_status find_form(tsr_plan *plan, int value, tsr_form form, const tsr_conv2d_descriptor *conv2d,
                            cl_mem *buffer)
{
    int root = tsr_plan_root(&plan->graph, value);
    if (plan->variables && !plan->bound[root])
        return tsr_variables_form(plan->variables, &plan->target, plan->graph.values[root].slot, form, conv2d, buffer);
    for (size_t i = 0; i < plan->form_count; i++)
        if (plan->forms[i].value == root && plan->forms[i].form == form) {
            *buffer = plan->forms[i].buffer;
            return TSR_OK;
        }
    if (!tsr_grow((void **)&plan->forms, &plan->form_capacity, plan->form_count + 1, sizeof *plan->forms))
        return tsr_fail_memory("the plan", sizeof *plan->forms);
    tsr_bound_form *f = &plan->forms[plan->form_count++];
    *f = (tsr_bound_form){.value = root, .form = form, .conv2d = conv2d};
    tsr_status status = tsr_buffer_create(plan->device, CL_MEM_READ_WRITE, tsr_form_bytes(&plan->target, form, conv2d),
                                          "a form of the weights", &f->buffer);
    *buffer = f->buffer;
    return status;
}

static tsr_status prepare_step(tsr_plan *plan, size_t s)
{
    tsr_covered *covered = plan->cover.steps[s];
    tsr_step *step = &plan->steps[s];
    const tsr_slot *workspace = workspace_of(plan, (int)s);
    *step = (tsr_step){.implementation = covered->implementation,
                       .target = &plan->target,
                       .span = &covered->span,
                       .needs = &covered->needs,
                       .views = plan->views,
                       .workspace = workspace ? workspace->part : NULL};
    for (int i = 0; i < covered->needs.prepared_count; i++) {
        tsr_status status = find_form(plan, covered->needs.prepared[i].value, covered->needs.prepared[i].form,
                                      covered->needs.prepared[i].conv2d, &step->prepared[i]);
        if (status) return status;
    }
    return covered->implementation->prepare(step);
}

/* Which values the caller binds: inputs, parameters and state where there are no variables, and on request what is
 * wanted. */
static void mark_bound(tsr_plan *plan)
{
    for (size_t v = 0; v < plan->graph.value_count; v++) {
        int root = tsr_plan_root(&plan->graph, (int)v);
        tsr_role role = plan->graph.values[root].role;
        plan->bound[v] =
            role == TSR_ROLE_INPUT || (!plan->variables && (role == TSR_ROLE_PARAMETER || role == TSR_ROLE_STATE));
    }
    for (int i = 0; plan->options.bind_wanted && i < plan->wanted_count; i++) plan->bound[plan->wanted[i]] = true;
}

tsr_status tsr_plan_create(tsr_device *device, const tsr_graph *graph, const int *wanted, int wanted_count,
                           const tsr_plan_options *options, tsr_variables *variables, tsr_plan **result)
{
    tsr_status status;
    *result = NULL;
    tsr_plan *plan = tsr_alloc(1, sizeof *plan);
    if (!plan) return tsr_fail_memory("the plan", sizeof *plan);
    plan->device = device;
    plan->variables = variables;
    if (options) plan->options = *options;
    uint32_t width = plan->options.vector_width ? plan->options.vector_width : device->info.vector_width;
    plan->target = (tsr_target){.device = device,
                                .gemm = plan->options.gemm,
                                .fuse = !plan->options.no_fusion,
                                .vector_width = width,
                                .only = plan->options.only};
    if (plan->target.fuse && !plan->target.only)
        plan->target.tuning = plan->options.tuning ? plan->options.tuning : tsr_device_tuning(device);
    status = copy_graph(&plan->graph, graph);
    if (status) goto done;
    plan->wanted_count = wanted_count;
    plan->wanted = tsr_alloc((size_t)wanted_count, sizeof *plan->wanted);
    plan->views = tsr_alloc(graph->value_count, sizeof *plan->views);
    plan->bound = tsr_alloc(graph->value_count, sizeof *plan->bound);
    if (!plan->wanted || !plan->views || !plan->bound) {
        status = tsr_fail_memory("the plan", graph->value_count * sizeof *plan->views);
        goto done;
    }
    memcpy(plan->wanted, wanted, (size_t)wanted_count * sizeof *wanted);
    mark_bound(plan);
    status = tsr_cover_graph(&plan->graph, wanted, wanted_count, &plan->target, plan->options.only, &plan->cover);
    plan->target.tuning = plan->options.tuning = NULL; /* the caller's, and not needed again */
    if (!status) status = tsr_plan_place(plan);
    if (status) goto done;
    plan->steps = tsr_alloc(plan->cover.count, sizeof *plan->steps);
    if (!plan->steps) {
        status = tsr_fail_memory("the plan", plan->cover.count * sizeof *plan->steps);
        goto done;
    }
    for (size_t s = 0; s < plan->cover.count && !status; s++) {
        status = prepare_step(plan, s);
        for (int i = 0; i < plan->cover.steps[s]->span.store_count; i++)
            plan->updates |= plan->graph.values[plan->cover.steps[s]->span.stores[i]].role == TSR_ROLE_PARAMETER;
    }
    if (!status) status = tsr_plan_name_work(plan);
done:
    if (status) {
        tsr_plan_free(plan);
        return status;
    }
    *result = plan;
    return TSR_OK;
}

static void release_launch(tsr_launch *launch)
{
    if (launch->kernel) clReleaseKernel(launch->kernel);
    *launch = (tsr_launch){0};
}

void tsr_plan_free(tsr_plan *plan)
{
    if (!plan) return;
    for (size_t s = 0; plan->steps && s < plan->cover.count; s++) {
        tsr_step *step = &plan->steps[s];
        for (int i = 0; i < step->launch_count; i++) release_launch(&step->launches[i]);
        if (step->free_state) step->free_state(step->state);
    }
    for (size_t i = 0; i < plan->form_count; i++) {
        release_launch(&plan->forms[i].launch);
        if (plan->forms[i].buffer) clReleaseMemObject(plan->forms[i].buffer);
    }
    for (size_t i = 0; i < plan->slot_count; i++)
        if (plan->slots[i].part) clReleaseMemObject(plan->slots[i].part);
    for (size_t i = 0; i < plan->arena_count; i++)
        if (plan->arenas[i].buffer) clReleaseMemObject(plan->arenas[i].buffer);
    tsr_cover_clear(&plan->cover);
    tsr_graph_clear(&plan->graph);
    free(plan->steps);
    free(plan->work);
    free(plan->slots);
    free(plan->arenas);
    free(plan->forms);
    free(plan->views);
    free(plan->bound);
    free(plan->wanted);
    free(plan);
}

/* Sets a buffer as an argument of a step's kernel that was left open for it. */
static tsr_status set_binding(const tsr_plan *plan, const tsr_step *step, int binding, cl_mem buffer)
{
    cl_int code = clSetKernelArg(step->launches[step->bindings[binding].launch].kernel,
                                 step->bindings[binding].argument, sizeof buffer, &buffer);
    return tsr_check(code, plan->device, "binding a buffer to a kernel");
}

/* Does so wherever a kernel uses one of the values whose storage is that of `root`. */
static tsr_status rebind_kernels(tsr_plan *plan, int root, cl_mem buffer)
{
    tsr_status status = TSR_OK;
    for (size_t s = 0; s < plan->cover.count && !status; s++)
        for (int b = 0; b < plan->steps[s].binding_count && !status; b++) {
            int value = plan->steps[s].bindings[b].value;
            if (value >= 0 && tsr_plan_root(&plan->graph, value) == root)
                status = set_binding(plan, &plan->steps[s], b, buffer);
        }
    return status;
}

size_t tsr_plan_arena_bytes(const tsr_plan *plan)
{
    return plan->arena_count ? plan->arenas[0].bytes : 0;
}

tsr_status tsr_plan_bind_arena(tsr_plan *plan, cl_mem buffer)
{
    if (plan->arena_count == 0) return TSR_OK;
    if (plan->arena_count > 1)
        return tsr_fail(TSR_OUT_OF_MEMORY, "the workspace does not fit into one allocation of device %s",
                        plan->device->info.name);
    size_t size = 0;
    cl_int code = clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof size, &size, NULL);
    if (code != CL_SUCCESS) return tsr_check(code, plan->device, "asking for the size of the workspace");
    if (size < plan->arenas[0].bytes)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the workspace holds %zu bytes, but %zu are needed", size,
                        plan->arenas[0].bytes);
    code = clRetainMemObject(buffer);
    if (code != CL_SUCCESS) return tsr_check(code, plan->device, "retaining the workspace");
    if (plan->arenas[0].buffer) clReleaseMemObject(plan->arenas[0].buffer);
    plan->arenas[0].buffer = buffer;
    tsr_status status = tsr_plan_attach(plan);
    for (size_t i = 0; i < plan->slot_count && !status; i++)
        if (plan->slots[i].value != TSR_NONE) status = rebind_kernels(plan, plan->slots[i].value, plan->slots[i].part);
    for (size_t s = 0; s < plan->cover.count && !status; s++) {
        const tsr_slot *workspace = workspace_of(plan, (int)s);
        if (!workspace) continue;
        plan->steps[s].workspace = workspace->part;
        for (int b = 0; b < plan->steps[s].binding_count && !status; b++)
            if (plan->steps[s].bindings[b].value == TSR_BINDING_WORKSPACE)
                status = set_binding(plan, &plan->steps[s], b, workspace->part);
    }
    return status;
}

tsr_status tsr_plan_bind(tsr_plan *plan, int value, cl_mem buffer)
{
    int root = tsr_plan_root(&plan->graph, value);
    const tsr_value *v = &plan->graph.values[root];
    if (!plan->bound[root]) return tsr_fail(TSR_INTERNAL, "value %s is not the caller's to bind", v->name);
    size_t size = 0;
    cl_int code = clGetMemObjectInfo(buffer, CL_MEM_SIZE, sizeof size, &size, NULL);
    if (code != CL_SUCCESS) return tsr_check(code, plan->device, "asking for the size of a buffer");
    if (size < tsr_value_bytes(v))
        return tsr_fail(TSR_INVALID_ARGUMENT, "the buffer for %s holds %zu bytes, but %zu are needed", v->name, size,
                        tsr_value_bytes(v));
    for (size_t i = 0; i < plan->graph.value_count; i++) {
        if (tsr_plan_root(&plan->graph, (int)i) != root) continue;
        plan->views[i].buffer = plan->views[i].whole = buffer;
        plan->views[i].whole_offset = 0;
    }
    for (size_t i = 0; i < plan->form_count; i++) {
        tsr_bound_form *form = &plan->forms[i];
        if (form->value != root) continue;
        release_launch(&form->launch);
        tsr_status status =
            tsr_form_prepare(&plan->target, form->form, form->conv2d, buffer, form->buffer, &form->launch);
        if (status) return status;
    }
    return rebind_kernels(plan, root, buffer);
}

static tsr_status enqueue_launch(tsr_plan *plan, const tsr_launch *launch)
{
    return tsr_enqueue_kernel(plan->device, launch->kernel, launch->name, launch->dimensions, launch->global,
                              launch->local[0] ? launch->local : NULL);
}

tsr_status tsr_plan_run_step(tsr_plan *plan, int number)
{
    tsr_step *step = &plan->steps[number];
    tsr_status status = TSR_OK;
    if (plan->work) tsr_profile_set_work(plan->device, &plan->work[number]);
    if (step->implementation->enqueue) return step->implementation->enqueue(step);
    for (int i = 0; i < step->launch_count && !status; i++) status = enqueue_launch(plan, &step->launches[i]);
    return status;
}

tsr_status tsr_plan_run(tsr_plan *plan)
{
    tsr_status status = plan->variables ? tsr_variables_refresh(plan->variables) : TSR_OK;
    for (size_t i = 0; i < plan->form_count && !status; i++) status = enqueue_launch(plan, &plan->forms[i].launch);
    for (size_t s = 0; s < plan->cover.count && !status; s++) status = tsr_plan_run_step(plan, (int)s);
    if (plan->work) tsr_profile_set_work(plan->device, NULL);
    if (plan->updates && plan->variables) tsr_variables_changed(plan->variables);
    return status;
}

/* Copies a view's interior between `padded`, laid out as the view, and `dense`. */
static void copy_interior(const tsr_value *v, const tsr_view *view, char *padded, char *dense, bool to_dense)
{
    size_t size = tsr_dtype_size(v->dtype);
    if (v->rank != 4) {
        memcpy(to_dense ? dense : padded, to_dense ? padded : dense, tsr_value_bytes(v));
        return;
    }
    size_t row = (size_t)v->extent[2] * (size_t)v->extent[3] * size;
    for (int32_t n = 0; n < v->extent[0]; n++)
        for (int32_t y = 0; y < v->extent[1]; y++) {
            size_t at =
                (size_t)view->origin + (size_t)n * (size_t)view->stride[0] + (size_t)y * (size_t)view->stride[1];
            char *p = padded + at * size;
            memcpy(to_dense ? dense : p, to_dense ? p : dense, row);
            dense += row;
        }
}

tsr_status tsr_plan_read(tsr_plan *plan, int value, void *data)
{
    const tsr_value *v = &plan->graph.values[value];
    const tsr_view *view = &plan->views[value];
    if (!view->buffer) return tsr_fail(TSR_INTERNAL, "value %s is not stored by the plan", v->name);
    char *padded = tsr_alloc(view->bytes, 1);
    if (!padded) return tsr_fail_memory("reading a value", view->bytes);
    tsr_status status = tsr_buffer_read(plan->device, view->buffer, 0, padded, view->bytes);
    if (!status) copy_interior(v, view, padded, data, true);
    for (int32_t p = 1; !status && p < view->partials; p++) {
        const float *partial = (const float *)padded + (size_t)p * (size_t)view->partial_stride;
        for (size_t i = 0; i < tsr_value_count(v); i++) ((float *)data)[i] += partial[i];
    }
    free(padded);
    return status;
}

tsr_status tsr_plan_write(tsr_plan *plan, int value, const void *data)
{
    const tsr_value *v = &plan->graph.values[value];
    const tsr_view *view = &plan->views[value];
    if (!view->buffer) return tsr_fail(TSR_INTERNAL, "value %s is not stored by the plan", v->name);
    char *padded = tsr_alloc(view->bytes, 1);
    if (!padded) return tsr_fail_memory("writing a value", view->bytes);
    /* copy_interior only reads `dense` in this direction. */
    copy_interior(v, view, padded, (char *)(uintptr_t)data, false);
    tsr_status status = tsr_buffer_write(plan->device, view->buffer, 0, padded, view->bytes);
    free(padded);
    return status;
}

const tsr_view *tsr_plan_view(const tsr_plan *plan, int value)
{
    return &plan->views[value];
}

static tsr_status check_guard(tsr_plan *plan, const tsr_slot *slot, size_t offset, const char *side)
{
    unsigned char pattern[TSR_GUARD_BYTES];
    tsr_status status =
        tsr_buffer_read(plan->device, plan->arenas[slot->arena].buffer, offset, pattern, sizeof pattern);
    for (size_t i = 0; i < sizeof pattern && !status; i++)
        if (pattern[i] != TSR_GUARD_PATTERN)
            status = tsr_fail(TSR_INTERNAL, "a kernel wrote out of bounds %s %s (%zu bytes into the guard)", side,
                              slot->value == TSR_NONE ? "a workspace" : plan->graph.values[slot->value].name, i);
    return status;
}

tsr_status tsr_plan_check_guards(tsr_plan *plan)
{
    tsr_status status = TSR_OK;
    if (!plan->options.guard) return tsr_fail(TSR_INTERNAL, "the plan was made without guards");
    for (size_t i = 0; i < plan->slot_count && !status; i++) {
        const tsr_slot *slot = &plan->slots[i];
        status = check_guard(plan, slot, slot->offset - TSR_GUARD_BYTES, "before");
        if (!status) status = check_guard(plan, slot, slot->offset + slot->bytes, "after");
    }
    return status;
}

int tsr_plan_step_count(const tsr_plan *plan)
{
    return (int)plan->cover.count;
}

const tsr_step *tsr_plan_step(const tsr_plan *plan, int step)
{
    return &plan->steps[step];
}
