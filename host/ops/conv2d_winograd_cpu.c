/* Winograd's convolution F(2x2, 3x3) for CPUs, with a 2x2 pool and activation in the same kernel; and the
 * gradient by data. */
#include "ops/activation.h"
#include "ops/conv2d_span.h"

#include <stdio.h>

/* Bytes that a work-item may hold in private memory: what leaves room in the second-level cache for filters that stay
 * there, and more where they do not and should be read seldom. */
#define PRIVATE_WISH  (256 * 1024)
#define PRIVATE_LARGE (768 * 1024)
#define FILTERS_KEPT  (512 * 1024)
/* Bytes of transformed filters that a processor can still sweep over for every work-item. */
#define FILTERS_LIMIT (16 * 1024 * 1024)
/* Multiply-adds of vectors that make a work-group worth its launch, groups that the work on an image is cut into for
 * balance, and filters for which transforming the pixels once more costs little. */
#define GROUP_WORK    8192
#define IMAGE_GROUPS  4
#define SHARE_FILTERS 64
/* Windows of a work-item: more where the filters should be read seldom than where an image makes several work-items. */
#define MOST_WINDOWS 64
#define FEW_WINDOWS  16
/* Bytes of filters that a loop over channels goes through, to stay in the first-level cache beside pixels. */
#define PANEL_BYTES (32 * 1024)
/* With fewer channels or filters the transforms cost more than the multiplications that they save. */
#define FEWEST 8
/* The transforms' sums round as well. */
#define SLACK 4

/* How the work is cut. It depends on the shape of one image alone, so that batches of any size share a program. */
typedef struct blocking {
    int32_t vector, channel_vector;       /* lanes for filters, for channels */
    int32_t rows, columns;                /* windows of an image */
    int32_t tile_rows, tile_columns;      /* windows of a work-item */
    int32_t tiles_down, tiles_across;     /* tiles of an image */
    int32_t images;                       /* of a work-item */
    int32_t block_windows, block_vectors; /* windows and vectors of filters in registers */
    int32_t blocks, share;                /* blocks of filters, and how many a work-item computes */
    bool partial;                         /* some windows stick out of the convolution's result */
} blocking;

static size_t private_bytes(const tsr_conv2d_descriptor *c, const blocking *k)
{
    size_t windows = (size_t)k->tile_rows * (size_t)k->tile_columns * (size_t)k->images;
    size_t vectors = (size_t)k->block_vectors * (size_t)k->vector;
    return 16 * windows * ((size_t)c->channels + vectors) * sizeof(float);
}

static int64_t filter_bytes(const tsr_conv2d_descriptor *c)
{
    return 16 * (int64_t)sizeof(float) * c->channels * c->filters;
}

static bool filters_kept(const tsr_conv2d_descriptor *c)
{
    return filter_bytes(c) <= FILTERS_KEPT;
}

/* Time for an image's windows, by point and channel. The unit is a multiply-add of vectors or a load: half a cycle
 * where a processor does two. A step of the loop over channels takes at least as many as hide the latency of a sum, and
 * storing the sums some more; each work-item reads all filters, at 32 bytes a unit or, where they do not stay in the
 * cache, 4; it also reads its pixels, which overlap with the next tile's. */
static double cost_of(const tsr_conv2d_descriptor *c, const blocking *k)
{
    int32_t sums = k->block_windows * k->block_vectors, loads = k->block_windows + k->block_vectors;
    int32_t windows = k->tile_rows * k->tile_columns * k->images;
    double step = sums > loads ? sums : loads;
    if (step < 8) step = 8;
    step += (2.0 * sums + 16) / c->channels;
    double blocks = (double)tsr_divide_up(windows, k->block_windows) *
                    tsr_divide_up(tsr_divide_up(c->filters, k->vector), k->block_vectors);
    double reading = 4.0 * c->filters / (filters_kept(c) ? 32 : 4);
    double pixels = (2 * k->tile_rows + 2) * (2 * k->tile_columns + 2) * k->images / (8.0 * k->channel_vector);
    return (blocks * step + reading + pixels) / k->images * tsr_divide_up(k->rows, k->tile_rows) *
           tsr_divide_up(k->columns, k->tile_columns);
}

/* Bytes of filters of a block at one point, which should stay in the first-level cache. */
static size_t panel_bytes(const tsr_conv2d_descriptor *c, const blocking *k)
{
    return (size_t)c->channels * (size_t)k->block_vectors * (size_t)k->vector * sizeof(float);
}

