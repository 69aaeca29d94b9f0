/* tessera bench --sweep: the speed of convolutions of many shapes, forward and both gradients, launches left out.
 *
 * A shape is held against the least of two speeds: that of the direct kernel on the second convolution of the reference
 * network, and what the memory would allow if every operand came from there once. */
#include "bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A third of that is expected wherever there are this many output channels: filters, or channels where the gradient by
 * data is what comes out. */
enum { FEWEST_OUTPUTS = 8, DIRECTIONS = 3 };

static const char *const direction_names[DIRECTIONS] = {"forward", "backward_data", "backward_weights"};

#define SAME  TSR_PADDING_SAME
#define VALID TSR_PADDING_VALID

/* batch, height, width, channels, filters, kernel, strides, padding, bias */
static const tsr_conv2d_descriptor shapes[BENCH_SHAPES] = {
    /* the reference network's, the second one first */
    {32, 14, 14, 32, 64, 3, 3, 1, 1, SAME, true},
    {32, 28, 28, 1, 32, 3, 3, 1, 1, SAME, true},
    {1, 14, 14, 32, 64, 3, 3, 1, 1, SAME, true},
    {1, 28, 28, 1, 32, 3, 3, 1, 1, SAME, true},
    /* stacks of 3 x 3 */
    {8, 32, 32, 3, 64, 3, 3, 1, 1, SAME, true},
    {8, 32, 32, 64, 64, 3, 3, 1, 1, SAME, true},
    {8, 16, 16, 64, 128, 3, 3, 1, 1, SAME, true},
    {8, 16, 16, 128, 128, 3, 3, 1, 1, SAME, true},
    {8, 8, 8, 128, 256, 3, 3, 1, 1, SAME, true},
    {8, 8, 8, 256, 256, 3, 3, 1, 1, SAME, true},
    {1, 56, 56, 64, 64, 3, 3, 1, 1, SAME, true},
    {1, 28, 28, 128, 128, 3, 3, 1, 1, SAME, true},
    {2, 14, 14, 256, 256, 3, 3, 1, 1, SAME, true},
    {4, 7, 7, 512, 512, 3, 3, 1, 1, SAME, true},
    {1, 112, 112, 64, 32, 3, 3, 1, 1, SAME, true},
    {4, 30, 30, 32, 32, 3, 3, 1, 1, VALID, true},
    {4, 64, 64, 16, 16, 3, 3, 1, 1, SAME, true},
    {4, 64, 64, 8, 8, 3, 3, 1, 1, SAME, true},
    /* strides */
    {8, 32, 32, 32, 64, 3, 3, 2, 2, SAME, true},
    {8, 16, 16, 64, 128, 3, 3, 2, 2, SAME, true},
    {4, 33, 33, 24, 48, 3, 3, 2, 2, VALID, true},
    {1, 224, 224, 3, 64, 7, 7, 2, 2, SAME, true},
    {1, 224, 224, 3, 32, 3, 3, 2, 2, SAME, true},
    {1, 227, 227, 3, 96, 11, 11, 4, 4, VALID, true},
    {8, 32, 32, 48, 96, 5, 5, 2, 2, SAME, true},
    {4, 28, 28, 32, 64, 3, 3, 2, 1, SAME, true},
    /* 5 x 5 and larger */
    {32, 28, 28, 1, 6, 5, 5, 1, 1, SAME, true},
    {32, 14, 14, 6, 16, 5, 5, 1, 1, VALID, true},
    {16, 28, 28, 1, 32, 5, 5, 1, 1, SAME, true},
    {8, 14, 14, 32, 64, 5, 5, 1, 1, SAME, true},
    {8, 32, 32, 3, 48, 5, 5, 1, 1, SAME, true},
    {4, 27, 27, 96, 64, 5, 5, 1, 1, SAME, true},
    {4, 24, 24, 16, 32, 7, 7, 1, 1, SAME, true},
    /* 1 x 1, and windows that are not square */
    {8, 28, 28, 64, 128, 1, 1, 1, 1, SAME, true},
    {4, 56, 56, 64, 256, 1, 1, 1, 1, SAME, true},
    {8, 14, 14, 256, 64, 1, 1, 1, 1, SAME, true},
    {8, 7, 7, 512, 512, 1, 1, 1, 1, SAME, true},
    {8, 28, 28, 128, 256, 1, 1, 2, 2, SAME, true},
    {8, 17, 17, 64, 64, 1, 7, 1, 1, SAME, true},
    {8, 17, 17, 64, 64, 7, 1, 1, 1, SAME, true},
    {8, 32, 32, 16, 32, 2, 2, 2, 2, VALID, true},
    {8, 32, 32, 16, 32, 2, 2, 1, 1, SAME, true},
    /* channels that fill no vector */
    {8, 20, 20, 17, 33, 3, 3, 1, 1, SAME, true},
    {32, 20, 20, 5, 9, 3, 3, 1, 1, SAME, true},
    {8, 24, 24, 3, 24, 3, 3, 1, 1, SAME, true},
    {8, 19, 23, 50, 100, 3, 3, 1, 1, SAME, true},
    {8, 13, 13, 100, 30, 3, 3, 1, 1, VALID, false},
    {8, 32, 32, 12, 8, 3, 3, 1, 1, SAME, true},
    /* few filters */
    {8, 32, 32, 64, 3, 3, 3, 1, 1, SAME, true},
    {8, 32, 32, 32, 1, 1, 1, 1, 1, SAME, true},
    {8, 32, 32, 16, 4, 5, 5, 1, 1, SAME, true},
};

