/* What is known of drivers, and is done about it: one table. */
#ifndef TSR_DEVICE_QUIRKS_H
#define TSR_DEVICE_QUIRKS_H

#include "tessera/device.h"

/* Types of device as bits, for rows that hold for some. */
#define TSR_TYPE_BIT(name) (1u << TSR_DEVICE_##name)

/* A row holds for a device when all that it names agrees. */
typedef struct tsr_quirk_row {
    const char *name;     /* of the row */
    const char *platform; /* part of CL_PLATFORM_NAME in any case, or NULL: any */
    const char *device;   /* part of CL_DEVICE_NAME, likewise */
    unsigned vendors;     /* bits 1 << tsr_vendor; 0: any */
    unsigned types;       /* bits 1 << tsr_device_type; 0: any */
    const char *from;     /* driver versions, dotted numbers: this one is the first, */
    const char *below;    /* and this one the first that is free of it again; NULL: no bound */
    tsr_quirk quirk;
    const char *reason; /* one sentence without a full stop: what happens, and where it is known from */
} tsr_quirk_row;

/* The table; *count rows. */
const tsr_quirk_row *tsr_quirk_rows(size_t *count);

bool tsr_quirk_row_holds(const tsr_quirk_row *row, const tsr_device_info *info);

/* Sets info->quirks from all that else is known of the device, and the limits that a row lowers. */
void tsr_quirks_apply(tsr_device_info *info);

/* Whether a quirk is in force. */
bool tsr_has_quirk(const tsr_device_info *info, tsr_quirk quirk);

/* Less than, equal to or greater than 0 as version a is before, the same as or after b. The first dotted number of each
 * text counts: "22.3.6-1+deb12u1" is 22.3.6, "3590.0 (HSA1.1,LC)" is 3590.0; what is missing is 0, so that 515 is
 * 515.0.0. */
int tsr_compare_versions(const char *a, const char *b);

#endif
