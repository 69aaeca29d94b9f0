/* Moves the clock to the next batch: definition in plain C. */
#include "ops/primitive.h"

/* clock is step, position, next, 0. */
static void advance(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const double *clock = inputs[0], *counts = inputs[1];
    double *advanced = outputs[0];
    bool stopped = counts[2] != 0;
    advanced[0] = stopped ? clock[0] : clock[0] + 1;
    advanced[1] = stopped ? clock[1] : clock[2];
    advanced[2] = stopped ? clock[2] : clock[2] + primitive->as.batch;
    advanced[3] = clock[3];
}

const tsr_primitive_row tsr_advance_row = {.reference = advance};
