#include "model/network.h"

#include "base/memory.h"
#include "model/lower.h"
#include "model/model.h"

#include <stdio.h>

/* What building a network needs besides the result. */
typedef struct builder {
    const tsr_model *model;
    const tsr_network_options *options;
    tsr_network *network;
    tsr_graph *graph;
    int *parameters; /* PARAMETER values by slot */
    int *gradients;  /* GRADIENT values by slot */
    tsr_status status;
} builder;

static int add_value(builder *b, const char *name, tsr_role role, tsr_dtype dtype, int rank, const int32_t *extent)
{
    if (b->status) return TSR_NONE;
    int value = tsr_graph_value(b->graph, name, role, dtype, rank, extent);
    if (value == TSR_NONE) b->status = tsr_fail_memory("the graph's values", sizeof(tsr_value));
    return value;
}

/* A value that takes over the storage of `of`. */
static int add_replacement(builder *b, int of)
{
    if (b->status) return TSR_NONE;
    tsr_value old = b->graph->values[of];
    char name[sizeof old.name + 4];
    snprintf(name, sizeof name, "%s'", old.name);
    int value = add_value(b, name, old.role, old.dtype, old.rank, old.extent);
    if (value == TSR_NONE) return TSR_NONE;
    b->graph->values[value].replaces = of;
    b->graph->values[value].slot = old.slot;
    b->graph->values[value].moment = old.moment;
    return value;
}

static int add_primitive(builder *b, const tsr_primitive *primitive)
{
    if (b->status) return TSR_NONE;
    int number = tsr_graph_primitive(b->graph, primitive);
    if (number == TSR_NONE) b->status = tsr_fail_memory("the graph's primitives", sizeof(tsr_primitive));
    return number;
}

static void want(builder *b, int value)
{
    if (!b->status) b->network->wanted[b->network->wanted_count++] = value;
}

/* advance, and the values that say where the training is; returns clock'. */
static int add_clock(builder *b)
{
    tsr_network *n = b->network;
    n->clock = add_value(b, "clock", TSR_ROLE_INPUT, TSR_I32, 1, (int32_t[]){4});
    n->counts = add_value(b, "counts", TSR_ROLE_INPUT, TSR_I32, 1, (int32_t[]){4});
    n->order = add_value(b, "order", TSR_ROLE_INPUT, TSR_I32, 1, &b->options->order);
    tsr_primitive advance = {.kind = TSR_KIND_ADVANCE,
                             .layer = TSR_NONE,
                             .input_count = 2,
                             .inputs = {n->clock, n->counts},
                             .output_count = 1,
                             .outputs = {add_replacement(b, n->clock)},
                             .as.batch = b->options->batch};
    add_primitive(b, &advance);
    return advance.outputs[0];
}

/* The batch's part of a data set; `source` is bound by the caller. */
static int add_gather(builder *b, int source, int clock, const char *name, tsr_dtype dtype, float scale)
{
    if (b->status) return TSR_NONE;
    tsr_value whole = b->graph->values[source];
    int32_t extent[TSR_MAX_RANK] = {b->options->batch}, sample = 1;
    for (int i = 1; i < whole.rank; i++) {
        extent[i] = whole.extent[i];
        sample *= whole.extent[i];
    }
    if ((int64_t)sample * b->options->batch > INT32_MAX) {
        b->status =
            tsr_fail(TSR_UNSUPPORTED, "%s: a batch of %d samples has more than %d elements; use a smaller batch size",
                     name, (int)b->options->batch, INT32_MAX);
        return TSR_NONE;
    }
    int batch = add_value(b, name, TSR_ROLE_TEMPORARY, dtype, whole.rank, extent);
    tsr_primitive gather = {
        .kind = TSR_KIND_GATHER,
        .layer = dtype == TSR_F32 ? 0 : TSR_NONE,
        .input_count = 3,
        .inputs = {source, b->network->order, clock},
        .output_count = 1,
        .outputs = {batch},
        .as.gather = {.batch = b->options->batch, .sample = sample, .source = whole.dtype, .scale = scale}};
    add_primitive(b, &gather);
    return batch;
}

