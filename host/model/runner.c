#include "model/runner.h"

#include "base/memory.h"

#include <string.h>

/* How large the largest layer's output of a batch may become without gradients. */
enum { LARGEST_OUTPUT = 1 << 26, INFERENCE_BATCH = 256 };

int32_t tsr_inference_batch(const tsr_model *model, const tsr_data *data)
{
    int64_t largest = 1;
    for (size_t i = 0; i < model->layer_count; i++) {
        tsr_shape shape = model->layers[i]->output;
        int64_t elements = 1;
        for (int k = 0; k < shape.rank; k++) elements *= shape.extent[k];
        if (elements > largest) largest = elements;
    }
    int64_t batch = LARGEST_OUTPUT / largest;
    if (batch > INFERENCE_BATCH) batch = INFERENCE_BATCH;
    if (data && batch > tsr_data_count(data)) batch = tsr_data_count(data);
    size_t bytes = data ? tsr_sample_bytes(data) : 0;
    if (bytes) { /* a page holds at least a batch */
        size_t page = tsr_samples_limit(model->device, model->page_bytes) / bytes;
        if ((size_t)(batch < 0 ? 0 : batch) > page) batch = (int64_t)page;
    }
    return batch < 1 ? 1 : (int32_t)batch;
}

tsr_status tsr_runner_bind_page(const tsr_network *network, tsr_plan *plan, const tsr_page *page)
{
    tsr_status status = tsr_plan_bind(plan, network->images, page->images);
    if (!status && network->labels != TSR_NONE) status = tsr_plan_bind(plan, network->labels, page->labels);
    return status;
}

tsr_status tsr_runner_bind(const tsr_runner *runner, const tsr_network *network, tsr_plan *plan, cl_mem clock,
                           cl_mem counts, cl_mem loss_sum)
{
    const struct {
        int value;
        cl_mem buffer;
    } bindings[] = {
        {network->order, runner->samples->order},
        {network->clock, clock},
        {network->counts, counts},
        {network->loss_sum, loss_sum},
        {network->learning_rate, runner->model->learning_rate},
    };
    for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++) {
        if (bindings[i].value == TSR_NONE) continue;
        tsr_status status = tsr_plan_bind(plan, bindings[i].value, bindings[i].buffer);
        if (status) return status;
    }
    return TSR_OK;
}

tsr_status tsr_runner_plan(const tsr_runner *runner, tsr_purpose purpose, int32_t batch,
                           const tsr_plan_options *options, tsr_network *network, tsr_plan **plan)
{
    const tsr_model *model = runner->model;
    const tsr_samples *samples = runner->samples;
    const tsr_network_options network_options = {.purpose = purpose,
                                                 .batch = batch,
                                                 .samples = samples->page_size,
                                                 .order = samples->count,
                                                 .real = samples->data.real};
    tsr_plan_options own = *options;
    own.gemm = model->options.gemm;
    own.no_fusion |= model->options.no_fusion;
    own.vector_width = model->options.vector_width;
    *plan = NULL;
    tsr_status status = tsr_network_create(model, &network_options, network);
    if (status) return status;
    return tsr_plan_create(model->device, &network->graph, network->wanted, network->wanted_count, &own,
                           model->variables, plan);
}

static tsr_status create_part(tsr_runner *runner, int32_t batch, tsr_runner_part *part)
{
    const tsr_model *model = runner->model;
    const char **names = tsr_alloc(model->layer_count, sizeof *names);
    if (!names) return tsr_fail_memory("a pass", model->layer_count * sizeof *names);
    for (size_t i = 0; i < model->layer_count; i++) names[i] = model->layers[i]->name;
    part->batch = batch;
    tsr_status status = tsr_runner_plan(runner, runner->purpose, batch, &(tsr_plan_options){.layer_names = names},
                                        &part->network, &part->plan);
    free(names);
    if (status) return status;
    return tsr_runner_bind(runner, &part->network, part->plan, runner->clock, runner->counts, runner->loss_sum);
}

