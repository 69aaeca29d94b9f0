#include "ops/graph.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

size_t tsr_dtype_size(tsr_dtype dtype)
{
    switch (dtype) {
    case TSR_F32:
    case TSR_I32:
        return 4;
    case TSR_U16:
        return 2;
    case TSR_U8:
        return 1;
    }
    return 0;
}

size_t tsr_value_count(const tsr_value *value)
{
    size_t count = 1;
    for (int i = 0; i < value->rank; i++) count *= (size_t)value->extent[i];
    return count;
}

size_t tsr_value_bytes(const tsr_value *value)
{
    return tsr_value_count(value) * tsr_dtype_size(value->dtype);
}

void tsr_graph_clear(tsr_graph *graph)
{
    free(graph->primitives);
    free(graph->values);
    *graph = (tsr_graph){0};
}

int tsr_graph_value(tsr_graph *graph, const char *name, tsr_role role, tsr_dtype dtype, int rank, const int32_t *extent)
{
    if (!tsr_grow((void **)&graph->values, &graph->value_capacity, graph->value_count + 1, sizeof *graph->values))
        return TSR_NONE;
    tsr_value *value = &graph->values[graph->value_count];
    *value = (tsr_value){.dtype = dtype, .rank = rank, .role = role, .maker = TSR_NONE, .replaces = TSR_NONE};
    snprintf(value->name, sizeof value->name, "%s", name);
    memcpy(value->extent, extent, (size_t)rank * sizeof *extent);
    return (int)graph->value_count++;
}

int tsr_graph_primitive(tsr_graph *graph, const tsr_primitive *primitive)
{
    if (!tsr_grow((void **)&graph->primitives, &graph->primitive_capacity, graph->primitive_count + 1,
                  sizeof *graph->primitives))
        return TSR_NONE;
    int number = (int)graph->primitive_count++;
    graph->primitives[number] = *primitive;
    for (int i = 0; i < primitive->output_count; i++) graph->values[primitive->outputs[i]].maker = number;
    return number;
}

int tsr_graph_maker(const tsr_graph *graph, int value)
{
    return graph->values[value].maker;
}

bool tsr_primitive_reads(const tsr_primitive *primitive, int value)
{
    for (int i = 0; i < primitive->input_count; i++)
        if (primitive->inputs[i] == value) return true;
    return false;
}

int tsr_graph_reader(const tsr_graph *graph, int value, int from)
{
    for (int i = from; i < (int)graph->primitive_count; i++)
        if (tsr_primitive_reads(&graph->primitives[i], value)) return i;
    return TSR_NONE;
}

int tsr_graph_reader_count(const tsr_graph *graph, int value)
{
    int count = 0;
    for (int i = tsr_graph_reader(graph, value, 0); i != TSR_NONE; i = tsr_graph_reader(graph, value, i + 1)) count++;
    return count;
}

const char *tsr_kind_name(tsr_kind kind)
{
    static const char *const names[] = {
#define TSR_KIND_TEXT(name, stem) #stem,
        TSR_PRIMITIVE_LIST(TSR_KIND_TEXT)
#undef TSR_KIND_TEXT
    };
    return (unsigned)kind < TSR_KIND_COUNT ? names[kind] : "unknown";
}

const char *tsr_activation_name(tsr_activation function)
{
    static const char *const names[] = {
#define TSR_ACTIVATION_TEXT(name, text, monotone, from) text,
        TSR_ACTIVATION_LIST(TSR_ACTIVATION_TEXT)
#undef TSR_ACTIVATION_TEXT
    };
    return (size_t)function < sizeof names / sizeof *names ? names[function] : "unknown";
}

/* With a negative alpha these two fold the negative inputs onto positive outputs. */
static bool folds(const tsr_activation_descriptor *activation)
{
    return (activation->function == TSR_ELU || activation->function == TSR_LEAKY_RELU) && activation->alpha < 0;
}

bool tsr_activation_gradient_from_output(const tsr_activation_descriptor *activation)
{
    enum { INPUT, OUTPUT };
    static const bool from[] = {
#define TSR_ACTIVATION_FROM(name, text, monotone, from) from,
        TSR_ACTIVATION_LIST(TSR_ACTIVATION_FROM)
#undef TSR_ACTIVATION_FROM
    };
    return from[activation->function] && !folds(activation);
}

bool tsr_activation_monotone(const tsr_activation_descriptor *activation)
{
    static const bool monotone[] = {
#define TSR_ACTIVATION_MONOTONE(name, text, monotone, from) monotone,
        TSR_ACTIVATION_LIST(TSR_ACTIVATION_MONOTONE)
#undef TSR_ACTIVATION_MONOTONE
    };
    return monotone[activation->function] && !folds(activation);
}

int32_t tsr_window_output(int32_t n, int32_t kernel, int32_t stride, tsr_padding padding)
{
    if (padding == TSR_PADDING_SAME) return n / stride + (n % stride != 0);
    return n < kernel ? 0 : (n - kernel) / stride + 1;
}

int32_t tsr_window_before(int32_t n, int32_t kernel, int32_t stride, tsr_padding padding)
{
    if (padding == TSR_PADDING_VALID) return 0;
    int64_t total = (int64_t)(tsr_window_output(n, kernel, stride, padding) - 1) * stride + kernel - n;
    return total > 0 ? (int32_t)(total / 2) : 0;
}
