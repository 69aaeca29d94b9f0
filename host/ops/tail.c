#include "ops/tail.h"

#include "ops/activation.h"
#include "ops/optimizer.h"

#include <stdio.h>

static const tsr_primitive *above(const tsr_graph *graph, int value, tsr_kind kind)
{
    int maker = tsr_graph_maker(graph, value);
    return maker != TSR_NONE && graph->primitives[maker].kind == kind ? &graph->primitives[maker] : NULL;
}

static const tsr_primitive *stored(const tsr_span *span, const tsr_primitive *primitive)
{
    return primitive && tsr_span_stores(span, primitive->outputs[0]) ? primitive : NULL;
}

static void read_gradients(const tsr_span *span, tsr_tail *p)
{
    p->weights = tsr_span_primitive(span, TSR_KIND_DENSE_GRAD_WEIGHTS);
    p->data = tsr_span_primitive(span, TSR_KIND_DENSE_GRAD_DATA);
    p->dropout_grad = tsr_span_primitive(span, TSR_KIND_DROPOUT_GRAD);
    p->activation_grad = tsr_span_primitive(span, TSR_KIND_ACTIVATION_GRAD);
    const tsr_primitive *end = p->activation_grad ? p->activation_grad : p->dropout_grad ? p->dropout_grad : p->data;
    if (stored(span, end)) p->dx = end->outputs[0];
    for (int i = 0; p->weights && i < span->count; i++) {
        const tsr_primitive *update = &span->graph->primitives[span->primitives[i]];
        if (update->kind != TSR_KIND_UPDATE) continue;
        if (update->inputs[1] == p->weights->outputs[0])
            p->update_w = update;
        else
            p->update_b = update;
    }
    p->db = p->update_b || (p->weights && p->weights->as.dense.bias && tsr_span_stores(span, p->weights->outputs[1]));
    if (!p->update_w) p->weights = stored(span, p->weights);
    if (!p->activation_grad || p->dx == TSR_NONE) return;
    int from = p->activation_grad->inputs[1];
    p->mask = from == p->x ? 1 : p->activation && from == p->activation->outputs[0] ? 2 : 3;
}

/* The activations of a span: softmax of the dense layer, or the one below it. */
static const tsr_primitive *activation_of(const tsr_span *span, bool softmax)
{
    for (int i = 0; i < span->count; i++) {
        const tsr_primitive *p = &span->graph->primitives[span->primitives[i]];
        if (p->kind == TSR_KIND_ACTIVATION && softmax == (p->as.activation.function == TSR_SOFTMAX)) return p;
    }
    return NULL;
}

tsr_tail tsr_tail_of(const tsr_span *span)
{
    tsr_tail p = {.softmax = activation_of(span, true),
                  .activation = activation_of(span, false),
                  .dropout = tsr_span_primitive(span, TSR_KIND_DROPOUT),
                  .dense = tsr_span_primitive(span, TSR_KIND_DENSE),
                  .gather = tsr_span_primitive(span, TSR_KIND_GATHER),
                  .loss = tsr_span_primitive(span, TSR_KIND_SOFTMAX_CROSS_ENTROPY),
                  .accumulate = tsr_span_primitive(span, TSR_KIND_ACCUMULATE),
                  .training = tsr_span_primitive(span, TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD) != NULL,
                  .dx = TSR_NONE};
    p.x = (p.activation ? p.activation : p.dropout ? p.dropout : p.dense)->inputs[0];
    p.rows = p.dense->as.dense.rows;
    p.inputs = p.dense->as.dense.inputs;
    p.classes = p.dense->as.dense.units;
    read_gradients(span, &p);
    return p;
}

/* What leads to the logits, upwards: dropout, and the activation of a dense layer below, which is then spared a pass of
 * its own. (That of a convolution goes with the convolution.) Both are cheap and may be computed elsewhere as well. */
