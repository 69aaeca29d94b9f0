#include "ops/optimizer.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

void tsr_optimizer_options(const tsr_update_descriptor *update, char *options)
{
    switch (tsr_optimizer_moments(update)) {
    case 2:
        snprintf(options, TSR_OPTIMIZER_OPTIONS,
                 " -DOPTIMIZER_ADAM=1 -DBETA_1=%af -DBETA_2=%af -DEPSILON=%af"
                 " -DONE_MINUS_BETA_1=%af -DONE_MINUS_BETA_2=%af",
                 (double)update->beta_1, (double)update->beta_2, (double)update->epsilon,
                 (double)tsr_optimizer_one_minus(update->beta_1), (double)tsr_optimizer_one_minus(update->beta_2));
        break;
    case 1:
        snprintf(options, TSR_OPTIMIZER_OPTIONS, " -DOPTIMIZER_MOMENTUM=1 -DMOMENTUM=%af", (double)update->momentum);
        break;
    default:
        options[0] = '\0';
    }
    tsr_text_point(options);
}

float tsr_optimizer_one_minus(float beta)
{
    char digits[32];
    double meant = beta;
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)beta);
        meant = strtod(digits, NULL);
        if ((float)meant == beta) break;
    }
    return (float)(1 - meant);
}

int tsr_optimizer_moments(const tsr_update_descriptor *update)
{
    if (update->optimizer == TSR_OPTIMIZER_ADAM) return 2;
    return update->momentum != 0 ? 1 : 0;
}

static bool same_step(const tsr_primitive *a, const tsr_primitive *b)
{
    const tsr_update_descriptor *x = &a->as.update, *y = &b->as.update;
    return a->inputs[2] == b->inputs[2] && a->inputs[3] == b->inputs[3] && a->inputs[4] == b->inputs[4] &&
           x->optimizer == y->optimizer && x->beta_1 == y->beta_1 && x->beta_2 == y->beta_2 &&
           x->epsilon == y->epsilon && x->momentum == y->momentum;
}

bool tsr_optimizer_suits(const tsr_primitive *weights, const tsr_primitive *bias, tsr_needs *needs)
{
    if (weights->input_count != 5 + tsr_optimizer_moments(&weights->as.update))
        return tsr_refuse(needs, "the optimizer's moments are not those of its kind");
    if (bias && !same_step(weights, bias)) return tsr_refuse(needs, "weights and bias are not updated alike");
    return true;
}

void tsr_optimizer_launch(tsr_step *step, tsr_launch *launch, const tsr_primitive *update, tsr_status *status)
{
    tsr_launch_value(step, launch, update->inputs[0], status);
    for (int i = 5; i < update->input_count; i++) tsr_launch_value(step, launch, update->inputs[i], status);
}
