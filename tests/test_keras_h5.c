/* Keras's .h5 files: fixtures that Keras 2.15 and Keras 3 saved are read and predict what Keras predicted; what Tessera
 * writes it reads again; files that are wrong in any way are refused with what and where. */
#include "support/fixture.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef TSR_WITH_HDF5

#include "model/layer.h"

#include <hdf5.h>

/* The inputs of data/make_keras_fixtures.py. */
static float *make_images(size_t count)
{
    float *images = malloc(count * sizeof *images);
    for (size_t i = 0; i < count; i++) images[i] = (float)((i * 37 + 11) % 101 / 100.0);
    return images;
}

static void predict(tsr_model *model, int64_t count, float *outputs)
{
    tsr_layer_info input = tsr_model_layer(model, 0);
    tsr_data data = {
        .real = true, .count = count, .height = input.output[0], .width = input.output[1], .channels = input.output[2]};
    float *images = make_images((size_t)count * (size_t)(data.height * data.width * data.channels));
    data.images = images;
    check_ok(tsr_model_predict(model, &data, 0, outputs));
    free(images);
}

/* Loads a fixture and compares its outputs for 3 images with Keras's. */
static void check_outputs(const char *path, int version, const char *name)
{
    char outputs_name[64];
    float outputs[9];
    tsr_model *model;
    snprintf(outputs_name, sizeof outputs_name, "keras%d_outputs.json", version);
    json_t *all = test_json(outputs_name), *wanted = json_object_get(all, name);
    check_ok(tsr_model_load(path, &model));
    check_ok(tsr_model_compile(model, test_device(), NULL));
    ck_assert_int_eq(tsr_model_outputs(model), 3);
    predict(model, 3, outputs);
    for (size_t i = 0; i < 9; i++) {
        ck_assert_float_eq_tol(outputs[i], (float)json_real_value(json_array_get(wanted, i)), 1e-5f);
    }
    json_decref(all);
    tsr_model_free(model);
}

START_TEST(predicts_as_keras)
{
    check_outputs(test_fixture("keras2_small.h5"), 2, "small");
    check_outputs(test_fixture("keras2_variants.h5"), 2, "variants");
    check_outputs(test_fixture("keras3_small.h5"), 3, "small");
    check_outputs(test_fixture("keras3_variants.h5"), 3, "variants");
}
END_TEST

START_TEST(reads_names_and_options)
{
    tsr_model *model;
    check_ok(tsr_model_load(test_fixture("keras3_variants.h5"), &model));
    ck_assert_str_eq(tsr_model_name(model), "variants");
    ck_assert_int_eq(tsr_model_layer_count(model), 13);
    ck_assert_str_eq(tsr_model_layer(model, 0).name, "picture");
    ck_assert_str_eq(tsr_model_layer(model, 1).name, "stem");
    const tsr_conv2d_config *conv2d = tsr_model_layer_at(model, 1)->config;
    ck_assert_int_eq(conv2d->filters, 3);
    ck_assert_int_eq(conv2d->kernel_size[0], 1);
    ck_assert_int_eq(conv2d->kernel_size[1], 3);
    ck_assert_int_eq(conv2d->strides[0], 2);
    ck_assert_int_eq(conv2d->strides[1], 1);
    ck_assert(conv2d->no_bias);
    ck_assert_int_eq(conv2d->activation, TSR_TANH);
    const tsr_pooling2d_config *pool = tsr_model_layer_at(model, 4)->config;
    ck_assert_int_eq(pool->padding, TSR_PADDING_SAME);
    ck_assert_int_eq(pool->strides[0], 1);
    ck_assert_float_eq(((const tsr_dropout_config *)tsr_model_layer_at(model, 6)->config)->rate, 0.25f);
    tsr_model_free(model);
}
END_TEST

