/* Direct convolution for CPUs, with pool, activation and gather in the same kernel: any kernel size, stride, padding
 * and number of channels and filters; and the gradient by data of those of stride 1. */
#include "ops/activation.h"
#include "ops/conv2d_gradient.h"
#include "ops/conv2d_span.h"

#include <stdio.h>

/* Bytes of a patch in private memory: at most what a thread's stack may hold; a few rows where the weights stay in the
 * cache, as much as half a second-level cache where they do not and should be read seldom. */
#define PATCH_LIMIT  (256 * 1024)
#define PATCH_WISH   (64 * 1024)
#define PATCH_LARGE  (192 * 1024)
#define WEIGHTS_KEPT (512 * 1024)
/* Bytes of weights that a work-item copies to private memory. */
#define WEIGHTS_COPIED (16 * 1024)
/* Multiply-adds of vectors that make a work-group worth its launch, and groups that an image is cut into for balance.
 */
#define GROUP_WORK   8192
#define IMAGE_GROUPS 4
/* Taps of a loop worth unrolling, and of one so short that a large block does not pay. */
#define UNROLLED_TAPS 16
#define SHORT_TAPS    36

/* How the work is cut. It depends on the shape of one image alone, so that batches of any size share a program. */
typedef struct blocking {
    int32_t vector;                   /* floats a vector */
    int32_t block_vectors;            /* vectors of filters in registers */
    int32_t block_rows;               /* rows of windows in registers */
    int32_t block_windows;            /* windows in registers, side by side */
    int32_t tile_rows, tile_columns;  /* windows of a work-item */
    int32_t tiles_down, tiles_across; /* tiles of an image */
    int32_t blocks, share;            /* blocks of filters, and how many a work-item computes */
    bool unroll;                      /* few taps: unroll their loops */
} blocking;

static size_t patch_bytes(const tsr_conv2d_span *s, int32_t rows, int32_t columns)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    int64_t height =
        ((int64_t)(rows - 1) * s->pool_stride_height + s->pool_height - 1) * c->stride_height + c->kernel_height;
    int64_t width =
        ((int64_t)(columns - 1) * s->pool_stride_width + s->pool_width - 1) * c->stride_width + c->kernel_width;
    return (size_t)height * (size_t)width * (size_t)c->channels * sizeof(float);
}

/* What blocks cost for a row of windows and a number (column, channel) of the kernel's rows: multiply-adds of vectors
 * or loads, whichever are more, and at least as many as hide the latency of a sum. Pixels are read once for all rows of
 * the block, and weights once for all its windows. */
static double block_cost(const tsr_conv2d_span *s, const blocking *k, int32_t vectors, int32_t rows, int32_t windows)
{
    int32_t height = s->conv2d.kernel_height, cells = windows * s->pool_width;
    int32_t image_rows = (rows - 1) * s->pool_stride_height * s->conv2d.stride_height + height;
    int32_t sums = rows * height * cells * vectors, loads = height * vectors + image_rows * cells;
    double operations = sums > loads ? sums : loads;
    if (operations < 8 * height) operations = 8 * height;
    return (double)tsr_divide_up(tsr_divide_up(s->conv2d.filters, k->vector), vectors) *
           tsr_divide_up(k->tile_columns, windows) * tsr_divide_up(s->rows, rows) / s->rows *
           (operations + 0.5 * height * rows);
}

/* Whether so many sums are too many. A block of several rows keeps a pixel, and weights of all rows of the kernel, in
 * registers too; where its rows share no pixels there is none. */
static bool is_crowded(const tsr_conv2d_span *s, const blocking *k, int32_t vectors, int32_t rows, int32_t windows)
{
    int64_t taps = (int64_t)s->conv2d.kernel_height * s->conv2d.kernel_width * s->conv2d.channels;
    int32_t most = taps <= SHORT_TAPS ? 8 : k->vector == 16 ? 16 : 12, all = k->vector == 16 ? 30 : 15;
    int32_t sums = rows * windows * s->pool_width * vectors;
    /* Unrolled taps keep their weights in registers too; more sums than hide the latency would push them out. */
    if (k->unroll) most = 8 / s->pool_height;
    bool apart = s->pool_stride_height * s->conv2d.stride_height >= s->conv2d.kernel_height;
    if (rows > 1 && (k->unroll || s->pool_padded || apart || sums + s->conv2d.kernel_height * vectors > all ||
                     patch_bytes(s, rows, k->tile_columns) > PATCH_WISH))
        return true;
    return sums > most && (vectors > 1 || rows > 1 || windows > 1 || sums > 28);
}

