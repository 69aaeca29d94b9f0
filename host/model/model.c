/* Building a model: layers, their shapes and parameters, and what they are called. */
#include "model/model.h"

#include "base/memory.h"
#include "base/text.h"
#include "model/layers/layers.h"

#include <stdio.h>
#include <string.h>

tsr_status tsr_model_create(const char *name, tsr_model **model)
{
    *model = NULL;
    if (name && !tsr_text_is_plain(name))
        return tsr_fail(TSR_INVALID_ARGUMENT, "the name of the model is not UTF-8 text without control characters");
    tsr_model *made = tsr_alloc(1, sizeof *made);
    if (made) made->name = tsr_copy_text(name ? name : "sequential");
    if (!made || !made->name) {
        free(made);
        return tsr_fail_memory("a model", sizeof *made);
    }
    *model = made;
    return TSR_OK;
}

static void free_layer(tsr_layer *layer)
{
    if (!layer) return;
    free(layer->name);
    free(layer->config);
    free(layer);
}

void tsr_model_free(tsr_model *model)
{
    if (!model) return;
    tsr_model_release_device(model);
    for (size_t i = 0; i < model->layer_count; i++) free_layer(model->layers[i]);
    for (size_t i = 0; i < model->weight_count; i++) free(model->weights[i].values);
    free(model->layers);
    free(model->weights);
    free(model->name);
    free(model);
}

static bool name_is_taken(const tsr_model *model, const char *name)
{
    for (size_t i = 0; i < model->layer_count; i++)
        if (strcmp(model->layers[i]->name, name) == 0) return true;
    return false;
}

/* The layer's name: the given one, or the class's stem with the first number that is free, as Keras counts. */
static tsr_status choose_name(const tsr_model *model, const char *name, tsr_layer *layer)
{
    char automatic[64];
    if (name && name_is_taken(model, name))
        return tsr_fail(TSR_INVALID_ARGUMENT, "the name %s is that of two layers; each layer needs a name of its own",
                        name);
    if (name && !tsr_text_is_plain(name))
        return tsr_fail(TSR_INVALID_ARGUMENT, "the name of layer %d is not UTF-8 text without control characters",
                        layer->number);
    if (name && (!*name || strlen(name) > 63 || strchr(name, '/')))
        return tsr_fail(TSR_INVALID_ARGUMENT,
                        "\"%.80s\" is no name for a layer: 1 to 63 characters without a slash are wanted", name);
    for (int n = layer->class_number; !name; n++) {
        if (n)
            snprintf(automatic, sizeof automatic, "%s_%d", layer->class->stem, n);
        else
            snprintf(automatic, sizeof automatic, "%s", layer->class->stem);
        if (!name_is_taken(model, automatic)) name = automatic;
    }
    layer->name = tsr_copy_text(name);
    return layer->name ? TSR_OK : tsr_fail_memory("a layer's name", strlen(name) + 1);
}

/* Refuses shapes and parameters with more elements than an int32_t counts. */
static tsr_status check_size(const tsr_layer *layer)
{
    int64_t count = 1;
    for (int i = 0; i < layer->output.rank; i++)
        if ((count *= layer->output.extent[i]) > INT32_MAX)
            return tsr_fail(TSR_UNSUPPORTED, "layer %s: its output has more than %d elements", layer->name, INT32_MAX);
    for (int p = 0; p < layer->parameter_count; p++) {
        count = 1;
        for (int i = 0; i < layer->parameters[p].rank; i++)
            if ((count *= layer->parameters[p].extent[i]) > INT32_MAX)
                return tsr_fail(TSR_UNSUPPORTED, "layer %s: its %s has more than %d elements", layer->name,
                                layer->parameters[p].name, INT32_MAX);
    }
    return TSR_OK;
}