/* A model of the variants' kinds, compiled, with weights that are not all alike. */
static tsr_model *make_model(const tsr_compile_options *options)
{
    tsr_model *model;
    check_ok(tsr_model_create("made here", &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 7, .width = 6, .channels = 2}));
    check_ok(tsr_model_add_conv2d(model, &(tsr_conv2d_config){.filters = 3,
                                                              .kernel_size = {3, 2},
                                                              .strides = {1, 2},
                                                              .padding = TSR_PADDING_SAME,
                                                              .activation = TSR_RELU}));
    check_ok(tsr_model_add_average_pooling2d(model, &(tsr_pooling2d_config){.pool_size = {2, 1}}));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dropout(model, &(tsr_dropout_config){.rate = 0.4f}));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 3, .no_bias = true, .name = "last"}));
    check_ok(tsr_model_add_activation(model, &(tsr_activation_config){.activation = TSR_SOFTMAX}));
    check_ok(tsr_model_compile(model, test_device(), options));
    return model;
}

START_TEST(reads_what_it_writes)
{
    tsr_model *model = make_model(&(tsr_compile_options){.seed = 3}), *copy;
    const char *path = test_path("written.h5");
    float before[6], after[6];
    check_ok(tsr_model_save(model, path, NULL));
    check_ok(tsr_model_load(path, &copy));
    ck_assert_str_eq(tsr_model_name(copy), "made here");
    ck_assert_int_eq(tsr_model_layer_count(copy), tsr_model_layer_count(model));
    for (int i = 0; i < tsr_model_layer_count(model); i++) {
        ck_assert_str_eq(tsr_model_layer(copy, i).name, tsr_model_layer(model, i).name);
        ck_assert_str_eq(tsr_model_layer(copy, i).class_name, tsr_model_layer(model, i).class_name);
    }
    check_ok(tsr_model_compile(copy, test_device(), NULL));
    predict(model, 2, before);
    predict(copy, 2, after);
    ck_assert_mem_eq(before, after, sizeof before);
    tsr_model_free(copy);
    tsr_model_free(model);
}
END_TEST

/* Whether the file has a data set or group of this path. */
static bool has(const char *path, const char *object)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    bool there = H5Oexists_by_name(file, object, H5P_DEFAULT) > 0;
    H5Fclose(file);
    return there;
}

START_TEST(writes_the_optimizer_for_keras_2)
{
    int64_t iteration = -1;
    float moment[36];
    const char *path = test_path("keras2.h5");
    tsr_model *model = make_model(NULL);
    check_ok(tsr_model_set_step(model, 17));
    for (int i = 0; i < 36; i++) moment[i] = (float)i;
    check_ok(tsr_model_set_moment(model, 0, 1, moment));
    check_ok(tsr_model_save(model, path, NULL));
    ck_assert(!has(path, "/optimizer_weights"));
    check_ok(tsr_model_save(model, path, &(tsr_save_options){.keras2 = true}));
    ck_assert(has(path, "/optimizer_weights/Adam/m/last/kernel:0"));
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "/optimizer_weights/iteration:0", H5P_DEFAULT);
    ck_assert(H5Dread(set, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, &iteration) >= 0);
    ck_assert_int_eq(iteration, 17);
    H5Dclose(set);
    set = H5Dopen2(file, "/optimizer_weights/Adam/v/conv2d/kernel:0", H5P_DEFAULT);
    memset(moment, 0, sizeof moment);
    ck_assert(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, moment) >= 0);
    ck_assert_float_eq(moment[35], 35);
    H5Dclose(set);
    H5Fclose(file);
    tsr_model_free(model);

    model = make_model(&(tsr_compile_options){.sgd = true});
    check_ok(tsr_model_save(model, path, &(tsr_save_options){.keras2 = true}));
    ck_assert(has(path, "/optimizer_weights/SGD/m/last/kernel:0"));
    tsr_model_free(model);
}
END_TEST