static bool add_forward(const tsr_graph *graph, int dense, int clock, tsr_span *span)
{
    bool fits = tsr_span_add(span, dense);
    int value = graph->primitives[dense].inputs[0];
    const tsr_primitive *dropout = above(graph, value, TSR_KIND_DROPOUT);
    if (dropout && dropout->inputs[1] == clock) {
        fits &= tsr_span_add(span, (int)(dropout - graph->primitives));
        value = dropout->inputs[0];
    }
    const tsr_primitive *activation = above(graph, value, TSR_KIND_ACTIVATION);
    if (activation && tsr_activation_elementwise(&activation->as.activation) &&
        above(graph, activation->inputs[0], TSR_KIND_DENSE))
        fits &= tsr_span_add(span, (int)(activation - graph->primitives));
    return fits;
}

/* The last dense layer, the loss, its sums, and the labels' gathering. */
static bool add_loss(const tsr_graph *graph, int loss, const bool *claimed, tsr_span *span)
{
    const tsr_primitive *l = &graph->primitives[loss];
    int dense = tsr_graph_maker(graph, l->inputs[0]);
    int accumulate = tsr_match_reader(graph, l->outputs[0], TSR_KIND_ACCUMULATE, 0, claimed);
    if (claimed[loss] || dense == TSR_NONE || graph->primitives[dense].kind != TSR_KIND_DENSE || claimed[dense] ||
        graph->primitives[dense].as.dense.units != l->as.loss.classes || accumulate == TSR_NONE ||
        graph->primitives[accumulate].inputs[1] != l->outputs[1])
        return false;
    int clock = graph->primitives[accumulate].inputs[4];
    bool fits = tsr_span_add(span, loss) && tsr_span_take(span, accumulate);
    const tsr_primitive *gather = above(graph, l->inputs[1], TSR_KIND_GATHER);
    if (gather && gather->inputs[2] == clock && gather->as.gather.source == TSR_I32 && gather->as.gather.sample == 1)
        fits &= tsr_span_add(span, (int)(gather - graph->primitives));
    return add_forward(graph, dense, clock, span) && fits;
}

/* Adds the reader of this kind, if there is one whose operands suit. */
static int add_reader(const tsr_graph *graph, int value, tsr_kind kind, const bool *claimed, tsr_span *span)
{
    int reader = tsr_match_reader(graph, value, kind, 0, claimed);
    if (reader == TSR_NONE) return TSR_NONE;
    const tsr_primitive *p = &graph->primitives[reader];
    if (kind == TSR_KIND_DROPOUT_GRAD) {
        const tsr_primitive *dropout = tsr_span_primitive(span, TSR_KIND_DROPOUT);
        if (!dropout || dropout->inputs[1] != p->inputs[1] || dropout->as.dropout.seed != p->as.dropout.seed ||
            dropout->as.dropout.stream != p->as.dropout.stream || dropout->as.dropout.rate != p->as.dropout.rate)
            return TSR_NONE;
    }
    if (kind == TSR_KIND_ACTIVATION_GRAD) {
        const tsr_primitive *activation = tsr_span_primitive(span, TSR_KIND_ACTIVATION);
        int maker = tsr_graph_maker(graph, p->inputs[1]);
        bool hidden = maker != TSR_NONE && tsr_span_has(span, maker) && &graph->primitives[maker] != activation;
        if (hidden || !tsr_activation_elementwise(&p->as.activation)) return TSR_NONE;
        /* One function for both directions. */
        if (activation && (activation->as.activation.function != p->as.activation.function ||
                           activation->as.activation.alpha != p->as.activation.alpha))
            return TSR_NONE;
    }
    return tsr_span_add(span, reader) ? reader : TSR_NONE;
}

/* The gradient by data and the masks on it; the last one's output leaves the span. */
static bool add_data(const tsr_graph *graph, int dlogits, int w, const bool *claimed, tsr_span *span)
{
    int end = tsr_match_reader(graph, dlogits, TSR_KIND_DENSE_GRAD_DATA, 0, claimed);
    if (end == TSR_NONE || graph->primitives[end].inputs[1] != w) return true;
    bool fits = tsr_span_add(span, end);
    static const tsr_kind masks[] = {TSR_KIND_DROPOUT_GRAD, TSR_KIND_ACTIVATION_GRAD};
    for (int i = 0; i < 2; i++) {
        int mask = add_reader(graph, graph->primitives[end].outputs[0], masks[i], claimed, span);
        if (mask != TSR_NONE) end = mask;
    }
    return tsr_span_store(span, graph->primitives[end].outputs[0]) && fits;
}

