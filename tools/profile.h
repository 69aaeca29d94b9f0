/* The table of kernels by time. */
#ifndef TESSERA_TOOLS_PROFILE_H
#define TESSERA_TOOLS_PROFILE_H

#include "command.h"

/* Prints the device's profile on stdout: kernel, launches, time, time a launch, share, layers. */
tsr_status profile_print(tsr_device *device);

#endif
