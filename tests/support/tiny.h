/* A data set and a network that are trained in a second: 8 x 8 images of four classes, each with a quarter lit. */
#ifndef TSR_TESTS_TINY_H
#define TSR_TESTS_TINY_H

#include "tessera.h"

enum { TINY_SIZE = 8, TINY_CLASSES = 4, TINY_TRAINING = 200, TINY_TEST = 40 };

/* Image `number` (its class is number % 4) in TINY_SIZE * TINY_SIZE bytes. */
void tiny_image(int number, uint8_t *image);

/* Writes an IDX file of bytes. */
void tiny_write_idx(const char *path, int rank, const int32_t *extent, const uint8_t *data);

/* Writes the four files of the data set into a directory of the test's, and returns its path. */
const char *tiny_dataset(void);

/* Conv2D(4), MaxPooling2D, Flatten, Dense(4, softmax). */
tsr_model *tiny_model(void);

/* The network as a .json file, and (with weights from seed 1) as a .h5 file, in the test's directory: their paths. */
const char *tiny_json_file(void);
const char *tiny_h5_file(void);

#endif
