/* Adds a batch's losses and hits to the epoch's: definition in plain C. */
#include "ops/primitive.h"

#include <math.h>
#include <string.h>

/* counts is hits, samples, stop mark, step at which it was set. The sum is loss_sum[0] - loss_sum[1]; here it is taken
 * in double precision and the compensation is left with nothing to hold. */
static void accumulate(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const double *losses = inputs[0], *hits = inputs[1], *loss_sum = inputs[2], *counts = inputs[3], *clock = inputs[4];
    size_t rows = (size_t)primitive->as.loss.rows;
    bool finite = true;
    memcpy(outputs[0], loss_sum, 2 * sizeof *loss_sum);
    memcpy(outputs[1], counts, 4 * sizeof *counts);
    if (counts[2] != 0) return;
    for (size_t m = 0; m < rows; m++) finite &= isfinite(losses[m]) != 0;
    if (!finite) {
        outputs[1][2] = 1;
        outputs[1][3] = clock[0];
        return;
    }
    outputs[0][0] -= outputs[0][1];
    outputs[0][1] = 0;
    for (size_t m = 0; m < rows; m++) {
        outputs[0][0] += losses[m];
        outputs[1][0] += hits[m];
    }
    outputs[1][1] += primitive->as.loss.rows;
}

const tsr_primitive_row tsr_accumulate_row = {.reference = accumulate};
