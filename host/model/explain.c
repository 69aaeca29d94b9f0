/* What becomes of a model on a device. */
#include "base/memory.h"
#include "model/model.h"
#include "model/network.h"

tsr_status tsr_model_explain(tsr_model *model, tsr_device *device, const tsr_explain_options *options, char **text)
{
    const tsr_explain_options defaults = {0};
    if (!options) options = &defaults;
    int32_t batch = options->batch_size ? options->batch_size : 32;
    tsr_network network = {0};
    tsr_plan *plan = NULL;
    tsr_variables *variables = NULL;
    tsr_text described = {0};
    const char **names = NULL;
    tsr_status status = TSR_OK;
    if (batch < 1)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the batch size is %d, where a number of at least 1 is wanted",
                        (int)batch);
    if (!model->layer_count) return tsr_fail(TSR_INVALID_ARGUMENT, "the model %s has no layers", model->name);

    const tsr_network_options network_options = {
        .purpose = options->inference ? TSR_FOR_PREDICTION : TSR_FOR_TRAINING,
        .batch = batch,
        .samples = batch,
        .order = batch,
    };
    if ((status = tsr_network_create(model, &network_options, &network))) goto done;
    const tsr_plan_options plan_options = {.gemm = options->gemm, .no_fusion = options->no_fusion};
    /* Variables of its own, since the model may be compiled for another device or for none. */
    const tsr_compile_options adam = {0};
    if (model->weight_count)
        status = tsr_model_create_variables(model, device, tsr_compile_options_moments(&adam), &variables);
    if (status) goto done;
    status =
        tsr_plan_create(device, &network.graph, network.wanted, network.wanted_count, &plan_options, variables, &plan);
    if (status) goto done;
    if (!(names = tsr_alloc(model->layer_count, sizeof *names))) {
        status = tsr_fail_memory("the description", model->layer_count * sizeof *names);
        goto done;
    }
    for (size_t i = 0; i < model->layer_count; i++) names[i] = model->layers[i]->name;
    if ((status = tsr_plan_explain(plan, names, options->json, &described))) goto done;
    if (!(*text = tsr_text_take(&described))) status = tsr_fail_memory("the description", 0);

done:
    free(names);
    tsr_text_clear(&described);
    tsr_plan_free(plan);
    tsr_variables_free(variables);
    tsr_network_clear(&network);
    return status;
}
