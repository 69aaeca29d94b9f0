/* Passes without gradients: evaluation and prediction. */
#include "model/evaluate.h"

#include <math.h>

tsr_status tsr_evaluate_pass(tsr_runner *runner, const volatile int *interrupted, tsr_metrics *metrics)
{
    tsr_sums sums;
    tsr_status status = tsr_runner_begin(runner, NULL);
    for (int32_t i = 0; i < runner->batches && !status; i++) {
        if (interrupted && *interrupted) return tsr_fail(TSR_INTERRUPTED, "interrupted");
        status = tsr_runner_step(runner, NULL);
    }
    if (status || (status = tsr_runner_read(runner, &sums))) return status;
    /* Losses that are finite, each of them, may add up to more than a float holds. */
    if (sums.counts[2] || !isfinite(sums.loss_sum[0]))
        return tsr_fail(TSR_NOT_FINITE, "the loss of the model %s on the data to evaluate is not finite",
                        runner->model->name);
    *metrics = tsr_sums_metrics(&sums);
    return TSR_OK;
}

/* The batch size asked for, or the one for inference. */
static tsr_status choose_batch(const tsr_model *model, const tsr_data *data, int32_t *batch_size)
{
    int64_t count = data ? tsr_data_count(data) : 0;
    if (*batch_size < 0)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the batch size is %d, where a number of at least 1 is wanted",
                        (int)*batch_size);
    if (count > 0 && *batch_size > count) *batch_size = (int32_t)count;
    if (*batch_size == 0) *batch_size = tsr_inference_batch(model, data);
    return TSR_OK;
}

tsr_status tsr_model_evaluate(tsr_model *model, const tsr_data *data, int32_t batch_size, tsr_metrics *metrics)
{
    tsr_runner *runner;
    tsr_status status = tsr_model_need_device(model, "tsr_model_evaluate");
    if (status || (status = choose_batch(model, data, &batch_size))) return status;
    if ((status = tsr_runner_reuse(model, TSR_FOR_EVALUATION, data, batch_size, &runner))) return status;
    return tsr_evaluate_pass(runner, NULL, metrics);
}

tsr_status tsr_model_predict(tsr_model *model, const tsr_data *data, int32_t batch_size, float *outputs)
{
    tsr_runner *runner;
    tsr_status status = tsr_model_need_device(model, "tsr_model_predict");
    if (status || (status = choose_batch(model, data, &batch_size))) return status;
    if ((status = tsr_runner_reuse(model, TSR_FOR_PREDICTION, data, batch_size, &runner))) return status;
    status = tsr_runner_begin(runner, NULL);
    size_t classes = (size_t)tsr_model_outputs(model);
    for (int32_t i = 0; i < runner->batches && !status; i++) {
        const tsr_runner_part *part;
        if ((status = tsr_runner_step(runner, &part))) break;
        status = tsr_plan_read(part->plan, part->network.output, outputs);
        outputs += (size_t)part->batch * classes;
    }
    return status;
}
