/* A training step against its twins: the plan that training would make, in memory where everything stays to be read. */
#include "base/memory.h"
#include "base/quantile.h"
#include "base/time.h"
#include "model/runner.h"
#include "ops/primitive.h"
#include "plan/check.h"
#include "tessera/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double usual_budget = 20, timing_seconds = 1;
enum { USUAL_BATCH = 32, TIMED_STEPS = 4 /* between two looks at the clock */, FEWEST_ROUNDS = 5, MOST_ROUNDS = 50 };

typedef struct verifying {
    tsr_model *model;
    const tsr_network *network;
    const tsr_plan *plan;
    tsr_verification *result;
} verifying;

/* What a training step changes. */
typedef struct state {
    float *variables; /* each slot's weights and moments */
    int32_t step;
} state;

static tsr_status move_state(tsr_model *model, state *s, bool save)
{
    tsr_status status = TSR_OK;
    size_t at = 0;
    for (int slot = 0; slot < (int)model->weight_count; slot++)
        for (int moment = TSR_NONE; moment < tsr_model_moment_count(model) && !status; moment++) {
            status = save ? tsr_variables_read(model->variables, slot, moment, s->variables + at)
                          : tsr_variables_write(model->variables, slot, moment, s->variables + at);
            at += tsr_parameter_count(tsr_model_parameter(model, slot));
        }
    return status;
}

static tsr_status save_state(tsr_model *model, state *s)
{
    size_t count = (size_t)tsr_model_parameters(model) * (size_t)(1 + tsr_model_moment_count(model));
    *s = (state){.variables = tsr_alloc(count, sizeof *s->variables), .step = tsr_model_step(model)};
    return s->variables ? move_state(model, s, true) : tsr_fail_memory("weights", count * sizeof *s->variables);
}

static tsr_status restore_state(tsr_model *model, state *s)
{
    tsr_status status = move_state(model, s, false);
    return status ? status : tsr_model_set_step(model, s->step);
}

static bool is_gradient(const tsr_value *value, tsr_kind maker)
{
    switch (maker) {
    case TSR_KIND_CONV2D_GRAD_DATA:
    case TSR_KIND_CONV2D_GRAD_WEIGHTS:
    case TSR_KIND_POOL2D_GRAD:
    case TSR_KIND_ACTIVATION_GRAD:
    case TSR_KIND_DENSE_GRAD_DATA:
    case TSR_KIND_DENSE_GRAD_WEIGHTS:
    case TSR_KIND_DROPOUT_GRAD:
    case TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD:
        return true;
    default:
        return value->role == TSR_ROLE_PARAMETER || value->role == TSR_ROLE_STATE;
    }
}

static void note(void *context, const tsr_checked *checked)
{
    const verifying *v = context;
    tsr_verification *result = v->result;
    const tsr_value *value = &v->network->graph.values[checked->value];
    const tsr_primitive *maker = &v->network->graph.primitives[value->maker];
    int row = maker->layer == TSR_NONE ? result->layer_count - 1 : maker->layer;
    tsr_verified_layer *layer = &result->layers[row];
    bool gradient = is_gradient(value, maker->kind);
    tsr_verified_error *error = gradient ? &layer->gradient : &layer->value;
    error->known = true;
    /* Sparse gradients leave out zeros, and with them what zero times infinity is; then nothing is updated anyway. */
    if (gradient && checked->finite && !checked->right) return;
    error->error = fmax(error->error, checked->error);
    error->share = fmax(error->share, checked->share);
    layer->right &= checked->right;
    if (checked->right || !result->right) return;
    result->right = false;
    result->fault = row;
    snprintf(result->implementation, sizeof result->implementation, "%s",
             tsr_plan_step(v->plan, checked->step)->implementation->name);
    snprintf(result->text, sizeof result->text, "%s", checked->text);
}

/* The first `count` samples, over and over until there are `total`; *index is the caller's. */
static tsr_status repeat_samples(const tsr_data *data, int32_t count, int32_t total, int32_t **index,
                                 tsr_data *repeated)
{
    *index = tsr_alloc((size_t)total, sizeof **index);
    if (!*index) return tsr_fail_memory("the samples", (size_t)total * sizeof **index);
    for (int32_t i = 0; i < total; i++) (*index)[i] = data->index ? data->index[i % count] : i % count;
    *repeated = *data;
    repeated->index = *index;
    repeated->index_count = total;
    return TSR_OK;
}

static tsr_status compare_step(verifying *v, const tsr_data *data)
{
    tsr_model *model = v->model;
    int32_t *index = NULL, batch = v->result->batch;
    tsr_data samples;
    tsr_runner *runner = NULL;
    tsr_network network = {0};
    tsr_plan *plan = NULL;
    const tsr_page *page;
    tsr_sums sums;
    double began = tsr_seconds();
    tsr_status status = repeat_samples(data, batch, batch, &index, &samples);
    if (status || (status = tsr_runner_create(model, TSR_FOR_TRAINING, &samples, batch, &runner))) goto done;
    const tsr_plan_options options = {.guard = true};
    if ((status = tsr_runner_plan(runner, TSR_FOR_TRAINING, batch, &options, &network, &plan))) goto done;
    if ((status = tsr_runner_bind(runner, &network, plan, runner->clock, runner->counts, runner->loss_sum))) goto done;
    if ((status = tsr_runner_begin(runner, NULL))) goto done;
    if ((status = tsr_samples_page(runner->samples, 0, &page))) goto done;
    if ((status = tsr_runner_bind_page(&network, plan, page))) goto done;
    v->network = &network;
    v->plan = plan;
    if ((status = tsr_check_plan(model->device, plan, note, v))) goto done;
    if ((status = tsr_runner_read(runner, &sums))) goto done;
    v->result->finite = !sums.counts[2];
    v->result->seconds = tsr_seconds() - began;

done:
    tsr_plan_free(plan);
    tsr_network_clear(&network);
    tsr_runner_free(runner);
    free(index);
    return status;
}