static tsr_status fill_layer(const tsr_model *model, const char *name, const void *config, tsr_layer *layer)
{
    const tsr_layer_class *class = layer->class;
    for (size_t i = 0; i < model->layer_count; i++)
        if (model->layers[i]->class == class) layer->class_number++;
    layer->number = (int)model->layer_count;
    layer->first_slot = (int)model->weight_count;
    tsr_status status = choose_name(model, name, layer);
    if (status) return status;
    if (!(layer->config = tsr_alloc(1, class->config_size))) return tsr_fail_memory("a layer", class->config_size);
    if (config) memcpy(layer->config, config, class->config_size);
    if ((status = tsr_layer_check(class, layer->name, layer->config))) return status;
    if (model->layer_count) layer->input = model->layers[model->layer_count - 1]->output;
    if ((status = class->infer(layer))) return status;
    if (class->parameters) class->parameters(layer);
    return check_size(layer);
}

tsr_status tsr_model_add_layer(tsr_model *model, const tsr_layer_class *class, const char *name, const void *config)
{
    bool input = class == &tsr_layer_input;
    if (model->device)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the model %s is compiled already; add its layers before that",
                        model->name);
    if (input != (model->layer_count == 0))
        return tsr_fail(TSR_INVALID_ARGUMENT,
                        input ? "the model %s has an input already" : "the model %s has no input yet; add it first",
                        model->name);
    tsr_layer *layer = tsr_alloc(1, sizeof *layer);
    if (!layer) return tsr_fail_memory("a layer", sizeof *layer);
    layer->class = class;
    tsr_status status = fill_layer(model, name, config, layer);
    if (!status &&
        (!tsr_grow((void **)&model->layers, &model->layer_capacity, model->layer_count + 1, sizeof *model->layers) ||
         !tsr_grow((void **)&model->weights, &model->weight_capacity, model->weight_count + TSR_LAYER_PARAMETERS,
                   sizeof *model->weights)))
        status = tsr_fail_memory("a layer", sizeof *layer);
    if (status) {
        free_layer(layer);
        return status;
    }
    for (int i = 0; i < layer->parameter_count; i++)
        model->weights[model->weight_count++] = (tsr_host_weight){.layer = layer->number, .parameter = i};
    model->layers[model->layer_count++] = layer;
    return TSR_OK;
}

tsr_status tsr_model_add_input(tsr_model *model, const tsr_input_config *config)
{
    return tsr_model_add_layer(model, &tsr_layer_input, config ? config->name : NULL, config);
}

tsr_status tsr_model_add_conv2d(tsr_model *model, const tsr_conv2d_config *config)
{
    return tsr_model_add_layer(model, &tsr_layer_conv2d, config ? config->name : NULL, config);
}

tsr_status tsr_model_add_max_pooling2d(tsr_model *model, const tsr_pooling2d_config *config)
{
    return tsr_model_add_layer(model, &tsr_layer_max_pooling2d, config ? config->name : NULL, config);
}

tsr_status tsr_model_add_average_pooling2d(tsr_model *model, const tsr_pooling2d_config *config)
{
    return tsr_model_add_layer(model, &tsr_layer_average_pooling2d, config ? config->name : NULL, config);
}

tsr_status tsr_model_add_flatten(tsr_model *model, const tsr_flatten_config *config)
{
    return tsr_model_add_layer(model, &tsr_layer_flatten, config ? config->name : NULL, config);
}

tsr_status tsr_model_add_dense(tsr_model *model, const tsr_dense_config *config)
{
    return tsr_model_add_layer(model, &tsr_layer_dense, config ? config->name : NULL, config);
}

tsr_status tsr_model_add_activation(tsr_model *model, const tsr_activation_config *config)
{
    return tsr_model_add_layer(model, &tsr_layer_activation, config ? config->name : NULL, config);
}

tsr_status tsr_model_add_dropout(tsr_model *model, const tsr_dropout_config *config)
{
    return tsr_model_add_layer(model, &tsr_layer_dropout, config ? config->name : NULL, config);
}

const tsr_layer *tsr_model_layer_at(const tsr_model *model, int number)
{
    return model->layers[number];
}

const char *tsr_model_name(const tsr_model *model)
{
    return model->name;
}

int tsr_model_layer_count(const tsr_model *model)
{
    return (int)model->layer_count;
}

size_t tsr_parameter_count(const tsr_parameter *parameter)
{
    size_t count = 1;
    for (int i = 0; i < parameter->rank; i++) count *= (size_t)parameter->extent[i];
    return count;
}