/* Runs the part's plan with the stop mark set: drivers finish what they do at a first launch, and nothing changes. */
static tsr_status warm_up(tsr_runner *runner, int which)
{
    tsr_runner_part *part = &runner->parts[which];
    const tsr_page *page;
    tsr_status status = tsr_samples_page(runner->samples, 0, &page);
    if (status || (status = tsr_runner_bind_page(&part->network, part->plan, page))) return status;
    runner->bound[which] = page->images;
    runner->counts_zero = false;
    status =
        tsr_buffer_write(runner->model->device, runner->counts, 0, (const int32_t[]){0, 0, 1, 0}, 4 * sizeof(int32_t));
    if (status || (status = tsr_plan_run(part->plan))) return status;
    return tsr_device_finish(runner->model->device);
}

static tsr_status create_buffers(tsr_runner *runner)
{
    tsr_device *device = runner->model->device;
    tsr_status status;
    if (runner->purpose == TSR_FOR_TRAINING) {
        runner->clock = runner->model->clock;
    } else {
        status = tsr_buffer_create(device, CL_MEM_READ_WRITE, 4 * sizeof(int32_t), "the clock", &runner->clock);
        if (status || (status = tsr_buffer_fill(device, runner->clock, 0, 0, 4 * sizeof(int32_t)))) return status;
    }
    status = tsr_buffer_create(device, CL_MEM_READ_WRITE, 4 * sizeof(int32_t), "the counts", &runner->counts);
    if (status) return status;
    return tsr_buffer_create(device, CL_MEM_READ_WRITE, 2 * sizeof(float), "the sum of losses", &runner->loss_sum);
}

tsr_status tsr_runner_create(tsr_model *model, tsr_purpose purpose, const tsr_data *data, int32_t batch,
                             tsr_runner **runner)
{
    bool labels = purpose != TSR_FOR_PREDICTION;
    tsr_runner *made = NULL;
    tsr_status status = labels ? tsr_model_check_loss(model) : TSR_OK;
    if (!status)
        status = tsr_data_check(data, model->layers[0]->output, labels ? tsr_model_output(model).extent[0] : 0);
    if (!status && !(made = tsr_alloc(1, sizeof *made))) status = tsr_fail_memory("a pass", sizeof *made);
    if (status) goto done;

    made->model = model;
    made->purpose = purpose;
    if ((status = tsr_samples_create(model->device, data, labels, batch, model->page_bytes, &made->samples))) goto done;
    if ((status = create_buffers(made))) goto done;
    int32_t full = made->samples->count / batch, rest = made->samples->count % batch;
    made->batches = full + (rest ? 1 : 0);
    if ((status = tsr_runner_begin(made, NULL))) goto done;
    const int32_t sizes[2] = {full ? batch : 0, rest};
    for (int i = 0; i < 2; i++)
        if (sizes[i] && ((status = create_part(made, sizes[i], &made->parts[i])) || (status = warm_up(made, i))))
            goto done;

done:
    if (status) {
        tsr_runner_free(made);
        made = NULL;
    }
    *runner = made;
    return status;
}

void tsr_runner_free(tsr_runner *runner)
{
    if (!runner) return;
    for (int i = 0; i < 2; i++) {
        tsr_plan_free(runner->parts[i].plan);
        tsr_network_clear(&runner->parts[i].network);
    }
    tsr_samples_free(runner->samples);
    if (runner->clock && runner->clock != runner->model->clock) clReleaseMemObject(runner->clock);
    if (runner->counts) clReleaseMemObject(runner->counts);
    if (runner->loss_sum) clReleaseMemObject(runner->loss_sum);
    free(runner);
}

static bool fits(const tsr_runner *runner, tsr_purpose purpose, const tsr_data *data, int32_t batch)
{
    if (!runner || runner->purpose != purpose) return false;
    int32_t first = runner->parts[0].batch ? runner->parts[0].batch : runner->parts[1].batch;
    return first == batch && runner->samples->count == tsr_data_count(data) && runner->samples->data.real == data->real;
}