/* Chooses the block of registers that costs the least. */
static bool choose_block(const tsr_conv2d_span *s, blocking *k)
{
    int32_t most = tsr_divide_up(s->conv2d.filters, k->vector);
    double best = 0;
    k->block_vectors = 0;
    for (int32_t rows = 1; rows <= s->rows && rows <= 8; rows++)
        for (int32_t vectors = 1; vectors <= most && vectors <= 8; vectors++)
            for (int32_t windows = 1; windows <= k->tile_columns; windows++) {
                if (is_crowded(s, k, vectors, rows, windows)) continue;
                double cost = block_cost(s, k, vectors, rows, windows);
                if (k->block_vectors && cost >= best) continue;
                best = cost;
                k->block_vectors = vectors;
                k->block_rows = rows;
                k->block_windows = windows;
            }
    return k->block_vectors > 0;
}

/* By tiles of so many rows. */
static size_t rows_computed(const tsr_conv2d_span *s, int32_t tile_rows)
{
    return tsr_divide_up(s->rows, tile_rows) * (size_t)tile_rows;
}

/* As many lanes as filters at least, where a copy of the weights stays small. */
static int32_t choose_vector(const tsr_conv2d_descriptor *c, const tsr_target *target)
{
    int32_t vector = tsr_vector_around(target, c->filters);
    int64_t floats = (int64_t)c->kernel_height * c->kernel_width * c->channels * vector;
    bool copied = c->filters < vector;
    return copied && floats > WEIGHTS_COPIED / (int64_t)sizeof(float) ? tsr_vector_within(target, c->filters) : vector;
}

static bool choose_blocking(const tsr_conv2d_span *s, const tsr_target *target, blocking *k, tsr_needs *needs)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    *k = (blocking){.vector = choose_vector(c, target)};
    if (patch_bytes(s, 1, 1) > PATCH_LIMIT)
        return tsr_refuse(needs, "the pixels of one window take %zu bytes, more than the %d that are copied at a time",
                          patch_bytes(s, 1, 1), PATCH_LIMIT);
    int64_t taps = (int64_t)c->kernel_height * c->kernel_width * c->channels;
    k->unroll = taps <= UNROLLED_TAPS && s->pool_height * s->pool_width <= 9;

    k->tile_columns = tsr_equal_parts(s->columns, 16);
    while (k->tile_columns > 1 && patch_bytes(s, 1, k->tile_columns) > PATCH_WISH)
        k->tile_columns = tsr_equal_parts(s->columns, k->tile_columns - 1);
    if (!choose_block(s, k))
        return tsr_refuse(needs, "a row of %d cells of a pool's window does not fit the registers", (int)s->pool_width);
    k->blocks = tsr_divide_up(tsr_divide_up(c->filters, k->vector), k->block_vectors);
    k->tiles_across = tsr_divide_up(s->columns, k->tile_columns);

    /* Rows are added to a tile until it is worth a work-group. Weights too large for a cache are read once a tile, so
     * tiles are large then, and the filters are shared out instead. */
    double row_work = (double)taps * k->tile_columns * s->pool_height * s->pool_width * k->blocks * k->block_vectors;
    bool kept = taps * c->filters * (int64_t)sizeof(float) <= WEIGHTS_KEPT;
    k->tile_rows = k->block_rows;
    while (k->tile_rows + k->block_rows <= s->rows && (!kept || k->tile_rows * row_work < GROUP_WORK) &&
           patch_bytes(s, k->tile_rows + k->block_rows, k->tile_columns) <= (kept ? PATCH_WISH : PATCH_LARGE))
        k->tile_rows += k->block_rows;
    /* Rows that the last tile computes once more are lost: the largest tile that loses the fewest, of those more than
     * half as large. */
    for (int32_t rows = k->tile_rows, half = rows / 2; rows > half; rows -= k->block_rows)
        if (rows_computed(s, rows) < rows_computed(s, k->tile_rows)) k->tile_rows = rows;
    k->tiles_down = tsr_divide_up(s->rows, k->tile_rows);

    /* Few tiles: the filters are shared out as well. */
    int32_t shares = 1, tiles = k->tiles_down * k->tiles_across;
    while (shares < k->blocks && shares * tiles < IMAGE_GROUPS && k->tile_rows * row_work / (shares + 1) >= GROUP_WORK)
        shares++;
    k->share = tsr_divide_up(k->blocks, shares);
    return true;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "its kernel is for CPUs");
    tsr_conv2d_span s = tsr_conv2d_span_of(span);
    blocking k;
    if (!tsr_conv2d_span_supported(&s, span, needs) || !choose_blocking(&s, target, &k, needs)) return false;
    if (!s.gather) tsr_needs_strided(needs, s.x, 0, 0, 0, 0);
    tsr_needs_strided(needs, s.y, 0, 0, 0, 0);
    if (s.backward) tsr_needs_prepared(needs, s.w, TSR_FORM_REVERSED, s.filters);
    return true;
}

