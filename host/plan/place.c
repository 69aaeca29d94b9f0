/* Places the values of a plan: temporaries in an arena that is reused when they are dead, gradients of parameters in
 * memory of their own, variables in their flat buffers; the caller's buffers are bound later. */
#include "base/memory.h"
#include "plan/internal.h"

#include <string.h>

int tsr_plan_root(const tsr_graph *graph, int value)
{
    while (graph->values[value].replaces != TSR_NONE) value = graph->values[value].replaces;
    return value;
}

static bool is_wanted(const tsr_plan *plan, int value)
{
    for (int i = 0; i < plan->wanted_count; i++)
        if (plan->wanted[i] == value) return true;
    return false;
}

/* The halo that every step touching the value agrees to: the largest wish on each side, or none when one of them
 * addresses the value as a dense one. */
static void grant_halo(const tsr_plan *plan, int value, int32_t halo[4])
{
    const tsr_value *v = &plan->graph.values[value];
    static const int32_t test_halo[4] = {1, 2, 3, 1};
    memset(halo, 0, 4 * sizeof *halo);
    if (v->rank != 4 || v->role != TSR_ROLE_TEMPORARY || plan->bound[value]) return;
    if (plan->options.halo) memcpy(halo, test_halo, sizeof test_halo);
    for (size_t s = 0; s < plan->cover.count; s++) {
        const tsr_covered *step = plan->cover.steps[s];
        if (!tsr_span_stores(&step->span, value) && !tsr_covered_reads(step, value)) continue;
        bool named = false;
        for (int i = 0; i < step->needs.strided_count; i++) {
            if (step->needs.strided[i].value != value) continue;
            named = true;
            for (int side = 0; side < 4; side++)
                if (step->needs.strided[i].halo[side] > halo[side]) halo[side] = step->needs.strided[i].halo[side];
        }
        if (!named) {
            memset(halo, 0, 4 * sizeof *halo);
            return;
        }
    }
}

/* Strides of the value with its halo, and the bytes that it takes; false when it is too large for 32-bit indices. */
static bool lay_out(const tsr_value *v, tsr_view *view)
{
    int64_t stride = 1;
    for (int i = v->rank - 1; i >= 0; i--) {
        view->stride[i] = (int32_t)stride;
        int64_t extent = v->extent[i];
        if (v->rank == 4 && i == 1) extent += view->halo[0] + view->halo[2];
        if (v->rank == 4 && i == 2) extent += view->halo[1] + view->halo[3];
        stride *= extent;
        if (stride > INT32_MAX) return false;
    }
    view->origin = v->rank == 4 ? view->halo[0] * view->stride[1] + view->halo[1] * view->stride[2] : 0;
    view->partial_stride = (int32_t)stride;
    if (stride * view->partials > INT32_MAX) return false;
    view->bytes = (size_t)stride * (size_t)view->partials * tsr_dtype_size(v->dtype);
    return true;
}

static bool names_stacked(const tsr_needs *needs, int value)
{
    for (int i = 0; i < needs->stacked_count; i++)
        if (needs->stacked[i] == value) return true;
    return false;
}

/* How many partial sums the value is stored as: what its maker asks for, unless a reader wants the sum. */
static int32_t grant_partials(const tsr_plan *plan, int value)
{
    int32_t partials = 1;
    bool gradient = plan->graph.values[value].role == TSR_ROLE_GRADIENT;
    if (!gradient && (plan->bound[value] || is_wanted(plan, value))) return 1;
    for (size_t s = 0; s < plan->cover.count; s++) {
        const tsr_covered *step = plan->cover.steps[s];
        if (!gradient && tsr_covered_reads(step, value) && !names_stacked(&step->needs, value)) return 1;
        for (int i = 0; i < step->needs.partial_count && tsr_span_stores(&step->span, value); i++)
            if (step->needs.partial[i].value == value) partials = step->needs.partial[i].partials;
    }
    return partials;
}

static bool has_halo(const tsr_view *view)
{
    return view->halo[0] || view->halo[1] || view->halo[2] || view->halo[3];
}

