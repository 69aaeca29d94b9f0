/* Times training and prediction with a model. */
#include "bench.h"

#include <stdlib.h>

/* A round of training, and of prediction, takes about this long unless told otherwise. */
static const double training_seconds = 1, prediction_seconds = 0.5;
enum { FEWEST_STEPS = 5, MOST_STEPS = 1500, TRIAL_STEPS = 10, MOST_IMAGES = 10000 };

/* Trains for `epochs` rounds of `steps`, or of as many as there are images for; *step (may be NULL) is the median time
 * of a step of all rounds but the first. */
static tsr_status train(const bench_settings *settings, tsr_model *model, tsr_data data, int64_t steps, int32_t epochs,
                        const tsr_callback *callback, double *step)
{
    tsr_history history = {0};
    double seconds[BENCH_ROUNDS];
    if (data.count > steps * settings->batch_size) data.count = steps * settings->batch_size;
    const tsr_fit_options options = {.epochs = epochs,
                                     .batch_size = (int32_t)settings->batch_size,
                                     .callbacks = callback,
                                     .callback_count = callback ? 1 : 0};
    tsr_status status = tsr_model_fit(model, &data, &options, &history);
    double taken = (double)((data.count + settings->batch_size - 1) / settings->batch_size);
    int rounds = epochs - 1 < BENCH_ROUNDS ? epochs - 1 : BENCH_ROUNDS;
    if (!status && step) {
        for (int i = 0; i < rounds; i++) seconds[i] = history.epochs[i + 1].seconds / taken;
        *step = bench_median(seconds, (size_t)rounds);
    }
    tsr_history_clear(&history);
    return status;
}

/* How many steps a round has: no more than there are whole batches for. */
static tsr_status choose_steps(const bench_settings *settings, const bench_workload *workload, tsr_model *model,
                               int64_t *steps)
{
    double step = 0;
    int64_t most = workload->data.count / settings->batch_size;
    *steps = settings->steps;
    if (!*steps) {
        tsr_status status = train(settings, model, workload->data, TRIAL_STEPS, 2, NULL, &step);
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

/* What warming up took does not count. */
static tsr_status forget_warm_up(void *context, tsr_model *model, int32_t epoch)
{
    (void)context;
    if (epoch <= 2) tsr_device_profile_reset(tsr_model_device(model));
    return TSR_OK;
}

/* Measures the kernels of training steps, on a device and a model of their own. */
static tsr_status measure_parts(const bench_settings *settings, const bench_workload *workload, bench_results *results)
{
    const tsr_callback callback = {.on_epoch_begin = forget_warm_up};
    tsr_device *device = NULL;
    tsr_model *model = NULL;
    tsr_status status = tsr_device_open(settings->device, true, &device);
    if (!status) (void)tsr_tune_apply(device); /* that it cannot was said when the first device was opened */
    if (!status) status = command_open_model(settings->model, &model, NULL);
    if (!status) status = compile(settings, model, device);
    if (!status)
        status = train(settings, model, workload->data, results->steps, 1 + BENCH_ROUNDS, &callback,
                       &results->profiled_step);
    results->profiled_steps = results->steps * BENCH_ROUNDS;
    if (!status) status = tsr_device_profile(device, &results->parts, &results->part_count);
    tsr_model_free(model);
    tsr_device_close(device);
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

static tsr_status measure_predictions(const bench_settings *settings, const bench_workload *workload, tsr_model *model,
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

/* Measures the peak and keeps the best of several times, since other work on the machine only takes away. */
static tsr_status measure_peak(tsr_device *device, tsr_peak *best)
{
    tsr_peak peak;
    tsr_status status = tsr_measure_peak(device, &peak);
    if (status) return status;
    if (peak.flops > best->flops) best->flops = peak.flops;
    if (peak.bandwidth > best->bandwidth) best->bandwidth = peak.bandwidth;
    if (!best->launch_seconds || peak.launch_seconds < best->launch_seconds) best->launch_seconds = peak.launch_seconds;
    return TSR_OK;
}

tsr_status bench_measure(const bench_settings *settings, const bench_workload *workload, tsr_model *model,
                         tsr_device *device, bench_results *results)
{
    double start = command_seconds();
    tsr_status status = compile(settings, model, device);
    if (!status) status = train(settings, model, workload->data, 1, 1, NULL, NULL);
    results->ready = command_seconds() - start;
    if (!status) status = choose_steps(settings, workload, model, &results->steps);
    if (!status) status = measure_peak(device, &results->peak);
    if (!status)
        status = train(settings, model, workload->data, results->steps, 1 + BENCH_ROUNDS, NULL, &results->step);
    if (!status) status = measure_peak(device, &results->peak);
    if (!status) status = measure_parts(settings, workload, results);
    if (!status) status = measure_predictions(settings, workload, model, results);
    return status;
}

void bench_results_clear(bench_results *results)
{
    free(results->parts);
    *results = (bench_results){0};
}