START_TEST(opens_a_model_by_its_contents)
{
    tsr_model *model;
    bool has_weights;
    char *text;
    check_ok(tsr_model_open(test_fixture("keras2_small.h5"), &model, &has_weights));
    ck_assert(has_weights);
    check_ok(tsr_model_to_json(model, &text));
    tsr_model_free(model);
    const char *path = test_path("network.json");
    FILE *file = fopen(path, "wb");
    fprintf(file, " \n%s", text);
    fclose(file);
    free(text);
    check_ok(tsr_model_open(path, &model, &has_weights));
    ck_assert(!has_weights);
    ck_assert_int_eq(tsr_model_layer_count(model), 7);
    tsr_model_free(model);

    file = fopen(path, "wb");
    fprintf(file, "PK\3\4 and so on");
    fclose(file);
    check_fails(tsr_model_open(path, &model, NULL), TSR_UNSUPPORTED, ".keras files are not read");
    file = fopen(path, "wb");
    fprintf(file, "{\"class_name\": 3");
    fclose(file);
    check_fails(tsr_model_open(path, &model, NULL), TSR_FORMAT, path);
    check_fails(tsr_model_open(test_path("absent"), &model, NULL), TSR_NOT_FOUND, "absent");
}
END_TEST

START_TEST(names_a_place_that_cannot_be_written)
{
    tsr_model *model = make_model(NULL);
    const char *path = test_path("no/such/directory/x.h5");
    check_fails(tsr_model_save(model, path, NULL), TSR_IO, path);
    tsr_model_free(model);
}
END_TEST

/* Hostile files: a good one, changed through HDF5. */