tsr_status tsr_runner_reuse(tsr_model *model, tsr_purpose purpose, const tsr_data *data, int32_t batch,
                            tsr_runner **runner)
{
    tsr_status status = TSR_OK;
    if (fits(model->runner, purpose, data, batch)) {
        int32_t classes = purpose == TSR_FOR_PREDICTION ? 0 : tsr_model_output(model).extent[0];
        status = tsr_data_check(data, model->layers[0]->output, classes);
        if (!status) status = tsr_samples_replace(model->runner->samples, data);
    } else {
        tsr_runner_free(model->runner);
        model->runner = NULL;
        status = tsr_runner_create(model, purpose, data, batch, &model->runner);
    }
    *runner = status ? NULL : model->runner;
    return status;
}

tsr_status tsr_runner_begin(tsr_runner *runner, const int32_t *permutation)
{
    tsr_device *device = runner->model->device;
    runner->batches_done = 0;
    tsr_status status = tsr_samples_order(runner->samples, permutation);
    if (status) return status;
    /* The clock's step goes on; its position starts again. */
    if ((status = tsr_buffer_fill(device, runner->clock, sizeof(int32_t), 0, 2 * sizeof(int32_t)))) return status;
    /* A prediction counts nothing: its counts stay zero from the first time on. */
    if (runner->counts_zero) return TSR_OK;
    runner->counts_zero = runner->purpose == TSR_FOR_PREDICTION;
    if ((status = tsr_buffer_fill(device, runner->counts, 0, 0, 4 * sizeof(int32_t)))) return status;
    return tsr_buffer_fill(device, runner->loss_sum, 0, 0, 2 * sizeof(float));
}

tsr_status tsr_runner_step(tsr_runner *runner, const tsr_runner_part **part)
{
    int which =
        runner->parts[0].batch && (runner->batches_done < runner->batches - 1 || !runner->parts[1].batch) ? 0 : 1;
    tsr_runner_part *used = &runner->parts[which];
    const tsr_page *page;
    tsr_status status = tsr_samples_page(runner->samples, runner->batches_done * runner->parts[0].batch, &page);
    if (status) return status;
    if (runner->bound[which] != page->images) {
        if ((status = tsr_runner_bind_page(&used->network, used->plan, page))) return status;
        runner->bound[which] = page->images;
    }
    if (part) *part = used;
    runner->batches_done++;
    return tsr_plan_run(used->plan);
}

tsr_status tsr_runner_read(tsr_runner *runner, tsr_sums *sums)
{
    tsr_device *device = runner->model->device;
    tsr_status status = tsr_buffer_read(device, runner->counts, 0, sums->counts, sizeof sums->counts);
    return status ? status : tsr_buffer_read(device, runner->loss_sum, 0, sums->loss_sum, sizeof sums->loss_sum);
}

tsr_status tsr_runner_enqueue_read(tsr_runner *runner, tsr_sums *sums, cl_event *event)
{
    tsr_device *device = runner->model->device;
    cl_command_queue queue = tsr_device_queue(device);
    tsr_status status = tsr_enqueue_barrier(device);
    if (status) return status;
    status = tsr_check(
        clEnqueueReadBuffer(queue, runner->counts, CL_FALSE, 0, sizeof sums->counts, sums->counts, 0, NULL, NULL),
        device, "reading the counts");
    if (status) return status;
    /* On an out-of-order queue the event of one read would say nothing of the other. */
    if ((status = tsr_enqueue_barrier(device))) return status;
    status = tsr_check(clEnqueueReadBuffer(queue, runner->loss_sum, CL_FALSE, 0, sizeof sums->loss_sum, sums->loss_sum,
                                           0, NULL, event),
                       device, "reading the sum of losses");
    if (status) return status;
    return tsr_check(clFlush(queue), device, "reading the sum of losses");
}

tsr_metrics tsr_sums_metrics(const tsr_sums *sums)
{
    double samples = sums->counts[1] ? sums->counts[1] : 1;
    return (tsr_metrics){
        .loss = sums->loss_sum[0] / samples, .accuracy = sums->counts[0] / samples, .samples = sums->counts[1]};
}
