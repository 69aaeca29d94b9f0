/* Times training and prediction with a model. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

/* Training, and predicting, takes about this long in a round unless told otherwise. */
static const double training_seconds = 0.5, prediction_seconds = 0.5;
enum { FEWEST_STEPS = 5, MOST_STEPS = 1500, TRIAL_STEPS = 10, MOST_IMAGES = 10000 };

/* Leaves out of the profile what getting ready took. */
static tsr_status reset_profile(void *context, tsr_model *model, int32_t epoch)
{
    (void)context;
    (void)epoch;
    tsr_device_profile_reset(tsr_model_device(model));
    return TSR_OK;
}

/* Trains `steps` steps, or as many as there are images for; *step: seconds of one. */
static tsr_status train(const bench_settings *settings, tsr_model *model, tsr_data data, int64_t steps, double *step)
{
    const tsr_callback callback = {.on_epoch_begin = reset_profile};
    tsr_history history = {0};
    if (data.count > steps * settings->batch_size) data.count = steps * settings->batch_size;
    const tsr_fit_options options = {
        .epochs = 1, .batch_size = (int32_t)settings->batch_size, .callbacks = &callback, .callback_count = 1};
    tsr_status status = tsr_model_fit(model, &data, &options, &history);
    int64_t taken = (data.count + settings->batch_size - 1) / settings->batch_size;
    if (!status) *step = history.epochs[0].seconds / (double)taken;
    tsr_history_clear(&history);
    return status;
}

/* How many steps a round has: no more than there are whole batches for. */
static tsr_status choose_steps(const bench_settings *settings, const work_images *workload, tsr_model *model,
                               int64_t *steps)
{
    double step = 0;
    int64_t most = workload->data.count / settings->batch_size;
    *steps = settings->steps;
    if (!*steps) {
        tsr_status status = train(settings, model, workload->data, TRIAL_STEPS, &step);
        if (!status) status = train(settings, model, workload->data, TRIAL_STEPS, &step);
        if (status) return status;
        *steps = step * MOST_STEPS < training_seconds ? MOST_STEPS : (int64_t)(training_seconds / step);
        if (*steps < FEWEST_STEPS) *steps = FEWEST_STEPS;
    }
    if (*steps > most) *steps = most > 0 ? most : 1;
    return TSR_OK;
}

static tsr_status compile(const bench_settings *settings, tsr_model *model, tsr_device *device)
{
    return tsr_model_compile(model, device, &(tsr_compile_options){.seed = 42, .gemm = (tsr_gemm)settings->gemm});
}

/* The device and the model whose kernels are measured, which costs a little. */
typedef struct profiled {
    tsr_device *device;
    tsr_model *model;
} profiled;

static tsr_status open_profiled(const bench_settings *settings, profiled *p)
{
    tsr_status status = tsr_device_open(settings->device, true, &p->device);
    if (!status) (void)tsr_tune_apply(p->device); /* that it cannot was said when the first device was opened */
    if (!status) status = command_open_model(settings->model, &p->model, NULL);
    return status ? status : compile(settings, p->model, p->device);
}

/* Adds what each kernel took to results->parts. */
static tsr_status add_parts(const tsr_profile_row *rows, size_t count, bench_results *results)
{
    for (size_t i = 0; i < count; i++) {
        tsr_profile_row *part = results->parts, *end = part + results->part_count;
        while (part < end && (strcmp(part->name, rows[i].name) || strcmp(part->layers, rows[i].layers))) part++;
        if (part == end) {
            tsr_profile_row *grown = realloc(results->parts, (results->part_count + 1) * sizeof *grown);
            if (!grown) return TSR_OUT_OF_MEMORY;
            results->parts = grown;
            grown[results->part_count++] = rows[i];
            continue;
        }
        part->launches += rows[i].launches;
        part->seconds += rows[i].seconds;
        part->flops += rows[i].flops;
    }
    return TSR_OK;
}

/* The slowest first. */
static int compare_parts(const void *a, const void *b)
{
    double left = ((const tsr_profile_row *)a)->seconds, right = ((const tsr_profile_row *)b)->seconds;
    return (left < right) - (left > right);
}

/* Round -1 warms up. */
static tsr_status measure_round(const bench_settings *settings, const work_images *workload, tsr_model *model,
                                const profiled *p, int index, bench_results *results)
{
    bench_round round = {0};
    tsr_profile_row *rows = NULL;
    size_t count = 0;
    tsr_status status = tsr_measure_peak(tsr_model_device(model), &round.peak);
    if (!status) status = train(settings, model, workload->data, results->steps, &round.step);
    if (!status) status = train(settings, p->model, workload->data, results->steps, &round.profiled_step);
    if (!status) status = tsr_device_profile(p->device, &rows, &count);
    for (size_t i = 0; i < count; i++) round.inside += rows[i].seconds / (double)results->steps;
    if (!status && index >= 0) {
        results->rounds[index] = round;
        status = add_parts(rows, count, results);
    }
    free(rows);
    return status;
}

