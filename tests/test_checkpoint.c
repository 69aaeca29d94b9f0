/* ModelCheckpoint: writes on improvement alone; what cannot be written leaves the former file and no other. */
#include "support/support.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef TSR_WITH_HDF5

static tsr_model *make_model(void)
{
    tsr_model *model;
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 4, .width = 4, .channels = 1}));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 3, .activation = TSR_SOFTMAX}));
    check_ok(tsr_model_compile(model, test_device(), NULL));
    return model;
}

/* Sets every weight to `value`, so that a file tells when it was written. */
static void mark(tsr_model *model, float value)
{
    float values[48];
    for (int i = 0; i < 48; i++) values[i] = value;
    check_ok(tsr_model_set_weight(model, 0, values));
}

static float marked(const char *path)
{
    float values[48];
    tsr_model *model;
    check_ok(tsr_model_load(path, &model));
    check_ok(tsr_model_get_weight(model, 0, values));
    tsr_model_free(model);
    return values[47];
}

/* What fit calls at the end of an epoch. */
static tsr_status end_epoch(const tsr_callback *callback, tsr_model *model, int number, double loss, double val_loss)
{
    tsr_epoch epoch = {
        .epoch = number, .training = {.loss = loss}, .validation = {.loss = val_loss}, .validated = !isnan(val_loss)};
    bool stop = false;
    mark(model, (float)number);
    tsr_status status = callback->on_epoch_end(callback->context, model, &epoch, &stop);
    ck_assert(!stop);
    return status;
}

START_TEST(writes_on_strict_improvement)
{
    const char *path = test_path("best.h5");
    tsr_model *model = make_model();
    tsr_checkpoint *checkpoint;
    check_ok(tsr_checkpoint_create(path, NULL, &checkpoint));
    tsr_callback callback = tsr_checkpoint_callback(checkpoint);
    check_ok(callback.on_train_begin(callback.context, model));
    check_ok(end_epoch(&callback, model, 1, 9, 0.5));
    ck_assert_float_eq(marked(path), 1);
    check_ok(end_epoch(&callback, model, 2, 8, 0.5));
    ck_assert_float_eq(marked(path), 1);
    check_ok(end_epoch(&callback, model, 3, 7, 0.6));
    ck_assert_float_eq(marked(path), 1);
    check_ok(end_epoch(&callback, model, 4, 7, 0.4));
    ck_assert_float_eq(marked(path), 4);
    tsr_checkpoint_free(checkpoint);
    tsr_model_free(model);
}
END_TEST

START_TEST(watches_the_loss_without_validation)
{
    const char *path = test_path("loss.h5");
    tsr_model *model = make_model();
    tsr_checkpoint *checkpoint;
    check_ok(tsr_checkpoint_create(path, NULL, &checkpoint));
    tsr_callback callback = tsr_checkpoint_callback(checkpoint);
    check_ok(end_epoch(&callback, model, 1, 0.7, NAN));
    check_ok(end_epoch(&callback, model, 2, 0.8, NAN));
    ck_assert_float_eq(marked(path), 1);
    check_ok(end_epoch(&callback, model, 3, 0.6, NAN));
    ck_assert_float_eq(marked(path), 3);
    tsr_checkpoint_free(checkpoint);
    tsr_model_free(model);
}
END_TEST

/* Files in a directory. */
static int count_files(const char *directory)
{
    int count = 0;
    DIR *entries = opendir(directory);
    ck_assert_ptr_nonnull(entries);
    while (readdir(entries)) count++;
    closedir(entries);
    return count - 2; /* "." and ".." */
}

START_TEST(survives_a_full_disk)
{
    struct rlimit before, small = {1000, RLIM_INFINITY};
    const char *directory = test_path("full");
    char path[512];
    mkdir(directory, 0700);
    snprintf(path, sizeof path, "%s/best.h5", directory);
    tsr_model *model = make_model();
    tsr_checkpoint *checkpoint;
    check_ok(tsr_checkpoint_create(path, NULL, &checkpoint));
    tsr_callback callback = tsr_checkpoint_callback(checkpoint);
    check_ok(end_epoch(&callback, model, 1, 1, 0.5));

    getrlimit(RLIMIT_FSIZE, &before);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    tsr_status status = end_epoch(&callback, model, 2, 1, 0.4);
    setrlimit(RLIMIT_FSIZE, &before);
    check_fails(status, TSR_IO, path);
    ck_assert_int_eq(count_files(directory), 1);
    ck_assert_float_eq(marked(path), 1);

    check_ok(end_epoch(&callback, model, 3, 1, 0.45)); /* an epoch that was not written does not count as the best */
    ck_assert_float_eq(marked(path), 3);
    tsr_checkpoint_free(checkpoint);
    tsr_model_free(model);
}
END_TEST

