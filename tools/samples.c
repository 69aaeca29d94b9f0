#include "samples.h"

#include <stdlib.h>

int samples_read(const command *self, const char *directory, uint32_t seed, sample_set *samples)
{
    int64_t training_count, validation_count;
    *samples = (struct sample_set){0};
    tsr_status status = tsr_dataset_read(directory, &samples->dataset);
    if (status) return command_fail(self, status);
    samples->training = tsr_dataset_training(&samples->dataset);
    samples->validation = samples->training;
    if (samples->training.count < 2) {
        command_complain(self, "%s holds one training image; at least two are needed, for training and validation",
                         samples->dataset.directory);
        return FAILED;
    }
    status = tsr_train_test_split(samples->training.count, 0.2, seed, &samples->training_index, &training_count,
                                  &samples->validation_index, &validation_count);
    if (status) return command_fail(self, status);
    samples->training.index = samples->training_index;
    samples->training.index_count = training_count;
    samples->validation.index = samples->validation_index;
    samples->validation.index_count = validation_count;
    samples->test = tsr_dataset_test(&samples->dataset);
    return DONE;
}

int samples_check(const command *self, const sample_set *samples, const tsr_model *model)
{
    const tsr_data *data = &samples->training;
    const char *directory = samples->dataset.directory;
    tsr_layer_info input = tsr_model_layer(model, 0);
    int32_t classes = tsr_model_outputs(model);
    if (data->height != input.output[0] || data->width != input.output[1] || data->channels != input.output[2]) {
        command_complain(self,
                         "the images in %s have the size %dx%dx%d, but the model wants %dx%dx%d (height, width, "
                         "channels); name other images with --data, or another model",
                         directory, (int)data->height, (int)data->width, (int)data->channels, (int)input.output[0],
                         (int)input.output[1], (int)input.output[2]);
        return FAILED;
    }
    if (samples->dataset.classes > classes) {
        command_complain(self, "the labels in %s go up to %d, but the model has %d classes (0 to %d)", directory,
                         (int)samples->dataset.classes - 1, (int)classes, (int)classes - 1);
        return FAILED;
    }
    return DONE;
}

void samples_clear(sample_set *samples)
{
    free(samples->training_index);
    free(samples->validation_index);
    tsr_dataset_clear(&samples->dataset);
    *samples = (struct sample_set){0};
}
