#include "ops/tile.h"

#include "base/text.h"
#include "device/choose.h"

#include <stdio.h>
#include <string.h>

bool tsr_tile_suits(const tsr_target *target, tsr_needs *needs)
{
    bool named = target->only && strstr(target->only, "tiled");
    return !tsr_is_cpu_class(target) || named || tsr_refuse(needs, "its kernel is for GPUs");
}

/* What to start from, the largest tile first; the last one is taken where nothing else gives the device enough to do.
 * Sums of a work-item hide the latency of local memory; work-items hide that of global memory. */
enum { TILES = 3 };
typedef struct start {
    tsr_vendor vendor;
    tsr_tile tiles[TILES];
} start;

static const start starts[] = {
    {TSR_VENDOR_NVIDIA, {{16, 16, 8, 4, 4, 16}, {16, 16, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}}},
    {TSR_VENDOR_AMD, {{16, 16, 8, 4, 4, 16}, {16, 16, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}}},
    {TSR_VENDOR_INTEL, {{16, 16, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}}},
    {TSR_VENDOR_APPLE, {{8, 8, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}}},
    {TSR_VENDOR_ARM, {{8, 8, 4, 4, 4, 8}, {8, 8, 4, 4, 4, 8}, {8, 8, 4, 4, 4, 8}}},
    {TSR_VENDOR_QUALCOMM, {{8, 8, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}}},
    {TSR_VENDOR_OTHER, {{16, 16, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}, {8, 8, 4, 4, 4, 16}}},
};

static const tsr_tile *starts_of(tsr_vendor vendor)
{
    size_t i = 0, last = sizeof starts / sizeof *starts - 1;
    while (i < last && starts[i].vendor != vendor) i++;
    return starts[i].tiles;
}

static int32_t rows_of(const tsr_tile *t)
{
    return t->group_rows * t->item_rows;
}

static int32_t columns_of(const tsr_tile *t)
{
    return t->group_columns * t->item_columns;
}

static int32_t items_of(const tsr_tile *t)
{
    return t->group_rows * t->group_columns;
}

/* As tile.cl lays it out, with a pitch of at most four more, and four numbers a term besides. */
static size_t local_bytes(const tsr_tile *t)
{
    if (items_of(t) == 1) return 0;
    return sizeof(float) * (size_t)t->depth * (size_t)(rows_of(t) + columns_of(t) + 12);
}

size_t tsr_tile_most_items(const tsr_device_info *info)
{
    return info->max_work_items[0] < info->max_work_group ? info->max_work_items[0] : info->max_work_group;
}

uint32_t tsr_tile_units(const tsr_device_info *info)
{
    const uint32_t executions = 8;
    bool counted =
        info->vendor_kind == TSR_VENDOR_INTEL && tsr_text_contains(info->platform, "Intel") && tsr_is_gpu(info);
    return counted ? (uint32_t)tsr_divide_up(info->compute_units, executions) : info->compute_units;
}

/* Whether every part of the device has more than one tile, so that one waits while the other computes. */
static bool busy(const tsr_device_info *info, const tsr_tile_product *p, const tsr_tile *t)
{
    int64_t tiles = tsr_divide_up(p->rows, rows_of(t)) * tsr_divide_up(p->columns, columns_of(t)) * p->splits;
    return tiles >= 2 * (int64_t)tsr_tile_units(info);
}

/* Rows that must be together make units of their own; smaller ones join to read local memory in vectors. */
static void fit_rows(const tsr_tile_product *p, tsr_tile *t)
{
    t->row_unit = p->row_unit;
    while (t->row_unit < 4 && 2 * t->row_unit <= t->item_rows) t->row_unit *= 2;
    t->item_rows = (int32_t)tsr_round_up(t->item_rows, t->row_unit);
    while (t->item_rows > t->row_unit && t->item_rows * t->item_columns > TSR_TILE_SUMS) t->item_rows -= t->row_unit;
    while (t->item_columns > 1 && t->item_rows * t->item_columns > TSR_TILE_SUMS) t->item_columns /= 2;
}

static bool halve_item_rows(const tsr_tile_product *p, tsr_tile *t)
{
    if (t->item_rows % (2 * p->row_unit)) return false;
    t->item_rows /= 2;
    while (t->item_rows % t->row_unit) t->row_unit /= 2;
    return true;
}

