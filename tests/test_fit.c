#include "support/support.h"

#include "model/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Images of 8x8 with a bright bar: the class says whether it stands, lies, or is a diagonal. */
enum { SIDE = 8, COUNT = 210, CLASSES = 3 };

static uint8_t images[COUNT * SIDE * SIDE];
static float reals[COUNT * SIDE * SIDE];
static uint8_t labels[COUNT];

static tsr_data make_data(void)
{
    uint32_t noise = 1;
    for (int n = 0; n < COUNT; n++) {
        int class = labels[n] = (uint8_t)(n % CLASSES), at = (n / CLASSES) % SIDE;
        for (int i = 0; i < SIDE; i++)
            for (int j = 0; j < SIDE; j++) {
                bool bar = class == 0 ? j == at : class == 1 ? i == at : (i + at) % SIDE == j;
                noise = noise * 1664525u + 1013904223u;
                images[(n * SIDE + i) * SIDE + j] = (uint8_t)((noise >> 26) + (bar ? 150 : 0));
            }
    }
    for (int i = 0; i < COUNT * SIDE * SIDE; i++) reals[i] = (float)images[i] / 255.0f;
    return (tsr_data){.images = images, .count = COUNT, .height = SIDE, .width = SIDE, .channels = 1, .labels = labels};
}

static tsr_model *make_model(const tsr_compile_options *options)
{
    tsr_model *model;
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = SIDE, .width = SIDE, .channels = 1}));
    check_ok(tsr_model_add_conv2d(
        model, &(tsr_conv2d_config){
                   .filters = 8, .kernel_size = {3, 3}, .padding = TSR_PADDING_SAME, .activation = TSR_RELU}));
    check_ok(tsr_model_add_max_pooling2d(model, NULL));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = 16, .activation = TSR_RELU}));
    check_ok(tsr_model_add_dropout(model, &(tsr_dropout_config){.rate = 0.2f}));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = CLASSES, .activation = TSR_SOFTMAX}));
    check_ok(tsr_model_compile(model, test_device(), options));
    return model;
}

/* All weights in one array; the caller's. */
static float *weights_of(tsr_model *model)
{
    float *values = malloc((size_t)tsr_model_parameters(model) * sizeof *values);
    size_t at = 0;
    for (int i = 0; i < tsr_model_weight_count(model); i++) {
        check_ok(tsr_model_get_weight(model, i, values + at));
        at += tsr_model_weight(model, i).count;
    }
    return values;
}

static void check_same_weights(tsr_model *a, tsr_model *b)
{
    float *x = weights_of(a), *y = weights_of(b);
    ck_assert_mem_eq(x, y, (size_t)tsr_model_parameters(a) * sizeof *x);
    free(x), free(y);
}

START_TEST(a_small_set_is_learned)
{
    tsr_data data = make_data();
    tsr_model *model = make_model(&(tsr_compile_options){.seed = 1, .learning_rate = 0.005f});
    tsr_history history = {0};
    tsr_metrics metrics;
    check_ok(
        tsr_model_fit(model, &data, &(tsr_fit_options){.epochs = 30, .batch_size = 16, .validation = &data}, &history));
    ck_assert_int_eq(history.count, 30);
    ck_assert_int_eq(tsr_model_step(model), 30 * 14);
    ck_assert(history.epochs[0].validated);
    ck_assert_int_eq(history.epochs[0].training.samples, COUNT); /* the last, smaller batch counts */
    ck_assert(history.epochs[0].training.loss > history.epochs[29].training.loss);
    ck_assert(history.epochs[29].training.accuracy > 0.95);
    ck_assert(history.epochs[29].validation.accuracy > 0.98);
    ck_assert_int_eq(history.epochs[29].epoch, 30);

    /* Evaluation agrees with validation, whatever the batch size. */
    for (int32_t batch = 0; batch < 300; batch += 100) {
        check_ok(tsr_model_evaluate(model, &data, batch, &metrics));
        ck_assert_int_eq(metrics.samples, COUNT);
        ck_assert_double_eq(metrics.accuracy, history.epochs[29].validation.accuracy);
        ck_assert_double_eq_tol(metrics.loss, history.epochs[29].validation.loss, 1e-5);
    }

    /* Probabilities add up to one, and give the loss and the accuracy again. */
    float *outputs = malloc(COUNT * CLASSES * sizeof *outputs);
    check_ok(tsr_model_predict(model, &data, 64, outputs));
    double loss = 0;
    int hits = 0;
    for (int n = 0; n < COUNT; n++) {
        const float *p = outputs + n * CLASSES;
        ck_assert_float_eq_tol(p[0] + p[1] + p[2], 1, 1e-5f);
        loss -= log(p[labels[n]]) / COUNT;
        int best = 0;
        for (int c = 1; c < CLASSES; c++)
            if (p[c] > p[best]) best = c;
        hits += best == labels[n];
    }
    ck_assert_double_eq_tol(loss, metrics.loss, 1e-4);
    ck_assert_double_eq(hits / (double)COUNT, metrics.accuracy);
    free(outputs);
    tsr_history_clear(&history);
    tsr_model_free(model);
}
END_TEST

