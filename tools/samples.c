#include "samples.h"

#include <stdlib.h>

tsr_status samples_read(const char *directory, uint32_t seed, sample_set *samples)
{
    int64_t training_count, validation_count;
    *samples = (struct sample_set){0};
    tsr_status status = tsr_dataset_read(directory, &samples->dataset);
    if (status) return status;
    samples->training = tsr_dataset_training(&samples->dataset);
    samples->validation = samples->training;
    status = tsr_train_test_split(samples->training.count, 0.2, seed, &samples->training_index, &training_count,
                                  &samples->validation_index, &validation_count);
    if (status) return status;
    samples->training.index = samples->training_index;
    samples->training.index_count = training_count;
    samples->validation.index = samples->validation_index;
    samples->validation.index_count = validation_count;
    samples->test = tsr_dataset_test(&samples->dataset);
    samples->has_test = samples->test.count > 0;
    return TSR_OK;
}

void samples_clear(sample_set *samples)
{
    free(samples->training_index);
    free(samples->validation_index);
    tsr_dataset_clear(&samples->dataset);
    *samples = (struct sample_set){0};
}
