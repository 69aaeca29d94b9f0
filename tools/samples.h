/* The data set as the commands use it: training, validation and test samples. */
#ifndef TESSERA_TOOLS_SAMPLES_H
#define TESSERA_TOOLS_SAMPLES_H

#include "tessera.h"

/* A data set with the training part split in two. */
typedef struct sample_set {
    tsr_dataset dataset;
    int32_t *training_index, *validation_index;
    tsr_data training, validation, test; /* they point into the above */
    bool has_test;
} sample_set;

/* Reads the data set of `directory` (NULL: the default place) and splits its training part 80:20 as scikit-learn's
 * train_test_split(test_size=0.2, random_state=seed) does. Cleared with samples_clear, also after a failure. */
tsr_status samples_read(const char *directory, uint32_t seed, sample_set *samples);
void samples_clear(sample_set *samples);

#endif
