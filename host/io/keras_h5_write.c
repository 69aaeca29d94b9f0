/* Saving: the file is built in memory, so that writing it is one act that can fail without leaving HDF5 half done. */
#include "io/keras_h5.h"

#ifdef TSR_WITH_HDF5

#include "base/memory.h"
#include "base/status.h"
#include "base/text.h"
#include "io/h5.h"
#include "io/keras_json.h"

#include <stdio.h>
#include <string.h>

/* The oldest Keras that the file must suit. */
#define KERAS_VERSION "2.15.0"
/* An attribute of more bytes does not fit into an object's header; Keras numbers the parts. */
#define ATTRIBUTE_LIMIT 64000

/* What is written to, and whether all went well so far. */
typedef struct writer {
    hid_t file, links; /* links: makes the groups on the way to an object */
    bool failed;
} writer;

/* Takes note of a call's result. */
static hid_t note(writer *out, hid_t result)
{
    if (result < 0) out->failed = true;
    return result;
}

static void write_text(writer *out, hid_t object, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t attribute = note(out, H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    note(out, H5Awrite(attribute, type, &text));
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static void write_json(writer *out, hid_t object, const char *name, json_t *value)
{
    char *text = value ? json_dumps(value, TSR_KERAS_JSON_FLAGS) : NULL;
    if (text)
        write_text(out, object, name, text);
    else
        out->failed = true;
    free(text);
    json_decref(value);
}

/* Writes `count` strings of fixed length, one after another in `bytes`. */
static void write_part(writer *out, hid_t object, const char *name, const char *bytes, size_t length, size_t count)
{
    hsize_t extent = count;
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &extent, NULL);
    H5Tset_size(type, length);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    hid_t attribute = note(out, H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT));
    note(out, H5Awrite(attribute, type, bytes));
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

/* No names: an empty array of float64, as Keras writes it. */
static void write_no_names(writer *out, hid_t object, const char *name)
{
    hsize_t extent = 0;
    hid_t space = H5Screate_simple(1, &extent, NULL);
    H5Aclose(note(out, H5Acreate2(object, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT)));
    H5Sclose(space);
}

static void write_names(writer *out, hid_t object, const char *name, char *const *names, size_t count)
{
    char part_name[64];
    size_t length = 1;
    for (size_t i = 0; i < count; i++) length = strlen(names[i]) > length ? strlen(names[i]) : length;
    char *bytes = tsr_alloc(count, length);
    if (!bytes || count == 0) {
        out->failed = out->failed || !bytes;
        write_no_names(out, object, name);
        free(bytes);
        return;
    }
    for (size_t i = 0; i < count; i++) memcpy(bytes + i * length, names[i], strlen(names[i]));
    size_t most = length < ATTRIBUTE_LIMIT ? ATTRIBUTE_LIMIT / length : 1;
    for (size_t first = 0, part = 0; first < count; first += most, part++) {
        if (count > most)
            snprintf(part_name, sizeof part_name, "%s%zu", name, part);
        else
            snprintf(part_name, sizeof part_name, "%s", name);
        write_part(out, object, part_name, bytes + first * length, length, count - first < most ? count - first : most);
    }
    free(bytes);
}

/* A data set below `group`; rank 0 is a scalar. */
static void write_set(writer *out, hid_t group, const char *name, hid_t stored, hid_t given, int rank,
                      const int32_t *extent, const void *data)
{
    hsize_t extents[4];
    for (int axis = 0; axis < rank; axis++) extents[axis] = (hsize_t)extent[axis];
    hid_t space = rank ? H5Screate_simple(rank, extents, NULL) : H5Screate(H5S_SCALAR);
    hid_t set = note(out, H5Dcreate2(group, name, stored, space, out->links, H5P_DEFAULT, H5P_DEFAULT));
    note(out, H5Dwrite(set, given, H5S_ALL, H5S_ALL, H5P_DEFAULT, data));
    H5Dclose(set);
    H5Sclose(space);
}

static void write_floats(writer *out, hid_t group, const char *name, const tsr_weight_info *about, const float *data)
{
    write_set(out, group, name, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, about->rank, about->extent, data);
}

/* A list of names that is being made. */
static void add_name(writer *out, tsr_h5_strings *names, const char *prefix, const char *name, const char *suffix)
{
    tsr_text text = {0};
    tsr_text_add(&text, "%s%s%s", prefix, name, suffix);
    char *full = tsr_text_take(&text);
    if (!full || !tsr_grow((void **)&names->text, &names->capacity, names->count + 1, sizeof *names->text)) {
        out->failed = true;
        free(full);
        return;
    }
    names->text[names->count++] = full;
}

/* A layer's group with its weights; all layers but the input have one. */
static tsr_status write_layer(writer *out, hid_t weights, tsr_model *model, int number)
{
    tsr_status status = TSR_OK;
    tsr_h5_strings names = {0};
    hid_t group =
        note(out, H5Gcreate2(weights, tsr_model_layer(model, number).name, out->links, H5P_DEFAULT, H5P_DEFAULT));
    for (int i = 0; i < tsr_model_weight_count(model) && status == TSR_OK; i++) {
        tsr_weight_info about = tsr_model_weight(model, i);
        if (about.layer != number) continue;
        add_name(out, &names, "", about.name, ":0");
        float *data = tsr_alloc(about.count, sizeof *data);
        status = data ? tsr_model_get_weight(model, i, data) : tsr_fail_memory(about.name, about.count * sizeof *data);
        if (status == TSR_OK && !out->failed) write_floats(out, group, names.text[names.count - 1], &about, data);
        free(data);
    }
    write_names(out, group, "weight_names", names.text, names.count);
    tsr_h5_strings_clear(&names);
    H5Gclose(group);
    return status;
}

static tsr_status write_weights(writer *out, tsr_model *model)
{
    tsr_status status = TSR_OK;
    tsr_h5_strings names = {0};
    hid_t group = note(out, H5Gcreate2(out->file, "model_weights", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    for (int i = 1; i < tsr_model_layer_count(model) && status == TSR_OK; i++) {
        add_name(out, &names, "", tsr_model_layer(model, i).name, "");
        status = write_layer(out, group, model, i);
    }
    write_names(out, group, "layer_names", names.text, names.count);
    write_text(out, group, "backend", "tensorflow");
    write_text(out, group, "keras_version", KERAS_VERSION);
    tsr_h5_strings_clear(&names);
    H5Gclose(group);
    return status;
}

/* iteration, then the moments of each weight in turn, as Keras 2.15's optimizers list them. */
static tsr_status write_optimizer(writer *out, tsr_model *model)
{
    static const char *const letters[2] = {"m", "v"};
    tsr_status status = TSR_OK;
    tsr_h5_strings names = {0};
    bool sgd = tsr_model_compile_options(model).sgd;
    int64_t step = tsr_model_step(model);
    hid_t group = note(out, H5Gcreate2(out->file, "optimizer_weights", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    add_name(out, &names, "", "iteration", ":0");
    write_set(out, group, "iteration:0", H5T_STD_I64LE, H5T_NATIVE_INT64, 0, NULL, &step);
    for (int i = 0; i < tsr_model_weight_count(model); i++) {
        tsr_weight_info about = tsr_model_weight(model, i);
        float *data = tsr_alloc(about.count, sizeof *data);
        if (!data) status = tsr_fail_memory(about.name, about.count * sizeof *data);
        for (int moment = 0; moment < (sgd ? 1 : 2) && status == TSR_OK; moment++) {
            char prefix[16];
            snprintf(prefix, sizeof prefix, "%s/%s/", sgd ? "SGD" : "Adam", letters[moment]);
            add_name(out, &names, prefix, about.name, ":0");
            /* Keras has a momentum of zeros where plain SGD here has none. */
            if (moment < tsr_model_moment_count(model)) status = tsr_model_get_moment(model, i, moment, data);
            if (status == TSR_OK && !out->failed) write_floats(out, group, names.text[names.count - 1], &about, data);
        }
        free(data);
        if (status != TSR_OK) break;
    }
    write_names(out, group, "weight_names", names.text, names.count);
    tsr_h5_strings_clear(&names);
    H5Gclose(group);
    return status;
}

static tsr_status write_file(writer *out, tsr_model *model, bool keras2)
{
    write_text(out, out->file, "keras_version", KERAS_VERSION);
    write_text(out, out->file, "backend", "tensorflow");
    write_json(out, out->file, "model_config", tsr_keras_network(model));
    tsr_status status = write_weights(out, model);
    if (status == TSR_OK && tsr_model_is_compiled(model)) {
        write_json(out, out->file, "training_config", tsr_keras_training(model, keras2));
        if (keras2) status = write_optimizer(out, model);
    }
    if (status == TSR_OK && H5Fflush(out->file, H5F_SCOPE_GLOBAL) < 0) out->failed = true;
    if (status == TSR_OK && out->failed) {
        status = tsr_fail(TSR_OUT_OF_MEMORY, "the HDF5 file could not be built in memory");
    }
    return status;
}

static tsr_status take_image(hid_t file, void **image, size_t *size)
{
    ssize_t needed = H5Fget_file_image(file, NULL, 0);
    if (needed <= 0) return tsr_fail(TSR_INTERNAL, "HDF5 gives no image of the file");
    *image = tsr_alloc((size_t)needed, 1);
    if (!*image) return tsr_fail_memory("the HDF5 file", (unsigned long long)needed);
    *size = (size_t)needed;
    if (H5Fget_file_image(file, *image, *size) == needed) return TSR_OK;
    free(*image);
    *image = NULL;
    return tsr_fail(TSR_INTERNAL, "HDF5 gives no image of the file");
}

tsr_status tsr_keras_h5_image(tsr_model *model, bool keras2, void **image, size_t *size)
{
    tsr_h5_session session;
    writer out = {-1, -1, false};
    tsr_status status;
    *image = NULL;
    tsr_h5_enter(&session);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 20, 0);
    out.links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(out.links, 1);
    out.file = H5Fcreate("tessera.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access); /* the name is never used on disk */
    status = out.file < 0 ? tsr_fail(TSR_OUT_OF_MEMORY, "the HDF5 file could not be built in memory")
                          : write_file(&out, model, keras2);
    if (status == TSR_OK) status = take_image(out.file, image, size);
    if (out.file >= 0) H5Fclose(out.file);
    H5Pclose(out.links);
    H5Pclose(access);
    tsr_h5_leave(&session);
    return status;
}

#endif
