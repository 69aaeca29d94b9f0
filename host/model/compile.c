/* A model on a device: its weights, the optimizer's state, and the little that the host writes during training. */
#include "base/memory.h"
#include "model/initializer.h"
#include "model/model.h"
#include "model/runner.h"

#include <math.h>
#include <string.h>

bool tsr_model_is_compiled(const tsr_model *model)
{
    return model->device != NULL;
}

tsr_status tsr_model_need_device(const tsr_model *model, const char *action)
{
    if (model->device) return TSR_OK;
    return tsr_fail(TSR_INVALID_ARGUMENT, "the model %s has no device yet; call tsr_model_compile before %s",
                    model->name, action);
}

void tsr_model_release_device(tsr_model *model)
{
    tsr_runner_free(model->runner);
    model->runner = NULL;
    tsr_variables_free(model->variables);
    model->variables = NULL;
    if (model->clock) clReleaseMemObject(model->clock);
    if (model->learning_rate) clReleaseMemObject(model->learning_rate);
    model->clock = model->learning_rate = NULL;
    model->device = NULL;
    model->step = 0;
}

/* The weights come back to the host, so that they survive a change of device. */
static tsr_status fetch_weights(tsr_model *model)
{
    for (int slot = 0; slot < (int)model->weight_count; slot++) {
        size_t count = tsr_parameter_count(tsr_model_parameter(model, slot));
        float *values = tsr_alloc(count, sizeof *values);
        if (!values) return tsr_fail_memory("weights", count * sizeof *values);
        free(model->weights[slot].values);
        model->weights[slot].values = values;
        tsr_status status = tsr_variables_read(model->variables, slot, TSR_NONE, values);
        if (status) return status;
    }
    return TSR_OK;
}

/* Writes first values of a slot to the device. */
static tsr_status initialize(tsr_model *model, int slot)
{
    const tsr_parameter *parameter = tsr_model_parameter(model, slot);
    size_t count = tsr_parameter_count(parameter);
    float *values = tsr_alloc(count, sizeof *values);
    if (!values) return tsr_fail_memory("weights", count * sizeof *values);
    tsr_initializer_fill(parameter, model->options.seed, slot, values);
    tsr_status status = tsr_variables_write(model->variables, slot, TSR_NONE, values);
    free(values);
    return status;
}

/* Forgets the host's values. */
static void drop_weights(tsr_model *model)
{
    for (size_t i = 0; i < model->weight_count; i++) {
        free(model->weights[i].values);
        model->weights[i].values = NULL;
    }
}

/* Writes the host's values to the device, first ones where there are none (or where `afresh`). */
static tsr_status send_weights(tsr_model *model, bool afresh)
{
    tsr_status status = TSR_OK;
    for (int slot = 0; slot < (int)model->weight_count && !status; slot++) {
        const float *values = afresh ? NULL : model->weights[slot].values;
        status = values ? tsr_variables_write(model->variables, slot, TSR_NONE, values) : initialize(model, slot);
    }
    return status;
}

tsr_status tsr_model_create_variables(const tsr_model *model, tsr_device *device, int moments,
                                      tsr_variables **variables)
{
    size_t *counts = tsr_alloc(model->weight_count, sizeof *counts);
    if (!counts) return tsr_fail_memory("weights", model->weight_count * sizeof *counts);
    for (int slot = 0; slot < (int)model->weight_count; slot++)
        counts[slot] = tsr_parameter_count(tsr_model_parameter(model, slot));
    tsr_status status = tsr_variables_create(device, counts, (int)model->weight_count, moments, variables);
    free(counts);
    return status;
}

tsr_status tsr_model_compile(tsr_model *model, tsr_device *device, const tsr_compile_options *options)
{
    tsr_compile_options completed = options ? *options : (tsr_compile_options){0};
    if (!device) return tsr_fail(TSR_INVALID_ARGUMENT, "a model is compiled for a device, but none was given");
    if (!model->layer_count)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the model %s has no layers; add an input and layers first", model->name);
    tsr_status status = tsr_compile_options_complete(&completed);
    if (status) return status;
    if (model->variables && (status = fetch_weights(model))) return status;
    tsr_model_release_device(model);

    model->device = device;
    model->options = completed;
    if (model->weight_count && (status = tsr_model_create_variables(
                                    model, device, tsr_compile_options_moments(&completed), &model->variables)))
        goto done;
    if ((status = send_weights(model, false))) goto done;
    if ((status = tsr_buffer_create(device, CL_MEM_READ_WRITE, 4 * sizeof(int32_t), "the clock", &model->clock)))
        goto done;
    if ((status =
             tsr_buffer_create(device, CL_MEM_READ_WRITE, sizeof(float), "the learning rate", &model->learning_rate)))
        goto done;
    if ((status = tsr_model_set_step(model, 0))) goto done;
    status = tsr_model_set_learning_rate(model, completed.learning_rate);

done:
    /* After a failure the host still has all weights, and another device may do. */
    if (status)
        tsr_model_release_device(model);
    else
        drop_weights(model);
    return status;
}

