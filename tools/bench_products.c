/* tessera bench --products: matrix products by the library's kernels, by CLBlast as it is, and by CLBlast with the best
 * of the parameters that tessera tune tries. */
#include "bench.h"

#include <stdio.h>

/* Seconds that all of it may take: CLBlast's kernels are compiled anew for each set of parameters. */
static const double budget = 600;

/* Rows, depth, columns: the reference network's dense layer, and squares. */
static const tsr_dense_descriptor shapes[] = {
    {.rows = 32, .inputs = 3136, .units = 100},
    {.rows = 256, .inputs = 256, .units = 256},
    {.rows = 512, .inputs = 512, .units = 512},
    {.rows = 1024, .inputs = 1024, .units = 1024},
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

static double speed(const tsr_dense_descriptor *d, double seconds)
{
    return seconds > 0 ? 2.0 * d->rows * d->inputs * d->units / seconds : 0;
}

static void print(const tsr_product_times *times)
{
    printf("%-16s  %9s  %9s  %9s  %s\n", "ROWS DEPTH UNITS", "NATIVE", "CLBLAST", "TUNED", "GFLOP/s; TUNED WITH");
    for (int i = 0; i < SHAPES; i++) {
        char shape[48];
        snprintf(shape, sizeof shape, "%dx%dx%d", (int)shapes[i].rows, (int)shapes[i].inputs, (int)shapes[i].units);
        printf("%-16s  %9.2f  %9.2f  %9.2f  %s %s\n", shape, speed(&shapes[i], times[i].native) * 1e-9,
               speed(&shapes[i], times[i].clblast) * 1e-9, speed(&shapes[i], times[i].tuned) * 1e-9,
               times[i].kernel ? times[i].kernel : "", times[i].set ? times[i].set : "its own");
    }
}

static json_t *describe(const tsr_device *device, const tsr_product_times *times)
{
    json_t *rows = json_array();
    for (int i = 0; i < SHAPES; i++)
        json_array_append_new(rows, json_pack("{s:i, s:i, s:i, s:f, s:f, s:f, s:s?, s:s?}", "rows", (int)shapes[i].rows,
                                              "depth", (int)shapes[i].inputs, "columns", (int)shapes[i].units,
                                              "native_flops_per_second", speed(&shapes[i], times[i].native),
                                              "clblast_flops_per_second", speed(&shapes[i], times[i].clblast),
                                              "tuned_flops_per_second", speed(&shapes[i], times[i].tuned), "kernel",
                                              times[i].kernel, "parameters", times[i].set));
    return json_pack("{s:s, s:o, s:o}", "version", tsr_version(), "device",
                     command_device_json(tsr_device_get_info(device)), "products", rows);
}

int bench_products(const command *self, const bench_settings *settings)
{
    tsr_product_times times[SHAPES];
    tsr_device *device = NULL;
    command_worker worker;
    int code = DONE;
    const tsr_tune_options options = {.worker = command_worker_line(settings->device, &worker), .budget = budget};
    tsr_status status = command_open_device(settings->device, false, &device);
    if (!status) status = tsr_tune_measure_products(device, shapes, SHAPES, &options, times);
    if (status)
        code = command_fail(self, status);
    else if (settings->json)
        code = command_print_json(self, describe(device, times));
    else
        print(times);
    tsr_device_close(device);
    return code;
}