START_TEST(the_same_seed_gives_the_same_bits)
{
    tsr_data data = make_data(), floats = make_data();
    floats.images = reals;
    floats.real = true;
    const tsr_fit_options options = {.epochs = 2, .batch_size = 16};
    tsr_model *a = make_model(&(tsr_compile_options){.seed = 5}), *b = make_model(&(tsr_compile_options){.seed = 5});
    tsr_model *c = make_model(&(tsr_compile_options){.seed = 6});
    check_ok(tsr_model_fit(a, &data, &options, NULL));
    check_ok(tsr_model_fit(b, &data, &options, NULL));
    check_same_weights(a, b);
    check_ok(tsr_model_fit(c, &data, &options, NULL));
    float *x = weights_of(a), *y = weights_of(c);
    ck_assert(memcmp(x, y, 100) != 0);
    free(x), free(y);
    tsr_model_free(c);

    /* Starting again from the seed, with validation and callbacks between the epochs, changes nothing either. */
    check_ok(tsr_model_reinitialize(b));
    tsr_early_stopping *stopping;
    check_ok(tsr_early_stopping_create(10, &stopping));
    tsr_callback callback = tsr_early_stopping_callback(stopping);
    callback.on_train_end = NULL; /* which would restore the best weights */
    check_ok(tsr_model_fit(
        b, &data,
        &(tsr_fit_options){
            .epochs = 2, .batch_size = 16, .validation = &floats, .callbacks = &callback, .callback_count = 1},
        NULL));
    check_same_weights(a, b);
    tsr_early_stopping_free(stopping);
    tsr_model_free(a);
    tsr_model_free(b);
}
END_TEST

START_TEST(paging_changes_no_bit)
{
    tsr_data data = make_data();
    int32_t index[150];
    for (int i = 0; i < 150; i++) index[i] = (i * 7) % COUNT;
    data.index = index;
    data.index_count = 150;
    const tsr_fit_options options = {.epochs = 3, .batch_size = 16, .validation = &data};
    tsr_history whole = {0}, paged = {0};
    tsr_model *a = make_model(&(tsr_compile_options){.seed = 5}), *b = make_model(&(tsr_compile_options){.seed = 5});
    check_ok(tsr_model_fit(a, &data, &options, &whole));
    b->page_bytes = 15 * SIDE * SIDE;
    check_fails(tsr_model_fit(b, &data, &options, &paged), TSR_OUT_OF_MEMORY, "a batch of 16 images");
    b->page_bytes = 40 * SIDE * SIDE; /* pages of 32 samples, of 40 for validation */
    check_ok(tsr_model_fit(b, &data, &options, &paged));
    check_same_weights(a, b);
    for (int i = 0; i < 3; i++) {
        ck_assert_double_eq(whole.epochs[i].training.loss, paged.epochs[i].training.loss);
        ck_assert_double_eq(whole.epochs[i].training.accuracy, paged.epochs[i].training.accuracy);
        ck_assert_double_eq(whole.epochs[i].validation.accuracy, paged.epochs[i].validation.accuracy);
        ck_assert_double_eq_tol(whole.epochs[i].validation.loss, paged.epochs[i].validation.loss, 1e-6);
    }
    tsr_history_clear(&whole);
    tsr_history_clear(&paged);
    tsr_model_free(a);
    tsr_model_free(b);
}
END_TEST

