/* What kernels need to know about the optimizer whose step they take. */
#ifndef TSR_OPS_OPTIMIZER_H
#define TSR_OPS_OPTIMIZER_H

#include "ops/implementation.h"

#define TSR_OPTIMIZER_OPTIONS 256

/* The -D options with which a kernel that includes optimizer.cl takes the descriptor's step: `options` has room for
 * TSR_OPTIMIZER_OPTIONS bytes. */
void tsr_optimizer_options(const tsr_update_descriptor *update, char *options);

/* 1 - beta by which Adam's moments move, as Keras takes it: of the decimal number that was meant (0.001 for 0.999),
 * while the powers of beta in alpha are those of the float. The two differ by 1.3e-5 of it, which makes every step of
 * training a little longer or shorter. */
float tsr_optimizer_one_minus(float beta);

/* How many moments of the parameter an optimizer keeps: adam 2, sgd with momentum 1, plain sgd 0. */
int tsr_optimizer_moments(const tsr_update_descriptor *update);

/* Whether one kernel can update a layer's weights and, where there is a bias (else NULL), its bias: the moments are
 * those of the optimizer, and both updates take the same step: rate, clock, stop mark and optimizer. */
bool tsr_optimizer_suits(const tsr_primitive *weights, const tsr_primitive *bias, tsr_needs *needs);

/* The parameter and its moments as the kernel's next arguments. */
void tsr_optimizer_launch(tsr_step *step, tsr_launch *launch, const tsr_primitive *update, tsr_status *status);

#endif
