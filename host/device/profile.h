/* How long kernels take on the device. */
#ifndef TSR_DEVICE_PROFILE_H
#define TSR_DEVICE_PROFILE_H

#include "device/device.h"

/* NULL when memory is short. */
tsr_profile *tsr_profile_create(void);
/* Whose work the next launches are; text for the profile's rows. */
typedef struct tsr_profile_work {
    char layers[sizeof((tsr_profile_row *)0)->layers];
    double flops; /* of one run, for the row of the first launch */
} tsr_profile_work;

/* Says what the launches from here on are for; NULL: for nothing in particular. The work must stay alive. Does nothing
 * without a profile. */
void tsr_profile_set_work(tsr_device *device, const tsr_profile_work *work);

/* Before a launch that will have an event: waits and looks at the host's clock where the device's is not to be trusted
 * (TSR_QUIRK_HOST_CLOCK), so that tsr_profile_event can tell how long it took. */
tsr_status tsr_profile_begin(tsr_device *device);

/* Releases events that were not read. NULL is allowed. */
void tsr_profile_free(tsr_profile *profile);

#endif
