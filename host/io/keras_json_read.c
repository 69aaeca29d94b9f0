/* From Keras's configuration of a Sequential model to the model. Every key is either understood or refused. */
#include "io/keras_json.h"

#include "base/memory.h"
#include "base/status.h"

#include <string.h>

#define LAYER_LIMIT 10000

static const char *text_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* Whether a value says that an option is not used; then it does not matter that the option is not known. */
static bool unused(const json_t *value)
{
    return json_is_null(value) || json_is_false(value);
}

/* "float32" or {"class_name": "DTypePolicy", "config": {"name": "float32"}}. */
static tsr_status check_dtype(const char *layer, const json_t *value)
{
    const char *name = json_string_value(value);
    if (!name) name = text_of(json_object_get(value, "config"), "name");
    if (name && strcmp(name, "float32") == 0) return TSR_OK;
    return tsr_fail(TSR_UNSUPPORTED, "layer \"%s\": dtype %s is not supported; only float32 is", layer,
                    name ? name : "(not a name)");
}

/* The keys that every layer has. *known tells whether it was one of them. */
static tsr_status read_common(const char *layer, const char *key, const json_t *value, bool *known)
{
    *known = true;
    if (strcmp(key, "name") == 0) return TSR_OK;
    if (strcmp(key, "dtype") == 0) return check_dtype(layer, value);
    if (strcmp(key, "trainable") == 0) {
        if (json_is_true(value)) return TSR_OK;
        return tsr_fail(TSR_UNSUPPORTED, "layer \"%s\": frozen layers (trainable = false) are not supported", layer);
    }
    *known = false;
    return TSR_OK;
}

static tsr_status read_config(const tsr_layer_class *class, const char *layer, json_t *entries, bool first,
                              void *config)
{
    const char *key;
    json_t *value;
    json_object_foreach(entries, key, value)
    {
        bool known;
        tsr_status status = read_common(layer, key, value, &known);
        if (status != TSR_OK) return status;
        if (known) continue;
        const tsr_field *field = tsr_layer_class_field(class, key);
        if (field)
            status = tsr_keras_read_field(field, layer, value, config);
        else if (!unused(value) && !(first && strcmp(key, "batch_input_shape") == 0)) {
            status = tsr_fail(TSR_UNSUPPORTED, "layer \"%s\": the option %s of %s is not supported", layer, key,
                              class->name);
        }
        if (status != TSR_OK) return status;
    }
    return TSR_OK;
}

/* Adds layer `number` of the list. */
static tsr_status read_layer(const json_t *entry, size_t number, tsr_model *model)
{
    const char *class_name = text_of(entry, "class_name"), *registered = text_of(entry, "registered_name");
    json_t *entries = json_object_get(entry, "config");
    if (!class_name || !json_is_object(entries)) {
        return tsr_fail(TSR_FORMAT, "layer %zu has no class_name or no config", number);
    }
    const char *name = text_of(entries, "name");
    const tsr_layer_class *class = registered ? NULL : tsr_layer_class_find(class_name);
    if (!class) {
        return tsr_fail(TSR_UNSUPPORTED, "layer %zu%s%s%s: layers of class %s are not supported", number,
                        name ? ", \"" : "", name ? name : "", name ? "\"" : "", registered ? registered : class_name);
    }
    void *config = tsr_alloc(1, class->config_size);
    if (!config) return tsr_fail_memory("a layer", class->config_size);
    bool first = tsr_model_layer_count(model) == 1;
    tsr_status status = read_config(class, name ? name : class->stem, entries, first, config);
    if (status == TSR_OK) status = tsr_model_add_layer(model, class, name, config);
    free(config);
    return status;
}

/* Some versions of Keras give no InputLayer but the shape of the first layer's input. */
static tsr_status add_missing_input(const json_t *first, tsr_model *model)
{
    const char *class_name = text_of(first, "class_name");
    const json_t *shape = json_object_get(json_object_get(first, "config"), "batch_input_shape");
    if (!shape || (class_name && strcmp(class_name, "InputLayer") == 0)) return TSR_OK;
    json_t *input = json_pack("{s:s, s:{s:O}}", "class_name", "InputLayer", "config", "batch_input_shape", shape);
    if (!input) return tsr_fail_memory("a layer", 0);
    tsr_status status = read_layer(input, 0, model);
    json_decref(input);
    return status;
}

static tsr_status check_sequential(json_t *config)
{
    static const char *const known[] = {"name", "layers", "trainable", "dtype", "build_input_shape"};
    const char *key;
    json_t *value;
    json_object_foreach(config, key, value)
    {
        bool found = unused(value);
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) found = found || strcmp(key, known[i]) == 0;
        if (!found) return tsr_fail(TSR_UNSUPPORTED, "the option %s of Sequential is not supported", key);
    }
    if (json_is_false(json_object_get(config, "trainable"))) {
        return tsr_fail(TSR_UNSUPPORTED, "frozen models (trainable = false) are not supported");
    }
    return TSR_OK;
}

/* Versions before 2.2.3 put the list of layers where the others have an object with it. */
static json_t *layers_of(const json_t *network)
{
    json_t *config = json_object_get(network, "config");
    return json_is_array(config) ? config : json_object_get(config, "layers");
}

tsr_status tsr_keras_read_network(const json_t *network, tsr_model **model)
{
    *model = NULL;
    const char *class_name = text_of(network, "class_name");
    json_t *config = json_object_get(network, "config"), *layers = layers_of(network);
    if (!class_name) return tsr_fail(TSR_FORMAT, "it is not a Keras model's configuration: class_name is missing");
    if (strcmp(class_name, "Sequential") != 0) {
        return tsr_fail(TSR_UNSUPPORTED, "models of class %s are not supported; only Sequential is", class_name);
    }
    if (!json_is_array(layers) || json_array_size(layers) == 0) {
        return tsr_fail(TSR_FORMAT, "the model's configuration has no layers");
    }
    if (json_array_size(layers) > LAYER_LIMIT) {
        return tsr_fail(TSR_UNSUPPORTED, "the model has %zu layers, more than %d", json_array_size(layers),
                        LAYER_LIMIT);
    }
    tsr_status status = check_sequential(config);
    if (status == TSR_OK) status = tsr_model_create(text_of(config, "name"), model);
    if (status == TSR_OK) status = add_missing_input(json_array_get(layers, 0), *model);
    for (size_t i = 0; status == TSR_OK && i < json_array_size(layers); i++) {
        status = read_layer(json_array_get(layers, i), i, *model);
    }
    if (status != TSR_OK) {
        tsr_model_free(*model);
        *model = NULL;
    }
    return status;
}
