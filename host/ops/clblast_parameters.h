/* Sets of parameters for CLBlast's matrix product, to be tried on a device, and one put in force.
 *
 * CLBlast has parameters for the devices in its database, and defaults for others. They can be overridden for a device
 * and a kernel, for the whole process: the library does that only when it is told to. */
#ifndef TSR_OPS_CLBLAST_PARAMETERS_H
#define TSR_OPS_CLBLAST_PARAMETERS_H

#include "device/tuning.h"

typedef struct tsr_clblast_set {
    const char
        *kernel;      /* CLBlast's name: Xgemm rearranges its operands first, XgemmDirect does not; GemmRoutine decides
                       * between them: products of rows x columns x depth below the cube of its parameter are direct */
    const char *text; /* "NAME=VALUE NAME=VALUE ..." */
} tsr_clblast_set;

/* The sets, ended by one without a kernel; none in a build without CLBlast. */
const tsr_clblast_set *tsr_clblast_sets(void);

/* Puts a set of the list in force on the device, for the process; plans that use CLBlast must be made afterwards. A set
 * that is not in the list gives TSR_NOT_FOUND, one that CLBlast does not take TSR_DEVICE. */
tsr_status tsr_clblast_override(tsr_device *device, const char *kernel, const char *text);
/* Likewise all sets that a tuning holds. */
tsr_status tsr_clblast_apply(tsr_device *device, const tsr_tuning *tuning);

#endif