START_TEST(fusion_changes_only_rounding)
{
    tsr_data data = make_data();
    const tsr_fit_options options = {.epochs = 1, .batch_size = 30};
    tsr_model *fused = make_model(&(tsr_compile_options){.seed = 5, .sgd = true, .momentum = 0.9f});
    tsr_model *single = make_model(&(tsr_compile_options){.seed = 5, .sgd = true, .momentum = 0.9f, .no_fusion = true});
    check_ok(tsr_model_fit(fused, &data, &options, NULL));
    check_ok(tsr_model_fit(single, &data, &options, NULL));
    float *x = weights_of(fused), *y = weights_of(single);
    for (int64_t i = 0; i < tsr_model_parameters(fused); i++) ck_assert_float_eq_tol(x[i], y[i], 1e-5f);
    free(x), free(y);
    tsr_model_free(fused);
    tsr_model_free(single);
}
END_TEST

START_TEST(bad_fits_are_refused)
{
    tsr_data data = make_data(), wrong;
    tsr_metrics metrics;
    tsr_model *model;
    check_ok(tsr_model_create(NULL, &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = SIDE, .width = SIDE, .channels = 1}));
    check_fails(tsr_model_fit(model, &data, NULL, NULL), TSR_INVALID_ARGUMENT, "tsr_model_compile");
    check_fails(tsr_model_evaluate(model, &data, 0, &metrics), TSR_INVALID_ARGUMENT, "tsr_model_compile");
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_compile(model, test_device(), NULL));
    check_fails(tsr_model_fit(model, &data, NULL, NULL), TSR_UNSUPPORTED, "softmax");
    check_fails(tsr_model_evaluate(model, &data, 0, &metrics), TSR_UNSUPPORTED, "softmax");
    float outputs[2 * SIDE * SIDE]; /* prediction needs no softmax and no labels */
    wrong = data;
    wrong.count = 2;
    wrong.labels = NULL;
    check_ok(tsr_model_predict(model, &wrong, 0, outputs));
    for (int i = 0; i < 2 * SIDE * SIDE; i++) ck_assert_float_eq_tol(outputs[i], reals[i], 1e-6f);
    tsr_model_free(model);

    model = make_model(NULL);
    check_fails(tsr_model_fit(model, &data, &(tsr_fit_options){.batch_size = -1}, NULL), TSR_INVALID_ARGUMENT,
                "batch size is -1");
    check_fails(tsr_model_fit(model, &data, &(tsr_fit_options){.batch_size = COUNT + 1}, NULL), TSR_INVALID_ARGUMENT,
                "only 210 samples");
    check_fails(tsr_model_fit(model, &data, &(tsr_fit_options){.epochs = -1}, NULL), TSR_INVALID_ARGUMENT, "epochs");
    check_fails(tsr_model_evaluate(model, &data, -5, &metrics), TSR_INVALID_ARGUMENT, "batch size is -5");
    check_fails(tsr_model_fit(model, NULL, NULL, NULL), TSR_INVALID_ARGUMENT, "empty");
    check_fails(tsr_model_predict(model, NULL, 0, NULL), TSR_INVALID_ARGUMENT, "empty");
    wrong = data;
    wrong.count = 0;
    check_fails(tsr_model_fit(model, &wrong, NULL, NULL), TSR_INVALID_ARGUMENT, "empty");
    wrong = data;
    wrong.height = 9;
    check_fails(tsr_model_fit(model, &wrong, NULL, NULL), TSR_INVALID_ARGUMENT, "9x8x1");
    check_fails(tsr_model_fit(model, &data, &(tsr_fit_options){.validation = &wrong}, NULL), TSR_INVALID_ARGUMENT,
                "validation data: ");
    uint8_t bad[COUNT];
    memcpy(bad, labels, sizeof bad);
    bad[77] = CLASSES;
    wrong = data;
    wrong.labels = bad;
    check_fails(tsr_model_fit(model, &wrong, NULL, NULL), TSR_INVALID_ARGUMENT, "sample 77 has the label 3");
    wrong.labels = NULL;
    check_fails(tsr_model_evaluate(model, &wrong, 0, &metrics), TSR_INVALID_ARGUMENT, "no labels");
    tsr_model_free(model);
}
END_TEST

