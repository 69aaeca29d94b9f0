/* All updates that nobody else has claimed, in one launch over the flat buffers; where they do not lie in common
 * buffers (a caller's own), a launch each with the same kernel. */
#include "base/memory.h"
#include "ops/elementwise.h"
#include "ops/optimizer.h"

#include <stdio.h>
#include <string.h>

enum { W, DW, LEARNING_RATE, CLOCK, COUNTS, FIRST_MOMENT };

/* An entry of the kernel's table: numbers of elements. */
typedef struct block {
    cl_uint w, g, moment[2], count, partials, stride;
} block;

typedef struct table {
    block *blocks;
    size_t count, capacity;
    cl_mem buffer; /* the step's */
} table;

static bool same_step(const tsr_primitive *a, const tsr_primitive *b)
{
    const tsr_update_descriptor *c = &a->as.update, *d = &b->as.update;
    return c->optimizer == d->optimizer && c->beta_1 == d->beta_1 && c->beta_2 == d->beta_2 &&
           c->epsilon == d->epsilon && c->momentum == d->momentum &&
           a->inputs[LEARNING_RATE] == b->inputs[LEARNING_RATE] && a->inputs[CLOCK] == b->inputs[CLOCK] &&
           a->inputs[COUNTS] == b->inputs[COUNTS];
}

/* This update and the unclaimed ones like it, as many as a step may launch one by one. */
static bool match(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    bool fits = tsr_match_single(graph, primitive, claimed, span);
    for (int i = 0; i < (int)graph->primitive_count && span->count < TSR_STEP_LAUNCHES; i++) {
        const tsr_primitive *p = &graph->primitives[i];
        if (p->kind != TSR_KIND_UPDATE || claimed[i] || i == primitive) continue;
        if (!same_step(p, &graph->primitives[primitive])) continue;
        fits &= tsr_span_add(span, i);
        for (int k = 0; k < p->output_count; k++) fits &= tsr_span_store(span, p->outputs[k]);
    }
    return fits;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    (void)target;
    for (int i = 0; i < span->count; i++) {
        const tsr_primitive *p = &span->graph->primitives[span->primitives[i]];
        if (p->input_count != FIRST_MOMENT + tsr_optimizer_moments(&p->as.update))
            return tsr_refuse(needs, "the optimizer's moments are not those of its kind");
    }
    return true;
}

/* The operands that lie in flat buffers: w, dw, then the moments. */
static int flat_operand(const tsr_primitive *p, int which)
{
    return p->inputs[which < 2 ? which : FIRST_MOMENT + which - 2];
}

/* Whether each of these operands lies in one buffer for all updates of the span, at whole elements. */
static bool is_flat(const tsr_step *step, int operands)
{
    for (int i = 0; i < step->span->count; i++)
        for (int k = 0; k < operands; k++) {
            const tsr_primitive *first = &step->span->graph->primitives[step->span->primitives[0]];
            const tsr_primitive *p = &step->span->graph->primitives[step->span->primitives[i]];
            const tsr_view *a = tsr_step_view(step, flat_operand(first, k));
            const tsr_view *b = tsr_step_view(step, flat_operand(p, k));
            if (!b->whole || b->whole != a->whole || b->whole_offset % sizeof(cl_float) != 0 ||
                b->whole_offset / sizeof(cl_float) > UINT32_MAX / 2)
                return false;
        }
    return true;
}

/* About what a block should cost, where an element costs its partial sums and the reading and writing of w, m and v. */
static size_t cost_of(const tsr_step *step, const tsr_primitive *p)
{
    return (size_t)tsr_step_view(step, p->inputs[DW])->partials + 6;
}

/* Cuts an update into blocks that cost about `budget`. */
static bool add_blocks(table *t, const tsr_step *step, const tsr_primitive *p, bool flat, size_t budget)
{
    enum { LEAST = 256 };
    size_t offset[4] = {0}, count = tsr_value_count(&step->span->graph->values[p->inputs[W]]);
    for (int k = 0; flat && k < 2 + tsr_optimizer_moments(&p->as.update); k++)
        offset[k] = tsr_step_view(step, flat_operand(p, k))->whole_offset / sizeof(cl_float);
    const tsr_view *gradient = tsr_step_view(step, p->inputs[DW]);
    size_t size = budget / cost_of(step, p) / LEAST * LEAST;
    if (size < LEAST) size = LEAST;
    for (size_t at = 0; at < count; at += size) {
        if (!tsr_grow((void **)&t->blocks, &t->capacity, t->count + 1, sizeof *t->blocks)) return false;
        size_t left = count - at;
        t->blocks[t->count++] = (block){.w = (cl_uint)(offset[0] + at),
                                        .g = (cl_uint)(offset[1] + at),
                                        .moment = {(cl_uint)(offset[2] + at), (cl_uint)(offset[3] + at)},
                                        .count = (cl_uint)(left < size ? left : size),
                                        .partials = (cl_uint)gradient->partials,
                                        .stride = (cl_uint)gradient->partial_stride};
    }
    return true;
}

