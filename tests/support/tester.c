#include "support/tester.h"

#include "base/memory.h"
#include "device/device.h"
#include "ops/primitive.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { GUARD_BYTES = 4096, GUARD_PATTERN = 0xA5 };

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static double draw(test_fill fill, uint32_t *state)
{
    uint32_t word = next_random(state), other = next_random(state);
    double uniform = (float)(other >> 8) * 0x1p-24f;
    switch (fill) {
    case TEST_INTEGERS:
        return (double)((word >> 8) % 7) - 3;
    case TEST_RANDOM:
        return 2 * uniform - 1;
    case TEST_POSITIVE:
        return uniform;
    case TEST_SPARSE:
        return other % 3 ? 0 : (double)(word % 7) - 3;
    case TEST_TIES:
        return word >> 16 & 1;
    case TEST_NAN:
        return word % 8 == 0 ? (double)NAN : 2 * uniform - 1;
    case TEST_INFINITE:
        return word % 8 == 0 ? (word & 256 ? (double)INFINITY : -(double)INFINITY) : 2 * uniform - 1;
    case TEST_MINUS_INFINITE:
        return word % 20 ? -(double)INFINITY : 2 * uniform - 1;
    }
    return 0;
}

/* Values that nobody makes get their data. */
static void fill_value(test_case *t, int v)
{
    const tsr_value *value = &t->graph.values[v];
    size_t count = tsr_value_count(value);
    test_fill fill = t->values[v].has_fill ? t->values[v].fill : t->fill;
    double *data = tsr_alloc(count, sizeof *data);
    ck_assert(data != NULL);
    uint32_t state = 2463534242u + 7919u * (uint32_t)v + 104729u * t->seed;
    for (size_t e = 0; e < count; e++) {
        data[e] = t->values[v].data ? t->values[v].data[e] : draw(fill, &state);
        if (value->dtype == TSR_U8 && !t->values[v].data) data[e] = next_random(&state) >> 24;
    }
    check_ok(tsr_twins_set(&t->twins, v, data));
    free(data);
}

static void describe(const test_case *t, const test_options *o, char *text, size_t size)
{
    int at = snprintf(text, size, "%s, width %u:", o->only ? o->only : "any implementation", o->vector_width);
    for (size_t i = 0; i < t->graph.primitive_count && at < (int)size; i++) {
        const tsr_primitive *p = &t->graph.primitives[i];
        at += snprintf(text + at, size - (size_t)at, " %s", tsr_kind_name(p->kind));
        const tsr_conv2d_descriptor *c = &p->as.conv2d;
        const tsr_pool2d_descriptor *m = &p->as.pool2d;
        if (at >= (int)size) break;
        if (p->kind == TSR_KIND_CONV2D || p->kind == TSR_KIND_CONV2D_GRAD_DATA ||
            p->kind == TSR_KIND_CONV2D_GRAD_WEIGHTS)
            at += snprintf(text + at, size - (size_t)at, " (%dx%dx%dx%d to %d, kernel %dx%d, stride %dx%d, %s%s)",
                           c->batch, c->height, c->width, c->channels, c->filters, c->kernel_height, c->kernel_width,
                           c->stride_height, c->stride_width, c->padding == TSR_PADDING_SAME ? "same" : "valid",
                           c->bias ? ", bias" : "");
        if (p->kind == TSR_KIND_POOL2D || p->kind == TSR_KIND_POOL2D_GRAD)
            at += snprintf(text + at, size - (size_t)at, " (%s, %dx%dx%dx%d, pool %dx%d, stride %dx%d, %s)",
                           m->mode == TSR_POOL_MAX ? "max" : "average", m->batch, m->height, m->width, m->channels,
                           m->pool_height, m->pool_width, m->stride_height, m->stride_width,
                           m->padding == TSR_PADDING_SAME ? "same" : "valid");
        if (p->kind == TSR_KIND_ACTIVATION || p->kind == TSR_KIND_ACTIVATION_GRAD)
            at += snprintf(text + at, size - (size_t)at, " (%s)", tsr_activation_name(p->as.activation.function));
        if (p->kind == TSR_KIND_DENSE || p->kind == TSR_KIND_DENSE_GRAD_DATA || p->kind == TSR_KIND_DENSE_GRAD_WEIGHTS)
            at += snprintf(text + at, size - (size_t)at, " (%d rows, %d to %d%s)", p->as.dense.rows, p->as.dense.inputs,
                           p->as.dense.units, p->as.dense.bias ? ", bias" : "");
    }
}

void test_choose_wanted(test_case *t)
{
    if (t->wanted_count) return;
    for (int v = 0; v < (int)t->graph.value_count; v++)
        if (tsr_graph_maker(&t->graph, v) != TSR_NONE && tsr_graph_reader(&t->graph, v, 0) == TSR_NONE) test_want(t, v);
}

