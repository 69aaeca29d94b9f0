/* Exact values from the twins, and how far a kernel in single precision may be from them. */
#include "support/tester.h"

#include "base/memory.h"
#include "ops/primitive.h"

#include <math.h>
#include <stdlib.h>

#define ROUNDING 0x1p-24 /* of one operation in single precision, relative */
#define EXACT    0x1p24  /* integers up to here are exact in single precision */

static double *array(size_t count)
{
    double *data = tsr_alloc(count, sizeof *data);
    ck_assert(data != NULL);
    return data;
}

static size_t count_of(const test_case *t, int value)
{
    return tsr_value_count(&t->graph.values[value]);
}

/* Arrays for the operands of a primitive, and a run of its twin on them. */
typedef struct twin_run {
    const tsr_primitive *primitive;
    double *inputs[TSR_MAX_INPUTS], *outputs[TSR_MAX_OUTPUTS];
} twin_run;

static twin_run begin_run(const test_case *t, const tsr_primitive *primitive)
{
    twin_run r = {.primitive = primitive};
    for (int i = 0; i < primitive->input_count; i++) {
        size_t count = count_of(t, primitive->inputs[i]);
        r.inputs[i] = array(count);
        memcpy(r.inputs[i], t->values[primitive->inputs[i]].exact, count * sizeof(double));
    }
    for (int i = 0; i < primitive->output_count; i++) r.outputs[i] = array(count_of(t, primitive->outputs[i]));
    return r;
}

static void run_twin(const twin_run *r)
{
    tsr_primitive_row_of(r->primitive->kind)->reference(r->primitive, (const double *const *)r->inputs, r->outputs);
}

static void end_run(twin_run *r)
{
    for (int i = 0; i < r->primitive->input_count; i++) free(r->inputs[i]);
    for (int i = 0; i < r->primitive->output_count; i++) free(r->outputs[i]);
}

static bool is_float(const test_case *t, int value)
{
    return t->graph.values[value].dtype == TSR_F32;
}

static bool has_bound(const test_case *t, int value)
{
    for (size_t e = 0; e < count_of(t, value); e++)
        if (t->values[value].bound[e] != 0) return true;
    return false;
}

/* How many terms the sums of a linear primitive have; 0 for other primitives. */
static double terms(const tsr_primitive *p)
{
    const tsr_conv2d_descriptor *c = &p->as.conv2d;
    const tsr_dense_descriptor *d = &p->as.dense;
    double taps = (double)c->kernel_height * c->kernel_width;
    switch (p->kind) {
    case TSR_KIND_CONV2D:
        return taps * c->channels;
    case TSR_KIND_CONV2D_GRAD_DATA:
        return taps * c->filters;
    case TSR_KIND_CONV2D_GRAD_WEIGHTS:
        return (double)c->batch * tsr_window_output(c->height, c->kernel_height, c->stride_height, c->padding) *
               tsr_window_output(c->width, c->kernel_width, c->stride_width, c->padding);
    case TSR_KIND_DENSE:
        return d->inputs;
    case TSR_KIND_DENSE_GRAD_DATA:
        return d->units;
    case TSR_KIND_DENSE_GRAD_WEIGHTS:
        return d->rows;
    case TSR_KIND_SUM_PARTIALS:
        return p->as.partials.partials;
    case TSR_KIND_POOL2D:
        return p->as.pool2d.mode == TSR_POOL_AVERAGE ? (double)p->as.pool2d.pool_height * p->as.pool2d.pool_width : 0;
    case TSR_KIND_POOL2D_GRAD:
        return (double)p->as.pool2d.pool_height * p->as.pool2d.pool_width;
    default:
        return 0;
    }
}

/* Average pooling divides, so that integers do not stay integers. */
static bool divides(const tsr_primitive *p)
{
    return (p->kind == TSR_KIND_POOL2D || p->kind == TSR_KIND_POOL2D_GRAD) && p->as.pool2d.mode == TSR_POOL_AVERAGE;
}