/* What a block may cost: on CPU-class devices all is cut into a few dozen, on others into many small ones. */
static size_t budget_of(const tsr_step *step)
{
    enum { GROUPS = 48, GPU_BLOCK = 1024 };
    size_t cost = 0;
    for (int i = 0; i < step->span->count; i++) {
        const tsr_primitive *p = &step->span->graph->primitives[step->span->primitives[i]];
        cost += cost_of(step, p) * tsr_value_count(&step->span->graph->values[p->inputs[W]]);
    }
    return tsr_is_cpu_class(step->target) ? tsr_divide_up(cost, GROUPS) : GPU_BLOCK * 7;
}

static void free_table(void *state)
{
    table *t = state;
    if (!t) return;
    if (t->buffer) clReleaseMemObject(t->buffer);
    free(t->blocks);
    free(t);
}

/* A launch over `count` blocks from `first` on, for the operands of `p` (or for whole buffers when flat). */
static void launch_blocks(tsr_step *step, const tsr_primitive *p, bool flat, size_t first, size_t count,
                          tsr_status *status)
{
    const table *t = step->state;
    int moments = tsr_optimizer_moments(&p->as.update);
    char options[TSR_OPTIMIZER_OPTIONS + 2 * TSR_VECTOR_OPTION];
    tsr_optimizer_options(&p->as.update, options);
    tsr_vector_option(step->target, options + strlen(options));
    snprintf(options + strlen(options), TSR_VECTOR_OPTION, " -DMOMENTS=%d", moments);
    tsr_launch *launch = tsr_step_launch(step, "update.cl", options, "update", status);
    tsr_launch_buffer(launch, t->buffer, status);
    for (int k = 0; k < 2 + moments; k++) {
        int value = flat_operand(p, k);
        if (flat)
            tsr_launch_buffer(launch, tsr_step_view(step, value)->whole, status);
        else
            tsr_launch_value(step, launch, value, status);
    }
    tsr_launch_value(step, launch, p->inputs[LEARNING_RATE], status);
    tsr_launch_value(step, launch, p->inputs[CLOCK], status);
    tsr_launch_value(step, launch, p->inputs[COUNTS], status);
    tsr_launch_uint(launch, (uint32_t)first, status);
    /* The kernel counts in work-groups, whatever size they shrink to. */
    size_t local = tsr_is_cpu_class(step->target) ? 1 : 64, one = 1;
    tsr_launch_over(step, launch, 1, &one, &local, true, status);
    if (*status == TSR_OK) launch->global[0] = count * launch->local[0];
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    table *t = tsr_alloc(1, sizeof *t);
    if (!t) return tsr_fail_memory("the table of updates", sizeof *t);
    step->state = t;
    step->free_state = free_table;
    const tsr_graph *graph = step->span->graph;
    const tsr_primitive *first = &graph->primitives[step->span->primitives[0]];
    bool flat = is_flat(step, 2 + tsr_optimizer_moments(&first->as.update));
    size_t budget = budget_of(step), start[TSR_STEP_LAUNCHES + 1] = {0};
    for (int i = 0; i < step->span->count; i++) {
        if (!add_blocks(t, step, &graph->primitives[step->span->primitives[i]], flat, budget))
            return tsr_fail_memory("the table of updates", t->count * sizeof *t->blocks);
        start[i + 1] = t->count;
    }
    status = tsr_buffer_create(step->target->device, CL_MEM_READ_ONLY, t->count * sizeof *t->blocks,
                               "the table of updates", &t->buffer);
    if (!status) status = tsr_buffer_write(step->target->device, t->buffer, 0, t->blocks, t->count * sizeof *t->blocks);
    if (flat) {
        launch_blocks(step, first, true, 0, t->count, &status);
    } else {
        for (int i = 0; i < step->span->count; i++)
            launch_blocks(step, &graph->primitives[step->span->primitives[i]], false, start[i], start[i + 1] - start[i],
                          &status);
    }
    return status;
}

const tsr_implementation tsr_implementation_update = {
    .name = "update", .anchor = TSR_KIND_UPDATE, .match = match, .supports = supports, .prepare = prepare};
