#include "plan/span_key.h"

#include <stdio.h>

/* Outside operands by letter, in the order in which they are met; those of the longest spans share the last one. */
typedef struct letters {
    int values[26];
    int count;
} letters;

static char letter_of(letters *l, int value)
{
    for (int i = 0; i < l->count; i++)
        if (l->values[i] == value) return (char)('a' + i);
    if (l->count == 26) return 'z';
    l->values[l->count] = value;
    return (char)('a' + l->count++);
}

static void add_conv2d(const tsr_conv2d_descriptor *c, tsr_text *key)
{
    tsr_text_add(key, " %dx%dx%dx%d>%d %dx%d/%dx%d %s%s", c->batch, c->height, c->width, c->channels, c->filters,
                 c->kernel_height, c->kernel_width, c->stride_height, c->stride_width,
                 c->padding == TSR_PADDING_SAME ? "same" : "valid", c->bias ? " bias" : "");
}

static void add_pool2d(const tsr_pool2d_descriptor *p, tsr_text *key)
{
    tsr_text_add(key, " %s %dx%dx%dx%d %dx%d/%dx%d %s", p->mode == TSR_POOL_MAX ? "max" : "average", p->batch,
                 p->height, p->width, p->channels, p->pool_height, p->pool_width, p->stride_height, p->stride_width,
                 p->padding == TSR_PADDING_SAME ? "same" : "valid");
}

static void add_activation(const tsr_activation_descriptor *a, tsr_text *key)
{
    char alpha[32];
    snprintf(alpha, sizeof alpha, "%g", (double)a->alpha);
    tsr_text_point(alpha);
    tsr_text_add(key, " %s %s %dx%d", tsr_activation_name(a->function), alpha, a->rows, a->columns);
}

static void add_descriptor(const tsr_primitive *p, tsr_text *key)
{
    static const char *const types[] = {[TSR_F32] = "f32", [TSR_I32] = "i32", [TSR_U8] = "u8", [TSR_U16] = "u16"};
    switch (p->kind) {
    case TSR_KIND_GATHER:
        tsr_text_add(key, " %dx%d %s", p->as.gather.batch, p->as.gather.sample, types[p->as.gather.source]);
        return;
    case TSR_KIND_CONV2D:
    case TSR_KIND_CONV2D_GRAD_DATA:
    case TSR_KIND_CONV2D_GRAD_WEIGHTS:
        add_conv2d(&p->as.conv2d, key);
        return;
    case TSR_KIND_POOL2D:
    case TSR_KIND_POOL2D_GRAD:
        add_pool2d(&p->as.pool2d, key);
        return;
    case TSR_KIND_ACTIVATION:
    case TSR_KIND_ACTIVATION_GRAD:
        add_activation(&p->as.activation, key);
        return;
    case TSR_KIND_DENSE:
    case TSR_KIND_DENSE_GRAD_DATA:
    case TSR_KIND_DENSE_GRAD_WEIGHTS:
        tsr_text_add(key, " %dx%d>%d%s", p->as.dense.rows, p->as.dense.inputs, p->as.dense.units,
                     p->as.dense.bias ? " bias" : "");
        return;
    case TSR_KIND_DROPOUT:
    case TSR_KIND_DROPOUT_GRAD:
        tsr_text_add(key, " %d", p->as.dropout.count);
        return;
    case TSR_KIND_SOFTMAX_CROSS_ENTROPY:
    case TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD:
    case TSR_KIND_ACCUMULATE:
        tsr_text_add(key, " %dx%d", p->as.loss.rows, p->as.loss.classes);
        return;
    case TSR_KIND_UPDATE:
        tsr_text_add(key, " %s %d", p->as.update.optimizer == TSR_OPTIMIZER_ADAM ? "adam" : "sgd", p->as.update.count);
        return;
    case TSR_KIND_SUM_PARTIALS:
        tsr_text_add(key, " %dx%d", p->as.partials.partials, p->as.partials.count);
        return;
    default: /* advance */
        tsr_text_add(key, " %d", p->as.batch);
    }
}

static int place_in(const tsr_span *span, int primitive)
{
    for (int i = 0; i < span->count; i++)
        if (span->primitives[i] == primitive) return i;
    return TSR_NONE;
}

static void add_operands(const tsr_span *span, const tsr_primitive *p, letters *l, tsr_text *key)
{
    tsr_text_add(key, "(");
    for (int i = 0; i < p->input_count; i++) {
        int maker = tsr_graph_maker(span->graph, p->inputs[i]);
        int place = maker == TSR_NONE ? TSR_NONE : place_in(span, maker);
        tsr_text_add(key, i ? "," : "");
        if (place == TSR_NONE) {
            tsr_text_add(key, "%c", letter_of(l, p->inputs[i]));
            continue;
        }
        tsr_text_add(key, "%d", place + 1);
        for (int o = 1; o < span->graph->primitives[maker].output_count; o++)
            if (span->graph->primitives[maker].outputs[o] == p->inputs[i]) tsr_text_add(key, ".%d", o);
    }
    tsr_text_add(key, ")");
}

/* Whether the value is wanted, or read by a primitive outside the span. */
static bool leaves(const tsr_span *span, int value, const int *wanted, int wanted_count)
{
    for (int i = 0; i < wanted_count; i++)
        if (wanted[i] == value) return true;
    for (int r = tsr_graph_reader(span->graph, value, 0); r != TSR_NONE;
         r = tsr_graph_reader(span->graph, value, r + 1))
        if (place_in(span, r) == TSR_NONE) return true;
    return false;
}

void tsr_span_key(const tsr_span *span, const int *wanted, int wanted_count, const tsr_target *target, tsr_text *key)
{
    static const char *const gemms[] = {
        [TSR_GEMM_AUTO] = "", [TSR_GEMM_CLBLAST] = "; clblast", [TSR_GEMM_NATIVE] = "; native"};
    letters l = {.count = 0};
    for (int i = 0; i < span->count; i++) {
        const tsr_primitive *p = &span->graph->primitives[span->primitives[i]];
        tsr_text_add(key, "%s%s", i ? "; " : "", tsr_kind_name(p->kind));
        add_descriptor(p, key);
        add_operands(span, p, &l, key);
        for (int o = 0; o < p->output_count; o++)
            if (leaves(span, p->outputs[o], wanted, wanted_count)) tsr_text_add(key, "!%d", o);
    }
    tsr_text_add(key, "%s", gemms[target->gemm]);
    if (tsr_vector_width(target) != 1) tsr_text_add(key, "; vectors of %u", (unsigned)tsr_vector_width(target));
}
