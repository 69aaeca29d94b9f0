/* The variables of a model on a device: weights and the optimizer's moments, each in one flat buffer, and other forms
 * of the weights that implementations asked for. Shared by all plans of a model. */
#ifndef TSR_PLAN_VARIABLES_H
#define TSR_PLAN_VARIABLES_H

#include "ops/implementation.h"

typedef struct tsr_variables tsr_variables;

/* Room for `slots` parameters of counts[slot] floats each, all zero, and `moments` (0 to 2) buffers of state. */
tsr_status tsr_variables_create(tsr_device *device, const size_t *counts, int slots, int moments,
                                tsr_variables **variables);
void tsr_variables_free(tsr_variables *variables);

int tsr_variables_slots(const tsr_variables *variables);
/* The weights (moment == TSR_NONE) or a moment of a slot. */
tsr_status tsr_variables_read(tsr_variables *variables, int slot, int moment, float *data);
tsr_status tsr_variables_write(tsr_variables *variables, int slot, int moment, const float *data);
/* Zeroes all moments. */
tsr_status tsr_variables_reset_moments(tsr_variables *variables);

/* A copy of all weights in a buffer on the device (kept in `copy`, made when NULL), and back. For restoring the best.
 */
tsr_status tsr_variables_save(tsr_variables *variables, cl_mem *copy);
tsr_status tsr_variables_restore(tsr_variables *variables, cl_mem copy);

/* The view of a slot's weights (moment == TSR_NONE) or moment. */
tsr_view tsr_variables_view(const tsr_variables *variables, int slot, int moment);

/* A number that grows whenever the weights change; a plan with updates announces each run. */
uint64_t tsr_variables_version(const tsr_variables *variables);
void tsr_variables_changed(tsr_variables *variables);

/* The buffer of another form of a slot's weights, made on first demand; refresh enqueues what makes it current when the
 * weights have changed since. */
tsr_status tsr_variables_form(tsr_variables *variables, const tsr_target *target, int slot, tsr_form form,
                              const tsr_conv2d_descriptor *conv2d, cl_mem *buffer);
tsr_status tsr_variables_refresh(tsr_variables *variables);
int tsr_variables_form_count(const tsr_variables *variables);

#endif
