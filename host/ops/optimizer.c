#include "ops/optimizer.h"

#include <stdio.h>

void tsr_optimizer_options(const tsr_update_descriptor *update, char *options)
{
    switch (tsr_optimizer_moments(update)) {
    case 2:
        snprintf(options, TSR_OPTIMIZER_OPTIONS, " -DOPTIMIZER_ADAM=1 -DBETA_1=%af -DBETA_2=%af -DEPSILON=%af",
                 (double)update->beta_1, (double)update->beta_2, (double)update->epsilon);
        break;
    case 1:
        snprintf(options, TSR_OPTIMIZER_OPTIONS, " -DOPTIMIZER_MOMENTUM=1 -DMOMENTUM=%af", (double)update->momentum);
        break;
    default:
        options[0] = '\0';
    }
}

int tsr_optimizer_moments(const tsr_update_descriptor *update)
{
    if (update->optimizer == TSR_OPTIMIZER_ADAM) return 2;
    return update->momentum != 0 ? 1 : 0;
}
