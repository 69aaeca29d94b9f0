/* Tuning a device for a model: a pass for each purpose that the model is run for. */
#include "base/memory.h"
#include "base/time.h"
#include "model/model.h"
#include "model/network.h"
#include "model/runner.h"
#include "plan/tune.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ORDERS = 32 /* batches that the order of the samples has places for */ };

static const double usual_budget = 60, longest_candidate = 30, shortest_candidate = 1;

static tsr_status tune_purpose(tsr_tuner *t, const tsr_model *model, tsr_purpose purpose, const char *name,
                               int32_t batch)
{
    char what[64];
    tsr_network network = {0};
    if (t->time_up) return TSR_OK;
    const tsr_network_options options = {.purpose = purpose,
                                         .batch = batch,
                                         .samples = batch,
                                         .order = batch > INT32_MAX / ORDERS ? batch : batch * ORDERS};
    tsr_status status = tsr_network_create(model, &options, &network);
    snprintf(what, sizeof what, "%s, batch %d", name, (int)batch);
    if (!status) status = tsr_tune_graph(t, what, &network.graph, network.wanted, network.wanted_count);
    tsr_network_clear(&network);
    return status;
}

static tsr_status tune_all(tsr_tuner *t, const tsr_model *model)
{
    int32_t batch = t->options->batch_size ? t->options->batch_size : 32, large = tsr_inference_batch(model, NULL);
    tsr_status status = TSR_OK;
    bool trains = model->weight_count && tsr_model_check_loss(model) == TSR_OK;
    if (trains) status = tune_purpose(t, model, TSR_FOR_TRAINING, "training", batch);
    if (!status) status = tune_purpose(t, model, TSR_FOR_PREDICTION, "prediction", large);
    if (!status && trains) status = tune_purpose(t, model, TSR_FOR_EVALUATION, "evaluation", large);
    if (!status && large > 1) status = tune_purpose(t, model, TSR_FOR_PREDICTION, "prediction", 1);
    return status;
}

static tsr_status check_options(const tsr_model *model, const tsr_tune_options *options)
{
    if (!options || !options->worker || !options->worker[0])
        return tsr_fail(TSR_INVALID_ARGUMENT, "tuning needs the command line of a worker");
    if (!(options->budget >= 0 && options->budget < 1e9) || options->batch_size < 0)
        return tsr_fail(TSR_INVALID_ARGUMENT,
                        "tuning with a budget of %g s and a batch size of %d: neither may be "
                        "negative",
                        options->budget, (int)options->batch_size);
    return model->layer_count ? TSR_OK
                              : tsr_fail(TSR_INVALID_ARGUMENT, "the model %s has no layers to tune for", model->name);
}

tsr_status tsr_model_tune(tsr_model *model, tsr_device *device, const tsr_tune_options *options,
                          tsr_tune_result *result)
{
    tsr_tuner t = {.device = device, .options = options, .began = tsr_seconds()};
    tsr_compile_options own = model->options;
    const char **names = NULL;
    tsr_status status = check_options(model, options);
    if (status) return status;
    double budget = options->budget > 0 ? options->budget : usual_budget;
    t.deadline = t.began + budget;
    t.limit = budget / 3 > longest_candidate ? longest_candidate : budget / 3;
    if (t.limit < shortest_candidate) t.limit = shortest_candidate;
    t.worker = (tsr_tune_process){.command = options->worker, .interrupted = options->interrupted};
    if (!(names = tsr_alloc(model->layer_count, sizeof *names)))
        return tsr_fail_memory("tuning", model->layer_count * sizeof *names);
    for (size_t i = 0; i < model->layer_count; i++) names[i] = model->layers[i]->name;
    t.layer_names = names;
    (void)tsr_tuning_load(device, &t.stored);     /* without one that fits it starts from nothing */
    status = tsr_tuning_store(device, &t.stored); /* rather now than after a minute: the file may not be written */
    if (!status && !model->device) status = tsr_compile_options_complete(&model->options);
    if (!status) status = tune_all(&t, model);
    model->options = own;
    tsr_tune_stop(&t.worker);
    tsr_tuning_clear(&t.found);
    tsr_tuning_clear(&t.stored);
    tsr_device_forget_tuning(device);
    free(names);
    t.result.complete = !t.time_up && !status;
    t.result.seconds = tsr_seconds() - t.began;
    if (result) *result = t.result;
    return status;
}
