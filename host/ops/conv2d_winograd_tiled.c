/* Winograd's convolution F(2x2, 3x3) for GPUs, with a 2x2 pool and activation in the same kernel; and the gradient by
 * data. */
#include "ops/activation.h"
#include "ops/conv2d_images.h"
#include "ops/conv2d_span.h"
#include "ops/tile.h"

#include <stdio.h>

/* With fewer channels or filters the transforms cost more than the multiplications that they save. */
#define FEWEST 16
/* Bytes that the kernel's 32-bit numbers reach from a work-group's first image on, less what a halo may add. */
#define REACH (INT64_C(1) << 31)
/* The transforms' sums round as well. */
#define SLACK 4

enum { OPTIONS = 1024 };

/* A work-group's windows and filters at all 16 points: tile.group_rows x tile.group_columns work-items at each of
 * `layers` points, which compute 16 / layers points. */
typedef struct blocking {
    int32_t layers;
    tsr_tile tile;
} blocking;

/* Sums of a work-item that need no memory, and few enough channels for 32 KiB: no compiler of AMD, Intel or NVIDIA
 * spills. The smaller one is for where there are few windows. */
static const blocking starts[] = {
    {16, {4, 4, 8, 4, 4, 8}},
    {16, {4, 4, 4, 4, 4, 8}},
};
enum { STARTS = sizeof starts / sizeof *starts };

static int32_t items_of(const blocking *k)
{
    return k->layers * k->tile.group_rows * k->tile.group_columns;
}

static int32_t rows_of(const blocking *k)
{
    return k->tile.group_rows * k->tile.item_rows;
}

static int32_t columns_of(const blocking *k)
{
    return k->tile.group_columns * k->tile.item_columns;
}

/* Windows of a work-item that are transformed back at a time: as many as make one a work-item. */
static int32_t pass_rows(const blocking *k)
{
    int32_t rows = k->layers / k->tile.item_columns;
    return rows > k->tile.item_rows ? k->tile.item_rows : rows < 1 ? 1 : rows;
}

/* As the kernel lays it out, with a pitch of at most four more. */
static size_t local_bytes(const blocking *k)
{
    if (items_of(k) == 1) return 0;
    int32_t factors = k->tile.depth * (rows_of(k) + columns_of(k) + 8);
    int32_t products = pass_rows(k) * k->tile.group_rows * columns_of(k);
    return 16 * sizeof(float) * (size_t)(factors > products ? factors : products);
}

/* Makes it smaller, down to one work-item: in the work-items of a point where there are more than `allowed`, otherwise
 * first in what lies in local memory. A work-item has more points only when it has few sums: many of both take
 * compilers minutes. False when it is as small as can be. */
static bool shrink(blocking *k, size_t allowed)
{
    tsr_tile *t = &k->tile;
    bool many = (size_t)items_of(k) > allowed;
    if (!many && t->depth > 4)
        t->depth /= 2;
    else if (!many && t->item_rows > 4)
        t->item_rows /= 2;
    else if (t->group_rows >= t->group_columns && t->group_rows > 1)
        t->group_rows /= 2;
    else if (t->group_columns > 1)
        t->group_columns /= 2;
    else if (t->depth > 1)
        t->depth /= 2;
    else if (t->item_rows * t->item_columns > 4)
        *(t->item_rows > t->item_columns ? &t->item_rows : &t->item_columns) /= 2;
    else if (k->layers > 1)
        k->layers /= 2;
    else
        return false;
    while (t->row_unit > t->item_rows) t->row_unit /= 2;
    return true;
}

/* Windows of an image, and of all. */
static int64_t windows_down(const tsr_conv2d_span *s)
{
    return s->pool ? s->rows : tsr_divide_up(s->rows, 2);
}

static int64_t windows_across(const tsr_conv2d_span *s)
{
    return s->pool ? s->columns : tsr_divide_up(s->columns, 2);
}

static int64_t windows_of(const tsr_conv2d_span *s)
{
    return s->conv2d.batch * windows_down(s) * windows_across(s);
}

static int64_t groups_of(const tsr_conv2d_span *s, const blocking *k)
{
    return tsr_divide_up(windows_of(s), rows_of(k)) * tsr_divide_up(s->conv2d.filters, columns_of(k));
}

/* The largest start of which every part of the device has more than one, within what the device states. */
static void choose_blocking(const tsr_device_info *info, const tsr_conv2d_span *s, blocking *k)
{
    int i = 0;
    while (i < STARTS - 1 && groups_of(s, &starts[i]) < 2 * (int64_t)tsr_tile_units(info)) i++;
    *k = starts[i];
    size_t allowed = tsr_tile_most_items(info);
    while ((size_t)items_of(k) > allowed || local_bytes(k) > info->local_memory)
        if (!shrink(k, allowed)) break;
}

