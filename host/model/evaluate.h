/* A pass of evaluation over a runner's samples; fit uses it for validation. */
#ifndef TSR_MODEL_EVALUATE_H
#define TSR_MODEL_EVALUATE_H

#include "model/runner.h"

/* TSR_NOT_FINITE when a loss is not finite, TSR_INTERRUPTED once *interrupted (may be NULL) is set. */
tsr_status tsr_evaluate_pass(tsr_runner *runner, const volatile int *interrupted, tsr_metrics *metrics);

#endif
