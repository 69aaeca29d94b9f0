/* Data on which implementations are measured and checked. */
#include "plan/check.h"

#include <math.h>

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* In [0, 1). */
static double uniform(uint32_t *state)
{
    return (float)(next_random(state) >> 8) * 0x1p-24f;
}

static int32_t classes_of(const tsr_graph *graph)
{
    for (size_t i = 0; i < graph->primitive_count; i++)
        if (graph->primitives[i].kind == TSR_KIND_SOFTMAX_CROSS_ENTROPY ||
            graph->primitives[i].kind == TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD)
            return graph->primitives[i].as.loss.classes;
    return 1;
}

/* A winner's place inside the image, for element e of a pool's result. */
static double draw_winner(const tsr_pool2d_descriptor *d, const tsr_value *value, size_t e, uint32_t *state)
{
    size_t cell = e / (size_t)value->extent[3];
    int32_t column = (int32_t)(cell % (size_t)value->extent[2]) * d->stride_width -
                     tsr_window_before(d->width, d->pool_width, d->stride_width, d->padding);
    int32_t row = (int32_t)(cell / (size_t)value->extent[2] % (size_t)value->extent[1]) * d->stride_height -
                  tsr_window_before(d->height, d->pool_height, d->stride_height, d->padding);
    for (;;) { /* a window always holds a cell of the image */
        int32_t y = (int32_t)(next_random(state) % (uint32_t)d->pool_height);
        int32_t x = (int32_t)(next_random(state) % (uint32_t)d->pool_width);
        if (row + y >= 0 && row + y < d->height && column + x >= 0 && column + x < d->width)
            return y * d->pool_width + x;
    }
}

/* What a reader makes of its operand. */
typedef enum meaning { NUMBERS, PLACES, CLOCK, LABELS, HITS, ZEROS, RATE, SQUARES, PIXELS, WINNERS } meaning;

static meaning meaning_of(const tsr_graph *graph, const tsr_primitive *p, int operand)
{
    switch (p->kind) {
    case TSR_KIND_ADVANCE:
        return operand == 0 ? CLOCK : ZEROS;
    case TSR_KIND_GATHER:
        return operand == 1                                         ? PLACES
               : operand == 2                                       ? CLOCK
               : graph->values[p->inputs[operand]].dtype == TSR_I32 ? LABELS
                                                                    : PIXELS;
    case TSR_KIND_DROPOUT:
    case TSR_KIND_DROPOUT_GRAD:
        return operand == 1 ? CLOCK : NUMBERS;
    case TSR_KIND_SOFTMAX_CROSS_ENTROPY:
    case TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD:
        return operand == 1 ? LABELS : NUMBERS;
    case TSR_KIND_ACCUMULATE:
        return operand == 0 ? PIXELS : operand == 1 ? HITS : operand == 4 ? CLOCK : ZEROS;
    case TSR_KIND_UPDATE: {
        static const meaning operands[] = {NUMBERS, NUMBERS, RATE, CLOCK, ZEROS, NUMBERS, SQUARES};
        return operands[operand];
    }
    case TSR_KIND_POOL2D_GRAD:
        return operand == 1 ? WINNERS : NUMBERS;
    default:
        return NUMBERS;
    }
}

/* Numbers of a size that keeps a network's values near 1: a matrix's by its inputs. */
static double scale_of(const tsr_value *value)
{
    size_t units = value->rank > 1 ? (size_t)value->extent[value->rank - 1] : 1;
    if (value->role != TSR_ROLE_PARAMETER || value->rank < 2) return 1;
    return sqrt(3 / (double)(tsr_value_count(value) / units));
}

void tsr_check_fill(const tsr_graph *graph, int number, double *data)
{
    static const double clock[] = {3, 0, 0, 0};
    const tsr_value *value = &graph->values[number];
    const tsr_primitive *reader = NULL;
    meaning is = NUMBERS;
    uint32_t state = 2463534242u + 7919u * (uint32_t)number;
    for (size_t i = 0; i < graph->primitive_count && is == NUMBERS; i++)
        for (int k = 0; k < graph->primitives[i].input_count && is == NUMBERS; k++)
            if (graph->primitives[i].inputs[k] == number) {
                reader = &graph->primitives[i];
                is = meaning_of(graph, reader, k);
            }
    int32_t classes = classes_of(graph), places = is == PLACES ? graph->values[reader->inputs[0]].extent[0] : 1;
    double scale = scale_of(value);
    for (size_t e = 0; e < tsr_value_count(value); e++) {
        double u = uniform(&state);
        data[e] = is == NUMBERS   ? scale * (2 * u - 1)
                  : is == PLACES  ? (double)(e % (size_t)places)
                  : is == CLOCK   ? clock[e % 4]
                  : is == LABELS  ? (double)(e % (size_t)classes)
                  : is == HITS    ? (double)(e % 2)
                  : is == ZEROS   ? 0
                  : is == RATE    ? 1e-4
                  : is == WINNERS ? draw_winner(&reader->as.pool2d, value, e, &state)
                                  : u * (value->dtype == TSR_U8 ? 255 : 1);
    }
}
