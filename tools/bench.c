/* tessera bench: how fast a device trains and runs a model. */
#include "options.h"
#include "profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS  5 /* of each measurement, after one to warm up; the median counts */
#define BATCHES 3

static const int32_t batch_sizes[BATCHES] = {1, 32, 256};

typedef struct bench_settings {
    const char *model, *data, *device;
    int64_t batch_size, steps;
    int gemm;
    bool json, profile;
} bench_settings;

/* What was measured. */
typedef struct bench_results {
    double ready;          /* seconds from the model to the end of its first step */
    double step;           /* seconds of a training step */
    double image[BATCHES]; /* seconds an image in prediction */
    double answer;         /* seconds from one image to its prediction */
} bench_results;

/* Images to work on: the data set's where it fits the model, else made up ones. */
typedef struct bench_workload {
    tsr_dataset dataset;
    uint8_t *images, *labels; /* made up */
    tsr_data data;
    const char *source;
} bench_workload;

static bool read_settings(const command *self, int count, char **arguments, bench_settings *settings, int *code)
{
    const command_option options[] = {
        {.name = "model",
         .argument = "FILE",
         .kind = OPTION_TEXT,
         .value = &settings->model,
         .help = "network, .json or .h5",
         .otherwise = "the reference network"},
        {.name = "data",
         .argument = "DIR",
         .kind = OPTION_TEXT,
         .value = &settings->data,
         .help = "directory of the four IDX files",
         .otherwise = "TESSERA_DATA, else Fashion-MNIST where it is installed, else made up images"},
        {.name = "batch-size",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->batch_size,
         .minimum = 1,
         .maximum = 65536,
         .help = "images in a training step"},
        {.name = "steps",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->steps,
         .minimum = 1,
         .maximum = 100000,
         .help = "training steps in a round"},
        {.name = "device",
         .argument = "D",
         .kind = OPTION_TEXT,
         .value = &settings->device,
         .help = "device, by its number or a part of its name",
         .otherwise = "TESSERA_DEVICE, else the best"},
        {.name = "gemm",
         .kind = OPTION_CHOICE,
         .value = &settings->gemm,
         .choices = command_gemms,
         .help = "matrix product of the dense layers"},
        {.name = "profile",
         .kind = OPTION_FLAG,
         .value = &settings->profile,
         .help = "measure each kernel of the training step too, in a run of its own"},
        {.name = "json", .kind = OPTION_FLAG, .value = &settings->json, .help = "print JSON"},
    };
    command_operands operands;
    return command_read(self, options, sizeof options / sizeof options[0], 0, 0, count, arguments, &operands, code);
}