START_TEST(a_set_smaller_than_the_default_batch_is_one_batch)
{
    tsr_data data = make_data();
    tsr_history history = {0};
    data.count = 5;
    tsr_model *model = make_model(NULL);
    check_ok(tsr_model_fit(model, &data, NULL, &history));
    ck_assert_int_eq(history.count, 1);
    ck_assert_int_eq(history.epochs[0].training.samples, 5);
    ck_assert_int_eq(tsr_model_step(model), 1);
    tsr_history_clear(&history);
    tsr_model_free(model);
}
END_TEST

START_TEST(a_loss_that_is_not_finite_stops_before_the_step)
{
    tsr_data data = make_data();
    data.images = reals;
    data.real = true;
    tsr_model *model = make_model(&(tsr_compile_options){.seed = 3});
    tsr_history history = {0};
    const tsr_fit_options options = {.epochs = 2, .batch_size = 20, .no_shuffle = true};

    /* A not-a-number in a weight. */
    float *before = weights_of(model), bias[16] = {0};
    bias[3] = NAN;
    check_ok(tsr_model_set_weight(model, 3, bias));
    check_fails(tsr_model_fit(model, &data, &options, &history), TSR_NOT_FINITE,
                "epoch 1, step 1: the first layer at fault is dense, whose weights dense/bias hold not-a-number");
    bias[3] = 0;
    check_ok(tsr_model_set_weight(model, 3, bias));
    float *after = weights_of(model);
    ck_assert_mem_eq(before, after, (size_t)tsr_model_parameters(model) * sizeof *before);
    ck_assert_int_eq(tsr_model_step(model), 0);
    ck_assert_int_eq(history.count, 0);
    free(after);

    /* Weights so large that the convolution's output overflows. */
    float kernel[9 * 8];
    for (int i = 0; i < 72; i++) kernel[i] = 3e38f;
    check_ok(tsr_model_set_weight(model, 0, kernel));
    check_fails(tsr_model_fit(model, &data, &options, NULL), TSR_NOT_FINITE,
                "step 1: the first layer at fault is conv2d, whose output holds infinity");
    check_ok(tsr_model_set_weight(model, 0, before));

    /* An image, in the fourth batch: three steps are taken. The same when paged. */
    reals[65 * SIDE * SIDE] = INFINITY;
    for (int paged = 0; paged < 2; paged++) {
        check_ok(tsr_model_reinitialize(model));
        model->page_bytes = paged ? 40 * SIDE * SIDE * sizeof(float) : 0;
        check_fails(tsr_model_fit(model, &data, &options, NULL), TSR_NOT_FINITE,
                    "epoch 1, step 4: the images of the batch hold infinity");
        ck_assert_int_eq(tsr_model_step(model), 3);
    }
    tsr_model *three = make_model(&(tsr_compile_options){.seed = 3});
    data.count = 60;
    check_ok(tsr_model_fit(three, &data, &(tsr_fit_options){.batch_size = 20, .no_shuffle = true}, NULL));
    check_same_weights(model, three);
    tsr_metrics metrics;
    data.count = COUNT;
    check_fails(tsr_model_evaluate(model, &data, 30, &metrics), TSR_NOT_FINITE, "not finite");
    free(before);
    tsr_model_free(model);
    tsr_model_free(three);
}
END_TEST

/* What the callbacks saw. */
typedef struct seen {
    int begun, epochs_begun, progress, epochs, ended;
    int stop_at, fail_at, interrupt_at, interrupt_validation_of;
    int interrupted;
    int32_t last_batches;
} seen;