/* The best block of registers for the tile and images of *k; *best and *chosen are what was found so far. */
static void choose_block(const tsr_conv2d_descriptor *c, blocking *k, double *best, blocking *chosen)
{
    /* Vectors of 16 come with 32 registers, others with 16; a few are for filters and pixels. */
    int32_t vectors = tsr_divide_up(c->filters, k->vector), registers = k->vector == 16 ? 28 : 12;
    int32_t windows = k->tile_rows * k->tile_columns; /* there may be but one image */
    size_t most_bytes = filters_kept(c) ? PRIVATE_WISH : PRIVATE_LARGE;
    for (k->block_windows = 1; k->block_windows <= windows && k->block_windows <= registers; k->block_windows++)
        for (k->block_vectors = 1; k->block_vectors <= vectors; k->block_vectors++) {
            if (k->block_windows * k->block_vectors > registers) break;
            if (k->block_vectors > 1 && panel_bytes(c, k) > PANEL_BYTES) break;
            if (chosen->images && private_bytes(c, k) > most_bytes) break;
            double cost = cost_of(c, k);
            if (chosen->images && cost >= *best) continue;
            *best = cost;
            *chosen = *k;
        }
}

static int32_t most_windows(const tsr_conv2d_descriptor *c, const blocking *k)
{
    if (!filters_kept(c)) return MOST_WINDOWS;
    int32_t part = k->rows * k->columns / IMAGE_GROUPS;
    return part < FEW_WINDOWS ? FEW_WINDOWS : part < MOST_WINDOWS ? part : MOST_WINDOWS;
}

/* Chooses tile, images and block of registers by the estimate above. */
static void choose_tile(const tsr_conv2d_descriptor *c, blocking *k)
{
    double best = 0;
    int32_t most = most_windows(c, k);
    blocking chosen = {0};
    for (int32_t wide = k->columns < 16 ? k->columns : 16; wide >= 1; wide--)
        for (k->tile_rows = 1; k->tile_rows <= k->rows; k->tile_rows++) {
            k->tile_columns = tsr_equal_parts(k->columns, wide);
            int32_t windows = k->tile_rows * k->tile_columns;
            bool whole = k->tile_rows == k->rows && k->tile_columns == k->columns;
            if (windows > most) break;
            for (k->images = 1; k->images <= (whole ? most / windows : 1); k->images++)
                choose_block(c, k, &best, &chosen);
        }
    *k = chosen;
}

static bool choose_blocking(const tsr_conv2d_span *s, const tsr_target *target, blocking *k, tsr_needs *needs)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    *k = (blocking){.vector = tsr_vector_within(target, c->filters),
                    .channel_vector = tsr_vector_within(target, c->channels),
                    .rows = s->rows,
                    .columns = s->columns};
    if (!s->pool) {
        k->rows = tsr_divide_up(s->rows, 2);
        k->columns = tsr_divide_up(s->columns, 2);
    }
    k->partial = 2 * k->rows > s->conv_rows || 2 * k->columns > s->conv_columns;
    choose_tile(c, k);
    if (private_bytes(c, k) > PRIVATE_LARGE)
        return tsr_refuse(needs, "a window's pixels, transformed, take %zu bytes, more than %d", private_bytes(c, k),
                          PRIVATE_LARGE);
    k->tiles_down = tsr_divide_up(k->rows, k->tile_rows);
    k->tiles_across = tsr_divide_up(k->columns, k->tile_columns);
    k->blocks = tsr_divide_up(tsr_divide_up(c->filters, k->vector), k->block_vectors);

    /* Few tiles: the filters are shared out as well. */
    double work = 16.0 * c->channels * k->tile_rows * k->tile_columns * k->blocks * k->block_vectors;
    int32_t shares = 1, tiles = k->tiles_down * k->tiles_across, most = c->filters / SHARE_FILTERS;
    while (shares < most && shares * tiles < IMAGE_GROUPS && work / (shares + 1) >= GROUP_WORK) shares++;
    k->share = tsr_divide_up(k->blocks, shares);
    return true;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "its kernel is for CPUs");
    if (tsr_vector_width(target) < 4) return tsr_refuse(needs, "its kernel is for vectors of 4 floats or more");
    tsr_conv2d_span s = tsr_conv2d_span_of(span);
    const tsr_conv2d_descriptor *c = &s.conv2d;
    if (c->kernel_height != 3 || c->kernel_width != 3 || c->stride_height != 1 || c->stride_width != 1)
        return tsr_refuse(needs, "F(2x2, 3x3) is for kernels of 3 x 3 and stride 1, not %d x %d and %d x %d",
                          (int)c->kernel_height, (int)c->kernel_width, (int)c->stride_height, (int)c->stride_width);
    if (s.pool && (s.pool_height != 2 || s.pool_width != 2 || s.pool_stride_height != 2 || s.pool_stride_width != 2))
        return tsr_refuse(needs, "F(2x2, 3x3) is for pools of 2 x 2 and stride 2, not %d x %d and %d x %d",
                          (int)s.pool_height, (int)s.pool_width, (int)s.pool_stride_height, (int)s.pool_stride_width);
    if (c->channels < FEWEST || c->filters < FEWEST)
        return tsr_refuse(needs, "%d channels and %d filters are too few for Winograd's transforms to pay",
                          (int)c->channels, (int)c->filters);
    if (filter_bytes(c) > FILTERS_LIMIT)
        return tsr_refuse(needs, "the transformed filters take %lld bytes, too many to read for each tile",
                          (long long)filter_bytes(c));
    blocking k;
    if (!tsr_conv2d_span_supported(&s, span, needs) || !choose_blocking(&s, target, &k, needs)) return false;
    if (span->graph->values[s.w].role != TSR_ROLE_PARAMETER)
        return tsr_refuse(needs, "the filters are not a parameter that has another form");
    tsr_needs_strided(needs, s.x, 0, 0, 0, 0);
    tsr_needs_strided(needs, s.y, 0, 0, 0, 0);
    tsr_needs_prepared(needs, s.w, s.backward ? TSR_FORM_WINOGRAD_REVERSED : TSR_FORM_WINOGRAD, s.filters);
    return true;
}

