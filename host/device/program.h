/* Kernel programs: the text of a kernel file with its includes, built programs in memory and on disk. */
#ifndef TSR_DEVICE_PROGRAM_H
#define TSR_DEVICE_PROGRAM_H

#include "base/text.h"
#include "device/device.h"

/* The text of cl/`file` with the files that it includes put in, and #line directives so that messages name the kernel
 * files' own lines. Read from the directory TESSERA_KERNEL_PATH where that is set. *source is the caller's. */
tsr_status tsr_program_source(const char *file, char **source);

/* Releases what tsr_program_get has built. */
void tsr_programs_free(tsr_device *device);

/* A cached binary of a program with this key text, as a built program; false when there is none that fits. */
bool tsr_program_cache_load(tsr_device *device, const char *key, const char *options, cl_program *program);
/* Keeps a built program's binary. Nobody hears of failures: the next run compiles again. */
void tsr_program_cache_store(tsr_device *device, const char *key, cl_program program);
/* The options that every kernel is built with on the device. */
const char *tsr_program_options(const tsr_device *device);

/* Whether programs of this device are kept on disk: where its driver has no cache of its own (TSR_QUIRK_NO_CACHE); the
 * environment variable TESSERA_PROGRAM_CACHE (0 or 1) decides otherwise. */
bool tsr_program_cache_enabled(const tsr_device *device);

#endif