static tsr_status add_slot(tsr_plan *plan, tsr_slot slot)
{
    if (!tsr_grow((void **)&plan->slots, &plan->slot_capacity, plan->slot_count + 1, sizeof *plan->slots))
        return tsr_fail_memory("the plan", sizeof *plan->slots);
    plan->slots[plan->slot_count++] = slot;
    return TSR_OK;
}

static tsr_status place_value(tsr_plan *plan, int value)
{
    const tsr_value *v = &plan->graph.values[value];
    tsr_view *view = &plan->views[value];
    int first = TSR_NONE, last = TSR_NONE;
    view->partials = 1;
    for (size_t s = 0; s < plan->cover.count; s++) {
        const tsr_covered *step = plan->cover.steps[s];
        if (!tsr_span_stores(&step->span, value) && !tsr_covered_reads(step, value)) continue;
        if (first == TSR_NONE) first = (int)s;
        last = (int)s;
    }
    if (first == TSR_NONE) return TSR_OK; /* nobody touches it */
    grant_halo(plan, value, view->halo);
    view->partials = grant_partials(plan, value);
    /* A data set is addressed with 64 bits (gather); everything else with 32. */
    if (!lay_out(v, view)) {
        if (v->role != TSR_ROLE_INPUT)
            return tsr_fail(TSR_UNSUPPORTED, "%s has more than 2^31 elements: choose a smaller batch size", v->name);
        view->bytes = tsr_value_bytes(v);
    }
    if (v->replaces != TSR_NONE || plan->bound[value]) return TSR_OK;
    if (plan->variables && (v->role == TSR_ROLE_PARAMETER || v->role == TSR_ROLE_STATE)) {
        tsr_view stored =
            tsr_variables_view(plan->variables, v->slot, v->role == TSR_ROLE_STATE ? v->moment : TSR_NONE);
        view->buffer = stored.buffer;
        view->whole = stored.whole;
        view->whole_offset = stored.whole_offset;
        return TSR_OK;
    }
    /* A halo stays zero because its memory is nobody else's; a gradient's memory is kept for the one launch of updates.
     */
    bool alone = has_halo(view) || v->role == TSR_ROLE_GRADIENT || is_wanted(plan, value);
    return add_slot(plan,
                    (tsr_slot){.value = value, .bytes = view->bytes, .first = first, .last = last, .alone = alone});
}

static bool overlap_in_time(const tsr_slot *a, const tsr_slot *b)
{
    return a->alone || b->alone || (a->first <= b->last && b->first <= a->last);
}

/* The lowest offset in the arena where the slot fits among the `placed` slots that are alive with it. */
static size_t lowest_offset(const tsr_slot *slot, tsr_slot *const *placed, size_t count, int arena, size_t alignment)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < count; i++) {
            const tsr_slot *other = placed[i];
            if (other->arena != arena || !overlap_in_time(slot, other)) continue;
            if (offset < other->offset + other->bytes && other->offset < offset + slot->bytes) {
                offset = (size_t)tsr_round_up((int64_t)(other->offset + other->bytes), (int64_t)alignment);
                moved = true;
            }
        }
    }
    return offset;
}

static int by_size(const void *left, const void *right)
{
    const tsr_slot *a = *(tsr_slot *const *)left, *b = *(tsr_slot *const *)right;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
    return a->value != b->value ? (a->value < b->value ? -1 : 1) : (a->step < b->step ? -1 : a->step > b->step);
}

static tsr_status add_arena(tsr_plan *plan)
{
    if (!tsr_grow((void **)&plan->arenas, &plan->arena_capacity, plan->arena_count + 1, sizeof *plan->arenas))
        return tsr_fail_memory("the plan", sizeof *plan->arenas);
    plan->arenas[plan->arena_count++] = (tsr_arena){0};
    return TSR_OK;
}

