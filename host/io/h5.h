/* HDF5 files from strangers: objects are reached by hard links alone, and everything is measured before it is read.
 * Damaged metadata is the HDF5 library's to find: 1.10 trusts the sizes in the heap of variable-length strings and can
 * crash, so the program reads a file in a process of its own first. */
#ifndef TSR_IO_H5_H
#define TSR_IO_H5_H

#include "base/status.h"

#ifdef TSR_WITH_HDF5

#include <hdf5.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The library is not safe for threads and prints its errors: enter takes its lock and switches printing off for this
 * thread, leave undoes both. Every function below is called in between. */
typedef struct tsr_h5_session {
    H5E_auto2_t print;
    void *print_data;
} tsr_h5_session;
void tsr_h5_enter(tsr_h5_session *session);
void tsr_h5_leave(const tsr_h5_session *session);

/* Opens a file for reading; *file < 0 on failure. */
tsr_status tsr_h5_open(const char *path, hid_t *file);

/* Opens the object at `path` ("a/b/c") below `parent`. Soft, external and user-defined links are refused. `where` is
 * how errors name the parent: "/model_weights". Close with H5Oclose. */
tsr_status tsr_h5_open_object(hid_t parent, const char *where, const char *path, hid_t *object);

/* A list of strings. */
typedef struct tsr_h5_strings {
    char **text;
    size_t count, capacity;
} tsr_h5_strings;
void tsr_h5_strings_clear(tsr_h5_strings *strings);

/* Reads the strings of an attribute, of variable or fixed length; Keras splits what is too large for one into NAME0,
 * NAME1, ... An empty array of any type is no strings. */
tsr_status tsr_h5_read_strings(hid_t object, const char *where, const char *name, tsr_h5_strings *strings);

/* Whether the attribute is there. */
bool tsr_h5_has_attribute(hid_t object, const char *name);

/* Checks that `set` is a data set of floats of this shape, stored in the file itself and no larger than that can hold,
 * packed by nothing but gzip and shuffle. */
tsr_status tsr_h5_check_floats(hid_t set, const char *where, int rank, const int32_t *extent);

/* Reads a set that was checked. */
tsr_status tsr_h5_read_floats(hid_t set, const char *where, float *data);

#endif
#endif