/* Sums of products: the twin of the magnitudes gives the magnitudes of the terms. */
static void bound_linear(test_case *t, const tsr_primitive *p)
{
    twin_run r = begin_run(t, p);
    bool integers = !divides(p);
    for (int i = 0; i < p->input_count; i++) {
        integers &= t->values[p->inputs[i]].integer;
        for (size_t e = 0; e < count_of(t, p->inputs[i]); e++) r.inputs[i][e] = fabs(r.inputs[i][e]);
    }
    run_twin(&r);
    for (int o = 0; o < p->output_count; o++) {
        bool exact = integers;
        for (size_t e = 0; e < count_of(t, p->outputs[o]); e++) exact &= r.outputs[o][e] < EXACT;
        t->values[p->outputs[o]].integer = exact;
        for (size_t e = 0; e < count_of(t, p->outputs[o]); e++)
            t->values[p->outputs[o]].bound[e] = exact ? 0 : (terms(p) + 8) * ROUNDING * r.outputs[o][e];
    }
    /* What an input's bound contributes, the other inputs at their magnitudes; a bias adds its own. */
    for (int i = 0; i < p->input_count; i++) {
        if (!is_float(t, p->inputs[i]) || !has_bound(t, p->inputs[i])) continue;
        for (int k = 0; k < p->input_count; k++)
            for (size_t e = 0; e < count_of(t, p->inputs[k]); e++) {
                double magnitude = fabs(t->values[p->inputs[k]].exact[e]);
                if (k == i) magnitude = t->values[p->inputs[k]].bound[e];
                if ((k == 2) != (i == 2) && k != i && (k == 2 || i == 2)) magnitude = 0;
                r.inputs[k][e] = magnitude;
            }
        run_twin(&r);
        for (int o = 0; o < p->output_count; o++)
            for (size_t e = 0; e < count_of(t, p->outputs[o]); e++)
                t->values[p->outputs[o]].bound[e] += r.outputs[o][e];
    }
    end_run(&r);
}

/* The largest bound of a window's cells; winners are checked where they are compared. */
static void bound_max_pool(test_case *t, const tsr_primitive *p)
{
    tsr_primitive values_only = *p;
    values_only.output_count = 1;
    twin_run r = begin_run(t, &values_only);
    memcpy(r.inputs[0], t->values[p->inputs[0]].bound, count_of(t, p->inputs[0]) * sizeof(double));
    run_twin(&r);
    memcpy(t->values[p->outputs[0]].bound, r.outputs[0], count_of(t, p->outputs[0]) * sizeof(double));
    t->values[p->outputs[0]].integer = t->values[p->inputs[0]].integer;
    if (p->output_count > 1) t->values[p->outputs[1]].integer = true;
    end_run(&r);
}

/* Softmax's gradient holds y times the sum of dy y over the row. */
static double rounding_of_row(const test_case *t, const tsr_primitive *p, size_t e)
{
    size_t columns = (size_t)p->as.activation.columns, first = e / columns * columns;
    const double *dy = t->values[p->inputs[0]].exact, *y = t->values[p->inputs[1]].exact;
    double sum = 0;
    for (size_t c = first; c < first + columns; c++) sum += fabs(dy[c] * y[c]);
    return (double)(columns + 8) * sum * fabs(y[e]);
}

/* The part of an elementwise function's rounding that is not relative to its result, in multiples of 2^-24. */
static double absolute_rounding(const test_case *t, const tsr_primitive *p, int output, size_t e)
{
    const double *input = t->values[p->inputs[0]].exact;
    double y = fabs(t->values[output].exact[e]);
    switch (p->kind) {
    case TSR_KIND_SOFTMAX_CROSS_ENTROPY: {
        double largest = 0;
        size_t classes = (size_t)p->as.loss.classes;
        for (size_t c = 0; c < classes; c++)
            if (fabs(input[e * classes + c]) > largest) largest = fabs(input[e * classes + c]);
        return 8 * (1 + largest);
    }
    case TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD:
        return 32.0 / p->as.loss.rows;
    case TSR_KIND_ACCUMULATE:
        return 4 * (p->as.loss.rows + y);
    case TSR_KIND_UPDATE: {
        /* output o replaces input 0, 5 or 6: the step that is added carries a relative error of its own. */
        int old = t->graph.values[output].replaces;
        double step = old == TSR_NONE ? 0 : fabs(t->values[output].exact[e] - t->values[old].exact[e]);
        if (p->input_count > 5 && old == p->inputs[0]) {
            /* It is in proportion to a moment whose two terms may cancel. */
            double moment = fabs(t->values[p->outputs[1]].exact[e]);
            double terms = fabs(t->values[p->inputs[5]].exact[e]) + fabs(t->values[p->inputs[1]].exact[e]);
            if (moment > 0) step *= 1 + terms / moment;
        }
        return 64 * step + (old == TSR_NONE ? 0 : 2 * fabs(t->values[old].exact[e]));
    }
    case TSR_KIND_ACTIVATION:
        return p->as.activation.function == TSR_SOFTMAX ? (16 + p->as.activation.columns) * y : 0;
    case TSR_KIND_ACTIVATION_GRAD:
        return 8 * fabs(input[e]) + (p->as.activation.function == TSR_SOFTMAX ? rounding_of_row(t, p, e) : 0);
    default:
        return 0;
    }
}

