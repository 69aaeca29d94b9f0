/* What a device can reach in arithmetic and in memory traffic, and what a launch costs. */
#include "base/quantile.h"
#include "base/time.h"
#include "device/quirks.h"
#include "ops/implementation.h"

#include <stdio.h>
#include <stdlib.h>

/* A launch lasts at least this long. Several, one after another, are measured together, so that threads that slept
 * before the first have settled, and the median of the times counts, as it does for what is compared with it. */
static const double launch_seconds = 0.002;
/* Of a launch that takes this long, though none could be shorter, the better of two is all: rasterizers and simulators.
 */
static const double slow_seconds = 0.2;
enum {
    LAUNCHES = 8,
    TIMES = 15,
    TRIADS = 11,
    EMPTY_LAUNCHES = 50,
    MOST_ROUNDS = 1 << 24,

    ARRAY_BYTES = 64 << 20
};

/* Sums in registers: as many as 16 registers hold, and as many as hide any latency where there are more registers. */
static const int sums[] = {14, 24};
enum { KERNELS = sizeof sums / sizeof sums[0] };

/* Rounds of a loop where those of a kernel end after 65535 in all; unrolled or not, 8 * 24 products a round. */
enum { SHORT_ROUNDS = 256, SHORT_CHUNK = 32768 };

/* The kernels with their buffers. */
typedef struct bench {
    tsr_device *device;
    bool cpu;
    uint32_t width; /* floats a vector */
    cl_kernel multiply_add[KERNELS], triad;
    cl_mem x, y, z;
    cl_uint count; /* floats in each of them */
} bench;

static tsr_status make_kernel(const bench *b, const char *name, int sum_count, cl_kernel *kernel)
{
    char options[64];
    cl_program program;
    cl_int code;
    snprintf(options, sizeof options, " -DVW=%u -DSUMS=%d", (unsigned)b->width, sum_count);
    tsr_status status = tsr_program_get(b->device, "peak.cl", options, &program);
    if (status) return status;
    *kernel = clCreateKernel(program, name, &code);
    return tsr_check(code, b->device, "making a kernel of peak.cl");
}

/* Arrays larger than a cache, but no more than a part of the device's memory. */
static tsr_status make_buffers(bench *b)
{
    const tsr_device_info *info = &b->device->info;
    size_t bytes = ARRAY_BYTES;
    if (bytes > info->max_allocation) bytes = info->max_allocation;
    if (bytes > info->memory / 8) bytes = info->memory / 8;
    bytes = bytes / 65536 * 65536;
    if (!bytes)
        return tsr_fail(TSR_OUT_OF_MEMORY, "device %s has too little memory for its speed to be measured", info->name);
    b->count = (cl_uint)(bytes / sizeof(float));
    cl_mem *const buffers[] = {&b->x, &b->y, &b->z};
    for (int i = 0; i < 3; i++) {
        tsr_status status =
            tsr_buffer_create(b->device, CL_MEM_READ_WRITE, bytes, "measuring the device's speed", buffers[i]);
        if (!status) status = tsr_buffer_fill(b->device, *buffers[i], 0, 0, bytes);
        if (status) return status;
    }
    return TSR_OK;
}

/* Work-groups of one with vectors on CPUs; elsewhere of 64 work-items, or what the kernel allows. */
static tsr_status choose_group(const bench *b, cl_kernel kernel, size_t *local)
{
    size_t limit = 1;
    tsr_status status = b->cpu ? TSR_OK : tsr_kernel_limit(b->device, kernel, &limit);
    for (*local = 64; *local > 1 && *local > limit;) *local /= 2;
    return status;
}

/* Work-items of the arithmetic: more than fills the device. */
static tsr_status fma_space(const bench *b, cl_kernel kernel, size_t *global, size_t *local)
{
    size_t units = b->device->info.compute_units ? b->device->info.compute_units : 1;
    tsr_status status = choose_group(b, kernel, local);
    *global = b->cpu ? 16 * units : 64 * units * *local;
    if (*global * b->width > b->count) *global = b->count / b->width / *local * *local;
    return status;
}

/* Enqueues `times` launches one after another and waits; *seconds for all of them. */
static tsr_status time_launches(const bench *b, cl_kernel kernel, size_t global, size_t local, int times,
                                double *seconds)
{
    tsr_status status = tsr_device_finish(b->device);
    double start = tsr_seconds();
    for (int i = 0; i < times && !status; i++)
        status = tsr_enqueue_kernel(b->device, kernel, "peak", 1, &global, &local);
    if (!status) status = tsr_device_finish(b->device);
    *seconds = tsr_seconds() - start;
    return status;
}

static tsr_status time_rounds(const bench *b, cl_kernel kernel, cl_int rounds, int times, double *seconds)
{
    size_t global, local;
    tsr_status status = fma_space(b, kernel, &global, &local);
    if (!status)
        status = tsr_check(clSetKernelArg(kernel, 3, sizeof rounds, &rounds), b->device, "setting an argument");
    return status ? status : time_launches(b, kernel, global, local, times, seconds);
}

/* Seconds that the profile has counted so far, none where the device was not opened for profiling. */
static tsr_status profiled_seconds(tsr_device *device, double *seconds)
{
    tsr_profile_row *rows;
    size_t count;
    *seconds = 0;
    if (!device->profile) return TSR_OK;
    tsr_status status = tsr_device_profile(device, &rows, &count);
    if (status) return status;
    for (size_t i = 0; i < count; i++) *seconds += rows[i].seconds;
    free(rows);
    return TSR_OK;
}

