#include "ops/optimizer.h"

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