static bool is_bound(const tsr_value *v)
{
    return v->maker == TSR_NONE && v->role != TSR_ROLE_TEMPORARY && v->role != TSR_ROLE_GRADIENT;
}

/* A buffer of the value's data with a pattern before and after it, of which the plan sees the middle. */
static void bind_value(test_case *t, tsr_plan *plan, int v)
{
    tsr_device *device = test_device();
    const tsr_value *value = &t->graph.values[v];
    size_t count = tsr_value_count(value), bytes = tsr_value_bytes(value);
    unsigned char *data = tsr_alloc(bytes + 2 * GUARD_BYTES, 1);
    ck_assert(data != NULL);
    memset(data, GUARD_PATTERN, bytes + 2 * GUARD_BYTES);
    for (size_t e = 0; e < count; e++) tsr_dtype_put(data + GUARD_BYTES, e, t->twins.values[v].exact[e], value->dtype);
    t->values[v].bytes = data;
    check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, bytes + 2 * GUARD_BYTES, value->name, &t->values[v].buffer));
    check_ok(tsr_buffer_write(device, t->values[v].buffer, 0, data, bytes + 2 * GUARD_BYTES));
    check_ok(tsr_buffer_part(device, t->values[v].buffer, GUARD_BYTES, bytes, &t->values[v].part));
    check_ok(tsr_plan_bind(plan, v, t->values[v].part));
}

/* The guards are whole and, unless the value is replaced, its data are what they were. */
static void check_bound(test_case *t, int v, bool replaced, const char *what)
{
    const tsr_value *value = &t->graph.values[v];
    size_t bytes = tsr_value_bytes(value), whole = bytes + 2 * GUARD_BYTES;
    unsigned char *now = tsr_alloc(whole, 1), *before = t->values[v].bytes;
    ck_assert(now != NULL);
    check_ok(tsr_buffer_read(test_device(), t->values[v].buffer, 0, now, whole));
    for (size_t i = 0; i < whole; i++) {
        bool inside = i >= GUARD_BYTES && i < GUARD_BYTES + bytes;
        if (inside && replaced) continue;
        /* Check writes to a file at every assertion, so only where one fails. */
        if (now[i] != before[i])
            ck_abort_msg("%s: byte %ld of %s was overwritten", what, (long)i - GUARD_BYTES, value->name);
    }
    free(now);
}

static void compare(test_case *t, int v, const void *data, double slack, const char *what)
{
    const tsr_value *value = &t->graph.values[v];
    for (size_t e = 0; e < tsr_value_count(value); e++) {
        double got = tsr_dtype_get(data, e, value->dtype);
        if (!tsr_twins_agree(&t->twins, v, e, got, slack))
            ck_abort_msg("%s: element %zu of %s is %.9g, not %.9g within %.3g", what, e, value->name, got,
                         t->twins.values[v].exact[e], slack * t->twins.values[v].bound[e]);
    }
}

static void check_used(const test_case *t, const tsr_plan *plan, const test_options *o, const char *what)
{
    if (!o->only) return;
    int fused = o->fused ? o->fused : (int)t->graph.primitive_count, most = 0;
    for (int s = 0; s < tsr_plan_step_count(plan); s++) {
        const tsr_step *step = tsr_plan_step(plan, s);
        if (strcmp(step->implementation->name, o->only) == 0 && step->span->count > most) most = step->span->count;
    }
    ck_assert_msg(most >= fused, "%s: the implementation claims %d primitives, not %d", what, most, fused);
}

/* A halo was zero before the run, and is so after it: who reads the value counts on that. */
static void check_halo(const test_case *t, const tsr_plan *plan, int v, const char *what)
{
    const tsr_value *value = &t->graph.values[v];
    const tsr_view *view = tsr_plan_view(plan, v);
    if (!view->buffer || !(view->halo[0] || view->halo[1] || view->halo[2] || view->halo[3])) return;
    float *data = tsr_alloc(view->bytes, 1);
    ck_assert(data != NULL);
    check_ok(tsr_buffer_read(test_device(), view->buffer, 0, data, view->bytes));
    int32_t rows = value->extent[1] + view->halo[0] + view->halo[2];
    int32_t columns = value->extent[2] + view->halo[1] + view->halo[3];
    for (size_t e = 0; e < view->bytes / sizeof *data; e++) {
        int32_t column = (int32_t)(e / (size_t)value->extent[3] % (size_t)columns) - view->halo[1];
        int32_t row = (int32_t)(e / (size_t)view->stride[1] % (size_t)rows) - view->halo[0];
        bool inside = row >= 0 && row < value->extent[1] && column >= 0 && column < value->extent[2];
        if (!inside && data[e] != 0)
            ck_abort_msg("%s: the halo of %s holds %.9g in row %d, column %d", what, value->name, (double)data[e], row,
                         column);
    }
    free(data);
}

