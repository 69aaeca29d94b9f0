/* Loading: the configuration makes the model, then every data set is checked against it, then the weights are read. */
#include "io/keras_h5.h"

#ifdef TSR_WITH_HDF5

#include "base/memory.h"
#include "base/status.h"
#include "io/h5.h"
#include "io/keras_json.h"

#include <stdio.h>
#include <string.h>

/* Where one tensor of weights lies, as the file's attributes tell. */
typedef struct place {
    char *layer, *weight; /* /model_weights/LAYER/WEIGHT */
} place;

typedef struct places {
    place *list;
    size_t count, capacity;
} places;

static void places_clear(places *all)
{
    for (size_t i = 0; i < all->count; i++) {
        free(all->list[i].layer);
        free(all->list[i].weight);
    }
    free(all->list);
}

static tsr_status places_add(places *all, const char *layer, const char *weight)
{
    if (!tsr_grow((void **)&all->list, &all->capacity, all->count + 1, sizeof *all->list)) {
        return tsr_fail_memory("names", sizeof *all->list);
    }
    place *added = &all->list[all->count];
    *added = (place){tsr_copy_text(layer), tsr_copy_text(weight)};
    all->count++;
    return added->layer && added->weight ? TSR_OK : tsr_fail_memory("names", strlen(layer) + strlen(weight));
}

/* Reads an attribute that holds one JSON text. */
static tsr_status read_json(hid_t object, const char *where, const char *name, json_t **value)
{
    tsr_h5_strings text;
    *value = NULL;
    tsr_status status = tsr_h5_read_strings(object, where, name, &text);
    if (status != TSR_OK) return status;
    if (text.count != 1)
        status = tsr_fail(TSR_FORMAT, "%s is not one text", name);
    else
        status = tsr_keras_parse(text.text[0], strlen(text.text[0]), value);
    tsr_h5_strings_clear(&text);
    return status == TSR_OK ? TSR_OK : tsr_fail_in(status, "%s", name);
}

static tsr_status read_model(hid_t file, tsr_model **model)
{
    json_t *network;
    if (!tsr_h5_has_attribute(file, "model_config")) {
        return tsr_fail(TSR_FORMAT, "holds no model_config, so it is not a whole Keras model (save_weights leaves the "
                                    "network out; model.save(\"x.h5\") does not)");
    }
    tsr_status status = read_json(file, "/", "model_config", &network);
    if (status == TSR_OK) status = tsr_keras_read_network(network, model);
    json_decref(network);
    return status;
}

/* The weights of one layer, if it has any. */
static tsr_status find_layer(hid_t group, const char *layer, places *all)
{
    char where[512];
    hid_t object;
    tsr_h5_strings names;
    snprintf(where, sizeof where, "/model_weights/%s", layer);
    tsr_status status = tsr_h5_open_object(group, "/model_weights", layer, &object);
    if (status != TSR_OK) return status;
    status = tsr_h5_read_strings(object, where, "weight_names", &names);
    H5Oclose(object);
    for (size_t i = 0; status == TSR_OK && i < names.count; i++) status = places_add(all, layer, names.text[i]);
    tsr_h5_strings_clear(&names);
    return status;
}

static tsr_status find_weights(hid_t group, places *all)
{
    tsr_h5_strings layers;
    tsr_status status = tsr_h5_read_strings(group, "/model_weights", "layer_names", &layers);
    for (size_t i = 0; status == TSR_OK && i < layers.count; i++) status = find_layer(group, layers.text[i], all);
    tsr_h5_strings_clear(&layers);
    return status;
}

/* Opens the data set of the model's weight `number` and checks it; *set < 0 on failure. */
static tsr_status open_weight(hid_t group, const place *at, tsr_model *model, int number, char where[1024], hid_t *set)
{
    hid_t layer;
    tsr_weight_info wanted = tsr_model_weight(model, number);
    *set = -1;
    snprintf(where, 1024, "/model_weights/%s", at->layer);
    tsr_status status = tsr_h5_open_object(group, "/model_weights", at->layer, &layer);
    if (status != TSR_OK) return status;
    status = tsr_h5_open_object(layer, where, at->weight, set);
    H5Oclose(layer);
    if (status != TSR_OK) return status;
    snprintf(where, 1024, "/model_weights/%s/%s", at->layer, at->weight);
    status = tsr_h5_check_floats(*set, where, wanted.rank, wanted.extent);
    if (status != TSR_OK) {
        H5Oclose(*set);
        *set = -1;
    }
    return status;
}

static tsr_status check_weights(hid_t group, const places *all, tsr_model *model)
{
    char where[1024];
    int count = tsr_model_weight_count(model);
    for (int i = 0; i < count && (size_t)i < all->count; i++) {
        hid_t set;
        tsr_status status = open_weight(group, &all->list[i], model, i, where, &set);
        if (status != TSR_OK) return status;
        H5Oclose(set);
    }
    if ((size_t)count > all->count) {
        return tsr_fail(TSR_FORMAT, "/model_weights: the weights of %s are missing (%zu tensors of %d are named)",
                        tsr_model_weight(model, (int)all->count).name, all->count, count);
    }
    if ((size_t)count < all->count) {
        return tsr_fail(TSR_FORMAT, "/model_weights: %zu tensors are named where the model has %d", all->count, count);
    }
    return TSR_OK;
}

static tsr_status load_weights(hid_t group, const places *all, tsr_model *model)
{
    char where[1024];
    tsr_status status = TSR_OK;
    for (int i = 0; status == TSR_OK && i < tsr_model_weight_count(model); i++) {
        size_t count = tsr_model_weight(model, i).count;
        hid_t set;
        status = open_weight(group, &all->list[i], model, i, where, &set);
        if (status != TSR_OK) return status;
        float *values = tsr_alloc(count, sizeof *values);
        status = values ? tsr_h5_read_floats(set, where, values) : tsr_fail_memory(where, count * sizeof *values);
        if (status == TSR_OK) status = tsr_model_set_weight(model, i, values);
        free(values);
        H5Oclose(set);
    }
    return status;
}

static tsr_status read_file(hid_t file, tsr_model **model)
{
    hid_t group = -1;
    places all = {0};
    tsr_status status = read_model(file, model);
    if (status == TSR_OK) status = tsr_h5_open_object(file, "", "model_weights", &group);
    if (status == TSR_OK) status = find_weights(group, &all);
    if (status == TSR_OK) status = check_weights(group, &all, *model);
    if (status == TSR_OK) status = load_weights(group, &all, *model);
    places_clear(&all);
    if (group >= 0) H5Oclose(group);
    return status;
}

tsr_status tsr_keras_h5_read(const char *path, tsr_model **model)
{
    tsr_h5_session session;
    hid_t file;
    *model = NULL;
    tsr_h5_enter(&session);
    tsr_status status = tsr_h5_open(path, &file);
    if (status == TSR_OK) {
        status = read_file(file, model);
        H5Fclose(file);
    }
    tsr_h5_leave(&session);
    if (status != TSR_OK) {
        tsr_model_free(*model);
        *model = NULL;
    }
    return status;
}

#endif
