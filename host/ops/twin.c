#include "ops/twin.h"

#include "base/memory.h"
#include "ops/primitive.h"

#include <math.h>
#include <string.h>

#define ROUNDING 0x1p-24  /* of one operation in single precision, relative */
#define EXACT    0x1p24   /* integers up to here are exact in single precision */
#define SMALLEST 0x1p-126 /* the smallest normal number: kernels may take what is below for zero */

tsr_status tsr_twins_create(const tsr_graph *graph, tsr_twins *twins)
{
    *twins = (tsr_twins){.graph = graph, .values = tsr_alloc(graph->value_count, sizeof *twins->values)};
    return twins->values ? TSR_OK : tsr_fail_memory("the twins", graph->value_count * sizeof *twins->values);
}

void tsr_twins_clear(tsr_twins *twins)
{
    for (size_t v = 0; twins->values && v < twins->graph->value_count; v++) {
        free(twins->values[v].exact);
        free(twins->values[v].bound);
    }
    free(twins->values);
    *twins = (tsr_twins){0};
}

double tsr_dtype_get(const void *data, size_t e, tsr_dtype dtype)
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

void tsr_dtype_put(void *data, size_t e, double number, tsr_dtype dtype)
{
    switch (dtype) {
    case TSR_F32:
        ((float *)data)[e] = (float)number;
        break;
    case TSR_I32:
        ((int32_t *)data)[e] = (int32_t)number;
        break;
    case TSR_U8:
        ((uint8_t *)data)[e] = (uint8_t)fabs(number);
        break;
    case TSR_U16:
        ((uint16_t *)data)[e] = (uint16_t)fabs(number);
        break;
    }
}

static size_t count_of(const tsr_twins *t, int value)
{
    return tsr_value_count(&t->graph->values[value]);
}

static tsr_status add_arrays(tsr_twins *t, int value)
{
    tsr_twin_value *v = &t->values[value];
    size_t count = count_of(t, value);
    if (!v->exact) v->exact = tsr_alloc(count, sizeof *v->exact);
    if (!v->bound) v->bound = tsr_alloc(count, sizeof *v->bound);
    return v->exact && v->bound ? TSR_OK : tsr_fail_memory("a twin", 2 * count * sizeof *v->exact);
}

tsr_status tsr_twins_set(tsr_twins *t, int value, const double *data)
{
    tsr_dtype dtype = t->graph->values[value].dtype;
    tsr_twin_value *v = &t->values[value];
    tsr_status status = add_arrays(t, value);
    v->integer = true;
    for (size_t e = 0; e < count_of(t, value) && !status; e++) {
        union {
            float f32;
            int32_t i32;
            uint16_t u16;
            uint8_t u8;
        } held;
        tsr_dtype_put(&held, 0, data[e], dtype);
        v->exact[e] = tsr_dtype_get(&held, 0, dtype);
        v->bound[e] = 0;
        v->integer &= v->exact[e] == trunc(v->exact[e]) && isfinite(data[e]);
    }
    return status;
}

/* Arrays for the operands of a primitive, and a run of its twin on them. */
typedef struct twin_run {
    const tsr_primitive *primitive;
    double *inputs[TSR_MAX_INPUTS], *outputs[TSR_MAX_OUTPUTS];
} twin_run;

static void end_run(twin_run *r)
{
    for (int i = 0; i < r->primitive->input_count; i++) free(r->inputs[i]);
    for (int i = 0; i < r->primitive->output_count; i++) free(r->outputs[i]);
}

/* The inputs are copies of the exact values, the outputs zero. */
static tsr_status begin_run(const tsr_twins *t, const tsr_primitive *primitive, twin_run *r)
{
    bool made = true;
    *r = (twin_run){.primitive = primitive};
    for (int i = 0; i < primitive->input_count; i++) {
        size_t count = count_of(t, primitive->inputs[i]);
        made &= (r->inputs[i] = tsr_alloc(count, sizeof *r->inputs[i])) != NULL;
        if (made) memcpy(r->inputs[i], t->values[primitive->inputs[i]].exact, count * sizeof(double));
    }
    for (int i = 0; i < primitive->output_count; i++)
        made &= (r->outputs[i] = tsr_alloc(count_of(t, primitive->outputs[i]), sizeof(double))) != NULL;
    if (made) return TSR_OK;
    end_run(r);
    return tsr_fail_memory("a twin", 0);
}

static void run_twin(const twin_run *r)
{
    tsr_primitive_row_of(r->primitive->kind)->reference(r->primitive, (const double *const *)r->inputs, r->outputs);
}

static bool is_float(const tsr_twins *t, int value)
{
    return t->graph->values[value].dtype == TSR_F32;
}

