/* EarlyStopping(patience, restore_best_weights=True). */
#include "base/memory.h"
#include "model/model.h"

#include <math.h>

struct tsr_early_stopping {
    int32_t patience;
    int32_t wait; /* epochs since the best */
    int32_t best_epoch;
    double best;
    cl_mem weights; /* of the best epoch, on the device; NULL: none kept */
};

static void forget_weights(tsr_early_stopping *stopping)
{
    if (stopping->weights) clReleaseMemObject(stopping->weights);
    stopping->weights = NULL;
}

static tsr_status on_train_begin(void *context, tsr_model *model)
{
    tsr_early_stopping *stopping = context;
    (void)model;
    forget_weights(stopping);
    stopping->wait = 0;
    stopping->best_epoch = 0;
    stopping->best = INFINITY;
    return TSR_OK;
}

static tsr_status on_epoch_end(void *context, tsr_model *model, const tsr_epoch *epoch, bool *stop)
{
    tsr_early_stopping *stopping = context;
    double loss = epoch->validated ? epoch->validation.loss : epoch->training.loss;
    if (loss < stopping->best) {
        stopping->best = loss;
        stopping->best_epoch = epoch->epoch;
        stopping->wait = 0;
        return model->variables ? tsr_variables_save(model->variables, &stopping->weights) : TSR_OK;
    }
    if (++stopping->wait >= stopping->patience) *stop = true;
    return TSR_OK;
}

static tsr_status on_train_end(void *context, tsr_model *model, tsr_history *history)
{
    tsr_early_stopping *stopping = context;
    tsr_status status = TSR_OK;
    history->best_epoch = stopping->best_epoch;
    if (stopping->weights) status = tsr_variables_restore(model->variables, stopping->weights);
    forget_weights(stopping);
    return status;
}

tsr_status tsr_early_stopping_create(int32_t patience, tsr_early_stopping **early_stopping)
{
    if (patience < 0)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the patience is %d epochs, which is negative", (int)patience);
    tsr_early_stopping *made = tsr_alloc(1, sizeof *made);
    if (!made) return tsr_fail_memory("early stopping", sizeof *made);
    *made = (tsr_early_stopping){.patience = patience, .best = INFINITY};
    *early_stopping = made;
    return TSR_OK;
}

tsr_callback tsr_early_stopping_callback(tsr_early_stopping *early_stopping)
{
    return (tsr_callback){.context = early_stopping,
                          .on_train_begin = on_train_begin,
                          .on_epoch_end = on_epoch_end,
                          .on_train_end = on_train_end};
}

void tsr_early_stopping_free(tsr_early_stopping *early_stopping)
{
    if (!early_stopping) return;
    forget_weights(early_stopping);
    free(early_stopping);
}
