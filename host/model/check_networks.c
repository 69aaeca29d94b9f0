#include "model/check_networks.h"

#include "base/memory.h"
#include "model/model.h"
#include "model/network.h"

enum { BATCH = 3, SIDE = 12, CHANNELS = 2, CLASSES = 5, MOST_LAYERS = 12 };

typedef enum layer_kind { END, CONV, MAX_POOL, AVERAGE_POOL, FLATTEN, DENSE, DROPOUT } layer_kind;

/* A layer in few words: of a convolution `size` filters, of a dense layer units. */
typedef struct layer_row {
    layer_kind kind;
    int32_t size, window, stride;
    tsr_activation activation;
    tsr_padding padding;
    bool no_bias;
} layer_row;

static const struct small_network {
    bool sgd;
    float momentum;
    layer_row layers[MOST_LAYERS];
} networks[] = {
    /* The usual one. */
    {.layers =
         {{.kind = CONV, .size = 16, .window = 3, .stride = 1, .activation = TSR_RELU, .padding = TSR_PADDING_SAME},
          {.kind = MAX_POOL, .window = 2},
          {.kind = CONV, .size = 16, .window = 3, .stride = 1, .activation = TSR_RELU, .padding = TSR_PADDING_SAME},
          {.kind = MAX_POOL, .window = 2},
          {.kind = FLATTEN},
          {.kind = DENSE, .size = 20, .activation = TSR_RELU},
          {.kind = DROPOUT},
          {.kind = DENSE, .size = CLASSES, .activation = TSR_SOFTMAX}}},
    /* Convolutions without an activation, alone, before a pool and behind one another. */
    {.sgd = true,
     .momentum = 0.9f,
     .layers = {{.kind = CONV, .size = 16, .window = 3, .stride = 1},
                {.kind = CONV, .size = 16, .window = 3, .stride = 1, .padding = TSR_PADDING_SAME},
                {.kind = MAX_POOL, .window = 2},
                {.kind = CONV, .size = 16, .window = 3, .stride = 1, .padding = TSR_PADDING_SAME},
                {.kind = FLATTEN},
                {.kind = DENSE, .size = 24},
                {.kind = DENSE, .size = CLASSES, .activation = TSR_SOFTMAX}}},
    /* A pool right behind the images' convolution, windows that overlap, strides, kernels of one tap. */
    {.sgd = true,
     .layers =
         {{.kind = CONV, .size = 12, .window = 5, .stride = 1, .padding = TSR_PADDING_SAME},
          {.kind = MAX_POOL, .window = 2},
          {.kind = CONV, .size = 8, .window = 1, .stride = 1, .activation = TSR_TANH, .no_bias = true},
          {.kind = CONV, .size = 8, .window = 3, .stride = 2, .activation = TSR_GELU, .padding = TSR_PADDING_SAME},
          {.kind = AVERAGE_POOL, .window = 2, .stride = 1},
          {.kind = FLATTEN},
          {.kind = DENSE, .size = 300, .activation = TSR_GELU, .no_bias = true},
          {.kind = DENSE, .size = CLASSES, .activation = TSR_SOFTMAX}}},
};

enum { NETWORKS = sizeof networks / sizeof *networks, PURPOSES = 3 };

static tsr_status add_layer(tsr_model *model, const layer_row *row)
{
    const tsr_pooling2d_config pool = {
        .pool_size = {row->window, row->window}, .strides = {row->stride, row->stride}, .padding = row->padding};
    switch (row->kind) {
    case CONV:
        return tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = row->size,
                                                                .kernel_size = {row->window, row->window},
                                                                .strides = {row->stride, row->stride},
                                                                .padding = row->padding,
                                                                .activation = row->activation,
                                                                .no_bias = row->no_bias});
    case MAX_POOL:
        return tsr_model_add_max_pooling2d(model, &pool);
    case AVERAGE_POOL:
        return tsr_model_add_average_pooling2d(model, &pool);
    case FLATTEN:
        return tsr_model_add_flatten(model, NULL);
    case DENSE:
        return tsr_model_add_dense(
            model, &(tsr_dense_config){.units = row->size, .activation = row->activation, .no_bias = row->no_bias});
    case DROPOUT:
        return tsr_model_add_dropout(model, &(tsr_dropout_config){.rate = 0.4f});
    case END:
        break;
    }
    return TSR_OK;
}