/* Units in the last place that an elementwise primitive may be off for given inputs. */
static double units(const tsr_primitive *p)
{
    switch (p->kind) {
    case TSR_KIND_ACTIVATION:
        switch (p->as.activation.function) {
        case TSR_LINEAR:
        case TSR_RELU:
            return 0;
        case TSR_LEAKY_RELU:
            return 2;
        default:
            return 6; /* OpenCL allows exp 3, tanh 5, erf 16 */
        }
    case TSR_KIND_ACTIVATION_GRAD:
        return 6;
    case TSR_KIND_GATHER:
    case TSR_KIND_DROPOUT:
    case TSR_KIND_DROPOUT_GRAD:
        return 2;
    default:
        return 4;
    }
}

/* Adds what the inputs' bounds make of the outputs: the twin with its inputs moved up, down, and to both sides. */
static void add_moved(test_case *t, const tsr_primitive *p, twin_run *r)
{
    for (int way = 0; way < 4; way++) {
        for (int i = 0; i < p->input_count; i++)
            for (size_t e = 0; e < count_of(t, p->inputs[i]); e++) {
                double sign = way == 0 ? 1 : way == 1 ? -1 : (e + (size_t)i + (size_t)way) % 2 ? 1 : -1;
                r->inputs[i][e] = t->values[p->inputs[i]].exact[e] + sign * t->values[p->inputs[i]].bound[e];
            }
        run_twin(r);
        for (int o = 0; o < p->output_count; o++)
            for (size_t e = 0; e < count_of(t, p->outputs[o]); e++) {
                double moved = fabs(r->outputs[o][e] - t->values[p->outputs[o]].exact[e]);
                double *bound = &t->values[p->outputs[o]].bound[e];
                if (1.25 * moved > *bound) *bound = 1.25 * moved;
            }
    }
}

static void bound_elementwise(test_case *t, const tsr_primitive *p)
{
    bool moved = false, integers = true;
    for (int i = 0; i < p->input_count; i++) {
        moved |= has_bound(t, p->inputs[i]);
        integers &= t->values[p->inputs[i]].integer;
    }
    if (moved) {
        twin_run r = begin_run(t, p);
        add_moved(t, p, &r);
        end_run(&r);
    }
    bool passes = units(p) == 0 || (p->kind == TSR_KIND_GATHER && p->as.gather.scale == 1) ||
                  (p->kind == TSR_KIND_ACTIVATION_GRAD && p->as.activation.function <= TSR_RELU);
    for (int o = 0; o < p->output_count; o++) {
        int value = p->outputs[o];
        t->values[value].integer = !is_float(t, value) || (passes && integers);
        if (!is_float(t, value) || passes) continue;
        for (size_t e = 0; e < count_of(t, value); e++)
            t->values[value].bound[e] += 2 * units(p) * ROUNDING * fabs(t->values[value].exact[e]) +
                                         absolute_rounding(t, p, value, e) * ROUNDING + 0x1p-126;
    }
}

void test_evaluate(test_case *t, const tsr_primitive *p)
{
    twin_run r = begin_run(t, p);
    run_twin(&r);
    for (int o = 0; o < p->output_count; o++) {
        t->values[p->outputs[o]].exact = r.outputs[o];
        t->values[p->outputs[o]].bound = array(count_of(t, p->outputs[o]));
        r.outputs[o] = NULL;
    }
    end_run(&r);
    if (p->kind == TSR_KIND_POOL2D && p->as.pool2d.mode == TSR_POOL_MAX)
        bound_max_pool(t, p);
    else if (terms(p) > 0)
        bound_linear(t, p);
    else
        bound_elementwise(t, p);
}
