/* Training: epochs of shuffled batches, validation, callbacks. */
#include "base/memory.h"
#include "base/random.h"
#include "base/time.h"
#include "model/diagnose.h"
#include "model/evaluate.h"
#include "model/history.h"
#include "model/pace.h"

#include <math.h>

/* Seconds from one report of progress to the next. */
static const double progress_seconds = 0.1;

typedef struct tsr_fit {
    tsr_model *model;
    const tsr_fit_options *options;
    tsr_runner *training, *validation;
    int32_t *permutation; /* NULL: the samples' own order */
    tsr_history *history;
    tsr_pace pace;
    int32_t epoch; /* from 1 */
    double began;  /* the epoch */
    double reported;
    bool stop;
} tsr_fit;

static bool is_interrupted(const tsr_fit *fit)
{
    return fit->options->interrupted && *fit->options->interrupted;
}

static tsr_status call_train_begin(const tsr_fit *fit)
{
    for (int i = 0; i < fit->options->callback_count; i++) {
        const tsr_callback *callback = &fit->options->callbacks[i];
        tsr_status status = TSR_OK;
        if (callback->on_train_begin) status = callback->on_train_begin(callback->context, fit->model);
        if (status) return status;
    }
    return TSR_OK;
}

static tsr_status call_epoch_begin(const tsr_fit *fit)
{
    for (int i = 0; i < fit->options->callback_count; i++) {
        const tsr_callback *callback = &fit->options->callbacks[i];
        tsr_status status = TSR_OK;
        if (callback->on_epoch_begin) status = callback->on_epoch_begin(callback->context, fit->model, fit->epoch);
        if (status) return status;
    }
    return TSR_OK;
}

static tsr_status call_progress(const tsr_fit *fit, int32_t batches_done, const tsr_metrics *running, double seconds)
{
    for (int i = 0; i < fit->options->callback_count; i++) {
        const tsr_callback *callback = &fit->options->callbacks[i];
        tsr_status status = TSR_OK;
        if (callback->on_progress)
            status = callback->on_progress(callback->context, fit->model, batches_done, fit->training->batches, running,
                                           seconds);
        if (status) return status;
    }
    return TSR_OK;
}

static tsr_status call_epoch_end(tsr_fit *fit, const tsr_epoch *epoch)
{
    for (int i = 0; i < fit->options->callback_count; i++) {
        const tsr_callback *callback = &fit->options->callbacks[i];
        tsr_status status = TSR_OK;
        if (callback->on_epoch_end) status = callback->on_epoch_end(callback->context, fit->model, epoch, &fit->stop);
        if (status) return status;
    }
    return TSR_OK;
}

static tsr_status call_train_end(const tsr_fit *fit)
{
    for (int i = 0; i < fit->options->callback_count; i++) {
        const tsr_callback *callback = &fit->options->callbacks[i];
        tsr_status status = TSR_OK;
        if (callback->on_train_end) status = callback->on_train_end(callback->context, fit->model, fit->history);
        if (status) return status;
    }
    return TSR_OK;
}

/* Reports a mark that the device has reached, now and then. */
static tsr_status report(tsr_fit *fit, const tsr_pace_mark *mark)
{
    double now = tsr_seconds();
    if (now - fit->reported < progress_seconds || mark->sums.counts[2]) return TSR_OK;
    fit->reported = now;
    tsr_metrics running = tsr_sums_metrics(&mark->sums);
    return call_progress(fit, mark->batches, &running, now - fit->began);
}

/* Enqueues the epoch's batches, all of them unless something stops it. */
static tsr_status enqueue_batches(tsr_fit *fit)
{
    const tsr_pace_mark *mark = NULL;
    tsr_status status = TSR_OK;
    tsr_pace_begin(&fit->pace, fit->training);
    for (int32_t i = 0; i < fit->training->batches && !status; i++) {
        if (is_interrupted(fit)) break;
        if ((status = tsr_runner_step(fit->training, NULL))) break;
        if ((status = tsr_pace_step(&fit->pace, &mark)) || !mark) continue;
        if (mark->sums.counts[2]) break; /* the stop mark: nothing changes any more */
        status = report(fit, mark);
    }
    tsr_status finishing = tsr_pace_end(&fit->pace);
    return status ? status : finishing;
}