/* Whether it is faster than the direct product: the work-groups that it is made for, and enough of them. */
static bool pays(const tsr_device_info *info, const tsr_conv2d_span *s, tsr_needs *needs)
{
    blocking k;
    choose_blocking(info, s, &k);
    if (items_of(&k) < items_of(&starts[0]))
        return tsr_refuse(needs,
                          "work-groups of %d work-items and %zu bytes of local memory are too much for the device",
                          (int)items_of(&starts[STARTS - 1]), local_bytes(&starts[STARTS - 1]));
    if (!info->local_memory_dedicated)
        return tsr_refuse(needs, "the device's local memory is not faster than other memory");
    if (groups_of(s, &k) < (int64_t)tsr_tile_units(info))
        return tsr_refuse(needs, "%lld work-groups are too few for %u parts of the device", (long long)groups_of(s, &k),
                          (unsigned)tsr_tile_units(info));
    return true;
}

/* Whether the kernel's numbers reach all images that a work-group has windows of. */
static bool within_reach(const tsr_conv2d_span *s, tsr_needs *needs)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    int64_t image = (int64_t)sizeof(float) * c->height * c->width * c->channels;
    int64_t images = 2 + rows_of(&starts[0]) / (windows_down(s) * windows_across(s));
    int64_t filters = 16 * (int64_t)c->channels * c->filters;
    if (image * images <= REACH && filters <= INT32_MAX) return true;
    return tsr_refuse(needs, "images of %lld bytes, or %lld numbers of filters, are too many for its 32-bit addresses",
                      (long long)image, (long long)filters);
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    tsr_conv2d_span s = tsr_conv2d_span_of(span);
    const tsr_conv2d_descriptor *c = &s.conv2d;
    if (!tsr_tile_suits(target, needs)) return false;
    if (c->kernel_height != 3 || c->kernel_width != 3 || c->stride_height != 1 || c->stride_width != 1)
        return tsr_refuse(needs, "F(2x2, 3x3) is for kernels of 3 x 3 and stride 1, not %d x %d and %d x %d",
                          (int)c->kernel_height, (int)c->kernel_width, (int)c->stride_height, (int)c->stride_width);
    if (s.pool && (s.pool_height != 2 || s.pool_width != 2 || s.pool_stride_height != 2 || s.pool_stride_width != 2))
        return tsr_refuse(needs, "F(2x2, 3x3) is for pools of 2 x 2 and stride 2, not %d x %d and %d x %d",
                          (int)s.pool_height, (int)s.pool_width, (int)s.pool_stride_height, (int)s.pool_stride_width);
    if (c->channels < FEWEST || c->filters < FEWEST)
        return tsr_refuse(needs, "%d channels and %d filters are too few for Winograd's transforms to pay",
                          (int)c->channels, (int)c->filters);
    if (!tsr_conv2d_span_supported(&s, span, needs) || !within_reach(&s, needs)) return false;
    if (span->graph->values[s.w].role != TSR_ROLE_PARAMETER)
        return tsr_refuse(needs, "the filters are not a parameter that has another form");
    tsr_needs_strided(needs, s.x, 0, 0, 0, 0);
    tsr_needs_strided(needs, s.y, 0, 0, 0, 0);
    tsr_needs_prepared(needs, s.w, s.backward ? TSR_FORM_WINOGRAD_PLANES_REVERSED : TSR_FORM_WINOGRAD_PLANES,
                       s.filters);
    return true;
}

static bool suits(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    tsr_conv2d_span s = tsr_conv2d_span_of(span);
    return pays(&target->device->info, &s, needs);
}

static bool supports_backward(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    return tsr_tile_suits(target, needs) && tsr_conv2d_span_backward_supported(span, needs) &&
           supports(target, span, needs);
}