tsr_layer_info tsr_model_layer(const tsr_model *model, int number)
{
    const tsr_layer *layer = model->layers[number];
    tsr_layer_info info = {.name = layer->name,
                           .class_name = layer->class->name,
                           .rank = layer->output.rank,
                           .input_rank = layer->input.rank};
    memcpy(info.input, layer->input.extent, sizeof info.input);
    memcpy(info.output, layer->output.extent, sizeof info.output);
    for (int i = 0; i < layer->parameter_count; i++)
        info.parameters += (int64_t)tsr_parameter_count(&layer->parameters[i]);
    return info;
}

int64_t tsr_model_parameters(const tsr_model *model)
{
    int64_t count = 0;
    for (int slot = 0; slot < (int)model->weight_count; slot++)
        count += (int64_t)tsr_parameter_count(tsr_model_parameter(model, slot));
    return count;
}

const tsr_parameter *tsr_model_parameter(const tsr_model *model, int slot)
{
    const tsr_host_weight *weight = &model->weights[slot];
    return &model->layers[weight->layer]->parameters[weight->parameter];
}

int tsr_model_weight_count(const tsr_model *model)
{
    return (int)model->weight_count;
}

tsr_weight_info tsr_model_weight(const tsr_model *model, int number)
{
    const tsr_parameter *parameter = tsr_model_parameter(model, number);
    int layer = model->weights[number].layer;
    tsr_weight_info info = {.layer = layer, .rank = parameter->rank, .count = tsr_parameter_count(parameter)};
    memcpy(info.extent, parameter->extent, sizeof info.extent);
    snprintf(info.name, sizeof info.name, "%s/%s", model->layers[layer]->name, parameter->name);
    return info;
}

tsr_shape tsr_model_output(const tsr_model *model)
{
    return model->layer_count ? model->layers[model->layer_count - 1]->output : (tsr_shape){0};
}

int32_t tsr_model_outputs(const tsr_model *model)
{
    tsr_shape shape = tsr_model_output(model);
    int32_t count = shape.rank ? 1 : 0;
    for (int i = 0; i < shape.rank; i++) count *= shape.extent[i];
    return count;
}

tsr_status tsr_model_check_loss(const tsr_model *model)
{
    const tsr_layer *last = model->layer_count ? model->layers[model->layer_count - 1] : NULL;
    tsr_activation function = TSR_LINEAR;
    if (last && last->class == &tsr_layer_dense) function = ((const tsr_dense_config *)last->config)->activation;
    if (last && last->class == &tsr_layer_activation)
        function = ((const tsr_activation_config *)last->config)->activation;
    if (!last || last->output.rank != 1 || function != TSR_SOFTMAX)
        return tsr_fail(TSR_UNSUPPORTED,
                        "the model %s does not end in a softmax over its classes: training and evaluation use sparse "
                        "categorical cross-entropy, so the last layer must be a Dense or an Activation with softmax "
                        "whose output is one row a sample",
                        model->name);
    return TSR_OK;
}

tsr_status tsr_model_create_reference(int32_t height, int32_t width, int32_t channels, int32_t classes,
                                      tsr_model **model)
{
    tsr_model *made = NULL;
    const tsr_input_config input = {.height = height, .width = width, .channels = channels};
    tsr_conv2d_config conv2d = {.kernel_size = {3, 3}, .padding = TSR_PADDING_SAME, .activation = TSR_RELU};
    tsr_status status = tsr_model_create(NULL, &made);
    if (!status) status = tsr_model_add_input(made, &input);
    for (conv2d.filters = 32; conv2d.filters <= 64; conv2d.filters *= 2) {
        if (!status) status = tsr_model_add_conv2d(made, &conv2d);
        if (!status) status = tsr_model_add_max_pooling2d(made, NULL);
    }
    if (!status) status = tsr_model_add_flatten(made, NULL);
    if (!status) status = tsr_model_add_dense(made, &(tsr_dense_config){.units = 100, .activation = TSR_RELU});
    if (!status) status = tsr_model_add_dropout(made, &(tsr_dropout_config){.rate = 0.4f});
    if (!status) status = tsr_model_add_dense(made, &(tsr_dense_config){.units = classes, .activation = TSR_SOFTMAX});
    if (status) {
        tsr_model_free(made);
        return status;
    }
    *model = made;
    return TSR_OK;
}
