/* The optimizers' step: definition in plain C. */
#include "ops/optimizer.h"
#include "ops/primitive.h"

#include <math.h>

/* Inputs w, dw, learning_rate, clock, counts, [m, [v]]; outputs w', [m', [v']]. */
static void update(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_update_descriptor *d = &primitive->as.update;
    const double *w = inputs[0], *g = inputs[1], rate = inputs[2][0], t = inputs[3][0];
    int moments = tsr_optimizer_moments(d);
    double beta_1 = d->beta_1, beta_2 = d->beta_2;
    double alpha = rate * sqrt(1 - pow(beta_2, t)) / (1 - pow(beta_1, t));
    bool stopped = inputs[4][2] != 0;
    for (size_t i = 0; i < (size_t)d->count; i++) {
        double m = moments > 0 ? inputs[5][i] : 0, v = moments > 1 ? inputs[6][i] : 0, step;
        if (stopped) {
            step = 0;
        } else if (d->optimizer == TSR_OPTIMIZER_ADAM) {
            m += (g[i] - m) * tsr_optimizer_one_minus(d->beta_1);
            v += (g[i] * g[i] - v) * tsr_optimizer_one_minus(d->beta_2);
            step = -m * alpha / (sqrt(v) + d->epsilon);
        } else if (moments > 0) {
            step = m = d->momentum * m - rate * g[i];
        } else {
            step = -rate * g[i];
        }
        outputs[0][i] = w[i] + step;
        if (moments > 0) outputs[1][i] = m;
        if (moments > 1) outputs[2][i] = v;
    }
}

const tsr_primitive_row tsr_update_row = {.reference = update};