static void make_options(const tsr_conv2d_span *s, const blocking *k, char *options)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    const tsr_tile *t = &k->tile;
    char activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(s->activation, activation);
    const char *mode = "";
    if (s->pool) mode = s->pool->mode == TSR_POOL_AVERAGE ? " -D POOL_AVERAGE" : " -D POOL_MAX";
    int vector = c->filters % 4 == 0 && columns_of(k) % 4 == 0 ? 4 : 1;
    snprintf(options, OPTIONS,
             "-D GROUP_PRODUCTS=%d -D GROUP_ROWS=%d -D GROUP_COLUMNS=%d -D ITEM_ROWS=%d -D ITEM_COLUMNS=%d "
             "-D ROW_UNIT=%d -D TILE_DEPTH=%d -D RIGHT_VECTOR=%d -D PASS_ROWS=%d -D CHANNELS=%d%s%s%s%s",
             k->layers, t->group_rows, t->group_columns, t->item_rows, t->item_columns, t->row_unit, t->depth, vector,
             pass_rows(k), c->channels, mode, c->bias ? " -D BIAS" : "", s->winner != TSR_NONE ? " -D WINNER" : "",
             activation);
}

/* Makes it smaller at least once, and until it has no more work-items than `allowed`. */
static bool shrink_to(blocking *k, size_t allowed)
{
    bool smaller = shrink(k, allowed);
    while (smaller && (size_t)items_of(k) > allowed) smaller = shrink(k, allowed);
    return smaller;
}

/* Begins the launch with the largest work-group that the kernel, once built, allows. */
static tsr_launch *begin_launch(tsr_step *step, const tsr_conv2d_span *s, blocking *k, tsr_status *status)
{
    static const char file[] = "conv2d_winograd_tiled.cl", kernel[] = "conv2d_winograd_tiled";
    char options[OPTIONS];
    size_t allowed;
    choose_blocking(&step->target->device->info, s, k);
    do {
        make_options(s, k, options);
        tsr_launch *launch = tsr_tile_try(step, file, kernel, options, items_of(k), &allowed, status);
        if (launch || *status != TSR_OK) return launch;
    } while (shrink_to(k, allowed));
    *status = tsr_tile_too_large(step, kernel);
    return NULL;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_span s = tsr_conv2d_span_of(step->span);
    blocking k;
    tsr_launch *launch = begin_launch(step, &s, &k, &status);
    tsr_launch_value(step, launch, s.x, &status);
    if (!status) tsr_conv2d_launch_layout(launch, tsr_conv2d_layout_of(step, s.x, 0, 0, 0), &status);
    tsr_launch_prepared(step, launch, 0, &status);
    if (s.b != TSR_NONE) tsr_launch_value(step, launch, s.b, &status);
    tsr_launch_value(step, launch, s.y, &status);
    if (!status) tsr_conv2d_launch_layout(launch, tsr_conv2d_layout_of(step, s.y, 0, 0, 0), &status);
    if (s.winner != TSR_NONE) tsr_launch_value(step, launch, s.winner, &status);
    const int32_t numbers[] = {(int32_t)windows_of(&s),
                               (int32_t)windows_down(&s),
                               (int32_t)windows_across(&s),
                               s.conv_rows,
                               s.conv_columns,
                               s.conv2d.filters,
                               s.conv2d.height,
                               s.conv2d.width,
                               s.top,
                               s.left};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], &status);
    if (status) return status;
    const size_t local[3] = {(size_t)items_of(&k), 1, 1};
    const size_t global[3] = {(size_t)tsr_divide_up(windows_of(&s), rows_of(&k)) * local[0],
                              (size_t)tsr_divide_up(s.conv2d.filters, columns_of(&k)), 1};
    tsr_launch_over(step, launch, 3, global, local, false, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_winograd_activation_tiled = {
    .name = "conv2d_winograd_activation_tiled",
    .anchor = TSR_KIND_ACTIVATION,
    .match = tsr_conv2d_match_activation,
    .supports = supports,
    .suits = suits,
    .prepare = prepare,
    .slack = SLACK,
};

const tsr_implementation tsr_implementation_conv2d_winograd_pool_tiled = {
    .name = "conv2d_winograd_pool_tiled",
    .anchor = TSR_KIND_POOL2D,
    .match = tsr_conv2d_match_pool,
    .supports = supports,
    .suits = suits,
    .prepare = prepare,
    .slack = SLACK,
};

const tsr_implementation tsr_implementation_conv2d_winograd_tiled = {
    .name = "conv2d_winograd_tiled",
    .anchor = TSR_KIND_CONV2D,
    .match = tsr_match_single,
    .supports = supports,
    .suits = suits,
    .prepare = prepare,
    .slack = SLACK,
};

const tsr_implementation tsr_implementation_conv2d_winograd_backward_tiled = {
    .name = "conv2d_winograd_backward_tiled",
    .anchor = TSR_KIND_CONV2D_GRAD_DATA,
    .match = tsr_match_single,
    .supports = supports_backward,
    .suits = suits,
    .prepare = prepare,
    .slack = SLACK,
};