/* Finds a place for every slot, in as few arenas as the largest allocation allows. */
static tsr_status assign_offsets(tsr_plan *plan)
{
    tsr_status status = TSR_OK;
    size_t alignment = plan->device->info.alignment > 64 ? plan->device->info.alignment : 64;
    size_t limit = plan->device->info.max_allocation;
    tsr_slot **order = tsr_alloc(plan->slot_count, sizeof *order);
    if (!order) return tsr_fail_memory("the plan", plan->slot_count * sizeof *order);
    for (size_t i = 0; i < plan->slot_count; i++) order[i] = &plan->slots[i];
    qsort(order, plan->slot_count, sizeof *order, by_size);
    size_t margin = plan->options.guard ? TSR_GUARD_BYTES : 0;
    for (size_t i = 0; i < plan->slot_count && !status; i++) {
        tsr_slot *slot = order[i];
        size_t bytes = slot->bytes;
        if (bytes + 2 * margin > limit) {
            status = tsr_fail(TSR_OUT_OF_MEMORY,
                              "%s needs %zu bytes in one piece, but device %s allows %zu: choose a smaller batch size",
                              slot->value == TSR_NONE ? "a workspace" : plan->graph.values[slot->value].name, bytes,
                              plan->device->info.name, limit);
            break;
        }
        /* While the place is looked for the slot includes its guards. */
        slot->bytes += 2 * margin;
        slot->alone |= plan->options.guard;
        for (int arena = 0;; arena++) {
            if (arena == (int)plan->arena_count && (status = add_arena(plan))) break;
            size_t offset = lowest_offset(slot, order, i, arena, alignment);
            if (offset + slot->bytes > limit) continue;
            slot->arena = arena;
            slot->offset = offset;
            if (offset + slot->bytes > plan->arenas[arena].bytes) plan->arenas[arena].bytes = offset + slot->bytes;
            break;
        }
    }
    for (size_t i = 0; i < plan->slot_count && !status; i++) {
        order[i]->bytes -= 2 * margin;
        order[i]->offset += margin;
    }
    free(order);
    return status;
}

static tsr_status create_arenas(tsr_plan *plan)
{
    tsr_status status = TSR_OK;
    for (size_t a = 0; a < plan->arena_count && !status; a++) {
        status = tsr_buffer_create(plan->device, CL_MEM_READ_WRITE, plan->arenas[a].bytes, "activations and gradients",
                                   &plan->arenas[a].buffer);
        if (!status && plan->options.guard)
            status = tsr_buffer_fill(plan->device, plan->arenas[a].buffer, 0, TSR_GUARD_PATTERN, plan->arenas[a].bytes);
    }
    return status;
}

tsr_status tsr_plan_attach(tsr_plan *plan)
{
    tsr_status status = TSR_OK;
    for (size_t i = 0; i < plan->slot_count && !status; i++) {
        tsr_slot *slot = &plan->slots[i];
        cl_mem whole = plan->arenas[slot->arena].buffer;
        if (slot->part) clReleaseMemObject(slot->part);
        slot->part = NULL;
        status = tsr_buffer_part(plan->device, whole, slot->offset, slot->bytes ? slot->bytes : 1, &slot->part);
        if (status || slot->value == TSR_NONE) continue;
        tsr_view *view = &plan->views[slot->value];
        view->buffer = slot->part;
        view->whole = whole;
        view->whole_offset = slot->offset;
        /* Zeroed once: nobody but kernels that leave the halo alone writes there. */
        if (has_halo(view)) status = tsr_buffer_fill(plan->device, slot->part, 0, 0, slot->bytes);
    }
    /* What replaces a value lies where that lies. */
    for (size_t v = 0; v < plan->graph.value_count && !status; v++) {
        int root = tsr_plan_root(&plan->graph, (int)v);
        if (root == (int)v) continue;
        plan->views[v].buffer = plan->views[root].buffer;
        plan->views[v].whole = plan->views[root].whole;
        plan->views[v].whole_offset = plan->views[root].whole_offset;
    }
    return status;
}

tsr_status tsr_plan_place(tsr_plan *plan)
{
    tsr_status status = TSR_OK;
    for (size_t v = 0; v < plan->graph.value_count && !status; v++) status = place_value(plan, (int)v);
    for (size_t s = 0; s < plan->cover.count && !status; s++)
        if (plan->cover.steps[s]->needs.workspace)
            status = add_slot(plan, (tsr_slot){.value = TSR_NONE,
                                               .step = (int)s,
                                               .bytes = plan->cover.steps[s]->needs.workspace,
                                               .first = (int)s,
                                               .last = (int)s});
    if (!status) status = assign_offsets(plan);
    if (status || plan->options.bind_arena) return status;
    status = create_arenas(plan);
    return status ? status : tsr_plan_attach(plan);
}
