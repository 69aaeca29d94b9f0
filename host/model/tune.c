/* Tuning a device for a model: a pass for each purpose that the model is run for. */
#include "base/memory.h"
#include "base/time.h"
#include "model/model.h"
#include "model/network.h"
#include "model/runner.h"
#include "plan/tune.h"

#include <stdio.h>

enum { ORDERS = 32 /* batches that the order of the samples has places for */ };

/* A pass; `with_clblast`: preceded by one for CLBlast's parameters. */
static tsr_status tune_purpose(tsr_tuner *t, const tsr_model *model, tsr_purpose purpose, const char *name,
                               int32_t batch, bool with_clblast)
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
    if (!status && with_clblast) status = tsr_tune_clblast(t, &network.graph);
    if (!status) status = tsr_tune_graph(t, what, &network.graph, network.wanted, network.wanted_count);
    tsr_network_clear(&network);
    return status;
}

static tsr_status tune_all(tsr_tuner *t, const tsr_model *model)
{
    int32_t batch = t->options->batch_size ? t->options->batch_size : 32, large = tsr_inference_batch(model, NULL);
    tsr_status status = TSR_OK;
    bool trains = model->weight_count && tsr_model_check_loss(model) == TSR_OK;
    if (trains) status = tune_purpose(t, model, TSR_FOR_TRAINING, "training", batch, true);
    if (!status) status = tune_purpose(t, model, TSR_FOR_PREDICTION, "prediction", large, !trains);
    if (!status && trains) status = tune_purpose(t, model, TSR_FOR_EVALUATION, "evaluation", large, false);
    if (!status && large > 1) status = tune_purpose(t, model, TSR_FOR_PREDICTION, "prediction", 1, false);
    return status;
}

/* Reads what is stored. The file is written at once, rather than after a minute: perhaps it cannot be. */
static tsr_status begin_with_stored(tsr_tuner *t)
{
    tsr_status status = TSR_OK;
    (void)tsr_tuning_load(t->device, &t->stored);             /* without one that fits it starts from nothing */
    for (size_t i = 0; i < t->stored.count && !status; i++) { /* CLBlast's parameters hold until others are found */
        const tsr_tuning_entry *e = &t->stored.entries[i];
        if (tsr_tuning_clblast_kernel(e)) status = tsr_tuning_put(&t->found, e->key, e->choice, e->before, e->after);
    }
    return status ? status : tsr_tuning_store(t->device, &t->stored);
}

tsr_status tsr_model_tune(tsr_model *model, tsr_device *device, const tsr_tune_options *options,
                          tsr_tune_result *result)
{
    tsr_tuner t;
    int lock;
    tsr_compile_options own = model->options;
    tsr_status status = tsr_tuner_begin(&t, device, options);
    if (status) return status;
    if (options->batch_size < 0)
        return tsr_fail(TSR_INVALID_ARGUMENT, "tuning for a batch size of %d", (int)options->batch_size);
    if (!model->layer_count)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the model %s has no layers to tune for", model->name);
    const char **names = tsr_alloc(model->layer_count, sizeof *names);
    if (!names) return tsr_fail_memory("tuning", model->layer_count * sizeof *names);
    for (size_t i = 0; i < model->layer_count; i++) names[i] = model->layers[i]->name;
    t.layer_names = names;
    status = tsr_tuning_lock(&lock);
    if (!status) status = begin_with_stored(&t);
    if (!status && !model->device) status = tsr_compile_options_complete(&model->options);
    if (!status) status = tune_all(&t, model);
    model->options = own;
    t.result.complete = !t.time_up && !status;
    t.result.seconds = tsr_seconds() - t.began;
    if (result) *result = t.result;
    tsr_tuner_end(&t);
    tsr_tuning_unlock(lock);
    free(names);
    return status;
}