/* Images of random bytes. */
static tsr_status make_up(bench_workload *workload, const tsr_layer_info *input, int32_t classes)
{
    enum { COUNT = 10000 };
    size_t pixels = (size_t)input->output[0] * (size_t)input->output[1] * (size_t)input->output[2];
    uint32_t random = 1;
    workload->images = malloc(pixels * COUNT);
    workload->labels = malloc(COUNT);
    if (!workload->images || !workload->labels) return TSR_OUT_OF_MEMORY;
    for (size_t i = 0; i < pixels * COUNT; i++) {
        random = random * 1664525u + 1013904223u;
        workload->images[i] = (uint8_t)(random >> 24);
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

static tsr_status choose_workload(const bench_settings *settings, const tsr_model *model, bench_workload *workload)
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

static void clear_workload(bench_workload *workload)
{
    tsr_dataset_clear(&workload->dataset);
    free(workload->images);
    free(workload->labels);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

/* Trains on the first images for `epochs` rounds; *step is the median time of a step, without the first round's. */
static tsr_status train(const bench_settings *settings, tsr_model *model, tsr_data data, int32_t epochs, double *step)
{
    tsr_history history = {0};
    double seconds[ROUNDS];
    int64_t wanted = settings->steps * settings->batch_size;
    if (data.count > wanted) data.count = wanted;
    tsr_status status = tsr_model_fit(
        model, &data, &(tsr_fit_options){.epochs = epochs, .batch_size = (int32_t)settings->batch_size}, &history);
    int64_t steps = (data.count + settings->batch_size - 1) / settings->batch_size;
    if (!status && epochs > ROUNDS) {
        for (int i = 0; i < ROUNDS; i++) seconds[i] = history.epochs[i + 1].seconds / (double)steps;
        *step = median(seconds);
    }
    tsr_history_clear(&history);
    return status;
}

/* Seconds of a prediction of `count` images in batches; the median. */
static tsr_status predict(tsr_model *model, tsr_data data, int64_t count, int32_t batch_size, double *taken)
{
    double seconds[ROUNDS];
    tsr_status status = TSR_OK;
    data.count = count;
    float *outputs = malloc((size_t)count * (size_t)tsr_model_outputs(model) * sizeof *outputs);
    if (!outputs) return TSR_OUT_OF_MEMORY;
    for (int round = -1; round < ROUNDS && !status; round++) {
        double start = command_seconds();
        status = tsr_model_predict(model, &data, batch_size, outputs);
        if (round >= 0) seconds[round] = command_seconds() - start;
    }
    free(outputs);
    if (!status) *taken = median(seconds);
    return status;
}

static tsr_status compile(const bench_settings *settings, tsr_model *model, tsr_device *device)
{
    return tsr_model_compile(model, device, &(tsr_compile_options){.seed = 42, .gemm = (tsr_gemm)settings->gemm});
}

static tsr_status measure(const bench_settings *settings, const bench_workload *workload, tsr_model *model,
                          tsr_device *device, bench_results *results)
{
    struct bench_settings one_step = *settings;
    one_step.steps = 1;
    double start = command_seconds();
    tsr_status status = compile(settings, model, device);
    if (!status) status = train(&one_step, model, workload->data, 1, NULL);
    results->ready = command_seconds() - start;
    if (!status) status = train(settings, model, workload->data, 1 + ROUNDS, &results->step);
    for (int i = 0; i < BATCHES && !status; i++) {
        int64_t count = batch_sizes[i] == 1 ? 1000 : 10000;
        if (count > workload->data.count) count = workload->data.count;
        status = predict(model, workload->data, count, batch_sizes[i], &results->image[i]);
        results->image[i] /= (double)count;
    }
    if (!status) status = predict(model, workload->data, 1, 1, &results->answer);
    return status;
}

/* Measures the kernels of training steps on a device of their own, since measuring slows them down a little. */
static tsr_status profile(const bench_settings *settings, const bench_workload *workload, tsr_device **device)
{
    tsr_model *model = NULL;
    tsr_status status = tsr_device_open(settings->device, true, device);
    if (!status) status = command_open_model(settings->model, &model, NULL);
    if (!status) status = compile(settings, model, *device);
    if (!status) status = train(settings, model, workload->data, 1, NULL);
    if (!status) tsr_device_profile_reset(*device);
    if (!status) status = train(settings, model, workload->data, 1, NULL);
    tsr_model_free(model);
    return status;
}

static tsr_status print_text(const bench_settings *settings, const bench_workload *workload,
                             const bench_results *results, tsr_device *profiled)
{
    printf("Images: %s\n", workload->source);
    printf("Ready to train after %.2f s (kernels built, first step done)\n\n", results->ready);
    printf("Training, batch %lld: %.3f ms a step, %.0f images/s\n", (long long)settings->batch_size,
           results->step * 1e3, (double)settings->batch_size / results->step);
    for (int i = 0; i < BATCHES; i++)
        printf("Prediction, batch %d: %.3f ms a batch, %.0f images/s\n", (int)batch_sizes[i],
               results->image[i] * batch_sizes[i] * 1e3, 1 / results->image[i]);
    printf("One image, from host memory to its prediction: %.3f ms\n", results->answer * 1e3);
    if (!profiled) return TSR_OK;
    printf("\nKernels of the training steps, by time on the device:\n");
    return profile_print(profiled);
}

static json_t *make_json(const bench_settings *settings, const bench_workload *workload, const bench_results *results,
                         const tsr_device *device, tsr_device *profiled)
{
    json_t *prediction = json_array();
    for (int i = 0; i < BATCHES; i++)
        json_array_append_new(prediction, json_pack("{s:i, s:f, s:f}", "batch_size", (int)batch_sizes[i],
                                                    "batch_seconds", results->image[i] * batch_sizes[i],
                                                    "images_per_second", 1 / results->image[i]));
    json_t *json = json_pack(
        "{s:s, s:o, s:s, s:s, s:f, s:{s:I, s:f, s:f}, s:o, s:f}", "version", tsr_version(), "device",
        command_device_json(tsr_device_get_info(device)), "model", settings->model ? settings->model : "reference",
        "images", workload->source, "ready_seconds", results->ready, "training", "batch_size",
        (json_int_t)settings->batch_size, "step_seconds", results->step, "images_per_second",
        (double)settings->batch_size / results->step, "prediction", prediction, "one_image_seconds", results->answer);
    if (json && profiled) json_object_set_new(json, "kernels", profile_json(profiled));
    return json;
}

static int bench(const command *self, const bench_settings *settings, tsr_model *model, tsr_device *device,
                 bench_workload *workload)
{
    bench_results results = {0};
    tsr_device *profiled = NULL;
    int code;
    tsr_status status = choose_workload(settings, model, workload);
    if (!status) status = measure(settings, workload, model, device, &results);
    if (!status && settings->profile) status = profile(settings, workload, &profiled);
    if (!status && settings->json)
        code = command_print_json(self, make_json(settings, workload, &results, device, profiled));
    else if (!status && (status = print_text(settings, workload, &results, profiled)) == TSR_OK)
        code = DONE;
    else
        code = command_fail(self, status);
    tsr_device_close(profiled);
    return code;
}

static int run(const command *self, int count, char **arguments)
{
    bench_settings settings = {.batch_size = 32, .steps = 300};
    bench_workload workload = {0};
    tsr_model *model = NULL;
    tsr_device *device = NULL;
    int code;
    if (!read_settings(self, count, arguments, &settings, &code)) return code;
    tsr_status status = command_open_model(settings.model, &model, NULL);
    if (!status) status = command_open_device(settings.device, false, &device);
    code = status ? command_fail(self, status) : bench(self, &settings, model, device, &workload);
    clear_workload(&workload);
    tsr_model_free(model);
    tsr_device_close(device);
    return code;
}

const command command_bench = {"bench", "", "Measure training steps and predictions, and each kernel with --profile",
                               run};
