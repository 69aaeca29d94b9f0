/* How long kernels take on the device. */
#ifndef TSR_DEVICE_PROFILE_H
#define TSR_DEVICE_PROFILE_H

#include "device/device.h"

/* NULL when memory is short. */
tsr_profile *tsr_profile_create(void);
/* Releases events that were not read. NULL is allowed. */
void tsr_profile_free(tsr_profile *profile);

#endif
