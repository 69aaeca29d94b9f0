#include "support/tester.h"

#include "base/memory.h"
#include "device/device.h"

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

/* A number as a value of the type holds it. */
static double as_type(double number, tsr_dtype dtype)
{
    switch (dtype) {
    case TSR_F32:
        return (double)(float)number;
    case TSR_I32:
        return (double)(int32_t)number;
    case TSR_U8:
        return (double)(uint8_t)fabs(number);
    case TSR_U16:
        return (double)(uint16_t)fabs(number);
    }
    return 0;
}

static void put(void *data, size_t e, double number, tsr_dtype dtype)
{
    if (dtype == TSR_F32) ((float *)data)[e] = (float)number;
    if (dtype == TSR_I32) ((int32_t *)data)[e] = (int32_t)number;
    if (dtype == TSR_U8) ((uint8_t *)data)[e] = (uint8_t)number;
    if (dtype == TSR_U16) ((uint16_t *)data)[e] = (uint16_t)number;
}

static double get(const void *data, size_t e, tsr_dtype dtype)
{
    switch (dtype) {
    case TSR_F32:
        return (double)((const float *)data)[e];
    case TSR_I32:
        return ((const int32_t *)data)[e];
    case TSR_U8:
        return ((const uint8_t *)data)[e];
    case TSR_U16:
        return ((const uint16_t *)data)[e];
    }
    return 0;
}

/* Values that nobody makes get their data. */
static void fill_value(test_case *t, int v)
{
    const tsr_value *value = &t->graph.values[v];
    size_t count = tsr_value_count(value);
    test_fill fill = t->values[v].has_fill ? t->values[v].fill : t->fill;
    t->values[v].exact = tsr_alloc(count, sizeof(double));
    t->values[v].bound = tsr_alloc(count, sizeof(double));
    ck_assert(t->values[v].exact && t->values[v].bound);
    uint32_t state = 2463534242u + 7919u * (uint32_t)v + 104729u * t->seed;
    t->values[v].integer = true;
    for (size_t e = 0; e < count; e++) {
        double number = t->values[v].data ? t->values[v].data[e] : draw(fill, &state);
        if (value->dtype == TSR_U8 && !t->values[v].data) number = next_random(&state) >> 24;
        t->values[v].exact[e] = as_type(number, value->dtype);
        t->values[v].integer &= t->values[v].exact[e] == trunc(t->values[v].exact[e]) && isfinite(number);
    }
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

static void choose_wanted(test_case *t)
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
    for (size_t e = 0; e < count; e++) put(data + GUARD_BYTES, e, t->values[v].exact[e], value->dtype);
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

/* Whether another winner than the twin's is right all the same: its cell is as large within the cells' bounds. */
static bool winner_within_bound(const test_case *t, int winner, size_t e, double got, double slack)
{
    const tsr_primitive *p = &t->graph.primitives[tsr_graph_maker(&t->graph, winner)];
    if (p->kind != TSR_KIND_POOL2D) return false;
    const tsr_pool2d_descriptor *d = &p->as.pool2d;
    const tsr_value *y = &t->graph.values[winner];
    size_t rest = e, c = rest % (size_t)d->channels;
    rest /= (size_t)d->channels;
    int32_t j = (int32_t)(rest % (size_t)y->extent[2]),
            i = (int32_t)(rest / (size_t)y->extent[2] % (size_t)y->extent[1]);
    size_t n = rest / (size_t)y->extent[2] / (size_t)y->extent[1];
    size_t cells[2];
    for (int k = 0; k < 2; k++) {
        int32_t place = (int32_t)(k ? got : t->values[winner].exact[e]);
        int32_t row = i * d->stride_height + place / d->pool_width -
                      tsr_window_before(d->height, d->pool_height, d->stride_height, d->padding);
        int32_t column = j * d->stride_width + place % d->pool_width -
                         tsr_window_before(d->width, d->pool_width, d->stride_width, d->padding);
        if (place >= d->pool_height * d->pool_width || row < 0 || row >= d->height || column < 0 || column >= d->width)
            return false;
        cells[k] =
            ((n * (size_t)d->height + (size_t)row) * (size_t)d->width + (size_t)column) * (size_t)d->channels + c;
    }
    const double *x = t->values[p->inputs[0]].exact, *bound = t->values[p->inputs[0]].bound;
    double allowed = slack * (bound[cells[0]] + bound[cells[1]]);
    return allowed > 0 && x[cells[0]] - x[cells[1]] <= allowed;
}

static void compare(test_case *t, int v, const void *data, double slack, const char *what)
{
    const tsr_value *value = &t->graph.values[v];
    for (size_t e = 0; e < tsr_value_count(value); e++) {
        double got = get(data, e, value->dtype), wanted = t->values[v].exact[e];
        double bound = value->dtype == TSR_F32 ? slack * t->values[v].bound[e] : 0;
        if (got == wanted || (isnan(got) && isnan(wanted))) continue;
        if (isfinite(wanted) && fabs(got - wanted) <= bound) continue;
        if ((value->dtype == TSR_U8 || value->dtype == TSR_U16) && winner_within_bound(t, v, e, got, slack)) continue;
        ck_abort_msg("%s: element %zu of %s is %.9g, not %.9g within %.3g", what, e, value->name, got, wanted, bound);
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
    int failed = test_run(name, add_tests);
    return test_run(pretending, add_pretending_tests) | failed;
}

void test_run_case(test_case *t, const test_options *options)
{
    char what[1024];
    describe(t, options, what, sizeof what);
    choose_wanted(t);
    for (int v = 0; v < (int)t->graph.value_count; v++)
        if (tsr_graph_maker(&t->graph, v) == TSR_NONE) fill_value(t, v);
    for (size_t p = 0; p < t->graph.primitive_count; p++) test_evaluate(t, &t->graph.primitives[p]);

    tsr_plan_options plan_options = {.gemm = options->gemm,
                                     .no_fusion = options->no_fusion,
                                     .vector_width = options->vector_width,
                                     .guard = true,
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
    status = tsr_plan_check_guards(plan);
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
        free(t->values[v].exact);
        free(t->values[v].bound);
        free(t->values[v].bytes);
    }
    tsr_graph_clear(&t->graph);
    *t = (test_case){0};
}
