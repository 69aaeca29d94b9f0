/* What kernels need to know about an activation that they apply to their results. */
#ifndef TSR_OPS_ACTIVATION_H
#define TSR_OPS_ACTIVATION_H

#include "ops/graph.h"

#define TSR_ACTIVATION_OPTIONS 128

/* The -D options with which a kernel that includes activation_functions.cl has the descriptor's activate() and
 * activation_gradient(): `options` has room for TSR_ACTIVATION_OPTIONS bytes. NULL stands for linear. */
void tsr_activation_options(const tsr_activation_descriptor *activation, char *options);

/* Whether those functions can compute it: false for softmax, which needs a whole row, and for an alpha that is not
 * finite. */
bool tsr_activation_elementwise(const tsr_activation_descriptor *activation);

#endif