static int add_images(builder *b, int clock)
{
    tsr_shape shape = b->model->layers[0]->output;
    bool real = b->options->real;
    b->network->images = add_value(b, "images", TSR_ROLE_INPUT, real ? TSR_F32 : TSR_U8, 4,
                                   (int32_t[]){b->options->samples, shape.extent[0], shape.extent[1], shape.extent[2]});
    return add_gather(b, b->network->images, clock, "x", TSR_F32, real ? 1.0f : 1.0f / 255.0f);
}

static void add_parameters(builder *b)
{
    for (int slot = 0; slot < (int)b->model->weight_count && !b->status; slot++) {
        const tsr_parameter *parameter = tsr_model_parameter(b->model, slot);
        tsr_weight_info info = tsr_model_weight(b->model, slot);
        int value = add_value(b, info.name, TSR_ROLE_PARAMETER, TSR_F32, parameter->rank, parameter->extent);
        if (value != TSR_NONE) b->graph->values[value].slot = slot;
        b->parameters[slot] = value;
    }
}

/* Lowers the layers; what the last one gives is in network->output. */
static void add_layers(builder *b, int x, int clock)
{
    bool training = b->options->purpose == TSR_FOR_TRAINING || b->options->purpose == TSR_FOR_DIAGNOSIS;
    tsr_lowering lowering = {.graph = b->graph,
                             .batch = b->options->batch,
                             .training = training,
                             .seed = b->model->options.seed,
                             .value = x,
                             .clock = clock,
                             .parameters = b->parameters,
                             .status = b->status};
    for (size_t i = 0; i < b->model->layer_count && !lowering.status; i++)
        b->model->layers[i]->class->lower(b->model->layers[i], &lowering);
    /* The loss takes the logits: the softmax at the end, which is known to be there, is part of it. */
    if (b->options->purpose == TSR_FOR_PREDICTION) tsr_lower_pending(&lowering);
    b->status = lowering.status;
    b->network->output = lowering.value;
}

/* Loss, and the sums that it adds to; returns counts'. */
static int add_loss(builder *b, int labels, int clock)
{
    tsr_network *n = b->network;
    int32_t batch = b->options->batch;
    tsr_loss_descriptor loss = {.rows = batch, .classes = tsr_model_output(b->model).extent[0]};
    int losses = add_value(b, "losses", TSR_ROLE_TEMPORARY, TSR_F32, 1, &batch);
    int hits = add_value(b, "hits", TSR_ROLE_TEMPORARY, TSR_I32, 1, &batch);
    tsr_primitive cross_entropy = {.kind = TSR_KIND_SOFTMAX_CROSS_ENTROPY,
                                   .layer = TSR_NONE,
                                   .input_count = 2,
                                   .inputs = {n->output, labels},
                                   .output_count = 2,
                                   .outputs = {losses, hits},
                                   .as.loss = loss};
    add_primitive(b, &cross_entropy);
    n->loss_sum = add_value(b, "loss sum", TSR_ROLE_INPUT, TSR_F32, 1, (int32_t[]){2});
    int sum = add_replacement(b, n->loss_sum), counts = add_replacement(b, n->counts);
    tsr_primitive accumulate = {.kind = TSR_KIND_ACCUMULATE,
                                .layer = TSR_NONE,
                                .input_count = 5,
                                .inputs = {losses, hits, n->loss_sum, n->counts, clock},
                                .output_count = 2,
                                .outputs = {sum, counts},
                                .as.loss = loss};
    add_primitive(b, &accumulate);
    want(b, sum);
    want(b, counts);
    return counts;
}

static void add_gradients(builder *b, int labels)
{
    if (b->status) return;
    tsr_network *n = b->network;
    tsr_value logits = b->graph->values[n->output];
    int gradient = add_value(b, "logits gradient", TSR_ROLE_TEMPORARY, TSR_F32, logits.rank, logits.extent);
    tsr_primitive cross_entropy = {
        .kind = TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD,
        .layer = TSR_NONE,
        .input_count = 2,
        .inputs = {n->output, labels},
        .output_count = 1,
        .outputs = {gradient},
        .as.loss = {.rows = b->options->batch, .classes = tsr_model_output(b->model).extent[0]}};
    add_primitive(b, &cross_entropy);
    if (b->status) return;
    b->status = tsr_differentiate_graph(b->graph, &n->output, &gradient, 1, b->gradients, (int)b->model->weight_count);
}

