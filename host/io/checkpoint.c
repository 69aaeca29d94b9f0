/* ModelCheckpoint(save_best_only=True). */
#include "tessera/io.h"

#include "base/memory.h"
#include "base/status.h"

#include <math.h>
#include <stdlib.h>

struct tsr_checkpoint {
    char *path;
    tsr_save_options options;
    double best;
};

tsr_status tsr_checkpoint_create(const char *path, const tsr_save_options *options, tsr_checkpoint **checkpoint)
{
    *checkpoint = NULL;
#ifndef TSR_WITH_HDF5
    return tsr_fail(TSR_UNSUPPORTED, "%s cannot be written: this build of Tessera has no HDF5, which .h5 files need",
                    path);
#endif
    *checkpoint = tsr_alloc(1, sizeof **checkpoint);
    if (*checkpoint) (*checkpoint)->path = tsr_copy_text(path);
    if (!*checkpoint || !(*checkpoint)->path) {
        free(*checkpoint);
        *checkpoint = NULL;
        return tsr_fail_memory("a checkpoint", sizeof **checkpoint);
    }
    if (options) (*checkpoint)->options = *options;
    (*checkpoint)->best = INFINITY;
    return TSR_OK;
}

void tsr_checkpoint_free(tsr_checkpoint *checkpoint)
{
    if (!checkpoint) return;
    free(checkpoint->path);
    free(checkpoint);
}

static tsr_status begin(void *context, tsr_model *model)
{
    (void)model;
    ((tsr_checkpoint *)context)->best = INFINITY;
    return TSR_OK;
}

static tsr_status end_epoch(void *context, tsr_model *model, const tsr_epoch *epoch, bool *stop)
{
    (void)stop;
    tsr_checkpoint *checkpoint = context;
    double loss = epoch->validated ? epoch->validation.loss : epoch->training.loss;
    if (!(loss < checkpoint->best)) return TSR_OK;
    tsr_status status = tsr_model_save(model, checkpoint->path, &checkpoint->options);
    if (status == TSR_OK) checkpoint->best = loss;
    return status;
}

tsr_callback tsr_checkpoint_callback(tsr_checkpoint *checkpoint)
{
    return (tsr_callback){.context = checkpoint, .on_train_begin = begin, .on_epoch_end = end_epoch};
}