static hid_t edit(const char *name, const char **path)
{
    *path = test_copy(test_fixture("keras3_small.h5"), name);
    hid_t file = H5Fopen(*path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert(file >= 0);
    return file;
}

static void check_refused(const char *path, tsr_status status, const char *part)
{
    tsr_model *model;
    check_fails(tsr_model_load(path, &model), status, part);
    check_fails(tsr_model_load(path, &model), status, path);
    ck_assert_ptr_null(model);
}

#define GROUP  "/model_weights/dense/sequential/dense"
#define KERNEL GROUP "/kernel"

/* Makes the dense layer's kernel anew with these properties, of this type and shape. */
static void replace_kernel(hid_t file, hid_t type, int rank, const hsize_t *extent, hid_t properties)
{
    hid_t space = H5Screate_simple(rank, extent, NULL);
    H5Ldelete(file, KERNEL, H5P_DEFAULT);
    hid_t set = H5Dcreate2(file, KERNEL, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    ck_assert(set >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static const hsize_t right[2] = {48, 4};

START_TEST(refuses_links)
{
    const char *path;
    hid_t file = edit("soft.h5", &path);
    H5Lmove(file, KERNEL, file, "/elsewhere", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/elsewhere", file, KERNEL, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": \"kernel\" is a soft link");

    file = edit("external.h5", &path);
    H5Ldelete(file, KERNEL, H5P_DEFAULT);
    H5Lcreate_external("/etc/passwd", "/x", file, KERNEL, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": \"kernel\" is an external link");

    file = edit("group.h5", &path);
    H5Ldelete(file, "/model_weights", H5P_DEFAULT);
    H5Lcreate_external("other.h5", "/model_weights", file, "/model_weights", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, "/model_weights: \"model_weights\" is an external link");
}
END_TEST

START_TEST(refuses_storage_outside_the_file)
{
    const char *path;
    hid_t file = edit("virtual.h5", &path), properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(2, right, NULL);
    H5Pset_virtual(properties, space, "other.h5", "/x", space);
    replace_kernel(file, H5T_IEEE_F32LE, 2, right, properties);
    H5Sclose(space);
    H5Pclose(properties);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": is a virtual data set");

    file = edit("stored.h5", &path), properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_external(properties, "/etc/passwd", 0, H5F_UNLIMITED);
    replace_kernel(file, H5T_IEEE_F32LE, 2, right, properties);
    H5Pclose(properties);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": lies in another file");
}
END_TEST

START_TEST(refuses_filters_and_large_chunks)
{
    const char *path;
    hid_t file = edit("filter.h5", &path), properties = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(properties, 2, right);
    H5Pset_fletcher32(properties);
    replace_kernel(file, H5T_IEEE_F32LE, 2, right, properties);
    H5Pclose(properties);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": the filter 3 (");

    file = edit("chunk.h5", &path), properties = H5Pcreate(H5P_DATASET_CREATE);
    hsize_t unlimited[2] = {H5S_UNLIMITED, H5S_UNLIMITED};
    H5Pset_chunk(properties, 2, (hsize_t[]){30000, 30000});
    hid_t space = H5Screate_simple(2, right, unlimited);
    H5Ldelete(file, KERNEL, H5P_DEFAULT);
    H5Dclose(H5Dcreate2(file, KERNEL, H5T_IEEE_F32LE, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(properties);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": its chunks are larger");
}
END_TEST

/* gzip and shuffle are Keras's own choices of some users, and read. */
START_TEST(reads_packed_weights)
{
    const char *path;
    float values[192];
    hid_t file = edit("packed.h5", &path), properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t set = H5Dopen2(file, KERNEL, H5P_DEFAULT);
    H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(set);
    H5Pset_chunk(properties, 2, (hsize_t[]){5, 4});
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, 9);
    replace_kernel(file, H5T_IEEE_F64BE, 2, right, properties);
    set = H5Dopen2(file, KERNEL, H5P_DEFAULT);
    H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(set);
    H5Pclose(properties);
    H5Fclose(file);
    check_outputs(path, 3, "small");
}
END_TEST

START_TEST(refuses_missing_and_misshapen_weights)
{
    const char *path;
    hid_t file = edit("missing.h5", &path);
    H5Ldelete(file, KERNEL, H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL " is missing (there is no \"kernel\")");

    file = edit("unnamed.h5", &path);
    H5Adelete_by_name(file, "/model_weights/dense", "weight_names", H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, "/model_weights/dense: the attribute weight_names is missing");

    file = edit("swapped.h5", &path);
    replace_kernel(file, H5T_IEEE_F32LE, 2, (hsize_t[]){4, 48}, H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": its shape is (4, 48) where the model's configuration needs (48, 4)");

    file = edit("rank.h5", &path);
    replace_kernel(file, H5T_IEEE_F32LE, 1, (hsize_t[]){192}, H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": its shape is (192)");

    file = edit("huge.h5", &path);
    replace_kernel(file, H5T_IEEE_F32LE, 2, (hsize_t[]){1ULL << 40, 1 << 20}, H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": its shape is (1099511627776, 1048576)");

    file = edit("integers.h5", &path);
    replace_kernel(file, H5T_STD_I32LE, 2, right, H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": its elements are not floats");

    file = edit("no_set.h5", &path);
    H5Ldelete(file, KERNEL, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, KERNEL, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, KERNEL ": is not a data set");

    file = edit("no_weights.h5", &path);
    H5Ldelete(file, "/model_weights", H5P_DEFAULT);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, "/model_weights is missing");
}
END_TEST

/* Replaces an attribute of the root by this text. */
static void set_text(hid_t file, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text) + 1);
    H5Adelete(file, name);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert(attribute >= 0 && H5Awrite(attribute, type, text) >= 0);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

#define START  "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": ["
#define INPUT  "{\"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 8, 8, 1]}}, "
#define FINISH "]}}"

