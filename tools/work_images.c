#include "work_images.h"

#include <stdlib.h>

static uint8_t random_byte(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint8_t)(*state >> 24);
}

/* Images that can be told apart, so that training goes its usual way: a grid of grey squares of the class's own, half
 * covered by noise. Image i is of class i % classes. */
static tsr_status make_up(const tsr_layer_info *input, int32_t classes, int32_t count, uint32_t noise,
                          work_images *work)
{
    enum { SQUARE = 4 };
    size_t height = (size_t)input->output[0], width = (size_t)input->output[1], channels = (size_t)input->output[2];
    size_t pixels = height * width * channels;
    work->images = malloc(pixels * (size_t)count);
    work->labels = malloc((size_t)count);
    if (!work->images || !work->labels) return TSR_OUT_OF_MEMORY;
    uint8_t *pixel = work->images;
    for (int32_t i = 0; i < count; i++)
        for (size_t p = 0; p < pixels; p++) {
            size_t y = p / (width * channels), x = p / channels % width;
            uint32_t square = (uint32_t)((y / SQUARE * width + x / SQUARE) * 256 + (size_t)(i % classes));
            square = square * 2654435761u;
            *pixel++ = (uint8_t)((random_byte(&square) + random_byte(&noise)) / 2);
        }
    for (int32_t i = 0; i < count; i++) work->labels[i] = (uint8_t)(i % classes);
    work->source = "made up images";
    work->data = (tsr_data){.images = work->images,
                            .labels = work->labels,
                            .count = count,
                            .height = input->output[0],
                            .width = input->output[1],
                            .channels = input->output[2]};
    return TSR_OK;
}

tsr_status work_images_choose(const char *directory, const tsr_model *model, int32_t count, uint32_t seed,
                              work_images *work)
{
    tsr_layer_info input = tsr_model_layer(model, 0);
    int32_t classes = tsr_model_outputs(model);
    tsr_status status = tsr_dataset_read(directory, &work->dataset);
    if (status && directory) return status;
    work->data = tsr_dataset_training(&work->dataset);
    work->source = work->dataset.directory;
    const tsr_data *data = &work->data;
    if (status || data->height != input.output[0] || data->width != input.output[1] ||
        data->channels != input.output[2] || work->dataset.classes > classes)
        return make_up(&input, classes < 256 ? classes : 256, count, seed, work);
    return TSR_OK;
}

void work_images_clear(work_images *work)
{
    tsr_dataset_clear(&work->dataset);
    free(work->images);
    free(work->labels);
    *work = (struct work_images){0};
}