/* Halves the tile's rows, or its columns: in the sums of a work-item where there are few work-items. */
static bool halve_rows(const tsr_tile_product *p, tsr_tile *t, int32_t few)
{
    if ((items_of(t) <= few || t->group_rows == 1) && halve_item_rows(p, t)) return true;
    if (t->group_rows == 1) return false;
    t->group_rows /= 2;
    return true;
}

static bool halve_columns(tsr_tile *t, int32_t few)
{
    if (t->item_columns > 1 && (items_of(t) <= few || t->group_columns == 1))
        t->item_columns /= 2;
    else if (t->group_columns > 1)
        t->group_columns /= 2;
    else
        return false;
    return true;
}

/* Numbers of a factor that are fetched together into so much of the tile, where it is contiguous so far. */
static int vector_of(int32_t contiguous, int32_t extent)
{
    return contiguous % 4 == 0 && extent % 4 == 0 ? 4 : 1;
}

static int left_vector(const tsr_tile_product *p, const tsr_tile *t)
{
    return vector_of(p->left_contiguous, p->left_along_depth ? t->depth : rows_of(t));
}

static int right_vector(const tsr_tile_product *p, const tsr_tile *t)
{
    return vector_of(p->right_contiguous, p->right_along_depth ? t->depth : columns_of(t));
}

/* A work-item keeps a place in registers for each of its fetches: beside the sums there is room for so many. Rows that
 * must be together cannot be made fewer; then there are fewer terms. */
static void limit_fetches(const tsr_tile_product *p, tsr_tile *t)
{
    const int32_t most = 8, most_single = 6; /* places of single numbers take the most to work out */
    const int32_t most_left = left_vector(p, t) == 1 ? most_single : most;
    while (rows_of(t) * t->depth > most_left * items_of(t) * left_vector(p, t) && t->item_rows > 1)
        if (!halve_item_rows(p, t)) break;
    while (rows_of(t) * t->depth > most_left * items_of(t) * left_vector(p, t) && t->depth > 1) t->depth /= 2;
    while (columns_of(t) * t->depth > most * items_of(t) * right_vector(p, t) && t->item_columns > 1)
        t->item_columns /= 2;
}

/* Few columns or rows need no wide tile; the work-items go where there is more to do. */
static void narrow(const tsr_device_info *info, const tsr_tile_product *p, tsr_tile *t)
{
    const int32_t few = 64, most_rows = 32, least_columns = 8;
    while (columns_of(t) >= 2 * p->columns) {
        tsr_tile taller = *t;
        taller.group_rows *= 2;
        taller.group_columns /= 2;
        if (taller.group_columns >= least_columns && taller.group_rows <= most_rows && rows_of(&taller) <= p->rows &&
            busy(info, p, &taller))
            *t = taller;
        else if (!halve_columns(t, few))
            break;
    }
    while (rows_of(t) >= 2 * p->rows)
        if (!halve_rows(p, t, few)) break;
}

/* Makes the tile smaller: its work-items where there are more than `allowed`, otherwise what lies in local memory.
 * False when it is as small as can be. */
static bool shrink(const tsr_tile_product *p, tsr_tile *t, size_t allowed)
{
    bool many = (size_t)items_of(t) > allowed;
    if (!many && t->depth > 8)
        t->depth /= 2;
    else if (items_of(t) > 1 && t->group_rows >= t->group_columns)
        t->group_rows /= 2;
    else if (t->group_columns > 1)
        t->group_columns /= 2;
    else if (t->item_columns > 1)
        t->item_columns /= 2;
    else if (t->depth > 1)
        t->depth /= 2;
    else
        return halve_item_rows(p, t);
    return true;
}

/* Makes the tile smaller at least once, and until it has no more work-items than `allowed`. */
static bool shrink_to(const tsr_tile_product *p, tsr_tile *t, size_t allowed)
{
    bool smaller = shrink(p, t, allowed);
    while (smaller && (size_t)items_of(t) > allowed) smaller = shrink(p, t, allowed);
    return smaller;
}