/* How one direction of a shape did. */
typedef struct sweep_outcome {
    double speed;    /* operations a second */
    double bound;    /* on it: what the direct kernel did in the same rounds, or what memory allows */
    double share;    /* of the bound, the median of the rounds */
    char kernel[96]; /* where most of the time went */
} sweep_outcome;

enum { OPERANDS = 8 /* of a convolution, at most */ };

/* An operation to be timed. */
typedef struct timed {
    tsr_operation *operation;
    cl_mem operands[OPERANDS];
    int times;       /* in a round */
    char kernel[96]; /* where most of the time goes */
} timed;

typedef struct sweep_results {
    tsr_device *device; /* that profiles */
    int count;          /* of shapes */
    tsr_peak peak;
    /* The direct kernel on the reference network's second convolution, which is measured in turn with each operation:
     * a machine that does other work besides changes its speed. */
    timed direct;
    const char *direct_name;
    sweep_outcome outcomes[BENCH_SHAPES][DIRECTIONS];
} sweep_results;

static double outputs_of(const tsr_conv2d_descriptor *s)
{
    return (double)s->batch * tsr_window_output(s->height, s->kernel_height, s->stride_height, s->padding) *
           tsr_window_output(s->width, s->kernel_width, s->stride_width, s->padding);
}

static double flops_of(const tsr_conv2d_descriptor *s)
{
    return 2.0 * outputs_of(s) * s->filters * s->kernel_height * s->kernel_width * s->channels;
}

static double bytes_of(const tsr_conv2d_descriptor *s)
{
    return sizeof(float) *
           ((double)s->batch * s->height * s->width * s->channels + outputs_of(s) * s->filters +
            (double)s->kernel_height * s->kernel_width * s->channels * s->filters + (s->bias ? s->filters : 0));
}

/* What a shape can reach, the direct kernel's speed given. */
static double bound_of(const sweep_results *results, const tsr_conv2d_descriptor *s, double direct)
{
    double memory = results->peak.bandwidth * flops_of(s) / bytes_of(s);
    return memory < direct ? memory : direct;
}

/* The median of its directions' bounds. */
static double shape_bound(const sweep_results *results, int shape)
{
    double bounds[DIRECTIONS];
    for (int d = 0; d < DIRECTIONS; d++) bounds[d] = results->outcomes[shape][d].bound;
    return bench_median(bounds, DIRECTIONS);
}

/* Whether the direction of the shape has enough output channels for the bound to be expected. */
static bool is_held(int shape, int direction)
{
    int32_t outputs =
        strcmp(direction_names[direction], "backward_data") ? shapes[shape].filters : shapes[shape].channels;
    return outputs >= FEWEST_OUTPUTS;
}

static bool is_slow(const sweep_results *results, int shape, int direction)
{
    return is_held(shape, direction) && results->outcomes[shape][direction].share < 1.0 / 3;
}

/* A buffer of numbers around zero, none of them zero. */
static tsr_status make_operand(tsr_device *device, size_t bytes, cl_mem *operand)
{
    cl_int code;
    uint32_t random = 1;
    float *values = malloc(bytes);
    if (!values) return TSR_OUT_OF_MEMORY;
    for (size_t i = 0; i < bytes / sizeof *values; i++) {
        random = random * 1664525u + 1013904223u;
        values[i] = (float)(random >> 8) / (1 << 23) - 1.0f + 1e-7f;
    }
    *operand =
        clCreateBuffer(tsr_device_context(device), CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR, bytes, values, &code);
    free(values);
    return code == CL_SUCCESS ? TSR_OK : TSR_OUT_OF_MEMORY;
}