static bool has_bound(const tsr_twins *t, int value)
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

/* What the bound of input i contributes, the other inputs at their magnitudes; a bias adds its own. */
static void add_contribution(tsr_twins *t, const tsr_primitive *p, const twin_run *r, int i)
{
    for (int k = 0; k < p->input_count; k++)
        for (size_t e = 0; e < count_of(t, p->inputs[k]); e++) {
            double magnitude = fabs(t->values[p->inputs[k]].exact[e]);
            if (k == i) magnitude = t->values[p->inputs[k]].bound[e];
            if ((k == 2) != (i == 2) && k != i && (k == 2 || i == 2)) magnitude = 0;
            r->inputs[k][e] = magnitude;
        }
    run_twin(r);
    for (int o = 0; o < p->output_count; o++)
        for (size_t e = 0; e < count_of(t, p->outputs[o]); e++) t->values[p->outputs[o]].bound[e] += r->outputs[o][e];
}

/* Sums of products: the twin of the magnitudes gives the magnitudes of the terms. */
static tsr_status bound_linear(tsr_twins *t, const tsr_primitive *p)
{
    twin_run r;
    tsr_status status = begin_run(t, p, &r);
    if (status) return status;
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
            t->values[p->outputs[o]].bound[e] =
                exact ? 0 : (terms(p) + 8) * ROUNDING * r.outputs[o][e] + terms(p) * SMALLEST;
    }
    for (int i = 0; i < p->input_count; i++)
        if (is_float(t, p->inputs[i]) && has_bound(t, p->inputs[i])) add_contribution(t, p, &r, i);
    end_run(&r);
    return TSR_OK;
}

/* The largest bound of a window's cells; winners are checked where they are compared. */
static tsr_status bound_max_pool(tsr_twins *t, const tsr_primitive *p)
{
    tsr_primitive values_only = *p;
    values_only.output_count = 1;
    twin_run r;
    tsr_status status = begin_run(t, &values_only, &r);
    if (status) return status;
    memcpy(r.inputs[0], t->values[p->inputs[0]].bound, count_of(t, p->inputs[0]) * sizeof(double));
    run_twin(&r);
    memcpy(t->values[p->outputs[0]].bound, r.outputs[0], count_of(t, p->outputs[0]) * sizeof(double));
    t->values[p->outputs[0]].integer = t->values[p->inputs[0]].integer;
    if (p->output_count > 1) t->values[p->outputs[1]].integer = true;
    end_run(&r);
    return TSR_OK;
}

/* Softmax's gradient holds y times the sum of dy y over the row. */
static double rounding_of_row(const tsr_twins *t, const tsr_primitive *p, size_t e)
{
    size_t columns = (size_t)p->as.activation.columns, first = e / columns * columns;
    const double *dy = t->values[p->inputs[0]].exact, *y = t->values[p->inputs[1]].exact;
    double sum = 0;
    for (size_t c = first; c < first + columns; c++) sum += fabs(dy[c] * y[c]);
    return (double)(columns + 8) * sum * fabs(y[e]);
}

