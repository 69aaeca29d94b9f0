/* Parts of tsr_surroundings_describe that tests look at alone. */
#ifndef TSR_DEVICE_SURROUNDINGS_H
#define TSR_DEVICE_SURROUNDINGS_H

#include "tessera/doctor.h"

/* The nodes below a directory that stands for the root of the file system; "" is the root itself. */
void tsr_surroundings_nodes(const char *root, tsr_surroundings *surroundings);

#endif