/* Where half of dy is zero, lists of what is not are as fast. */
static bool supports_backward(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_is_cpu_class(target)) return tsr_refuse(needs, "its kernel is for CPUs");
    if (tsr_conv2d_gradient_of(span).sparse) return tsr_refuse(needs, "behind relu much of the gradient is zero");
    return tsr_conv2d_span_backward_supported(span, needs) && supports(target, span, needs);
}

static void make_options(const tsr_conv2d_span *s, const blocking *k, char *options, size_t size)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    char activation[TSR_ACTIVATION_OPTIONS];
    tsr_activation_options(s->activation, activation);
    const char *gather = "";
    if (s->gather) gather = s->gather->as.gather.source == TSR_U8 ? " -DGATHER_UCHAR" : " -DGATHER_FLOAT";
    const char *mode = "";
    if (s->pool) mode = s->pool->mode == TSR_POOL_AVERAGE ? " -DPOOL_AVERAGE" : " -DPOOL_MAX";
    snprintf(options, size,
             "-DVW=%d -DCHANNELS=%d -DFILTERS=%d -DKERNEL_HEIGHT=%d -DKERNEL_WIDTH=%d -DSTRIDE_HEIGHT=%d "
             "-DSTRIDE_WIDTH=%d -DPOOL_HEIGHT=%d -DPOOL_WIDTH=%d -DPOOL_STRIDE_HEIGHT=%d -DPOOL_STRIDE_WIDTH=%d "
             "-DTILE_ROWS=%d -DTILE_COLUMNS=%d -DBLOCK_ROWS=%d -DBLOCK_WINDOWS=%d "
             "-DBLOCK_VECTORS=%d%s%s%s%s%s%s%s",
             k->vector, c->channels, c->filters, c->kernel_height, c->kernel_width, c->stride_height, c->stride_width,
             s->pool_height, s->pool_width, s->pool_stride_height, s->pool_stride_width, k->tile_rows, k->tile_columns,
             k->block_rows, k->block_windows, k->block_vectors, mode, s->pool_padded ? " -DPOOL_PADDED" : "",
             k->unroll ? " -DUNROLL_TAPS" : "", c->bias ? " -DBIAS" : "", s->winner != TSR_NONE ? " -DWINNER" : "",
             gather, activation);
}

