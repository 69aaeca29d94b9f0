/* Which device of a list is meant, and which of them are one piece of hardware. */
#ifndef TSR_DEVICE_CHOOSE_H
#define TSR_DEVICE_CHOOSE_H

#include "device/query.h"

/* A GPU of either type. */
bool tsr_is_gpu(const tsr_device_info *info);

/* Sets same_as of every candidate: the place of the best driver's device where several platforms offer one piece of
 * hardware, -1 for that one itself and for all others. */
void tsr_find_duplicates(tsr_candidate *candidates, size_t count);

/* The place of the device that `wanted` means (see tsr_device_open), TESSERA_DEVICE included. */
tsr_status tsr_choose(const tsr_candidate *candidates, size_t count, const char *wanted, size_t *chosen);

#endif
