/* tessera bench: how fast a device trains and runs a model. */
#include "bench.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

static bool read_settings(const command *self, int count, char **arguments, bench_settings *settings, int *code)
{
    const command_option options[] = {
        {.name = "model",
         .argument = "FILE",
         .kind = OPTION_TEXT,
         .value = &settings->model,
         .help = "network, .json or .h5",
         .otherwise = "the reference network"},
        OPTION_DATA(&settings->data, ", else made up images"),
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
         .help = "training steps in a round",
         .otherwise = "as many as take about half a second"},
        {.name = "images",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->images,
         .minimum = 1,
         .maximum = 1000000,
         .help = "images predicted in a round",
         .otherwise = "as many as take about half a second"},
        OPTION_DEVICE(&settings->device),
        OPTION_GEMM(&settings->gemm),
        {.name = "sweep",
         .kind = OPTION_FLAG,
         .value = &settings->sweep,
         .help = "measure convolutions of many shapes instead of a model"},
        {.name = "shapes",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->shapes,
         .minimum = 1,
         .maximum = BENCH_SHAPES,
         .help = "shapes of the sweep, from the first one on"},
        {.name = "products",
         .kind = OPTION_FLAG,
         .value = &settings->products,
         .help = "measure matrix products by native kernels and CLBlast instead"},
        OPTION_JSON(&settings->json),
    };
    command_operands operands;
    return command_read(self, options, sizeof options / sizeof options[0], 0, 0, count, arguments, &operands, code);
}

static int bench(const command *self, const bench_settings *settings, tsr_model *model, tsr_device *device)
{
    work_images workload = {0};
    bench_results results = {0};
    int code = DONE;
    tsr_status status = work_images_choose(settings->data, model, BENCH_IMAGES, 1, &workload);
    if (!status) status = bench_measure(settings, &workload, model, device, &results);
    if (status)
        code = command_fail(self, status);
    else if (settings->json)
        code = command_print_json(self, bench_json(settings, &workload, &results, device));
    else
        bench_print(settings, &workload, &results);
    bench_results_clear(&results);
    work_images_clear(&workload);
    return code;
}

static int run(const command *self, int count, char **arguments)
{
    bench_settings settings = {.batch_size = 32, .shapes = BENCH_SHAPES};
    tsr_model *model = NULL;
    tsr_device *device = NULL;
    int code;
    if (!read_settings(self, count, arguments, &settings, &code)) return code;
    if (settings.sweep) return bench_sweep(self, &settings);
    if (settings.products) return bench_products(self, &settings);
    if (!command_try_model(self, settings.model)) return FAILED;
    tsr_status status = command_open_model(settings.model, &model, NULL);
    if (!status) status = command_open_device(settings.device, false, &device);
    code = status ? command_fail(self, status) : bench(self, &settings, model, device);
    tsr_model_free(model);
    tsr_device_close(device);
    return code;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

const command command_bench = {
    "bench", "",
    "Measure training steps, their kernels, and predictions; or convolutions, or matrix products, of many shapes", run};