/* One pass over the training data; *metrics are its means. */
static tsr_status train_epoch(tsr_fit *fit, tsr_metrics *metrics)
{
    tsr_model *model = fit->model;
    int32_t before = model->step, clock[4];
    tsr_sums sums;
    if (fit->permutation)
        tsr_shuffle(model->options.seed, TSR_STREAM_SHUFFLE, (uint32_t)fit->epoch, fit->permutation,
                    (size_t)fit->training->samples->count);
    tsr_status status = tsr_runner_begin(fit->training, fit->permutation);
    if (status) return status;
    status = enqueue_batches(fit);

    /* What the device has done by now counts, however the epoch ended. */
    tsr_status reading = tsr_buffer_read(model->device, model->clock, 0, clock, sizeof clock);
    if (!reading) model->step = clock[0];
    if (!reading) reading = tsr_runner_read(fit->training, &sums);
    if (status || (status = reading)) return status;
    if (sums.counts[2]) {
        model->step = sums.counts[3] - 1; /* the step at fault was not taken */
        status = tsr_diagnose_step(fit->training, fit->epoch, sums.counts[3] - before);
        tsr_status setting = tsr_model_set_step(model, model->step);
        return status ? status : setting;
    }
    if (is_interrupted(fit)) return tsr_fail(TSR_INTERRUPTED, "interrupted in epoch %d", (int)fit->epoch);
    *metrics = tsr_sums_metrics(&sums);
    if (!isfinite(metrics->loss)) /* while each step's loss is finite */
        return tsr_fail(TSR_NOT_FINITE,
                        "the loss of epoch %d is not finite: the losses of its steps add up to more than a float "
                        "holds; a smaller learning rate may help",
                        (int)fit->epoch);
    return call_progress(fit, fit->training->batches, metrics, tsr_seconds() - fit->began);
}

static tsr_status run_epoch(tsr_fit *fit)
{
    tsr_epoch epoch = {.epoch = fit->epoch};
    fit->began = fit->reported = tsr_seconds();
    tsr_status status = call_epoch_begin(fit);
    if (status || (status = train_epoch(fit, &epoch.training))) return status;
    if (fit->validation) {
        status = tsr_evaluate_pass(fit->validation, fit->options->interrupted, &epoch.validation);
        if (status) return tsr_fail_in(status, "validation after epoch %d", (int)fit->epoch);
        epoch.validated = true;
    }
    epoch.seconds = tsr_seconds() - fit->began;
    if ((status = tsr_history_add(fit->history, &epoch))) return status;
    return call_epoch_end(fit, &epoch);
}

static tsr_status check_options(const tsr_data *data, const tsr_fit_options *options)
{
    int64_t count = data ? tsr_data_count(data) : 0;
    if (options->epochs < 0)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the number of epochs is %d, where at least 1 is wanted",
                        (int)options->epochs);
    if (options->batch_size < 0)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the batch size is %d, where a number of at least 1 is wanted",
                        (int)options->batch_size);
    if (count > 0 && options->batch_size > count)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the batch size is %d, but there are only %lld samples to train with",
                        (int)options->batch_size, (long long)count);
    return TSR_OK;
}

static tsr_status open_runners(tsr_fit *fit, const tsr_data *data)
{
    const tsr_data *validation = fit->options->validation;
    int64_t count = data ? tsr_data_count(data) : 0;
    int32_t batch = fit->options->batch_size ? fit->options->batch_size : 32;
    if (count > 0 && batch > count) batch = (int32_t)count;
    tsr_status status = tsr_runner_create(fit->model, TSR_FOR_TRAINING, data, batch, &fit->training);
    if (status || !validation) return status;
    status = tsr_runner_create(fit->model, TSR_FOR_EVALUATION, validation, tsr_inference_batch(fit->model, validation),
                               &fit->validation);
    return status ? tsr_fail_in(status, "validation data") : TSR_OK;
}

tsr_status tsr_model_fit(tsr_model *model, const tsr_data *data, const tsr_fit_options *options, tsr_history *history)
{
    const tsr_fit_options defaults = {0};
    tsr_history own = {0};
    tsr_fit fit = {.model = model, .options = options ? options : &defaults, .history = history ? history : &own};
    tsr_history_clear(fit.history);
    tsr_status status = tsr_model_need_device(model, "tsr_model_fit");
    if (status || (status = check_options(data, fit.options))) return status;
    if ((status = open_runners(&fit, data))) goto done;
    if (!fit.options->no_shuffle) {
        size_t count = (size_t)fit.training->samples->count;
        if (!(fit.permutation = tsr_alloc(count, sizeof *fit.permutation))) {
            status = tsr_fail_memory("the order of the samples", count * sizeof *fit.permutation);
            goto done;
        }
    }
    if ((status = call_train_begin(&fit))) goto done;
    int32_t epochs = fit.options->epochs ? fit.options->epochs : 1;
    for (fit.epoch = 1; fit.epoch <= epochs && !fit.stop && !status; fit.epoch++) status = run_epoch(&fit);
    if (status) goto done;
    fit.history->stopped_early = fit.stop && fit.history->count < epochs;
    status = call_train_end(&fit);

done:
    tsr_runner_free(fit.training);
    tsr_runner_free(fit.validation);
    free(fit.permutation);
    tsr_history_clear(&own);
    return status;
}