/* Without rounds the kernel is as good as an empty one; the first launch warms up. */
static tsr_status measure_launch(const bench *b, tsr_peak *peak)
{
    double taken[TIMES], profiled[TIMES], before = 0, after = 0;
    tsr_status status = time_rounds(b, b->multiply_add[0], 0, 1, &taken[0]);
    if (!status) status = profiled_seconds(b->device, &before);
    for (int i = 0; i < TIMES && !status; i++, before = after) {
        status = time_rounds(b, b->multiply_add[0], 0, EMPTY_LAUNCHES, &taken[i]);
        if (!status) status = profiled_seconds(b->device, &after);
        profiled[i] = after - before;
    }
    if (status) return status;
    peak->launch_seconds = tsr_quantile(taken, TIMES, 0.5) / EMPTY_LAUNCHES;
    peak->profiled_launch_seconds = tsr_quantile(profiled, TIMES, 0.5) / EMPTY_LAUNCHES;
    return TSR_OK;
}

static tsr_status measure_arithmetic(const bench *b, int which, tsr_peak *peak)
{
    const cl_float factor = 0.75f, addend = 0.125f;
    cl_kernel kernel = b->multiply_add[which];
    size_t global, local;
    double seconds = 0, taken[TIMES];
    cl_int code = clSetKernelArg(kernel, 0, sizeof b->y, &b->y), rounds = 128;
    if (!code) code = clSetKernelArg(kernel, 1, sizeof factor, &factor);
    if (!code) code = clSetKernelArg(kernel, 2, sizeof addend, &addend);
    tsr_status status = tsr_check(code, b->device, "setting an argument");

    if (!status && which == 0) status = measure_launch(b, peak);
    cl_int most = tsr_has_quirk(&b->device->info, TSR_QUIRK_SHORT_LOOPS) ? SHORT_ROUNDS : MOST_ROUNDS;
    for (seconds = 0; !status && seconds < launch_seconds && rounds < most;) {
        double again;
        rounds *= 2;
        status = time_rounds(b, kernel, rounds, 1, &seconds);
        if (status || seconds < launch_seconds) continue;
        status = time_rounds(b, kernel, rounds, 1, &again); /* a busy machine may hold up any single one */
        if (!status && again < seconds) seconds = again;
    }
    bool slow = seconds > slow_seconds;
    int times = slow ? 1 : TIMES, launches = slow ? 1 : LAUNCHES;
    taken[0] = seconds;
    for (int i = 0; i < times && !slow && !status; i++) status = time_rounds(b, kernel, rounds, launches, &taken[i]);
    if (!status) status = fma_space(b, kernel, &global, &local);
    if (status) return status;
    double flops = 2.0 * launches * (double)global * b->width * 8 * sums[which] * rounds;
    flops /= tsr_quantile(taken, times, 0.5);
    if (flops > peak->flops) peak->flops = flops;
    return TSR_OK;
}

static tsr_status measure_memory(const bench *b, tsr_peak *peak)
{
    const cl_float factor = 0.5f;
    size_t groups = 16 * (size_t)b->device->info.compute_units, local;
    cl_uint chunk = b->width;
    if (b->cpu && groups) chunk = (cl_uint)tsr_divide_up(b->count / b->width, groups) * b->width;
    if (tsr_has_quirk(&b->device->info, TSR_QUIRK_SHORT_LOOPS) && chunk > SHORT_CHUNK) chunk = SHORT_CHUNK;
    size_t global = tsr_divide_up(b->count, chunk);
    tsr_status status = choose_group(b, b->triad, &local);
    while (global % local) local /= 2;
    double taken[1 + TRIADS];
    cl_int code = clSetKernelArg(b->triad, 0, sizeof b->x, &b->x);
    if (!code) code = clSetKernelArg(b->triad, 1, sizeof b->z, &b->z);
    if (!code) code = clSetKernelArg(b->triad, 2, sizeof b->y, &b->y);
    if (!code) code = clSetKernelArg(b->triad, 3, sizeof factor, &factor);
    if (!code) code = clSetKernelArg(b->triad, 4, sizeof b->count, &b->count);
    if (!code) code = clSetKernelArg(b->triad, 5, sizeof chunk, &chunk);
    if (!status) status = tsr_check(code, b->device, "setting an argument");
    for (int i = 0; i <= TRIADS && !status; i++) /* the first one warms up */
        status = time_launches(b, b->triad, global, local, 1, &taken[i]);
    if (!status) peak->bandwidth = 3.0 * sizeof(float) * b->count / tsr_quantile(taken + 1, TRIADS, 0.5);
    return status;
}

tsr_status tsr_measure_peak(tsr_device *device, tsr_peak *peak)
{
    const tsr_target target = {.device = device, .vector_width = device->info.vector_width};
    bench b = {.device = device, .cpu = tsr_is_cpu_class(&target)};
    b.width = b.cpu ? tsr_vector_width(&target) : 4;
    *peak = (tsr_peak){0};
    tsr_status status = make_kernel(&b, "triad", 1, &b.triad);
    for (int i = 0; i < KERNELS && !status; i++) status = make_kernel(&b, "multiply_add", sums[i], &b.multiply_add[i]);
    if (!status) status = make_buffers(&b);
    for (int i = 0; i < KERNELS && !status; i++) status = measure_arithmetic(&b, i, peak);
    if (!status) status = measure_memory(&b, peak);
    if (b.triad) clReleaseKernel(b.triad);
    for (int i = 0; i < KERNELS; i++)
        if (b.multiply_add[i]) clReleaseKernel(b.multiply_add[i]);
    cl_mem buffers[] = {b.x, b.y, b.z};
    for (int i = 0; i < 3; i++)
        if (buffers[i]) clReleaseMemObject(buffers[i]);
    return status;
}
