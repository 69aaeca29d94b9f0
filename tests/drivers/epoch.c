/* Trains a network of a JSON file for an epoch with each optimizer, evaluates it and predicts with it, on black images:
 * every kernel that the program has for it is launched, for the layer in layers/capture.c to write down. */
#include <stdio.h>
#include <stdlib.h>
#include <tessera.h>

enum { IMAGES = 40, BATCH = 32 }; /* the last batch is a smaller one */

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "r");
    long size = file && !fseek(file, 0, SEEK_END) ? ftell(file) : -1;
    char *text = size >= 0 ? calloc((size_t)size + 1, 1) : NULL;
    if (text) {
        rewind(file);
        if (fread(text, 1, (size_t)size, file) != (size_t)size) {
            free(text);
            text = NULL;
        }
    }
    if (file) fclose(file);
    return text;
}

static tsr_status run(tsr_model *model, tsr_device *device, const tsr_compile_options *options)
{
    const tsr_layer_info input = tsr_model_layer(model, 0);
    const size_t pixels = (size_t)input.output[0] * (size_t)input.output[1] * (size_t)input.output[2];
    uint8_t *images = calloc(IMAGES, pixels), labels[IMAGES] = {0};
    float *outputs = calloc(IMAGES, sizeof *outputs * (size_t)tsr_model_outputs(model));
    const tsr_data data = {.images = images,
                           .labels = labels,
                           .count = IMAGES,
                           .height = input.output[0],
                           .width = input.output[1],
                           .channels = input.output[2]};
    tsr_status status = images && outputs ? tsr_model_compile(model, device, options) : TSR_OUT_OF_MEMORY;
    if (!status)
        status = tsr_model_fit(model, &data, &(tsr_fit_options){.epochs = 1, .batch_size = BATCH, .validation = &data},
                               NULL);
    if (!status) status = tsr_model_predict(model, &data, BATCH, outputs);
    free(images);
    free(outputs);
    return status;
}

int main(int count, char **arguments)
{
    tsr_device *device = NULL;
    tsr_model *model = NULL;
    char *text = count == 2 ? read_text(arguments[1]) : NULL;
    if (!text) {
        fputs("epoch: give it a network's JSON file that can be read\n", stderr);
        return EXIT_FAILURE;
    }
    tsr_status status = tsr_device_open(NULL, false, &device);
    if (!status) status = tsr_model_from_json(text, &model);
    if (!status) status = run(model, device, &(tsr_compile_options){.seed = 1, .gemm = TSR_GEMM_NATIVE});
    if (!status)
        status = run(model, device,
                     &(tsr_compile_options){.seed = 1, .gemm = TSR_GEMM_NATIVE, .sgd = true, .momentum = 0.9f});
    if (status) fprintf(stderr, "epoch: %s: %s\n", arguments[1], tsr_last_error());
    tsr_model_free(model);
    tsr_device_close(device);
    free(text);
    return status ? EXIT_FAILURE : EXIT_SUCCESS;
}