static void run_plan(test_case *t, tsr_plan *plan, const test_options *o, const char *what)
{
    bool replaces = false;
    for (size_t v = 0; v < t->graph.value_count; v++) replaces |= t->graph.values[v].replaces != TSR_NONE;
    void *first[TEST_MAX_VALUES];
    /* Twice: the second run finds the first one's leavings in every buffer, and must give the same bits. */
    for (int run = 0; run < (replaces ? 1 : 2); run++) {
        check_ok(tsr_plan_run(plan));
        for (int i = 0; i < t->wanted_count; i++) {
            size_t bytes = tsr_value_bytes(&t->graph.values[t->wanted[i]]);
            void *data = tsr_alloc(bytes, 1);
            ck_assert(data != NULL);
            check_ok(tsr_plan_read(plan, t->wanted[i], data));
            if (run == 0) {
                compare(t, t->wanted[i], data, o->slack > 0 ? o->slack : 1, what);
                first[i] = data;
                continue;
            }
            ck_assert_msg(memcmp(data, first[i], bytes) == 0, "%s: a second run gives another %s", what,
                          t->graph.values[t->wanted[i]].name);
            free(data);
        }
    }
    for (int i = 0; i < t->wanted_count; i++) free(first[i]);
    for (int v = 0; v < (int)t->graph.value_count; v++) check_halo(t, plan, v, what);
}

static tsr_device_type own_type;

void test_pretend_gpu(void)
{
    own_type = test_device()->info.type;
    test_device()->info.type = TSR_DEVICE_DISCRETE_GPU;
}

void test_pretend_nothing(void)
{
    test_device()->info.type = own_type;
}

static void (*tests_of_both)(TCase *);

static void add_pretending_tests(TCase *tests)
{
    tcase_add_checked_fixture(tests, test_pretend_gpu, test_pretend_nothing);
    tests_of_both(tests);
}

int test_run_both_classes(const char *name, void (*add_tests)(TCase *))
{
    char pretending[128];
    snprintf(pretending, sizeof pretending, "%s, as if on a GPU", name);
    tests_of_both = add_tests;
    int first = test_run(name, add_tests), second = test_run(pretending, add_pretending_tests);
    if (first == EXIT_FAILURE || second == EXIT_FAILURE) return EXIT_FAILURE;
    return first == TEST_SKIPPED ? second : first;
}

static double work_of(const tsr_graph *graph)
{
    double work = 0;
    for (size_t p = 0; p < graph->primitive_count; p++) work += tsr_primitive_flops(graph, &graph->primitives[p]);
    return work;
}

void test_run_case(test_case *t, const test_options *options)
{
    char what[1024];
    if (test_left_out(work_of(&t->graph))) {
        test_clear_case(t);
        return;
    }
    describe(t, options, what, sizeof what);
    test_choose_wanted(t);
    check_ok(tsr_twins_create(&t->graph, &t->twins));
    for (int v = 0; v < (int)t->graph.value_count; v++)
        if (tsr_graph_maker(&t->graph, v) == TSR_NONE) fill_value(t, v);
    for (size_t p = 0; p < t->graph.primitive_count; p++)
        check_ok(tsr_twins_evaluate(&t->twins, &t->graph.primitives[p]));

    bool guarded = !getenv("TESSERA_TEST_UNGUARDED"); /* memory with guards counts as written */
    tsr_plan_options plan_options = {.gemm = options->gemm,
                                     .no_fusion = options->no_fusion,
                                     .vector_width = options->vector_width,
                                     .guard = guarded,
                                     .halo = t->seed % 2,
                                     .only = options->only};
    tsr_plan *plan = NULL;
    tsr_status status =
        tsr_plan_create(test_device(), &t->graph, t->wanted, t->wanted_count, &plan_options, NULL, &plan);
    ck_assert_msg(status == TSR_OK, "%s: %s", what, tsr_last_error());
    check_used(t, plan, options, what);
    for (int v = 0; v < (int)t->graph.value_count; v++)
        if (is_bound(&t->graph.values[v])) bind_value(t, plan, v);
    run_plan(t, plan, options, what);
    status = guarded ? tsr_plan_check_guards(plan) : TSR_OK;
    ck_assert_msg(status == TSR_OK, "%s: %s", what, tsr_last_error());
    for (int v = 0; v < (int)t->graph.value_count; v++) {
        bool replaced = false;
        for (size_t other = 0; other < t->graph.value_count; other++) replaced |= t->graph.values[other].replaces == v;
        if (t->values[v].buffer) check_bound(t, v, replaced, what);
    }
    tsr_plan_free(plan);
    test_clear_case(t);
}

void test_clear_case(test_case *t)
{
    for (size_t v = 0; v < t->graph.value_count; v++) {
        if (t->values[v].part) clReleaseMemObject(t->values[v].part);
        if (t->values[v].buffer) clReleaseMemObject(t->values[v].buffer);
        free(t->values[v].data);
        free(t->values[v].bytes);
    }
    tsr_twins_clear(&t->twins);
    tsr_graph_clear(&t->graph);
    *t = (test_case){0};
}
