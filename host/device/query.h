/* Which OpenCL devices there are, what they say of themselves, and which one is meant. */
#ifndef TSR_DEVICE_QUERY_H
#define TSR_DEVICE_QUERY_H

#include "base/status.h"
#include "tessera/device.h"

/* A device of the list. */
typedef struct tsr_candidate {
    cl_platform_id platform;
    cl_device_id id;
    tsr_device_info info;
} tsr_candidate;

/* Every usable device of every platform, in the loader's order, with duplicates marked; the caller's, freed with
 * free(). At least one, or TSR_NOT_FOUND. */
tsr_status tsr_query_candidates(tsr_candidate **candidates, size_t *count);

/* What a device says of itself, and what is known of its driver; `chosen` is false, same_as -1. */
tsr_status tsr_query_info(cl_platform_id platform, cl_device_id id, tsr_device_info *info);

/* The kind of a device from what its driver says: its OpenCL type, whether it shares the host's memory, and its name
 * (graphics drivers that draw on the processor call themselves GPUs or CPUs). */
tsr_device_type tsr_query_type(cl_device_type type, bool unified, const char *name);

/* Who made a device, from its CL_DEVICE_VENDOR_ID and, where that number is nobody's, from CL_DEVICE_VENDOR and its
 * name. */
tsr_vendor tsr_query_vendor(cl_uint id, const char *vendor, const char *name);

#endif