/* Enqueues the operation; *seconds is the time inside its kernels, for one, less what the profile counts for a kernel
 * that does nothing, which is at most half of it. */
static tsr_status time_operation(const sweep_results *results, timed *t, double *seconds)
{
    tsr_device *device = results->device;
    tsr_profile_row *rows;
    size_t count;
    tsr_status status = TSR_OK;
    tsr_device_profile_reset(device);
    for (int i = 0; i < t->times && !status; i++)
        status = tsr_operation_enqueue(t->operation, t->operands, tsr_operation_operands(t->operation), NULL);
    if (!status) status = tsr_device_profile(device, &rows, &count);
    if (status) return status;
    *seconds = 0;
    for (size_t i = 0; i < count; i++) {
        double launches = (double)rows[i].launches * results->peak.profiled_launch_seconds;
        *seconds += (rows[i].seconds - fmin(launches, rows[i].seconds / 2)) / t->times;
    }
    if (*seconds <= 0) *seconds = 1e-9; /* a clock so coarse that it saw nothing */
    if (count) strcpy(t->kernel, rows[0].name);
    free(rows);
    return TSR_OK;
}

/* Makes the operation's operands and finds how often it runs in a round. */
static tsr_status timed_prepare(const sweep_results *results, timed *t)
{
    static const double round_seconds = 0.01;
    enum { MOST_TIMES = 100 };
    double once = 0;
    tsr_status status = TSR_OK;
    for (int i = 0; i < tsr_operation_operands(t->operation) && i < OPERANDS && !status; i++)
        status = make_operand(results->device, tsr_operation_operand_bytes(t->operation, i), &t->operands[i]);
    t->times = 1;
    for (int i = 0; i < 2 && !status; i++) status = time_operation(results, t, &once); /* the first one warms up */
    t->times = once * MOST_TIMES < round_seconds ? MOST_TIMES : 1 + (int)(round_seconds / once);
    return status;
}

static void timed_clear(timed *t)
{
    for (int i = 0; i < OPERANDS; i++)
        if (t->operands[i]) clReleaseMemObject(t->operands[i]);
    tsr_operation_free(t->operation);
    *t = (timed){0};
}

static tsr_status measure_rounds(sweep_results *results, timed *t, const tsr_conv2d_descriptor *shape,
                                 sweep_outcome *outcome)
{
    double speeds[BENCH_ROUNDS], bounds[BENCH_ROUNDS], shares[BENCH_ROUNDS];
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        double direct, seconds;
        tsr_status status = time_operation(results, &results->direct, &direct);
        if (!status) status = time_operation(results, t, &seconds);
        if (status) return status;
        speeds[i] = flops_of(shape) / seconds;
        bounds[i] = bound_of(results, shape, flops_of(&shapes[0]) / direct);
        shares[i] = speeds[i] / bounds[i];
    }
    outcome->speed = bench_median(speeds, BENCH_ROUNDS);
    outcome->bound = bench_median(bounds, BENCH_ROUNDS);
    outcome->share = bench_median(shares, BENCH_ROUNDS);
    strcpy(outcome->kernel, t->kernel);
    return TSR_OK;
}

static tsr_status measure_shape(sweep_results *results, const tsr_conv2d_descriptor *shape, sweep_outcome *outcomes)
{
    tsr_device *device = results->device;
    tsr_status status = TSR_OK;
    for (int d = 0; d < DIRECTIONS && !status; d++) {
        timed t = {0};
        status = d == 0   ? tsr_conv2d_forward(device, shape, NULL, NULL, &t.operation)
                 : d == 1 ? tsr_conv2d_backward_data(device, shape, &t.operation)
                          : tsr_conv2d_backward_weights(device, shape, &t.operation);
        if (!status) status = timed_prepare(results, &t);
        if (!status) status = measure_rounds(results, &t, shape, &outcomes[d]);
        timed_clear(&t);
    }
    return status;
}

static tsr_status measure_shapes(sweep_results *results)
{
    tsr_device_type type = tsr_device_get_info(results->device)->type;
    timed *direct = &results->direct;
    results->direct_name = type == TSR_DEVICE_CPU ? "conv2d_cpu" : "conv2d_tiled";
    tsr_status status = tsr_conv2d_forward_by(results->device, &shapes[0], results->direct_name, &direct->operation);
    if (!status) status = timed_prepare(results, direct);
    for (int i = 0; i < results->count && !status; i++)
        status = measure_shape(results, &shapes[i], results->outcomes[i]);
    timed_clear(direct);
    return status;
}

