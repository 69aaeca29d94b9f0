/* Runs a model over samples, batch by batch: the plans for full batches and for the last, smaller one, warmed up, and
 * the sums that live on the device. */
#ifndef TSR_MODEL_RUNNER_H
#define TSR_MODEL_RUNNER_H

#include "model/model.h"
#include "model/network.h"
#include "model/samples.h"

/* Plans by batch size: full batches, and the rest. */
typedef struct tsr_runner_part {
    int32_t batch; /* 0: not needed */
    tsr_network network;
    tsr_plan *plan;
} tsr_runner_part;

struct tsr_runner {
    tsr_model *model;
    tsr_purpose purpose;
    tsr_samples *samples;
    tsr_runner_part parts[2];
    cl_mem bound[2];      /* images that each part reads */
    int32_t batches;      /* of one pass over the samples */
    int32_t batches_done; /* enqueued in this pass */
    bool counts_zero;     /* nothing has changed the counts and sums since they were set to zero */
    cl_mem clock;         /* the model's in training, otherwise of its own */
    cl_mem counts, loss_sum;
};

/* What the device has added up in a pass, as it lies there. */
typedef struct tsr_sums {
    int32_t counts[4]; /* hits, samples, stop mark, step at which it was set */
    float loss_sum[2];
} tsr_sums;

/* The data is checked first; `batch` is at least 1. The data must stay alive. */
tsr_status tsr_runner_create(tsr_model *model, tsr_purpose purpose, const tsr_data *data, int32_t batch,
                             tsr_runner **runner);
void tsr_runner_free(tsr_runner *runner);

/* The model's kept runner where it fits the purpose, the batch size and the kind and number of samples, with these
 * samples in it, otherwise a new one, which the model keeps from now on. */
tsr_status tsr_runner_reuse(tsr_model *model, tsr_purpose purpose, const tsr_data *data, int32_t batch,
                            tsr_runner **runner);

/* Begins a pass in the order of `permutation` (NULL: their own): sums are zero, the next batch is the first. Waits for
 * the device where the order of a set without pages changes. */
tsr_status tsr_runner_begin(tsr_runner *runner, const int32_t *permutation);

/* Enqueues the next batch; *part (may be NULL) is the one that it ran on. */
tsr_status tsr_runner_step(tsr_runner *runner, const tsr_runner_part **part);

/* Reads the sums, waiting for the device; or enqueues reading them, *sums being filled when *event is complete. */
tsr_status tsr_runner_read(tsr_runner *runner, tsr_sums *sums);
tsr_status tsr_runner_enqueue_read(tsr_runner *runner, tsr_sums *sums, cl_event *event);

/* Mean loss and accuracy of the sums. */
tsr_metrics tsr_sums_metrics(const tsr_sums *sums);

/* The batch size for runs without gradients, chosen so that no layer's output becomes huge. At least 1. */
int32_t tsr_inference_batch(const tsr_model *model, const tsr_data *data);

/* A network of the runner's model for `batch` of its samples, and a plan of it with the model's own choices beside
 * `options`; nothing is bound yet. Both are the caller's, also after a failure. */
tsr_status tsr_runner_plan(const tsr_runner *runner, tsr_purpose purpose, int32_t batch,
                           const tsr_plan_options *options, tsr_network *network, tsr_plan **plan);

/* Binds a network's values to the runner's buffers; `images` is set apart since it changes from page to page. */
tsr_status tsr_runner_bind(const tsr_runner *runner, const tsr_network *network, tsr_plan *plan, cl_mem clock,
                           cl_mem counts, cl_mem loss_sum);
tsr_status tsr_runner_bind_page(const tsr_network *network, tsr_plan *plan, const tsr_page *page);

#endif