/* The image that the windows are read from: a value of the graph, or a sample of the data set. */
static void set_image(tsr_step *step, tsr_launch *launch, const tsr_conv2d_span *s, tsr_status *status)
{
    const tsr_conv2d_descriptor *c = &s->conv2d;
    if (s->gather) {
        tsr_launch_value(step, launch, s->gather->inputs[0], status);
        tsr_launch_int(launch, 0, status);
        tsr_launch_int(launch, c->height * c->width * c->channels, status);
        tsr_launch_int(launch, c->width * c->channels, status);
        tsr_launch_value(step, launch, s->gather->inputs[1], status);
        tsr_launch_value(step, launch, s->gather->inputs[2], status);
        tsr_launch_float(launch, s->gather->as.gather.scale, status);
        return;
    }
    const tsr_view *x = tsr_step_view(step, s->x);
    tsr_launch_value(step, launch, s->x, status);
    tsr_launch_int(launch, x->origin, status);
    tsr_launch_int(launch, x->stride[0], status);
    tsr_launch_int(launch, x->stride[1], status);
}

static void set_extents(tsr_launch *launch, const tsr_conv2d_span *s, const blocking *k, tsr_status *status)
{
    const int32_t extents[] = {s->conv2d.height, s->conv2d.width, s->top,  s->left,    s->conv_rows,    s->conv_columns,
                               s->pool_top,      s->pool_left,    s->rows, s->columns, k->tiles_across, k->share};
    for (size_t i = 0; i < sizeof extents / sizeof *extents; i++) tsr_launch_int(launch, extents[i], status);
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
    tsr_launch *launch = tsr_step_launch(step, "conv2d_cpu.cl", options, "conv2d_cpu", &status);
    if (status != TSR_OK) return status;
    set_image(step, launch, &s, &status);
    if (s.backward)
        tsr_launch_prepared(step, launch, 0, &status);
    else
        tsr_launch_value(step, launch, s.w, &status);
    if (s.b != TSR_NONE) tsr_launch_value(step, launch, s.b, &status);
    const tsr_view *y = tsr_step_view(step, s.y);
    tsr_launch_value(step, launch, s.y, &status);
    tsr_launch_int(launch, y->origin, &status);
    for (int i = 0; i < 3; i++) tsr_launch_int(launch, y->stride[i], &status);
    if (s.winner != TSR_NONE) tsr_launch_value(step, launch, s.winner, &status);
    set_extents(launch, &s, &k, &status);
    const size_t local[3] = {1, 1, 1};
    const size_t global[3] = {(size_t)k.tiles_down * (size_t)k.tiles_across, tsr_divide_up(k.blocks, k.share),
                              (size_t)s.conv2d.batch};
    tsr_launch_over(step, launch, 3, global, local, false, &status);
    return status;
}

static bool match_gather(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span)
{
    static const int chain[] = {TSR_KIND_CONV2D, TSR_KIND_GATHER, TSR_KIND_COUNT};
    return tsr_match_chain(graph, primitive, chain, claimed, span);
}

const tsr_implementation tsr_implementation_conv2d_activation_cpu = {
    .name = "conv2d_activation_cpu",
    .anchor = TSR_KIND_ACTIVATION,
    .match = tsr_conv2d_match_activation_gathered,
    .supports = supports,
    .prepare = prepare,
};

const tsr_implementation tsr_implementation_conv2d_pool_cpu = {
    .name = "conv2d_pool_cpu",
    .anchor = TSR_KIND_POOL2D,
    .match = tsr_conv2d_match_pool_gathered,
    .supports = supports,
    .prepare = prepare,
};

const tsr_implementation tsr_implementation_conv2d_gather_cpu = {
    .name = "conv2d_gather_cpu",
    .anchor = TSR_KIND_CONV2D,
    .match = match_gather,
    .supports = supports,
    .prepare = prepare,
};

const tsr_implementation tsr_implementation_conv2d_cpu = {
    .name = "conv2d_cpu",
    .anchor = TSR_KIND_CONV2D,
    .match = tsr_match_single,
    .supports = supports,
    .prepare = prepare,
};

const tsr_implementation tsr_implementation_conv2d_backward_cpu = {
    .name = "conv2d_backward_cpu",
    .anchor = TSR_KIND_CONV2D_GRAD_DATA,
    .match = tsr_match_single,
    .supports = supports_backward,
    .prepare = prepare,
};