static tsr_status measure_training(const bench_settings *settings, const work_images *workload, tsr_model *model,
                                   bench_results *results)
{
    profiled p = {0};
    tsr_status status = choose_steps(settings, workload, model, &results->steps);
    if (!status) status = open_profiled(settings, &p);
    for (int i = -1; i < BENCH_ROUNDS && !status; i++)
        status = measure_round(settings, workload, model, &p, i, results);
    if (results->parts) qsort(results->parts, results->part_count, sizeof *results->parts, compare_parts);
    tsr_model_free(p.model);
    tsr_device_close(p.device);
    return status;
}

/* Predicts `count` images; *seconds is the median of the rounds, the first one left out. */
static tsr_status predict_rounds(tsr_model *model, tsr_data data, int64_t count, int32_t batch_size, int rounds,
                                 float *outputs, double *seconds)
{
    double taken[BENCH_ROUNDS];
    tsr_status status = TSR_OK;
    data.count = count;
    for (int round = -1; round < rounds && !status; round++) {
        double start = command_seconds();
        status = tsr_model_predict(model, &data, batch_size, outputs);
        if (round >= 0) taken[round] = command_seconds() - start;
    }
    if (!status) *seconds = bench_median(taken, (size_t)rounds);
    return status;
}

static tsr_status predict(const bench_settings *settings, tsr_model *model, const tsr_data *data,
                          bench_prediction *prediction)
{
    int64_t most = data->count < MOST_IMAGES ? data->count : MOST_IMAGES, batch = prediction->batch_size;
    if (settings->images) most = data->count < settings->images ? data->count : settings->images;
    if (batch == 0 || batch > most) batch = most < 256 ? most : 256;
    float *outputs = malloc((size_t)most * (size_t)tsr_model_outputs(model) * sizeof *outputs);
    if (!outputs) return TSR_OUT_OF_MEMORY;
    tsr_status status = TSR_OK;
    prediction->images = most;
    if (!settings->images) {
        double seconds = 0;
        status = predict_rounds(model, *data, batch, prediction->batch_size, 1, outputs, &seconds);
        double batches = seconds > 0 ? prediction_seconds / seconds : 1;
        if (batches * (double)batch < (double)most) prediction->images = batch * (batches < 1 ? 1 : (int64_t)batches);
    }
    if (!status)
        status = predict_rounds(model, *data, prediction->images, prediction->batch_size, BENCH_ROUNDS, outputs,
                                &prediction->seconds);
    free(outputs);
    return status;
}

/* Seconds from one image to its prediction: so short that it wants more than a few rounds. */
static tsr_status measure_answer(tsr_model *model, tsr_data data, double *answer)
{
    enum { CALLS = 201, FIRST = 20 };
    double seconds[CALLS];
    tsr_status status = TSR_OK;
    float *outputs = malloc((size_t)tsr_model_outputs(model) * sizeof *outputs);
    if (!outputs) return TSR_OUT_OF_MEMORY;
    data.count = 1;
    for (int i = -FIRST; i < CALLS && !status; i++) {
        double start = command_seconds();
        status = tsr_model_predict(model, &data, 1, outputs);
        if (i >= 0) seconds[i] = command_seconds() - start;
    }
    if (!status) *answer = bench_median(seconds, CALLS);
    free(outputs);
    return status;
}

static tsr_status measure_predictions(const bench_settings *settings, const work_images *workload, tsr_model *model,
                                      bench_results *results)
{
    static const int32_t batch_sizes[BENCH_PREDICTIONS] = {1, 32, 256, 0};
    tsr_status status = TSR_OK;
    for (int i = 0; i < BENCH_PREDICTIONS && !status; i++) {
        results->predictions[i].batch_size = batch_sizes[i];
        status = predict(settings, model, &workload->data, &results->predictions[i]);
    }
    return status ? status : measure_answer(model, workload->data, &results->answer);
}

tsr_status bench_measure(const bench_settings *settings, const work_images *workload, tsr_model *model,
                         tsr_device *device, bench_results *results)
{
    double start = command_seconds(), step;
    tsr_status status = compile(settings, model, device);
    if (!status) status = train(settings, model, workload->data, 1, &step);
    results->ready = command_seconds() - start;
    if (!status) status = measure_training(settings, workload, model, results);
    if (!status) status = measure_predictions(settings, workload, model, results);
    return status;
}

void bench_results_clear(bench_results *results)
{
    free(results->parts);
    *results = (bench_results){0};
}