/* Behind relu, too: with half of dy zero it takes 0.6 of the time of lists, with a fifth of it not zero the same. */
static bool supports_backward(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "its kernel is for CPUs");
    return tsr_conv2d_span_backward_supported(span, needs) && supports(target, span, needs);
}

static void make_options(const tsr_conv2d_span *s, const blocking *k, char *options, size_t size)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    char activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(s->activation, activation);
    const char *mode = "";
    if (s->pool) mode = s->pool->mode == TSR_POOL_AVERAGE ? " -DPOOL_AVERAGE" : " -DPOOL_MAX";
    snprintf(options, size,
             "-DVW=%d -DCHANNEL_VW=%d -DCHANNELS=%d -DFILTERS=%d -DTILE_ROWS=%d -DTILE_COLUMNS=%d -DIMAGES=%d "
             "-DBLOCK_WINDOWS=%d -DBLOCK_VECTORS=%d%s%s%s%s%s",
             k->vector, k->channel_vector, c->channels, c->filters, k->tile_rows, k->tile_columns, k->images,
             k->block_windows, k->block_vectors, mode, k->partial ? " -DPARTIAL" : "", c->bias ? " -DBIAS" : "",
             s->winner != TSR_NONE ? " -DWINNER" : "", activation);
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_conv2d_span s = tsr_conv2d_span_of(step->span);
    blocking k;
    tsr_needs unused = {0};
    if (!choose_blocking(&s, step->target, &k, &unused)) return tsr_fail(TSR_INTERNAL, "%s", unused.reason);
    char options[1024];
    make_options(&s, &k, options, sizeof options);
    tsr_launch *launch = tsr_step_launch(step, "conv2d_winograd_cpu.cl", options, "conv2d_winograd_cpu", &status);
    if (status != TSR_OK) return status;
    const tsr_view *x = tsr_step_view(step, s.x), *y = tsr_step_view(step, s.y);
    tsr_launch_value(step, launch, s.x, &status);
    tsr_launch_int(launch, x->origin, &status);
    tsr_launch_int(launch, x->stride[0], &status);
    tsr_launch_int(launch, x->stride[1], &status);
    tsr_launch_prepared(step, launch, 0, &status);
    if (s.b != TSR_NONE) tsr_launch_value(step, launch, s.b, &status);
    tsr_launch_value(step, launch, s.y, &status);
    tsr_launch_int(launch, y->origin, &status);
    for (int i = 0; i < 3; i++) tsr_launch_int(launch, y->stride[i], &status);
    if (s.winner != TSR_NONE) tsr_launch_value(step, launch, s.winner, &status);
    const int32_t extents[] = {s.conv2d.height, s.conv2d.width, s.top,          s.left,  s.conv_rows,   s.conv_columns,
                               k.rows,          k.columns,      k.tiles_across, k.share, s.conv2d.batch};
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i++) tsr_launch_int(launch, extents[i], &status);
    const size_t local[3] = {1, 1, 1};
    const size_t global[3] = {(size_t)k.tiles_down * (size_t)k.tiles_across, tsr_divide_up(k.blocks, k.share),
                              tsr_divide_up(s.conv2d.batch, k.images)};
    tsr_launch_over(step, launch, 3, global, local, false, &status);
    return status;
}

const tsr_implementation tsr_implementation_conv2d_winograd_activation_cpu = {
    .name = "conv2d_winograd_activation_cpu",
    .anchor = TSR_KIND_ACTIVATION,
    .match = tsr_conv2d_match_activation,
    .supports = supports,
    .prepare = prepare,
    .slack = SLACK,
};

const tsr_implementation tsr_implementation_conv2d_winograd_pool_cpu = {
    .name = "conv2d_winograd_pool_cpu",
    .anchor = TSR_KIND_POOL2D,
    .match = tsr_conv2d_match_pool,
    .supports = supports,
    .prepare = prepare,
    .slack = SLACK,
};

const tsr_implementation tsr_implementation_conv2d_winograd_cpu = {
    .name = "conv2d_winograd_cpu",
    .anchor = TSR_KIND_CONV2D,
    .match = tsr_match_single,
    .supports = supports,
    .prepare = prepare,
    .slack = SLACK,
};

const tsr_implementation tsr_implementation_conv2d_winograd_backward_cpu = {
    .name = "conv2d_winograd_backward_cpu",
    .anchor = TSR_KIND_CONV2D_GRAD_DATA,
    .match = tsr_match_single,
    .supports = supports_backward,
    .prepare = prepare,
    .slack = SLACK,
};
