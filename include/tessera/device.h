/* OpenCL devices: which there are, which one is chosen, and the object that everything else runs on. */
#ifndef TESSERA_DEVICE_H
#define TESSERA_DEVICE_H

#include "tessera/status.h"

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <CL/cl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What kind of device it is, from the most to the least preferred. X(name, text). */
#define TSR_DEVICE_TYPE_LIST(X)                                                                                        \
    X(DISCRETE_GPU, "discrete GPU")                                                                                    \
    X(INTEGRATED_GPU, "integrated GPU")                                                                                \
    X(ACCELERATOR, "accelerator")                                                                                      \
    X(CPU, "CPU")                                                                                                      \
    X(SOFTWARE, "software rasterizer")

typedef enum tsr_device_type {
#define TSR_DEVICE_TYPE_ENUM(name, text) TSR_DEVICE_##name,
    TSR_DEVICE_TYPE_LIST(TSR_DEVICE_TYPE_ENUM)
#undef TSR_DEVICE_TYPE_ENUM
} tsr_device_type;

/* Who made the hardware, whoever wrote its driver. X(name, text). */
#define TSR_VENDOR_LIST(X)                                                                                             \
    X(AMD, "AMD")                                                                                                      \
    X(INTEL, "Intel")                                                                                                  \
    X(NVIDIA, "NVIDIA")                                                                                                \
    X(ARM, "ARM")                                                                                                      \
    X(QUALCOMM, "Qualcomm")                                                                                            \
    X(APPLE, "Apple")                                                                                                  \
    X(OTHER, "other")

typedef enum tsr_vendor {
#define TSR_VENDOR_ENUM(name, text) TSR_VENDOR_##name,
    TSR_VENDOR_LIST(TSR_VENDOR_ENUM)
#undef TSR_VENDOR_ENUM
} tsr_vendor;

/* What the library does differently on a device because of something that is known of its driver. X(name, what is
 * done). The first ones, up to SHORT_LOOPS, concern the person. */
#define TSR_QUIRK_LIST(X)                                                                                              \
    X(UNUSABLE, "it is used only where it is asked for by its number or name")                                         \
    X(AVOID, "every other device is chosen before it")                                                                 \
    X(WARN, "nothing is done about it: check the results")                                                             \
    X(SHORT_LOOPS, "longer sums are wrong there, and speed is measured with shorter ones")                             \
    X(NO_CACHE, "built kernels are left to the driver's cache")                                                        \
    X(NO_CLBLAST, "dense layers use the library's own kernels")                                                        \
    X(NO_MAD_ENABLE, "kernels are built without -cl-mad-enable")                                                       \
    X(NO_MUL_HI, "random numbers are made without mul_hi()")                                                           \
    X(GROUP_LIMIT, "a kernel's work-groups may be as large as the device's")                                           \
    X(HOST_CLOCK, "kernels are timed by the host's clock, one by one")                                                 \
    X(LOCAL_32K, "a work-group takes 32 KiB of local memory at most")

typedef enum tsr_quirk {
#define TSR_QUIRK_ENUM(name, text) TSR_QUIRK_##name,
    TSR_QUIRK_LIST(TSR_QUIRK_ENUM)
#undef TSR_QUIRK_ENUM
} tsr_quirk;

/* What a device says of itself. */
typedef struct tsr_device_info {
    char platform[128];         /* CL_PLATFORM_NAME */
    char platform_version[128]; /* CL_PLATFORM_VERSION */
    char name[128];             /* CL_DEVICE_NAME, runs of blanks made one */
    char vendor[128];           /* CL_DEVICE_VENDOR */
    char driver[128];           /* CL_DRIVER_VERSION */
    char version[128];          /* CL_DEVICE_VERSION */
    tsr_device_type type;
    tsr_vendor vendor_kind; /* from CL_DEVICE_VENDOR_ID, else from the texts above */
    uint32_t compute_units;
    uint64_t memory;             /* bytes of global memory */
    uint64_t max_allocation;     /* bytes of the largest single buffer */
    uint64_t local_memory;       /* bytes of local memory for a work-group */
    bool local_memory_dedicated; /* false where it is ordinary memory, as on CPUs */
    size_t max_work_group;       /* work-items in a work-group */
    size_t max_work_items[3];    /* and in each dimension of one */
    uint32_t vector_width;       /* native floats a vector */
    uint32_t alignment;          /* bytes: where a sub-buffer may start (CL_DEVICE_MEM_BASE_ADDR_ALIGN / 8) */
    bool fp16, fp64;             /* cl_khr_fp16, cl_khr_fp64 */
    char pci[16];                /* address of the card, "0000:03:00.0"; empty where the driver does not tell */
    uint32_t quirks;             /* bits 1 << tsr_quirk; see tsr_device_quirk */
    int32_t same_as;             /* in a list: the index of this hardware with a better driver; -1: it has none */
    bool chosen;                 /* in a list: the device that tsr_device_open would take now */
} tsr_device_info;

