/* Convolution for GPUs, with pool and activation in the same kernel: any kernel size, stride, padding and number of
 * channels and filters. */
#include "ops/activation.h"
#include "ops/conv2d_span.h"

#include <stdio.h>
#include <string.h>

/* How a work-group and its work-items share the tile; see conv2d_tiled.cl. */
typedef struct tiling {
    int32_t group_windows, group_filters; /* work-items */
    int32_t item_windows, item_filters;   /* results of a work-item */
    int32_t depth;
} tiling;

#define MAX_SUMS 64 /* registers of a work-item's block */

static int32_t cells_of(const tsr_conv2d_span *s)
{
    return s->pool_height * s->pool_width;
}

static size_t local_bytes(const tsr_conv2d_span *s, const tiling *t)
{
    size_t cells = (size_t)t->group_windows * (size_t)t->item_windows * (size_t)cells_of(s);
    size_t filters = (size_t)t->group_filters * (size_t)t->item_filters;
    return sizeof(float) * ((size_t)t->depth * (cells + 1 + filters) + 3 * cells);
}

/* Halves the tile where it is largest; false when it is one work-item with one result and one term. */
static bool shrink(tiling *t)
{
    if (t->depth > 8)
        t->depth /= 2;
    else if (t->group_windows > 1 && t->group_windows >= t->group_filters)
        t->group_windows /= 2;
    else if (t->group_filters > 1)
        t->group_filters /= 2;
    else if (t->item_filters > 1)
        t->item_filters /= 2;
    else if (t->item_windows > 1)
        t->item_windows /= 2;
    else if (t->depth > 1)
        t->depth /= 2;
    else
        return false;
    return true;
}

static bool fits(const tsr_conv2d_span *s, const tsr_device_info *info, const tiling *t)
{
    return (size_t)t->group_filters * (size_t)t->group_windows <= info->max_work_group &&
           (size_t)t->group_filters <= info->max_work_items[0] && (size_t)t->group_windows <= info->max_work_items[1] &&
           local_bytes(s, t) <= info->local_memory;
}

/* A tile of 64 cells x 64 filters by 256 work-items of 4 x 4 results each; fewer filters give way to more cells. Terms
 * that a short sum does not have are not in the tile: their products cost time, and registers where the compiler
 * unrolls the whole sum. */
static bool choose_tiling(const tsr_conv2d_span *s, const tsr_device_info *info, tiling *t)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    *t = (tiling){.group_windows = 16, .group_filters = 16, .item_windows = 1, .item_filters = 4, .depth = 16};
    const int64_t terms = (int64_t)c->kernel_height * c->kernel_width * c->channels;
    if (t->depth > terms) t->depth = (int32_t)terms;
    while (t->group_filters > 1 && t->group_filters * t->item_filters >= 2 * c->filters) {
        if (t->item_filters > 1 && t->group_filters <= 8) {
            t->item_filters /= 2;
            t->item_windows *= 2;
        } else {
            t->group_filters /= 2;
            if (t->group_windows < 64) t->group_windows *= 2;
        }
    }
    while (t->item_windows * cells_of(s) < 4) t->item_windows *= 2;
    while (t->item_filters > 1 && t->item_windows * cells_of(s) * t->item_filters > MAX_SUMS) t->item_filters /= 2;
    while (!fits(s, info, t))
        if (!shrink(t)) return false;
    return true;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    bool asked = target->only && strstr(target->only, "tiled");
    if (tsr_is_cpu_class(target) && !asked) return tsr_refuse(needs, "its kernel is for GPUs");
    tsr_conv2d_span s = tsr_conv2d_span_of(span);
    tiling t;
    if (!tsr_conv2d_span_supported(&s, span, needs)) return false;
    if (cells_of(&s) > MAX_SUMS)
        return tsr_refuse(needs, "a pool's window of %d x %d does not fit the registers", (int)s.pool_height,
                          (int)s.pool_width);
    if (!choose_tiling(&s, &target->device->info, &t))
        return tsr_refuse(needs, "the device's local memory of %llu bytes is too small",
                          (unsigned long long)target->device->info.local_memory);
    tsr_needs_strided(needs, s.x, 0, 0, 0, 0);
    tsr_needs_strided(needs, s.y, 0, 0, 0, 0);
    return true;
}

static void make_options(const tsr_conv2d_span *s, const tiling *t, char *options, size_t size)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    char activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(s->activation, activation);
    bool average = s->pool && s->pool->mode == TSR_POOL_AVERAGE;
    snprintf(options, size,
             "-DKERNEL_HEIGHT=%d -DKERNEL_WIDTH=%d -DSTRIDE_HEIGHT=%d -DSTRIDE_WIDTH=%d -DCHANNELS=%d -DPOOL_HEIGHT=%d "
             "-DPOOL_WIDTH=%d -DPOOL_STRIDE_HEIGHT=%d -DPOOL_STRIDE_WIDTH=%d -DGROUP_WINDOWS=%d -DGROUP_FILTERS=%d "
             "-DITEM_WINDOWS=%d -DITEM_FILTERS=%d -DTILE_DEPTH=%d%s%s%s%s",
             c->kernel_height, c->kernel_width, c->stride_height, c->stride_width, c->channels, s->pool_height,
             s->pool_width, s->pool_stride_height, s->pool_stride_width, t->group_windows, t->group_filters,
             t->item_windows, t->item_filters, t->depth, average ? " -DPOOL_AVERAGE" : "", c->bias ? " -DBIAS" : "",
             s->winner != TSR_NONE ? " -DWINNER" : "", activation);
}

