#include "ops/implementation.h"
#include "ops/primitive.h"

#include <stdarg.h>
#include <stdio.h>

bool tsr_span_has(const tsr_span *span, int primitive)
{
    for (int i = 0; i < span->count; i++)
        if (span->primitives[i] == primitive) return true;
    return false;
}

bool tsr_span_add(tsr_span *span, int primitive)
{
    if (tsr_span_has(span, primitive)) return true;
    if (span->count == TSR_SPAN_PRIMITIVES) return false;
    int at = span->count++;
    for (; at > 0 && span->primitives[at - 1] > primitive; at--) span->primitives[at] = span->primitives[at - 1];
    span->primitives[at] = primitive;
    return true;
}

bool tsr_span_take(tsr_span *span, int primitive)
{
    const tsr_primitive *p = &span->graph->primitives[primitive];
    bool fits = tsr_span_add(span, primitive);
    for (int i = 0; i < p->output_count; i++) fits &= tsr_span_store(span, p->outputs[i]);
    return fits;
}

bool tsr_span_stores(const tsr_span *span, int value)
{
    for (int i = 0; i < span->store_count; i++)
        if (span->stores[i] == value) return true;
    return false;
}

bool tsr_span_store(tsr_span *span, int value)
{
    if (tsr_span_stores(span, value)) return true;
    if (span->store_count == TSR_SPAN_STORES) return false;
    span->stores[span->store_count++] = value;
    return true;
}

bool tsr_span_reads(const tsr_span *span, int value)
{
    int maker = tsr_graph_maker(span->graph, value);
    if (maker != TSR_NONE && tsr_span_has(span, maker)) return false;
    for (int i = 0; i < span->count; i++)
        if (tsr_primitive_reads(&span->graph->primitives[span->primitives[i]], value)) return true;
    return false;
}

const tsr_primitive *tsr_span_primitive(const tsr_span *span, tsr_kind kind)
{
    for (int i = 0; i < span->count; i++)
        if (span->graph->primitives[span->primitives[i]].kind == kind)
            return &span->graph->primitives[span->primitives[i]];
    return NULL;
}

double tsr_span_flops(const tsr_span *span)
{
    double flops = 0;
    for (int i = 0; i < span->count; i++)
        flops += tsr_primitive_flops(span->graph, &span->graph->primitives[span->primitives[i]]);
    return flops;
}

void tsr_needs_strided(tsr_needs *needs, int value, int32_t top, int32_t left, int32_t bottom, int32_t right)
{
    int i = needs->strided_count++;
    needs->strided[i].value = value;
    needs->strided[i].halo[0] = top;
    needs->strided[i].halo[1] = left;
    needs->strided[i].halo[2] = bottom;
    needs->strided[i].halo[3] = right;
}

void tsr_needs_partials(tsr_needs *needs, int value, int partials)
{
    int i = needs->partial_count++;
    needs->partial[i].value = value;
    needs->partial[i].partials = partials;
}

void tsr_needs_stacked(tsr_needs *needs, int value)
{
    needs->stacked[needs->stacked_count++] = value;
}

void tsr_needs_prepared(tsr_needs *needs, int value, tsr_form form, const tsr_conv2d_descriptor *conv2d)
{
    int i = needs->prepared_count++;
    needs->prepared[i].value = value;
    needs->prepared[i].form = form;
    needs->prepared[i].conv2d = conv2d;
}

bool tsr_refuse(tsr_needs *needs, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(needs->reason, sizeof needs->reason, format, arguments);
    va_end(arguments);
    return false;
}

int tsr_match_reader(const tsr_graph *graph, int value, tsr_kind kind, int input, const bool *claimed)
{
    for (int i = tsr_graph_reader(graph, value, 0); i != TSR_NONE; i = tsr_graph_reader(graph, value, i + 1))
        if (graph->primitives[i].kind == kind && graph->primitives[i].inputs[input] == value && !claimed[i]) return i;
    return TSR_NONE;
}

bool tsr_match_single(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    (void)claimed;
    *span = (tsr_span){.graph = graph};
    return tsr_span_take(span, primitive);
}

bool tsr_match_chain(const tsr_graph *graph, int primitive, const int *kinds, const bool *claimed, tsr_span *span)
{
    *span = (tsr_span){.graph = graph};
    if ((int)graph->primitives[primitive].kind != (kinds[0] & ~TSR_OPTIONAL)) return false;
    bool fits = tsr_span_take(span, primitive);
    int at = primitive;
    for (int k = 1; fits && kinds[k] != TSR_KIND_COUNT; k++) {
        const tsr_primitive *below = &graph->primitives[at];
        int above = TSR_NONE;
        for (int i = 0; i < below->input_count && above == TSR_NONE; i++) {
            int maker = tsr_graph_maker(graph, below->inputs[i]);
            if (maker != TSR_NONE && (int)graph->primitives[maker].kind == (kinds[k] & ~TSR_OPTIONAL)) above = maker;
        }
        bool optional = kinds[k] & TSR_OPTIONAL;
        if (optional && above != TSR_NONE && claimed && claimed[above]) above = TSR_NONE;
        if (above == TSR_NONE) {
            if (optional) continue;
            return false;
        }
        fits &= tsr_span_add(span, above);
        const tsr_primitive *p = &graph->primitives[above];
        if (p->kind == TSR_KIND_POOL2D && p->output_count > 1) fits &= tsr_span_store(span, p->outputs[1]);
        at = above;
    }
    return fits;
}