static void add_update(builder *b, int slot, int clock, int counts)
{
    const tsr_compile_options *options = &b->model->options;
    tsr_value w = b->graph->values[b->parameters[slot]];
    tsr_primitive update = {
        .kind = TSR_KIND_UPDATE,
        .layer = b->model->weights[slot].layer,
        .input_count = 5,
        .inputs = {b->parameters[slot], b->gradients[slot], b->network->learning_rate, clock, counts},
        .output_count = 1,
        .outputs = {add_replacement(b, b->parameters[slot])},
        .as.update = tsr_compile_options_update(options)};
    update.as.update.count = (int32_t)tsr_value_count(&w);
    for (int moment = 0; moment < tsr_compile_options_moments(options) && !b->status; moment++) {
        char name[sizeof w.name];
        snprintf(name, sizeof name, "%.80s %s", w.name, options->sgd ? "m" : moment ? "v" : "m");
        int state = add_value(b, name, TSR_ROLE_STATE, TSR_F32, w.rank, w.extent);
        if (state == TSR_NONE) return;
        b->graph->values[state].slot = slot;
        b->graph->values[state].moment = moment;
        update.inputs[update.input_count++] = state;
        update.outputs[update.output_count++] = add_replacement(b, state);
    }
    add_primitive(b, &update);
    for (int i = 0; i < update.output_count; i++) want(b, update.outputs[i]);
}

/* The model as it was built, for its purpose. */
static void build(builder *b)
{
    tsr_network *n = b->network;
    tsr_purpose purpose = b->options->purpose;
    int clock = add_clock(b);
    int x = add_images(b, clock);
    int labels = TSR_NONE;
    if (purpose != TSR_FOR_PREDICTION) {
        n->labels = add_value(b, "labels", TSR_ROLE_INPUT, TSR_I32, 1, &b->options->samples);
        labels = add_gather(b, n->labels, clock, "batch labels", TSR_I32, 1.0f);
    }
    add_parameters(b);
    add_layers(b, x, clock);
    want(b, clock);
    if (purpose == TSR_FOR_PREDICTION) {
        want(b, n->output);
        return;
    }
    int counts = add_loss(b, labels, clock);
    if (purpose == TSR_FOR_EVALUATION) return;
    add_gradients(b, labels);
    if (purpose == TSR_FOR_DIAGNOSIS) {
        for (int i = 0; i < (int)b->graph->value_count; i++)
            if (b->graph->values[i].maker != TSR_NONE && b->graph->values[i].replaces == TSR_NONE) want(b, i);
        return;
    }
    n->learning_rate = add_value(b, "learning rate", TSR_ROLE_INPUT, TSR_F32, 1, (int32_t[]){1});
    for (int slot = 0; slot < (int)b->model->weight_count && !b->status; slot++)
        if (b->gradients[slot] != TSR_NONE) add_update(b, slot, clock, counts);
}

tsr_status tsr_network_create(const tsr_model *model, const tsr_network_options *options, tsr_network *network)
{
    *network = (tsr_network){.images = TSR_NONE,
                             .labels = TSR_NONE,
                             .order = TSR_NONE,
                             .clock = TSR_NONE,
                             .counts = TSR_NONE,
                             .loss_sum = TSR_NONE,
                             .learning_rate = TSR_NONE,
                             .output = TSR_NONE};
    builder b = {.model = model, .options = options, .network = network, .graph = &network->graph};
    if (options->purpose != TSR_FOR_PREDICTION && (b.status = tsr_model_check_loss(model))) return b.status;

    /* Ten values a layer are more than any has with its gradients; parameters have their moments besides. */
    size_t most = 64 + 32 * model->layer_count + 8 * model->weight_count;
    network->wanted = tsr_alloc(most, sizeof *network->wanted);
    b.parameters = tsr_alloc(model->weight_count, sizeof *b.parameters);
    b.gradients = tsr_alloc(model->weight_count, sizeof *b.gradients);
    if (!network->wanted || !b.parameters || !b.gradients) {
        b.status = tsr_fail_memory("the graph", most * sizeof *network->wanted);
        goto done;
    }
    for (size_t i = 0; i < model->weight_count; i++) b.gradients[i] = TSR_NONE;
    build(&b);

done:
    free(b.parameters);
    free(b.gradients);
    if (b.status) tsr_network_clear(network);
    return b.status;
}

void tsr_network_clear(tsr_network *network)
{
    tsr_graph_clear(&network->graph);
    free(network->wanted);
    network->wanted = NULL;
    network->wanted_count = 0;
}