bool tsr_tile_choose(const tsr_device_info *info, const tsr_tile_product *p, tsr_tile *t)
{
    const tsr_tile *tiles = starts_of(info->vendor_kind);
    if (p->row_unit > TSR_TILE_SUMS) return false;
    for (int i = 0; i < TILES; i++) {
        *t = tiles[i];
        fit_rows(p, t);
        if (busy(info, p, t)) break;
    }
    narrow(info, p, t);
    if (t->depth > p->depth) t->depth = p->depth > 1 ? (int32_t)p->depth : 1;
    limit_fetches(p, t);
    const size_t allowed = tsr_tile_most_items(info);
    while ((size_t)items_of(t) > allowed || local_bytes(t) > info->local_memory)
        if (!shrink(p, t, allowed)) return false;
    return true;
}

static void make_options(const tsr_tile_product *p, const tsr_tile *t, const char *others, char *options)
{
    snprintf(options, TSR_TILE_OPTIONS,
             "-D GROUP_ROWS=%d -D GROUP_COLUMNS=%d -D ITEM_ROWS=%d -D ITEM_COLUMNS=%d -D ROW_UNIT=%d -D TILE_DEPTH=%d "
             "-D LEFT_ALONG_DEPTH=%d -D RIGHT_ALONG_DEPTH=%d -D LEFT_VECTOR=%d -D RIGHT_VECTOR=%d %s",
             t->group_rows, t->group_columns, t->item_rows, t->item_columns, t->row_unit, t->depth, p->left_along_depth,
             p->right_along_depth, left_vector(p, t), right_vector(p, t), others);
}

tsr_launch *tsr_tile_try(tsr_step *step, const char *file, const char *kernel, const char *options, int32_t items,
                         size_t *allowed, tsr_status *status)
{
    const tsr_device *device = step->target->device;
    cl_ulong local = 0;
    tsr_launch *launch = tsr_step_launch(step, file, options, kernel, status);
    if (!launch && *status == TSR_BUILD && items > 1) { /* some drivers refuse large work-groups then already */
        const int32_t small = 64;
        *status = TSR_OK;
        *allowed = items > small ? (size_t)items / 2 : 1; /* not many attempts: it may be for another reason */
    }
    if (!launch) return NULL;
    *status = tsr_kernel_limit(device, launch->kernel, allowed);
    if (*status == TSR_OK)
        *status = tsr_check(
            clGetKernelWorkGroupInfo(launch->kernel, device->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof local, &local, NULL),
            device, "asking for a kernel's limits");
    bool fits = (size_t)items <= *allowed && (items == 1 || local <= device->info.local_memory);
    if (*status == TSR_OK && fits) return launch;
    clReleaseKernel(launch->kernel);
    step->launch_count--;
    return NULL;
}

tsr_status tsr_tile_too_large(const tsr_step *step, const char *kernel)
{
    return tsr_fail(TSR_UNSUPPORTED, "device %s allows %s no work-group at all", step->target->device->info.name,
                    kernel);
}

tsr_launch *tsr_tile_launch(tsr_step *step, const char *file, const char *kernel, const char *options,
                            const tsr_tile_product *product, tsr_tile *tile, tsr_status *status)
{
    char all[TSR_TILE_OPTIONS];
    size_t allowed = 0;
    if (*status != TSR_OK) return NULL;
    if (!tsr_tile_choose(&step->target->device->info, product, tile)) {
        *status = tsr_fail(TSR_INTERNAL, "no tile of %s fits device %s", kernel, step->target->device->info.name);
        return NULL;
    }
    do {
        make_options(product, tile, options, all);
        tsr_launch *launch = tsr_tile_try(step, file, kernel, all, items_of(tile), &allowed, status);
        if (launch || *status != TSR_OK) return launch;
    } while (shrink_to(product, tile, allowed));
    *status = tsr_tile_too_large(step, kernel);
    return NULL;
}

void tsr_tile_launch_over(tsr_step *step, tsr_launch *launch, const tsr_tile_product *product, const tsr_tile *tile,
                          tsr_status *status)
{
    const size_t local[3] = {(size_t)items_of(tile), 1, 1};
    const size_t global[3] = {(size_t)tsr_divide_up(product->rows, rows_of(tile)) * local[0],
                              (size_t)tsr_divide_up(product->columns, columns_of(tile)), (size_t)product->splits};
    tsr_launch_over(step, launch, 3, global, local, false, status);
}