static tsr_status on_train_begin(void *context, tsr_model *model)
{
    (void)model;
    ((seen *)context)->begun++;
    return TSR_OK;
}

static tsr_status on_epoch_begin(void *context, tsr_model *model, int32_t epoch)
{
    seen *s = context;
    ck_assert_int_eq(epoch, ++s->epochs_begun);
    if (epoch == s->interrupt_at) s->interrupted = 1;
    return tsr_model_set_learning_rate(model, 0.01f / (float)epoch);
}

static tsr_status on_progress(void *context, tsr_model *model, int32_t done, int32_t batches,
                              const tsr_metrics *running, double seconds)
{
    (void)model;
    ck_assert_int_le(done, batches);
    ck_assert(running->samples > 0 && seconds >= 0);
    seen *s = context;
    s->progress++;
    s->last_batches = done;
    if (done == batches && s->epochs_begun == s->interrupt_validation_of) s->interrupted = 1;
    return TSR_OK;
}

static tsr_status on_epoch_end(void *context, tsr_model *model, const tsr_epoch *epoch, bool *stop)
{
    (void)model;
    seen *s = context;
    ck_assert_int_eq(epoch->epoch, ++s->epochs);
    if (s->epochs == s->stop_at) *stop = true;
    return s->epochs == s->fail_at ? TSR_IO : TSR_OK;
}

static tsr_status on_train_end(void *context, tsr_model *model, tsr_history *history)
{
    (void)model;
    ((seen *)context)->ended++;
    ck_assert_int_eq(history->count, ((seen *)context)->epochs);
    return TSR_OK;
}

static tsr_status fit_and_see(seen *s, tsr_history *history)
{
    tsr_data data = make_data();
    tsr_model *model = make_model(NULL);
    const tsr_data validation = make_data();
    const tsr_callback callback = {s, on_train_begin, on_epoch_begin, on_progress, on_epoch_end, on_train_end};
    tsr_status status = tsr_model_fit(model, &data,
                                      &(tsr_fit_options){.epochs = 4,
                                                         .validation = s->interrupt_validation_of ? &validation : NULL,
                                                         .callbacks = &callback,
                                                         .callback_count = 1,
                                                         .interrupted = &s->interrupted},
                                      history);
    tsr_model_free(model);
    return status;
}

START_TEST(callbacks_are_called_in_their_places)
{
    tsr_history history = {0};
    seen s = {0};
    check_ok(fit_and_see(&s, &history));
    ck_assert_int_eq(s.begun, 1);
    ck_assert_int_eq(s.epochs_begun, 4);
    ck_assert_int_eq(s.epochs, 4);
    ck_assert_int_ge(s.progress, 4); /* at least once an epoch, at its end */
    ck_assert_int_eq(s.last_batches, 7);
    ck_assert_int_eq(s.ended, 1);
    ck_assert(!history.stopped_early);

    s = (seen){.stop_at = 2};
    check_ok(fit_and_see(&s, &history));
    ck_assert_int_eq(s.epochs, 2);
    ck_assert_int_eq(s.ended, 1);
    ck_assert(history.stopped_early);
    ck_assert_int_eq(history.count, 2);

    s = (seen){.fail_at = 3};
    ck_assert_int_eq(fit_and_see(&s, &history), TSR_IO);
    ck_assert_int_eq(history.count, 3);
    ck_assert_int_eq(s.ended, 0);

    s = (seen){.interrupt_at = 2};
    check_fails(fit_and_see(&s, &history), TSR_INTERRUPTED, "interrupted in epoch 2");
    ck_assert_int_eq(history.count, 1);
    ck_assert_int_eq(s.epochs, 1);

    s = (seen){.interrupt_validation_of = 3};
    check_fails(fit_and_see(&s, &history), TSR_INTERRUPTED, "validation after epoch 3: interrupted");
    ck_assert_int_eq(history.count, 2);
    ck_assert_int_eq(s.epochs, 2);
    tsr_history_clear(&history);
}
END_TEST