static void describe(const tsr_conv2d_descriptor *s, char *text, size_t size)
{
    snprintf(text, size, "%dx%dx%dx%d to %d, %dx%d/%dx%d %s", s->batch, s->height, s->width, s->channels, s->filters,
             s->kernel_height, s->kernel_width, s->stride_height, s->stride_width,
             s->padding == TSR_PADDING_SAME ? "same" : "valid");
}

static int count_slow(const sweep_results *results, int direction)
{
    int count = 0;
    for (int i = 0; i < results->count; i++) count += is_slow(results, i, direction);
    return count;
}

static void print_text(const sweep_results *results)
{
    printf("Peak, measured: %.1f GFLOP/s, %.1f GB/s; bound: what %s does on the first shape in the same rounds, or "
           "what memory allows\n\n",
           results->peak.flops * 1e-9, results->peak.bandwidth * 1e-9, results->direct_name);
    printf(
        "GFLOP/s, launches left out; * less than a third of the bound, where there are at least %d output channels\n",
        (int)FEWEST_OUTPUTS);
    printf("%-44s  %7s  %8s  %8s  %8s  %s\n", "SHAPE", "BOUND", "FORWARD", "DATA", "WEIGHTS", "FORWARD KERNEL");
    for (int i = 0; i < results->count; i++) {
        char text[96];
        describe(&shapes[i], text, sizeof text);
        printf("%-44s  %7.1f", text, shape_bound(results, i) * 1e-9);
        for (int d = 0; d < DIRECTIONS; d++)
            printf("  %7.1f%c", results->outcomes[i][d].speed * 1e-9, is_slow(results, i, d) ? '*' : ' ');
        printf("  %s\n", results->outcomes[i][0].kernel);
    }
    printf("\n%d shapes; less than a third of the bound: %d forward, %d gradients by data, %d by weights\n",
           results->count, count_slow(results, 0), count_slow(results, 1), count_slow(results, 2));
}

static json_t *shape_json(const sweep_results *results, int i)
{
    const tsr_conv2d_descriptor *s = &shapes[i];
    json_t *json =
        json_pack("{s:i, s:i, s:i, s:i, s:i, s:[ii], s:[ii], s:s, s:f}", "batch", s->batch, "height", s->height,
                  "width", s->width, "channels", s->channels, "filters", s->filters, "kernel_size", s->kernel_height,
                  s->kernel_width, "strides", s->stride_height, s->stride_width, "padding",
                  s->padding == TSR_PADDING_SAME ? "same" : "valid", "flops", flops_of(s));
    for (int d = 0; d < DIRECTIONS && json; d++) {
        const sweep_outcome *o = &results->outcomes[i][d];
        json_object_set_new(json, direction_names[d],
                            json_pack("{s:f, s:f, s:f, s:s, s:b, s:b}", "flops_per_second", o->speed,
                                      "bound_flops_per_second", o->bound, "bound_share", o->share, "kernel", o->kernel,
                                      "held_to_bound", is_held(i, d), "slow", is_slow(results, i, d)));
    }
    return json;
}

static json_t *make_json(const sweep_results *results)
{
    json_t *list = json_array();
    for (int i = 0; i < results->count; i++) json_array_append_new(list, shape_json(results, i));
    json_t *json = json_pack("{s:s, s:o, s:{s:f, s:f}, s:s, s:o}", "version", tsr_version(), "device",
                             command_device_json(tsr_device_get_info(results->device)), "peak", "flops_per_second",
                             results->peak.flops, "bytes_per_second", results->peak.bandwidth, "direct_kernel",
                             results->direct_name, "shapes", list);
    for (int d = 0; d < DIRECTIONS && json; d++) {
        char key[64];
        snprintf(key, sizeof key, "slow_%s", direction_names[d]);
        json_object_set_new(json, key, json_integer(count_slow(results, d)));
    }
    return json;
}

int bench_sweep(const command *self, const bench_settings *settings)
{
    sweep_results results = {.count = (int)settings->shapes};
    int code = DONE;
    tsr_status status = command_open_device(settings->device, true, &results.device);
    if (!status) status = tsr_measure_peak(results.device, &results.peak);
    if (!status) status = measure_shapes(&results);
    if (status)
        code = command_fail(self, status);
    else if (settings->json)
        code = command_print_json(self, make_json(&results));
    else
        print_text(&results);
    tsr_device_close(results.device);
    return code;
}
