/* Why a loss is not finite. */
#ifndef TSR_MODEL_DIAGNOSE_H
#define TSR_MODEL_DIAGNOSE_H

#include "model/runner.h"

/* The training's stop mark is set: runs the batch at fault again, every primitive on its own, looks for the first value
 * that is not finite among the weights, then the activations, then the gradients, and returns TSR_NOT_FINITE with a
 * sentence that names the epoch, the step within it and the layer. Other failures on the way are returned as they are.
 */
tsr_status tsr_diagnose_step(tsr_runner *runner, int32_t epoch, int32_t step);

#endif