/* The update by this gradient that the mark of this very batch can stop, or TSR_NONE. */
static int update_of(const tsr_graph *graph, int gradient, const tsr_primitive *accumulate, const bool *claimed)
{
    int update = tsr_match_reader(graph, gradient, TSR_KIND_UPDATE, 1, claimed);
    if (update == TSR_NONE) return TSR_NONE;
    const tsr_primitive *p = &graph->primitives[update];
    return p->inputs[3] == accumulate->inputs[4] && p->inputs[4] == accumulate->outputs[1] ? update : TSR_NONE;
}

/* The gradient by weights: used up by the updates where both are there, else stored. */
static bool add_weights(const tsr_graph *graph, int dlogits, const bool *claimed, tsr_span *span)
{
    int weights = tsr_match_reader(graph, dlogits, TSR_KIND_DENSE_GRAD_WEIGHTS, 0, claimed);
    const tsr_primitive *accumulate = tsr_span_primitive(span, TSR_KIND_ACCUMULATE);
    const tsr_primitive *dense = tsr_span_primitive(span, TSR_KIND_DENSE);
    if (weights == TSR_NONE || graph->primitives[weights].inputs[1] != dense->inputs[0]) return true;
    const tsr_primitive *p = &graph->primitives[weights];
    int update_w = update_of(graph, p->outputs[0], accumulate, claimed), update_b = TSR_NONE;
    if (p->as.dense.bias) update_b = update_of(graph, p->outputs[1], accumulate, claimed);
    bool updates =
        update_w != TSR_NONE && graph->primitives[update_w].inputs[0] == dense->inputs[1] &&
        (p->as.dense.bias ? update_b != TSR_NONE && graph->primitives[update_b].inputs[0] == dense->inputs[2] : true);
    if (!updates) return tsr_span_take(span, weights);
    return tsr_span_add(span, weights) && tsr_span_take(span, update_w) &&
           (update_b == TSR_NONE || tsr_span_take(span, update_b));
}

bool tsr_tail_match_prediction(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    *span = (tsr_span){.graph = graph};
    const tsr_primitive *softmax = &graph->primitives[primitive];
    int dense = tsr_graph_maker(graph, softmax->inputs[0]);
    return softmax->as.activation.function == TSR_SOFTMAX && dense != TSR_NONE && !claimed[dense] &&
           graph->primitives[dense].kind == TSR_KIND_DENSE && tsr_graph_reader_count(graph, softmax->inputs[0]) == 1 &&
           tsr_span_take(span, primitive) && add_forward(graph, dense, TSR_NONE, span);
}

bool tsr_tail_match_training(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    *span = (tsr_span){.graph = graph};
    const tsr_primitive *gradient = &graph->primitives[primitive];
    int loss = tsr_match_reader(graph, gradient->inputs[0], TSR_KIND_SOFTMAX_CROSS_ENTROPY, 0, claimed);
    if (loss == TSR_NONE || graph->primitives[loss].inputs[1] != gradient->inputs[1] ||
        !add_loss(graph, loss, claimed, span))
        return false;
    int w = tsr_span_primitive(span, TSR_KIND_DENSE)->inputs[1];
    return tsr_span_add(span, primitive) && add_data(graph, gradient->outputs[0], w, claimed, span) &&
           add_weights(graph, gradient->outputs[0], claimed, span);
}

bool tsr_tail_match_evaluation(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    *span = (tsr_span){.graph = graph};
    int loss = tsr_graph_maker(graph, graph->primitives[primitive].inputs[0]);
    return loss != TSR_NONE && graph->primitives[loss].kind == TSR_KIND_SOFTMAX_CROSS_ENTROPY &&
           tsr_graph_reader_count(graph, graph->primitives[loss].inputs[0]) == 1 &&
           add_loss(graph, loss, claimed, span);
}