/* The part of an elementwise function's rounding that is not relative to its result, in multiples of 2^-24. */
static double absolute_rounding(const tsr_twins *t, const tsr_primitive *p, int output, size_t e)
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
        /* The compensation is as large as the sum's last place. */
        return 4 * (p->as.loss.rows + fabs(t->values[output].exact[0]));
    case TSR_KIND_UPDATE: {
        /* output o replaces input 0, 5 or 6: the step that is added carries a relative error of its own. */
        int old = t->graph->values[output].replaces;
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

/* What is lost where a number inside an elementwise function falls below the smallest normal one, which kernels may
 * take for zero: swish and gelu and their gradients multiply such a number by their inputs. */
static double underflow(const tsr_twins *t, const tsr_primitive *p, size_t e)
{
    double factor = 1;
    if (p->kind == TSR_KIND_ACTIVATION || p->kind == TSR_KIND_ACTIVATION_GRAD)
        for (int i = 0; i < p->input_count; i++) factor *= 1 + fabs(t->values[p->inputs[i]].exact[e]);
    return isfinite(factor) ? factor * SMALLEST : SMALLEST;
}

/* Elements of a row that makes a result together; 2 for what is elementwise. */
static size_t row_elements(const tsr_twins *t, const tsr_primitive *p)
{
    bool activation = p->kind == TSR_KIND_ACTIVATION || p->kind == TSR_KIND_ACTIVATION_GRAD;
    bool rows = p->kind == TSR_KIND_SOFTMAX_CROSS_ENTROPY || p->kind == TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD ||
                (activation && p->as.activation.function == TSR_SOFTMAX);
    const tsr_value *x = &t->graph->values[p->inputs[0]];
    return rows ? (size_t)x->extent[x->rank - 1] : 2;
}

/* Adds what the inputs' bounds make of the outputs: the twin with its inputs moved up, down, and to both sides, so that
 * any two elements of a row are once moved apart. */
static tsr_status add_moved(tsr_twins *t, const tsr_primitive *p)
{
    twin_run r;
    tsr_status status = begin_run(t, p, &r);
    if (status) return status;
    size_t columns = row_elements(t, p);
    int bits = 1; /* of the number of an element in its row */
    while (columns > (size_t)1 << bits) bits++;
    for (int way = 0; way < 2 + 2 * bits; way++) {
        int bit = way / 2 - 1; /* -1: all move alike */
        for (int i = 0; i < p->input_count; i++)
            for (size_t e = 0; e < count_of(t, p->inputs[i]); e++) {
                size_t side = (bit < 0 ? 0 : (e % columns >> bit) + (size_t)i) + (size_t)way;
                double sign = side % 2 ? 1 : -1;
                r.inputs[i][e] = t->values[p->inputs[i]].exact[e] + sign * t->values[p->inputs[i]].bound[e];
            }
        run_twin(&r);
        for (int o = 0; o < p->output_count; o++)
            for (size_t e = 0; e < count_of(t, p->outputs[o]); e++) {
                double moved = fabs(r.outputs[o][e] - t->values[p->outputs[o]].exact[e]);
                double *bound = &t->values[p->outputs[o]].bound[e];
                if (1.25 * moved > *bound) *bound = 1.25 * moved;
            }
    }
    end_run(&r);
    return TSR_OK;
}

static tsr_status bound_elementwise(tsr_twins *t, const tsr_primitive *p)
{
    bool moved = false, integers = true;
    for (int i = 0; i < p->input_count; i++) {
        moved |= has_bound(t, p->inputs[i]);
        integers &= t->values[p->inputs[i]].integer;
    }
    tsr_status status = moved ? add_moved(t, p) : TSR_OK;
    bool passes = units(p) == 0 || (p->kind == TSR_KIND_GATHER && p->as.gather.scale == 1) ||
                  (p->kind == TSR_KIND_ACTIVATION_GRAD && p->as.activation.function <= TSR_RELU);
    for (int o = 0; o < p->output_count && !status; o++) {
        int value = p->outputs[o];
        t->values[value].integer = !is_float(t, value) || (passes && integers);
        if (!is_float(t, value) || passes) continue;
        for (size_t e = 0; e < count_of(t, value); e++)
            t->values[value].bound[e] += 2 * units(p) * ROUNDING * fabs(t->values[value].exact[e]) +
                                         absolute_rounding(t, p, value, e) * ROUNDING + underflow(t, p, e);
    }
    return status;
}

tsr_status tsr_twins_evaluate(tsr_twins *t, const tsr_primitive *p)
{
    twin_run r;
    tsr_status status = TSR_OK;
    for (int o = 0; o < p->output_count && !status; o++) status = add_arrays(t, p->outputs[o]);
    if (status || (status = begin_run(t, p, &r))) return status;
    run_twin(&r);
    for (int o = 0; o < p->output_count; o++) {
        size_t bytes = count_of(t, p->outputs[o]) * sizeof(double);
        memcpy(t->values[p->outputs[o]].exact, r.outputs[o], bytes);
        memset(t->values[p->outputs[o]].bound, 0, bytes);
    }
    end_run(&r);
    if (p->kind == TSR_KIND_POOL2D && p->as.pool2d.mode == TSR_POOL_MAX) return bound_max_pool(t, p);
    return terms(p) > 0 ? bound_linear(t, p) : bound_elementwise(t, p);
}

/* Whether another winner than the twin's is right all the same: its cell is as large within the cells' bounds. */
static bool winner_within_bound(const tsr_twins *t, int winner, size_t e, double got, double slack)
{
    const tsr_primitive *p = &t->graph->primitives[tsr_graph_maker(t->graph, winner)];
    if (p->kind != TSR_KIND_POOL2D) return false;
    const tsr_pool2d_descriptor *d = &p->as.pool2d;
    const tsr_value *y = &t->graph->values[winner];
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

bool tsr_twins_agree(const tsr_twins *t, int value, size_t e, double got, double slack)
{
    const tsr_value *v = &t->graph->values[value];
    double wanted = t->values[value].exact[e];
    if (got == wanted || (isnan(got) && isnan(wanted))) return true;
    if (v->dtype == TSR_F32) return isfinite(wanted) && fabs(got - wanted) <= slack * t->values[value].bound[e];
    return (v->dtype == TSR_U8 || v->dtype == TSR_U16) && winner_within_bound(t, value, e, got, slack);
}