tsr_device *tsr_model_device(const tsr_model *model)
{
    return model->device;
}

tsr_compile_options tsr_model_compile_options(const tsr_model *model)
{
    tsr_compile_options options = model->options;
    if (!model->device) tsr_compile_options_complete(&options);
    return options;
}

tsr_status tsr_model_set_learning_rate(tsr_model *model, float learning_rate)
{
    tsr_status status = tsr_model_need_device(model, "setting the learning rate");
    if (status) return status;
    if (!(learning_rate >= 0 && isfinite(learning_rate)))
        return tsr_fail(TSR_INVALID_ARGUMENT, "the learning rate is %g, where a number of at least 0 is wanted",
                        learning_rate);
    model->options.learning_rate = learning_rate;
    return tsr_buffer_write(model->device, model->learning_rate, 0, &learning_rate, sizeof learning_rate);
}

float tsr_model_learning_rate(const tsr_model *model)
{
    return tsr_model_compile_options(model).learning_rate;
}

tsr_status tsr_model_reinitialize(tsr_model *model)
{
    if (!model->device) { /* compiling will initialise them */
        drop_weights(model);
        return TSR_OK;
    }
    tsr_status status = send_weights(model, true);
    if (status) return status;
    if (model->variables && (status = tsr_variables_reset_moments(model->variables))) return status;
    return tsr_model_set_step(model, 0);
}

static tsr_status check_weight_number(const tsr_model *model, int number)
{
    if (number >= 0 && number < (int)model->weight_count) return TSR_OK;
    return tsr_fail(TSR_INVALID_ARGUMENT, "the model %s has %d tensors of weights; there is no number %d", model->name,
                    (int)model->weight_count, number);
}

tsr_status tsr_model_get_weight(tsr_model *model, int number, float *values)
{
    tsr_status status = check_weight_number(model, number);
    if (status) return status;
    if (model->device) return tsr_variables_read(model->variables, number, TSR_NONE, values);
    if (!model->weights[number].values)
        return tsr_fail(TSR_INVALID_ARGUMENT,
                        "the weights of the model %s have no values yet; compile it, or set or load them", model->name);
    memcpy(values, model->weights[number].values,
           tsr_parameter_count(tsr_model_parameter(model, number)) * sizeof *values);
    return TSR_OK;
}

tsr_status tsr_model_set_weight(tsr_model *model, int number, const float *values)
{
    tsr_status status = check_weight_number(model, number);
    if (status) return status;
    if (model->device) return tsr_variables_write(model->variables, number, TSR_NONE, values);
    size_t bytes = tsr_parameter_count(tsr_model_parameter(model, number)) * sizeof *values;
    float **kept = &model->weights[number].values;
    if (!*kept && !(*kept = malloc(bytes))) return tsr_fail_memory("weights", bytes);
    memcpy(*kept, values, bytes);
    return TSR_OK;
}

int tsr_model_moment_count(const tsr_model *model)
{
    return model->device ? tsr_compile_options_moments(&model->options) : 0;
}

int32_t tsr_model_step(const tsr_model *model)
{
    return model->step;
}

tsr_status tsr_model_set_step(tsr_model *model, int32_t step)
{
    tsr_status status = tsr_model_need_device(model, "setting the step");
    if (status) return status;
    if (step < 0) return tsr_fail(TSR_INVALID_ARGUMENT, "the optimizer's step is %d, which is negative", (int)step);
    model->step = step;
    return tsr_buffer_write(model->device, model->clock, 0, (const int32_t[]){step, 0, 0, 0}, 4 * sizeof(int32_t));
}

static tsr_status check_moment(const tsr_model *model, int number, int moment)
{
    tsr_status status = tsr_model_need_device(model, "using the optimizer's state");
    if (status || (status = check_weight_number(model, number))) return status;
    int moments = tsr_model_moment_count(model);
    if (moment >= 0 && moment < moments) return TSR_OK;
    return tsr_fail(TSR_INVALID_ARGUMENT, "the optimizer has %d moments; there is no number %d", moments, moment);
}

tsr_status tsr_model_get_moment(tsr_model *model, int number, int moment, float *values)
{
    tsr_status status = check_moment(model, number, moment);
    return status ? status : tsr_variables_read(model->variables, number, moment, values);
}

tsr_status tsr_model_set_moment(tsr_model *model, int number, int moment, const float *values)
{
    tsr_status status = check_moment(model, number, moment);
    return status ? status : tsr_variables_write(model->variables, number, moment, values);
}