START_TEST(names_a_directory_that_cannot_be_written)
{
    const char *directory = test_path("locked");
    char path[512];
    mkdir(directory, 0500);
    snprintf(path, sizeof path, "%s/best.h5", directory);
    tsr_model *model = make_model();
    tsr_checkpoint *checkpoint;
    check_ok(tsr_checkpoint_create(path, NULL, &checkpoint));
    tsr_callback callback = tsr_checkpoint_callback(checkpoint);
    /* Root may write anywhere, so it is nobody for a moment. */
    bool root = geteuid() == 0;
    ck_assert(!root || (chmod(test_directory(), 0755) == 0 && seteuid(65534) == 0));
    tsr_status status = end_epoch(&callback, model, 1, 1, 0.5);
    ck_assert(!root || seteuid(0) == 0);
    check_fails(status, TSR_IO, path);
    ck_assert_int_eq(count_files(directory), 0);
    tsr_checkpoint_free(checkpoint);
    tsr_model_free(model);
}
END_TEST

/* Spoils a weight before the epoch whose number it is given. */
static tsr_status spoil(void *context, tsr_model *model, int32_t epoch)
{
    float values[48] = {NAN};
    return epoch == *(const int32_t *)context ? tsr_model_set_weight(model, 0, values) : TSR_OK;
}

START_TEST(keeps_the_best_when_a_loss_is_not_finite)
{
    float images[96];
    uint8_t labels[6];
    int32_t spoilt = 3;
    const char *path = test_path("finite.h5");
    for (int i = 0; i < 96; i++) images[i] = (float)((i * 37 + 11) % 101) / 100;
    for (int i = 0; i < 6; i++) labels[i] = (uint8_t)(i % 3);
    tsr_data data = {
        .images = images, .real = true, .count = 6, .height = 4, .width = 4, .channels = 1, .labels = labels};
    tsr_model *model = make_model(), *best;
    tsr_checkpoint *checkpoint;
    tsr_history history = {0};
    tsr_metrics metrics;
    check_ok(tsr_checkpoint_create(path, NULL, &checkpoint));
    const tsr_callback callbacks[] = {{.context = &spoilt, .on_epoch_begin = spoil},
                                      tsr_checkpoint_callback(checkpoint)};
    tsr_fit_options options = {
        .epochs = 5, .batch_size = 2, .validation = &data, .callbacks = callbacks, .callback_count = 2};
    check_fails(tsr_model_fit(model, &data, &options, &history), TSR_NOT_FINITE,
                "epoch 3, step 1: the first layer at fault is dense");
    ck_assert_int_eq(history.count, 2);
    check_ok(tsr_model_load(path, &best));
    check_ok(tsr_model_compile(best, test_device(), NULL));
    check_ok(tsr_model_evaluate(best, &data, 0, &metrics));
    ck_assert_double_eq_tol(metrics.loss, history.epochs[1].validation.loss, 1e-6); /* it falls in each epoch */
    tsr_model_free(best);
    tsr_history_clear(&history);
    tsr_checkpoint_free(checkpoint);
    tsr_model_free(model);
}
END_TEST

/* In a training: the file has the weights of the epoch with the best validation loss. */
START_TEST(keeps_the_best_epoch_of_a_training)
{
    float images[96], got[48], kept[48];
    uint8_t labels[6];
    const char *path = test_path("fit.h5");
    for (int i = 0; i < 96; i++) images[i] = (float)((i * 37 + 11) % 101) / 100;
    for (int i = 0; i < 6; i++) labels[i] = (uint8_t)(i % 3);
    tsr_data data = {
        .images = images, .real = true, .count = 6, .height = 4, .width = 4, .channels = 1, .labels = labels};
    tsr_model *model = make_model();
    tsr_checkpoint *checkpoint;
    check_ok(tsr_checkpoint_create(path, NULL, &checkpoint));
    tsr_callback callback = tsr_checkpoint_callback(checkpoint);
    tsr_fit_options options = {
        .epochs = 3, .batch_size = 2, .validation = &data, .callbacks = &callback, .callback_count = 1};
    check_ok(tsr_model_fit(model, &data, &options, NULL));
    check_ok(tsr_model_get_weight(model, 0, got));
    tsr_model *best;
    check_ok(tsr_model_load(path, &best));
    check_ok(tsr_model_get_weight(best, 0, kept));
    ck_assert_mem_eq(got, kept, sizeof got); /* the loss of this small set falls in each of the few epochs */
    tsr_model_free(best);
    tsr_checkpoint_free(checkpoint);
    tsr_model_free(model);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, writes_on_strict_improvement);
    tcase_add_test(tests, watches_the_loss_without_validation);
    tcase_add_test(tests, survives_a_full_disk);
    tcase_add_test(tests, names_a_directory_that_cannot_be_written);
    tcase_add_test(tests, keeps_the_best_when_a_loss_is_not_finite);
    tcase_add_test(tests, keeps_the_best_epoch_of_a_training);
}

#else

START_TEST(is_refused_without_hdf5)
{
    tsr_checkpoint *checkpoint;
    check_fails(tsr_checkpoint_create("x.h5", NULL, &checkpoint), TSR_UNSUPPORTED,
                "x.h5 cannot be written: this build");
    ck_assert_ptr_null(checkpoint);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, is_refused_without_hdf5);
}

#endif

int main(void)
{
    return test_run("checkpoint", add_tests);
}
