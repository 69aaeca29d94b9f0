/* Images to work on where it matters little which: the data set's where it fits the model, else made up ones. */
#ifndef TESSERA_TOOLS_WORK_IMAGES_H
#define TESSERA_TOOLS_WORK_IMAGES_H

#include "command.h"

typedef struct work_images {
    tsr_dataset dataset;
    uint8_t *images, *labels; /* made up; otherwise NULL */
    tsr_data data;
    const char *source; /* for people */
} work_images;

/* The training images of the data set in `directory` (NULL: the default place), or, where they do not fit the model or
 * are not there in the default place, `count` images made up from a seed. Cleared with work_images_clear, also after a
 * failure. */
tsr_status work_images_choose(const char *directory, const tsr_model *model, int32_t count, uint32_t seed,
                              work_images *work);
void work_images_clear(work_images *work);

#endif