START_TEST(checks_shapes_before_taking_memory)
{
    const char *path;
    hid_t file = edit("units.h5", &path);
    set_text(file, "model_config",
             START INPUT "{\"class_name\": \"Flatten\", \"config\": {}}, "
                         "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", \"units\": 16777216}}" FINISH);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT,
                  "/model_weights/conv2d/sequential/conv2d/kernel: its shape is (3, 3, 1, 3) where "
                  "the model's configuration needs (64, 16777216)");

    /* The shape is right, but nothing was ever written, and 4 GiB of zeros would be read. */
    file = edit("hollow.h5", &path);
    set_text(file, "model_config",
             START INPUT "{\"class_name\": \"Flatten\", \"config\": {}}, "
                         "{\"class_name\": \"Dense\", \"config\": {\"name\": \"d\", \"units\": 16777216}}" FINISH);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(2, (const hsize_t[]){64, 16777216}, NULL);
    H5Pset_chunk(properties, 2, (const hsize_t[]){64, 64});
    H5Ldelete(file, "/model_weights/conv2d/sequential/conv2d/kernel", H5P_DEFAULT);
    H5Dclose(H5Dcreate2(file, "/model_weights/conv2d/sequential/conv2d/kernel", H5T_IEEE_F32LE, space, H5P_DEFAULT,
                        properties, H5P_DEFAULT));
    H5Sclose(space);
    H5Pclose(properties);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, "conv2d/kernel: is larger than what the file holds");

    file = edit("few.h5", &path);
    set_text(file, "model_config",
             START INPUT "{\"class_name\": \"Conv2D\", \"config\": {\"filters\": 3, \"kernel_size\": 3}}" FINISH);
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, "6 tensors are named where the model has 2");
}
END_TEST

START_TEST(refuses_what_is_not_a_model)
{
    const char *path = test_path("text.h5");
    FILE *text = fopen(path, "wb");
    fputs("not HDF5 at all", text);
    fclose(text);
    check_refused(path, TSR_FORMAT, "is not an HDF5 file");
    check_refused(test_directory(), TSR_IO, "is not a regular file");
    check_refused(test_path("absent.h5"), TSR_NOT_FOUND, "cannot be opened");

    path = test_copy(test_fixture("keras3_small.h5"), "truncated.h5");
    ck_assert_int_eq(truncate(path, 9000), 0);
    check_refused(path, TSR_FORMAT, "is not an HDF5 file, or a damaged");

    hid_t file = edit("weights_only.h5", &path);
    H5Adelete(file, "model_config");
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, "holds no model_config");

    file = edit("json.h5", &path);
    set_text(file, "model_config", "{\"class_name\": ");
    H5Fclose(file);
    check_refused(path, TSR_FORMAT, "model_config: it is not valid JSON");

    file = edit("lstm.h5", &path);
    set_text(file, "model_config", START INPUT "{\"class_name\": \"LSTM\", \"config\": {\"name\": \"memory\"}}" FINISH);
    H5Fclose(file);
    check_refused(path, TSR_UNSUPPORTED, "layer 1, \"memory\": layers of class LSTM are not supported");
}
END_TEST

static void add_tests(TCase *tests)
{
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    tcase_add_test(tests, predicts_as_keras);
    tcase_add_test(tests, reads_names_and_options);
    tcase_add_test(tests, reads_what_it_writes);
    tcase_add_test(tests, writes_the_optimizer_for_keras_2);
    tcase_add_test(tests, opens_a_model_by_its_contents);
    tcase_add_test(tests, names_a_place_that_cannot_be_written);
    tcase_add_test(tests, refuses_links);
    tcase_add_test(tests, refuses_storage_outside_the_file);
    tcase_add_test(tests, refuses_filters_and_large_chunks);
    tcase_add_test(tests, reads_packed_weights);
    tcase_add_test(tests, refuses_missing_and_misshapen_weights);
    tcase_add_test(tests, checks_shapes_before_taking_memory);
    tcase_add_test(tests, refuses_what_is_not_a_model);
}

#else

START_TEST(says_that_it_is_left_out)
{
    tsr_model *model;
    check_fails(tsr_model_load("x.h5", &model), TSR_UNSUPPORTED, "HDF5");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, says_that_it_is_left_out);
}

#endif

int main(void)
{
    return test_run("keras_h5", add_tests);
}