/* Whether the kernel, once built, may have such work-groups: registers and local memory count only now. */
static tsr_status kernel_fits(tsr_step *step, const char *options, const tiling *t, bool *answer)
{
    tsr_device *device = step->target->device;
    cl_program program;
    tsr_status status = tsr_program_get(device, "conv2d_tiled.cl", options, &program);
    if (status) return status;
    cl_int code;
    cl_kernel kernel = clCreateKernel(program, "conv2d_tiled", &code);
    if (code != CL_SUCCESS) return tsr_check(code, device, "making kernel conv2d_tiled");
    size_t limit = 0;
    cl_ulong local = 0;
    status = tsr_kernel_limit(device, kernel, &limit);
    code = clGetKernelWorkGroupInfo(kernel, device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local, NULL);
    clReleaseKernel(kernel);
    *answer = (size_t)t->group_filters * (size_t)t->group_windows <= limit && local <= device->info.local_memory;
    return status ? status : tsr_check(code, device, "asking for a kernel's local memory");
}

/* Shrinks the tile until the kernel that it makes fits the device. */
static tsr_status settle(tsr_step *step, const tsr_conv2d_span *s, tiling *t, char *options, size_t size)
{
    bool fit = false;
    if (!choose_tiling(s, &step->target->device->info, t))
        return tsr_fail(TSR_INTERNAL, "no tile of a convolution fits device %s", step->target->device->info.name);
    for (;;) {
        make_options(s, t, options, size);
        tsr_status status = kernel_fits(step, options, t, &fit);
        if (status || fit) return status;
        if (!shrink(t))
            return tsr_fail(TSR_UNSUPPORTED, "device %s allows conv2d_tiled no work-group at all",
                            step->target->device->info.name);
    }
}

static tsr_status prepare(tsr_step *step)
{
    tsr_conv2d_span s = tsr_conv2d_span_of(step->span);
    const tsr_conv2d_descriptor *c = &s.conv2d;
    tiling t;
    char options[768];
    tsr_status status = settle(step, &s, &t, options, sizeof options);
    if (status) return status;
    tsr_launch *launch = tsr_step_launch(step, "conv2d_tiled.cl", options, "conv2d_tiled", &status);
    tsr_launch_value(step, launch, s.x, &status);
    tsr_launch_strides(step, launch, s.x, &status);
    tsr_launch_value(step, launch, s.w, &status);
    if (c->bias) tsr_launch_value(step, launch, s.b, &status);
    tsr_launch_value(step, launch, s.y, &status);
    tsr_launch_strides(step, launch, s.y, &status);
    if (s.winner != TSR_NONE) tsr_launch_value(step, launch, s.winner, &status);
    int32_t windows = c->batch * s.rows * s.columns;
    const int32_t numbers[] = {windows,   s.rows,   s.columns, s.conv_rows, s.conv_columns, c->filters,
                               c->height, c->width, s.top,     s.left,      s.pool_top,     s.pool_left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    const size_t local[2] = {(size_t)t.group_filters, (size_t)t.group_windows};
    const size_t global[2] = {
        tsr_divide_up(c->filters, t.group_filters * t.item_filters) * local[0],
        tsr_divide_up(windows, t.group_windows * t.item_windows) * local[1],
    };
    tsr_launch_over(step, launch, 2, global, local, false, &status);
    return status;
}

static bool match_activation(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_ACTIVATION, TSR_KIND_POOL2D | TSR_OPTIONAL, TSR_KIND_CONV2D, TSR_KIND_COUNT};
    return tsr_match_chain(graph, primitive, chain, claimed, span);
}

static bool match_pool(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_POOL2D, TSR_KIND_CONV2D, TSR_KIND_COUNT};
    return tsr_match_chain(graph, primitive, chain, claimed, span);
}

const tsr_implementation tsr_implementation_conv2d_activation_tiled = {.name = "conv2d_activation_tiled",
                                                                       .anchor = TSR_KIND_ACTIVATION,
                                                                       .match = match_activation,
                                                                       .supports = supports,
                                                                       .prepare = prepare};

const tsr_implementation tsr_implementation_conv2d_pool_tiled = {.name = "conv2d_pool_tiled",
                                                                 .anchor = TSR_KIND_POOL2D,
                                                                 .match = match_pool,
                                                                 .supports = supports,
                                                                 .prepare = prepare};

const tsr_implementation tsr_implementation_conv2d_tiled = {.name = "conv2d_tiled",
                                                            .anchor = TSR_KIND_CONV2D,
                                                            .match = tsr_match_single,
                                                            .supports = supports,
                                                            .prepare = prepare};