/* Seconds of a step, of TIMED_STEPS one after another. */
static tsr_status time_round(tsr_runner *runner, double *seconds)
{
    tsr_device *device = runner->model->device;
    tsr_status status = tsr_runner_begin(runner, NULL);
    if (!status) status = tsr_device_finish(device);
    double began = tsr_seconds();
    for (int i = 0; i < TIMED_STEPS && !status; i++) status = tsr_runner_step(runner, NULL);
    if (!status) status = tsr_device_finish(device);
    *seconds = (tsr_seconds() - began) / TIMED_STEPS;
    return status;
}

static tsr_status time_steps(verifying *v, const tsr_data *data)
{
    int32_t *index = NULL, batch = v->result->step_batch;
    double rounds[MOST_ROUNDS], warm;
    int count = 0;
    tsr_data samples;
    tsr_runner *runner = NULL;
    tsr_status status = repeat_samples(data, batch, TIMED_STEPS * batch, &index, &samples);
    if (!status) status = tsr_runner_create(v->model, TSR_FOR_TRAINING, &samples, batch, &runner);
    if (!status) status = time_round(runner, &warm);
    double began = tsr_seconds();
    while (!status && count < MOST_ROUNDS && (count < FEWEST_ROUNDS || tsr_seconds() - began < timing_seconds))
        status = time_round(runner, &rounds[count++]);
    if (!status) v->result->step_seconds = tsr_quantile(rounds, count, 0.5);
    tsr_runner_free(runner);
    free(index);
    return status;
}

/* Seconds that the twins of a step take. */
static tsr_status estimate(const tsr_model *model, int32_t batch, bool real, double *seconds)
{
    tsr_network network = {0};
    const tsr_network_options options = {
        .purpose = TSR_FOR_TRAINING, .batch = batch, .samples = batch, .order = batch, .real = real};
    tsr_status status = tsr_network_create(model, &options, &network);
    double flops = 0;
    for (size_t p = 0; p < network.graph.primitive_count && !status; p++)
        flops += tsr_primitive_flops(&network.graph, &network.graph.primitives[p]);
    *seconds = tsr_check_seconds(flops);
    tsr_network_clear(&network);
    return status;
}

/* The batch that is timed, and the one that is compared within the budget. */
static tsr_status choose_batches(const tsr_model *model, const tsr_data *data, const tsr_verify_options *options,
                                 tsr_verification *result)
{
    int32_t batch = options && options->batch_size ? options->batch_size : USUAL_BATCH;
    int64_t most = tsr_data_count(data);
    double budget = options && options->budget > 0 ? options->budget : usual_budget, seconds = 0;
    if (batch < 1) return tsr_fail(TSR_INVALID_ARGUMENT, "verifying with a batch size of %d", (int)batch);
    if (most < 1) return tsr_fail(TSR_INVALID_ARGUMENT, "verifying needs at least one image");
    result->step_batch = result->batch = batch < most ? batch : (int32_t)most;
    for (;; result->batch /= 2) {
        tsr_status status = estimate(model, result->batch, data->real, &seconds);
        if (status || seconds <= budget) return status;
        if (result->batch == 1)
            return tsr_fail(TSR_UNSUPPORTED,
                            "to compare a training step of %s on one image with double precision would take about %.0f "
                            "s, more than the %.0f s that it may; give it more",
                            model->name, seconds, budget);
    }
}

static tsr_status create_result(const tsr_model *model, tsr_verification **result)
{
    tsr_verification *made = tsr_alloc(1, sizeof *made);
    *result = made;
    if (!made || !(made->layers = tsr_alloc(model->layer_count + 1, sizeof *made->layers)))
        return tsr_fail_memory("the result", (model->layer_count + 1) * sizeof(tsr_verified_layer));
    made->right = true;
    made->layer_count = (int)model->layer_count + 1;
    for (int i = 0; i < made->layer_count; i++)
        made->layers[i] =
            (tsr_verified_layer){.name = i + 1 < made->layer_count ? model->layers[i]->name : "loss", .right = true};
    return TSR_OK;
}

tsr_status tsr_model_verify(tsr_model *model, const tsr_data *data, const tsr_verify_options *options,
                            tsr_verification **verification)
{
    verifying v = {.model = model};
    state before = {0};
    *verification = NULL;
    tsr_status status = tsr_model_need_device(model, "verifying it");
    if (!status) status = tsr_model_check_loss(model);
    if (!status && !model->weight_count)
        status = tsr_fail(TSR_UNSUPPORTED, "the model %s has no weights to train", model->name);
    if (status) return status;
    status = create_result(model, &v.result);
    if (!status) status = choose_batches(model, data, options, v.result);
    if (!status) status = save_state(model, &before);
    if (status) goto done;
    status = compare_step(&v, data);
    if (!status) status = time_steps(&v, data);
    tsr_status restored = restore_state(model, &before);
    if (!status) status = restored;

done:
    free(before.variables);
    if (status) {
        tsr_verification_free(v.result);
        v.result = NULL;
    }
    *verification = v.result;
    return status;
}

void tsr_verification_free(tsr_verification *verification)
{
    if (!verification) return;
    free(verification->layers);
    free(verification);
}