static void set_parameters(tsr_step *step, tsr_launch *launch, const tsr_tail *p, tsr_status *status)
{
    if (p->update_w)
        tsr_optimizer_launch(step, launch, p->update_w, status);
    else
        tsr_launch_value(step, launch, p->dense->inputs[1], status);
    if (p->update_b)
        tsr_optimizer_launch(step, launch, p->update_b, status);
    else if (p->dense->as.dense.bias)
        tsr_launch_value(step, launch, p->dense->inputs[2], status);
}

static void set_dropout(tsr_launch *launch, const tsr_dropout_descriptor *d, tsr_status *status)
{
    tsr_launch_uint(launch, (uint32_t)d->seed, status);
    tsr_launch_uint(launch, (uint32_t)(d->seed >> 32), status);
    tsr_launch_uint(launch, d->stream, status);
    tsr_launch_float(launch, d->rate, status);
    tsr_launch_float(launch, (float)(1 / (1 - (double)d->rate)), status);
}

static void set_loss(tsr_step *step, tsr_launch *launch, const tsr_tail *p, tsr_status *status)
{
    tsr_launch_value(step, launch, p->gather ? p->gather->inputs[0] : p->loss->inputs[1], status);
    if (p->gather) tsr_launch_value(step, launch, p->gather->inputs[1], status);
    for (int i = 2; i < 5; i++) tsr_launch_value(step, launch, p->accumulate->inputs[i], status);
}

int tsr_tail_options(const tsr_tail *p, char *options)
{
    const tsr_primitive *either = p->mask ? p->activation_grad : p->activation;
    char function[TSR_ACTIVATION_OPTIONS] = "", optimizer[TSR_OPTIMIZER_OPTIONS] = "";
    if (either) tsr_activation_options(&either->as.activation, function);
    if (p->update_w) tsr_optimizer_options(&p->update_w->as.update, optimizer);
    return snprintf(
        options, TSR_TAIL_OPTIONS,
        "-DCLASSES=%d -DPREDICT=%d -DFORWARD_ACTIVATION=%d -DDROPOUT=%d -DGATHER=%d -DBIAS=%d -DTRAINING=%d "
        "-DDATA=%d -DDROPOUT_GRADIENT=%d -DMASK=%d -DWEIGHTS=%d -DUPDATE=%d -DBIAS_GRADIENT=%d%s%s",
        p->classes, p->softmax != NULL, p->activation != NULL, p->dropout != NULL, p->gather != NULL,
        p->dense->as.dense.bias, p->training, p->dx != TSR_NONE, p->dropout_grad && p->dx != TSR_NONE, p->mask,
        p->weights && !p->update_w, p->update_w != NULL, p->db, function, optimizer);
}

void tsr_tail_arguments(tsr_step *step, tsr_launch *launch, const tsr_tail *p, tsr_status *status)
{
    const tsr_view *x = tsr_step_view(step, p->x);
    tsr_launch_value(step, launch, p->x, status);
    tsr_launch_int(launch, x->partials, status);
    tsr_launch_int(launch, x->partial_stride, status);
    if (p->softmax)
        tsr_launch_value(step, launch, p->softmax->outputs[0], status);
    else
        set_loss(step, launch, p, status);
    set_parameters(step, launch, p, status);
    if (p->dropout) set_dropout(launch, &p->dropout->as.dropout, status);
    if (p->mask == 3) tsr_launch_value(step, launch, p->activation_grad->inputs[1], status);
    if (p->dx != TSR_NONE) tsr_launch_value(step, launch, p->dx, status);
    if (p->weights && !p->update_w) tsr_launch_value(step, launch, p->weights->outputs[0], status);
    if (p->db && !p->update_b)
        tsr_launch_value(step, launch, tsr_span_primitive(step->span, TSR_KIND_DENSE_GRAD_WEIGHTS)->outputs[1], status);
    if (p->update_w) tsr_launch_value(step, launch, p->update_w->inputs[2], status);
    tsr_launch_workspace(step, launch, status);
    tsr_launch_int(launch, p->rows, status);
    tsr_launch_int(launch, p->inputs, status);
}
