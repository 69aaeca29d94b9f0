/* Adds a stack of partial sums: definition in plain C. */
#include "ops/primitive.h"

/* y[e] = sum over p of x[p][e], in order. */
static void sum_partials(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_partials_descriptor *d = &primitive->as.partials;
    for (size_t e = 0; e < (size_t)d->count; e++) {
        double sum = 0;
        for (size_t p = 0; p < (size_t)d->partials; p++) sum += inputs[0][p * (size_t)d->count + e];
        outputs[0][e] = sum;
    }
}

const tsr_primitive_row tsr_sum_partials_row = {.reference = sum_partials};