static tsr_status make_model(const struct small_network *small, tsr_model **model)
{
    tsr_status status = tsr_model_create(NULL, model);
    if (status) return status;
    status = tsr_model_add_input(*model, &(tsr_input_config){.height = SIDE, .width = SIDE, .channels = CHANNELS});
    for (const layer_row *row = small->layers; row->kind != END && !status; row++) status = add_layer(*model, row);
    (*model)->options = (tsr_compile_options){.sgd = small->sgd, .momentum = small->momentum};
    return status ? status : tsr_compile_options_complete(&(*model)->options);
}

static tsr_status add_purposes(const struct small_network *small, tsr_check_graphs *graphs)
{
    static const tsr_purpose purposes[PURPOSES] = {TSR_FOR_TRAINING, TSR_FOR_EVALUATION, TSR_FOR_PREDICTION};
    tsr_model *model = NULL;
    tsr_status status = make_model(small, &model);
    for (int i = 0; i < PURPOSES && !status; i++) {
        tsr_network network;
        const tsr_network_options options = {.purpose = purposes[i], .batch = BATCH, .samples = BATCH, .order = BATCH};
        status = tsr_network_create(model, &options, &network);
        if (status) break;
        graphs->graphs[graphs->count++] = network.graph; /* it moves */
        network.graph = (tsr_graph){0};
        tsr_network_clear(&network);
    }
    tsr_model_free(model);
    return status;
}

/* Stacks of partial sums are added up by the operations on their own. */
static tsr_status add_partials(tsr_check_graphs *graphs)
{
    enum { PARTIALS = 3, COUNT = 100 };
    tsr_graph *graph = &graphs->graphs[graphs->count++];
    int stack = tsr_graph_value(graph, "partial sums", TSR_ROLE_INPUT, TSR_F32, 2, (int32_t[]){PARTIALS, COUNT});
    int sum = tsr_graph_value(graph, "sum", TSR_ROLE_TEMPORARY, TSR_F32, 1, (int32_t[]){COUNT});
    const tsr_primitive primitive = {.kind = TSR_KIND_SUM_PARTIALS,
                                     .layer = TSR_NONE,
                                     .input_count = 1,
                                     .inputs = {stack},
                                     .output_count = 1,
                                     .outputs = {sum},
                                     .as.partials = {.partials = PARTIALS, .count = COUNT}};
    bool made = stack != TSR_NONE && sum != TSR_NONE && tsr_graph_primitive(graph, &primitive) != TSR_NONE;
    return made ? TSR_OK : tsr_fail_memory("a check", sizeof primitive);
}

tsr_status tsr_check_graphs_create(tsr_check_graphs *graphs)
{
    enum { MOST = NETWORKS * PURPOSES + 1 };
    tsr_status status = TSR_OK;
    *graphs = (tsr_check_graphs){.graphs = tsr_alloc(MOST, sizeof *graphs->graphs)};
    if (!graphs->graphs) return tsr_fail_memory("a check", MOST * sizeof *graphs->graphs);
    for (int i = 0; i < NETWORKS && !status; i++) status = add_purposes(&networks[i], graphs);
    return status ? status : add_partials(graphs);
}

void tsr_check_graphs_clear(tsr_check_graphs *graphs)
{
    for (int i = 0; i < graphs->count; i++) tsr_graph_clear(&graphs->graphs[i]);
    free(graphs->graphs);
    *graphs = (tsr_check_graphs){0};
}
