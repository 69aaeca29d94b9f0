/* The data set as the commands use it: training, validation and test samples. */
#ifndef TESSERA_TOOLS_SAMPLES_H
#define TESSERA_TOOLS_SAMPLES_H

#include "command.h"

/* A data set with the training part split in two. */
typedef struct sample_set {
    tsr_dataset dataset;
    int32_t *training_index, *validation_index;
    tsr_data training, validation, test; /* they point into the above */
} sample_set;

/* Reads the data set of `directory` (NULL: the default place) and splits its training part 80:20 as scikit-learn's
 * train_test_split(test_size=0.2, random_state=seed) does. Complains itself, and returns an exit code. Cleared with
 * samples_clear, also after a failure. */
int samples_read(const command *self, const char *directory, uint32_t seed, sample_set *samples);
void samples_clear(sample_set *samples);

/* Whether the images have the size that the model wants and the labels are among its classes; complains itself, and
 * returns an exit code. */
int samples_check(const command *self, const sample_set *samples, const tsr_model *model);

#endif
