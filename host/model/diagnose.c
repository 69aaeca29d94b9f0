#include "model/diagnose.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>

typedef struct tsr_fault {
    char text[256]; /* empty: none found yet */
} tsr_fault;

/* Whether there is an infinity or a not-a-number; which one goes into *what. */
static bool has_fault(const float *values, size_t count, const char **what)
{
    for (size_t i = 0; i < count; i++)
        if (!isfinite(values[i])) {
            *what = isnan(values[i]) ? "not-a-number" : "infinity";
            return true;
        }
    return false;
}

static tsr_status check_weights(tsr_model *model, tsr_fault *fault)
{
    for (int slot = 0; slot < (int)model->weight_count && !fault->text[0]; slot++) {
        tsr_weight_info info = tsr_model_weight(model, slot);
        float *values = tsr_alloc(info.count, sizeof *values);
        if (!values) return tsr_fail_memory("weights", info.count * sizeof *values);
        tsr_status status = tsr_model_get_weight(model, slot, values);
        const char *what;
        if (!status && has_fault(values, info.count, &what))
            snprintf(fault->text, sizeof fault->text, "the first layer at fault is %s, whose weights %s hold %s",
                     model->layers[info.layer]->name, info.name, what);
        free(values);
        if (status) return status;
    }
    return TSR_OK;
}

/* Says what the value is in the layer's terms. */
static void describe(const tsr_model *model, const tsr_network *network, int value, const char *what, tsr_fault *fault)
{
    const tsr_primitive *maker = &network->graph.primitives[network->graph.values[value].maker];
    const char *name = network->graph.values[value].name;
    if (maker->layer == 0 && maker->kind == TSR_KIND_GATHER)
        snprintf(fault->text, sizeof fault->text, "the images of the batch hold %s", what);
    else if (maker->layer == TSR_NONE)
        snprintf(fault->text, sizeof fault->text, "the %s hold %s, though what all layers give is finite", name, what);
    else if (maker->kind == TSR_KIND_CONV2D || maker->kind == TSR_KIND_POOL2D || maker->kind == TSR_KIND_ACTIVATION ||
             maker->kind == TSR_KIND_DENSE || maker->kind == TSR_KIND_DROPOUT)
        snprintf(fault->text, sizeof fault->text, "the first layer at fault is %s, whose output holds %s",
                 model->layers[maker->layer]->name, what);
    else
        snprintf(fault->text, sizeof fault->text, "the first layer at fault is %s, whose gradients (%s) hold %s",
                 model->layers[maker->layer]->name, name, what);
}

/* Values were made in the order of the computation: activations, loss, gradients. */
static tsr_status check_values(const tsr_model *model, const tsr_network *network, tsr_plan *plan, tsr_fault *fault)
{
    for (int i = 0; i < (int)network->graph.value_count && !fault->text[0]; i++) {
        const tsr_value *value = &network->graph.values[i];
        if (value->maker == TSR_NONE || value->replaces != TSR_NONE || value->dtype != TSR_F32) continue;
        size_t count = tsr_value_count(value);
        float *values = tsr_alloc(count, sizeof *values);
        if (!values) return tsr_fail_memory("a layer's output", count * sizeof *values);
        tsr_status status = tsr_plan_read(plan, i, values);
        const char *what;
        if (!status && has_fault(values, count, &what)) describe(model, network, i, what, fault);
        free(values);
        if (status) return status;
    }
    return TSR_OK;
}

/* Runs the batch at `position` of the order again, with the clock as it was, and looks at every value. */
static tsr_status replay(tsr_runner *runner, const int32_t clock_then[4], tsr_fault *fault)
{
    tsr_model *model = runner->model;
    int32_t position = clock_then[1], batch = runner->parts[0].batch;
    if (!batch || runner->samples->count - position < batch) batch = runner->parts[1].batch;
    const int32_t clock_before[4] = {clock_then[0] - 1, position, position, 0};
    tsr_network network = {0};
    tsr_plan *plan = NULL;
    cl_mem clock = NULL, counts = NULL, loss_sum = NULL;
    const tsr_page *page;
    tsr_status status =
        tsr_runner_plan(runner, TSR_FOR_DIAGNOSIS, batch, &(tsr_plan_options){.no_fusion = true}, &network, &plan);
    if (status) goto done;
    if ((status = tsr_buffer_create(model->device, CL_MEM_READ_WRITE, 16, "the clock", &clock))) goto done;
    if ((status = tsr_buffer_create(model->device, CL_MEM_READ_WRITE, 16, "the counts", &counts))) goto done;
    if ((status = tsr_buffer_create(model->device, CL_MEM_READ_WRITE, 8, "the sum of losses", &loss_sum))) goto done;
    if ((status = tsr_buffer_write(model->device, clock, 0, clock_before, 16))) goto done;
    if ((status = tsr_buffer_fill(model->device, counts, 0, 0, 16))) goto done;
    if ((status = tsr_buffer_fill(model->device, loss_sum, 0, 0, 8))) goto done;
    if ((status = tsr_runner_bind(runner, &network, plan, clock, counts, loss_sum))) goto done;
    if ((status = tsr_samples_page(runner->samples, position, &page))) goto done;
    if ((status = tsr_runner_bind_page(&network, plan, page))) goto done;
    if ((status = tsr_plan_run(plan))) goto done;
    status = check_values(model, &network, plan, fault);

done:
    tsr_plan_free(plan);
    tsr_network_clear(&network);
    if (clock) clReleaseMemObject(clock);
    if (counts) clReleaseMemObject(counts);
    if (loss_sum) clReleaseMemObject(loss_sum);
    return status;
}

tsr_status tsr_diagnose_step(tsr_runner *runner, int32_t epoch, int32_t step)
{
    tsr_fault fault = {{0}};
    int32_t clock[4];
    tsr_status status = tsr_buffer_read(runner->model->device, runner->clock, 0, clock, sizeof clock);
    if (!status) status = check_weights(runner->model, &fault);
    if (!status && !fault.text[0]) status = replay(runner, clock, &fault);
    if (status) return tsr_fail_in(status, "looking for why the loss is not finite in epoch %d, step %d", epoch, step);
    return tsr_fail(
        TSR_NOT_FINITE,
        "the loss is not finite in epoch %d, step %d: %s; the weights are those from before that step, and a "
        "smaller learning rate may help",
        (int)epoch, (int)step, fault.text[0] ? fault.text : "no single value shows why");
}
