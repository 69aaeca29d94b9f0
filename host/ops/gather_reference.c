/* Takes a batch of samples out of the data set: definition in plain C. */
#include "ops/primitive.h"

/* y[i] = source[order[position + i]] * scale, sample by sample. */
static void gather(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_gather_descriptor *g = &primitive->as.gather;
    const double *source = inputs[0], *order = inputs[1], *clock = inputs[2];
    size_t sample = (size_t)g->sample, position = (size_t)clock[1];
    for (size_t i = 0; i < (size_t)g->batch; i++) {
        size_t from = (size_t)order[position + i];
        for (size_t e = 0; e < sample; e++) outputs[0][i * sample + e] = source[from * sample + e] * g->scale;
    }
}

const tsr_primitive_row tsr_gather_row = {.reference = gather, .cheap = true};
