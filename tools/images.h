/* Images for prediction: PNG, IDX and NPY files, recognised by their contents. */
#ifndef TESSERA_TOOLS_IMAGES_H
#define TESSERA_TOOLS_IMAGES_H

#include "command.h"

/* The images of one file. */
typedef struct image_set {
    tsr_data data; /* without labels */
    void *memory;
    bool several; /* a file that may hold more than one: they are told apart by number */
} image_set;

/* Reads images of the shape that the model wants (height, width, channels), refusing any other. Cleared with
 * images_clear. Complains itself, and returns an exit code. */
int images_read(const command *self, const char *path, const int32_t shape[3], image_set *images);
void images_clear(image_set *images);

#endif
