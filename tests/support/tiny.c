#include "support/tiny.h"

#include "base/file.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tiny_image(int number, uint8_t *image)
{
    int quarter = number % TINY_CLASSES, top = quarter / 2 * TINY_SIZE / 2, left = quarter % 2 * TINY_SIZE / 2;
    for (int y = 0; y < TINY_SIZE; y++)
        for (int x = 0; x < TINY_SIZE; x++) {
            bool lit = y >= top && y < top + TINY_SIZE / 2 && x >= left && x < left + TINY_SIZE / 2;
            int noise = (number * 37 + y * 11 + x * 5) % 64;
            image[y * TINY_SIZE + x] = (uint8_t)(lit ? 255 - noise : noise);
        }
}

void tiny_write_idx(const char *path, int rank, const int32_t *extent, const uint8_t *data)
{
    size_t count = 1;
    FILE *file = fopen(path, "wb");
    ck_assert(file != NULL);
    const uint8_t magic[4] = {0, 0, 8, (uint8_t)rank};
    fwrite(magic, 1, 4, file);
    for (int i = 0; i < rank; i++) {
        uint32_t n = (uint32_t)extent[i];
        const uint8_t bytes[4] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
        fwrite(bytes, 1, 4, file);
        count *= n;
    }
    fwrite(data, 1, count, file);
    ck_assert(fclose(file) == 0);
}

static void write_part(const char *directory, const char *part, int count)
{
    char path[512];
    uint8_t *images = malloc((size_t)count * TINY_SIZE * TINY_SIZE), *labels = malloc((size_t)count);
    ck_assert(images && labels);
    for (int i = 0; i < count; i++) {
        tiny_image(i, images + i * TINY_SIZE * TINY_SIZE);
        labels[i] = (uint8_t)(i % TINY_CLASSES);
    }
    snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", directory, part);
    tiny_write_idx(path, 3, (const int32_t[]){count, TINY_SIZE, TINY_SIZE}, images);
    snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", directory, part);
    tiny_write_idx(path, 1, &count, labels);
    free(images);
    free(labels);
}

const char *tiny_dataset(void)
{
    static char directory[256];
    if (directory[0]) return directory;
    snprintf(directory, sizeof directory, "%s", test_path("tiny"));
    check_ok(tsr_directory_make(directory));
    write_part(directory, "train", TINY_TRAINING);
    write_part(directory, "t10k", TINY_TEST);
    return directory;
}

tsr_model *tiny_model(void)
{
    tsr_model *model;
    check_ok(tsr_model_create("tiny", &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = TINY_SIZE, .width = TINY_SIZE, .channels = 1}));
    check_ok(tsr_model_add_conv2d(
        model, &(tsr_conv2d_config){
                   .filters = 4, .kernel_size = {3, 3}, .padding = TSR_PADDING_SAME, .activation = TSR_RELU}));
    check_ok(tsr_model_add_max_pooling2d(model, NULL));
    check_ok(tsr_model_add_flatten(model, NULL));
    check_ok(tsr_model_add_dense(model, &(tsr_dense_config){.units = TINY_CLASSES, .activation = TSR_SOFTMAX}));
    return model;
}

const char *tiny_json_file(void)
{
    static char path[256];
    char *text;
    if (path[0]) return path;
    snprintf(path, sizeof path, "%s", test_path("tiny.json"));
    tsr_model *model = tiny_model();
    check_ok(tsr_model_to_json(model, &text));
    check_ok(tsr_file_write(path, text, strlen(text)));
    free(text);
    tsr_model_free(model);
    return path;
}

const char *tiny_h5_file(void)
{
    static char path[256];
    if (path[0]) return path;
    snprintf(path, sizeof path, "%s", test_path("tiny.h5"));
    tsr_model *model = tiny_model();
    check_ok(tsr_model_compile(model, test_device(), &(tsr_compile_options){.seed = 1}));
    check_ok(tsr_model_save(model, path, NULL));
    tsr_model_free(model);
    return path;
}
