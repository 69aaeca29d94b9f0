#include "bench.h"

#include <stdlib.h>

static uint8_t random_byte(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint8_t)(*state >> 24);
}

/* Images that can be told apart, so that training goes its usual way: a grid of grey squares of the class's own, half
 * covered by noise. Image i is of class i % classes. */
static tsr_status make_up(bench_workload *workload, const tsr_layer_info *input, int32_t classes)
{
    enum { COUNT = 10000, SQUARE = 4 };
    size_t height = (size_t)input->output[0], width = (size_t)input->output[1], channels = (size_t)input->output[2];
    size_t pixels = height * width * channels;
    uint32_t noise = 1;
    workload->images = malloc(pixels * COUNT);
    workload->labels = malloc(COUNT);
    if (!workload->images || !workload->labels) return TSR_OUT_OF_MEMORY;
    uint8_t *pixel = workload->images;
    for (int32_t i = 0; i < COUNT; i++)
        for (size_t p = 0; p < pixels; p++) {
            size_t y = p / (width * channels), x = p / channels % width;
            uint32_t square = (uint32_t)((y / SQUARE * width + x / SQUARE) * 256 + (size_t)(i % classes));
            square = square * 2654435761u;
            *pixel++ = (uint8_t)((random_byte(&square) + random_byte(&noise)) / 2);
        }
    for (int32_t i = 0; i < COUNT; i++) workload->labels[i] = (uint8_t)(i % classes);
    workload->source = "made up images";
    workload->data = (tsr_data){.images = workload->images,
                                .labels = workload->labels,
                                .count = COUNT,
                                .height = input->output[0],
                                .width = input->output[1],
                                .channels = input->output[2]};
    return TSR_OK;
}

tsr_status bench_workload_choose(const bench_settings *settings, const tsr_model *model, bench_workload *workload)
{
    tsr_layer_info input = tsr_model_layer(model, 0);
    int32_t classes = tsr_model_outputs(model);
    tsr_status status = tsr_dataset_read(settings->data, &workload->dataset);
    if (status && settings->data) return status;
    workload->data = tsr_dataset_training(&workload->dataset);
    workload->source = workload->dataset.directory;
    const tsr_data *data = &workload->data;
    if (status || data->height != input.output[0] || data->width != input.output[1] ||
        data->channels != input.output[2] || workload->dataset.classes > classes)
        return make_up(workload, &input, classes < 256 ? classes : 256);
    return TSR_OK;
}

void bench_workload_clear(bench_workload *workload)
{
    tsr_dataset_clear(&workload->dataset);
    free(workload->images);
    free(workload->labels);
    *workload = (struct bench_workload){0};
}