/* Runs early stopping over scripted losses, with the epoch's number in a weight; returns how many epochs it took. */
static int script(int32_t patience, const double *losses, int count, bool validated, tsr_model *model,
                  tsr_history *history)
{
    tsr_early_stopping *stopping;
    check_ok(tsr_early_stopping_create(patience, &stopping));
    tsr_callback callback = tsr_early_stopping_callback(stopping);
    check_ok(callback.on_train_begin(callback.context, model));
    bool stop = false;
    int epoch = 0;
    while (!stop && epoch < count) {
        tsr_epoch row = {.epoch = epoch + 1, .validated = validated};
        row.training.loss = validated ? 100 - epoch : losses[epoch];
        row.validation.loss = losses[epoch];
        float weights[CLASSES] = {(float)++epoch};
        check_ok(tsr_model_set_weight(model, 5, weights));
        check_ok(callback.on_epoch_end(callback.context, model, &row, &stop));
    }
    check_ok(callback.on_train_end(callback.context, model, history));
    tsr_early_stopping_free(stopping);
    return epoch;
}

START_TEST(early_stopping_waits_and_restores_the_best)
{
    static const struct {
        int32_t patience;
        double losses[6];
        int epochs, best;
    } cases[] = {
        {2, {3, 2, 2.5, 2.4, 1, 1}, 4, 2},     /* stops before it would have got better */
        {2, {3, 2, 2.5, 1.5, 1.6, 1.5}, 6, 4}, /* an equal loss is no improvement */
        {0, {3, 2, 2, 1, 1, 1}, 3, 2},
        {9, {1, 2, 3, 4, 5, 6}, 6, 1}, /* restored though it did not stop early */
        {1, {2, NAN, 1, 1, 1, 1}, 2, 1},
    };
    tsr_model *model = make_model(NULL);
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        tsr_history history = {0};
        float weights[CLASSES];
        ck_assert_int_eq(script(cases[i / 2].patience, cases[i / 2].losses, 6, i % 2, model, &history),
                         cases[i / 2].epochs);
        ck_assert_int_eq(history.best_epoch, cases[i / 2].best);
        check_ok(tsr_model_get_weight(model, 5, weights));
        ck_assert_float_eq(weights[0], (float)cases[i / 2].best);
    }
    tsr_early_stopping *stopping;
    check_fails(tsr_early_stopping_create(-1, &stopping), TSR_INVALID_ARGUMENT, "negative");
    tsr_model_free(model);
}
END_TEST

START_TEST(predictions_of_the_same_shape_reuse_their_plan)
{
    tsr_data data = make_data(), one;
    tsr_model *model = make_model(&(tsr_compile_options){.seed = 2});
    float all[COUNT * CLASSES], single[CLASSES];
    check_ok(tsr_model_predict(model, &data, 0, all));
    const tsr_runner *kept = NULL;
    for (int n = 0; n < 5; n++) {
        one = data;
        one.images = images + n * SIDE * SIDE;
        one.count = 1;
        check_ok(tsr_model_predict(model, &one, 0, single));
        if (n) ck_assert_ptr_eq(kept, model->runner);
        kept = model->runner;
        for (int c = 0; c < CLASSES; c++) ck_assert_float_eq_tol(single[c], all[n * CLASSES + c], 1e-6f);
    }
    tsr_model_free(model);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_small_set_is_learned);
    tcase_add_test(tests, the_same_seed_gives_the_same_bits);
    tcase_add_test(tests, paging_changes_no_bit);
    tcase_add_test(tests, fusion_changes_only_rounding);
    tcase_add_test(tests, bad_fits_are_refused);
    tcase_add_test(tests, a_set_smaller_than_the_default_batch_is_one_batch);
    tcase_add_test(tests, a_loss_that_is_not_finite_stops_before_the_step);
    tcase_add_test(tests, callbacks_are_called_in_their_places);
    tcase_add_test(tests, early_stopping_waits_and_restores_the_best);
    tcase_add_test(tests, predictions_of_the_same_shape_reuse_their_plan);
}

int main(void)
{
    return test_run("fit", add_tests);
}
