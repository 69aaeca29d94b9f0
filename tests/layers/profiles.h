/* Devices that the layer in limits.c pretends to: what their vendors' drivers report. */
#ifndef TSR_TESTS_PROFILES_H
#define TSR_TESTS_PROFILES_H

#include <CL/cl.h>
#include <stdbool.h>
#include <stddef.h>

/* The environment variable that names the profile. */
#define LIMITS_VARIABLE "TESSERA_LAYER_PROFILE"

/* A device. A field that is 0 or NULL leaves what the real driver says. Sizes and counts are upper bounds, and the
 * alignment a lower one: where the real device is stricter, its own figure is reported. The type is always GPU. */
typedef struct limits_profile {
    const char *name; /* of the profile */

    const char *platform, *platform_vendor, *platform_version;
    const char *device, *vendor, *driver, *version;
    const char *extensions; /* added to the device's */
    cl_uint vendor_id;

    cl_uint compute_units;
    bool unified;               /* its memory is the host's */
    size_t work_group;          /* work-items of a work-group, on the device */
    size_t kernel_work_group;   /* the same for every kernel, where registers allow fewer; 0: as on the device */
    bool builds_for_group;      /* a kernel that asks for more work-items (reqd_work_group_size) does not build */
    size_t work_items[3];       /* along each side of a work-group; 0: as in a work-group */
    size_t wave;                /* work-items that run in step */
    cl_ulong local_memory;      /* bytes */
    bool local_memory_global;   /* local memory is a part of the global one */
    cl_ulong memory;            /* bytes */
    cl_ulong max_allocation;    /* bytes */
    cl_uint alignment;          /* bytes, of a buffer's part */
    cl_uint vector_bytes;       /* of a register: the vector width is as many of a type as fit, at least 1 */
    size_t timer;               /* nanoseconds, to which the profile's times are rounded down */
    cl_uint compute_capability; /* of NVIDIA's: 10 * major + minor */
    const char *board;          /* of AMD's: the card's name */
    const char *pci;            /* address, which its vendor's extension tells: "0000:03:00.0" */
    bool no_fp64, no_fp16;      /* which are then missing from the extensions */
    bool no_out_of_order;       /* such queues are refused */
    bool no_denormals, no_fma;  /* of single precision */
} limits_profile;

extern const limits_profile limits_profiles[];
extern const size_t limits_profile_count;

/* The profile of this name, or NULL. */
const limits_profile *limits_profile_find(const char *name);

#endif