/* Lists every device of every platform that can compile and run kernels now, in the loader's order; a device's index is
 * its place in this list. Platforms that have no devices, or that fail, are passed over. *list is the caller's, freed
 * with free(). `wanted` is as for tsr_device_open and decides which entry is marked as chosen. A machine without an
 * OpenCL platform or device gives TSR_NOT_FOUND and a sentence naming the package to install; a `wanted` that matches
 * none or several marks none. */
TSR_API tsr_status tsr_device_list(const char *wanted, tsr_device_info **list, size_t *count);

/* The text of a type, such as "discrete GPU". */
TSR_API const char *tsr_device_type_text(tsr_device_type type);

/* The text of a vendor, such as "AMD". */
TSR_API const char *tsr_vendor_text(tsr_vendor vendor);

/* What the library does because of a quirk, as in TSR_QUIRK_LIST. */
TSR_API const char *tsr_quirk_text(tsr_quirk quirk);

/* Something that is known of a device's driver. */
typedef struct tsr_device_note {
    tsr_quirk quirk;
    bool serious;       /* it concerns the person */
    const char *reason; /* one sentence without a full stop */
} tsr_device_note;

/* The note number `index` on a device, from 0 on; false behind the last one. */
TSR_API bool tsr_device_quirk(const tsr_device_info *info, size_t index, tsr_device_note *note);

typedef struct tsr_device tsr_device;

/* Opens a device with a context and an in-order queue of its own.
 * wanted   an index into the list, or a part of "PLATFORM NAME" in any case; NULL or "" stands for the environment
 *          variable TESSERA_DEVICE, and where that is unset or empty for the best: discrete GPU, integrated GPU,
 *          accelerator, CPU, software rasterizer; among equals the one with more compute units, then the first. Of one
 *          piece of hardware that several drivers offer only the best driver's counts; what TSR_QUIRK_LIST says comes
 *          before all that.
 * profile  measures each kernel's time (costs a little); see tsr_device_profile.
 * A text that matches no device, or several, gives TSR_NOT_FOUND and a sentence that lists them. A device is used by
 * one thread at a time, except for the program cache, which is safe from any. */
TSR_API tsr_status tsr_device_open(const char *wanted, bool profile, tsr_device **device);

/* Uses the caller's own queue, in or out of order, with its context and device. The queue and context are retained. */
TSR_API tsr_status tsr_device_from_queue(cl_command_queue queue, tsr_device **device);

/* Waits for the queue and frees the device. NULL is allowed. Every object made on it must have been freed before. */
TSR_API void tsr_device_close(tsr_device *device);

TSR_API const tsr_device_info *tsr_device_get_info(const tsr_device *device);
TSR_API cl_context tsr_device_context(const tsr_device *device);
TSR_API cl_command_queue tsr_device_queue(const tsr_device *device);

/* Waits until the device has finished all that was enqueued. */
TSR_API tsr_status tsr_device_finish(tsr_device *device);

/* One row of the profile: a kernel, how often it ran, and its time on the device. */
typedef struct tsr_profile_row {
    char name[96];   /* "IMPLEMENTATION", or "IMPLEMENTATION/KERNEL" where it has several kernels */
    char layers[96]; /* of a model, whose work it does: "conv2d, max_pooling2d"; empty where there are none */
    uint64_t launches;
    double seconds;
    double flops; /* of the convolutions and matrix products, counted as dense work, a multiply-add as two; those of
                   * an implementation of several kernels are in the row of the first one that it launches */
} tsr_profile_row;

/* The kernels that ran since the device was opened (or since the last tsr_device_profile_reset), the slowest first.
 * *rows is the caller's, freed with free(). TSR_INVALID_ARGUMENT when the device was not opened for profiling. */
TSR_API tsr_status tsr_device_profile(tsr_device *device, tsr_profile_row **rows, size_t *count);
TSR_API void tsr_device_profile_reset(tsr_device *device);

#ifdef __cplusplus
}
#endif
#endif
