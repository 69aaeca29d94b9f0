/* What was measured to be best on a device, kept from run to run in one file a device.
 *
 * An entry is a choice by key, both plain text; what the keys mean is for those who ask (plan/span_key.h). The file is
 * bound to the platform, the device, the driver's and the library's version and the text of all kernels. A file that
 * was made for anything else, or that is damaged, counts as none. */
#ifndef TSR_DEVICE_TUNING_H
#define TSR_DEVICE_TUNING_H

#include "device/device.h"

/* Characters of a key and of a choice, at most, and entries in a file. */
enum { TSR_TUNING_TEXT = 2000, TSR_TUNING_ENTRIES = 4096 };

typedef struct tsr_tuning_entry {
    char *key, *choice;
    double before, after; /* seconds with what is chosen without tuning, and with the choice */
} tsr_tuning_entry;

/* A zeroed one is empty. */
struct tsr_tuning {
    tsr_tuning_entry *entries;
    size_t count, capacity;
};

void tsr_tuning_clear(tsr_tuning *tuning);

/* Keys of CLBlast's parameters begin so; the kernel's name follows, and the choice is a set (ops/clblast_parameters.h).
 */
#define TSR_TUNING_CLBLAST "clblast "
/* The kernel whose parameters the entry holds, or NULL. */
const char *tsr_tuning_clblast_kernel(const tsr_tuning_entry *entry);

/* Whether something else was chosen than what is there without tuning. */
bool tsr_tuning_is_choice(const tsr_tuning_entry *entry);

/* Whether the entry is a kernel's parameters, or its choice calls CLBlast and so depends on them. */
bool tsr_tuning_by_clblast(const tsr_tuning_entry *entry);

/* The entry of the key, or NULL. */
const tsr_tuning_entry *tsr_tuning_find(const tsr_tuning *tuning, const char *key);

/* Adds an entry, in the place of the one with the same key; the oldest goes when there are too many. Texts that are too
 * long or not plain give TSR_INVALID_ARGUMENT. */
tsr_status tsr_tuning_put(tsr_tuning *tuning, const char *key, const char *choice, double before, double after);
/* Removes the key's entry, if there is one. */
void tsr_tuning_remove(tsr_tuning *tuning, const char *key);
tsr_status tsr_tuning_copy(const tsr_tuning *from, tsr_tuning *to);

/* The device's file: in the directory of the cache, by the names of platform and device. NULL where there is no such
 * directory to name. The caller's. */
char *tsr_tuning_path(const tsr_device *device);

/* Reads the device's file. TSR_NOT_FOUND without one, TSR_FORMAT when it is damaged or made for another driver, library
 * or kernels, each with a sentence. `tuning` is empty then. */
tsr_status tsr_tuning_load(tsr_device *device, tsr_tuning *tuning);

/* Writes the device's file, all or nothing. */
tsr_status tsr_tuning_store(tsr_device *device, const tsr_tuning *tuning);

/* Makes this process the only one that tunes into the directory, until tsr_tuning_unlock or its end: two would disturb
 * each other's times and lose each other's choices. TSR_IO where another one does. *lock is -1 where there is no such
 * directory, or its file system has no locks. */
tsr_status tsr_tuning_lock(int *lock);
void tsr_tuning_unlock(int lock);

/* The stored tuning, read once; empty where there is none that fits, and where the environment variable TESSERA_TUNING
 * is 0. Choices that were measured with parameters of CLBlast are left out unless device->clblast_tuned says that these
 * are in force. */
const tsr_tuning *tsr_device_tuning(tsr_device *device);
/* Lets it be read again when it is asked for. */
void tsr_device_forget_tuning(tsr_device *device);

#endif
