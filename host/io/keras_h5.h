/* Keras's whole-model HDF5 files: the two directions. keras_h5.c names the file in their errors. */
#ifndef TSR_IO_KERAS_H5_H
#define TSR_IO_KERAS_H5_H

#include "tessera/io.h"

#include <stddef.h>

/* Makes the model of the file at `path`, with its weights. */
tsr_status tsr_keras_h5_read(const char *path, tsr_model **model);

/* The file's bytes, the caller's, freed with free(). */
tsr_status tsr_keras_h5_image(tsr_model *model, bool keras2, void **image, size_t *size);

#endif
