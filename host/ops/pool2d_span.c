#include "ops/pool2d_span.h"

#include <stdio.h>

int32_t tsr_pool2d_vector(const tsr_pool2d_descriptor *pool, const tsr_target *target)
{
    return tsr_vector_within(target, pool->channels);
}

int tsr_pool2d_options(const tsr_pool2d_descriptor *pool, const tsr_target *target, char *options)
{
    return snprintf(options, TSR_POOL2D_OPTIONS,
                    "-DVW=%d -DPOOL_HEIGHT=%d -DPOOL_WIDTH=%d -DSTRIDE_HEIGHT=%d -DSTRIDE_WIDTH=%d",
                    (int)tsr_pool2d_vector(pool, target), (int)pool->pool_height, (int)pool->pool_width,
                    (int)pool->stride_height, (int)pool->stride_width);
}

const char *tsr_pool2d_winner_type(const tsr_pool2d_descriptor *pool)
{
    return pool->pool_height * pool->pool_width > 255 ? "ushort" : "uchar";
}

void tsr_pool2d_launch(tsr_step *step, tsr_launch *launch, const tsr_pool2d_descriptor *pool, int32_t rows,
                       int64_t row_cells, tsr_status *status)
{
    /* A group does enough to be worth its launch. */
    const int64_t enough = 16384;
    int64_t each = tsr_divide_up(enough, row_cells), all = (int64_t)pool->batch * rows;
    if (each > all) each = all;
    const int32_t numbers[] = {
        pool->batch,
        tsr_window_output(pool->height, pool->pool_height, pool->stride_height, pool->padding),
        tsr_window_output(pool->width, pool->pool_width, pool->stride_width, pool->padding),
        pool->channels,
        pool->height,
        pool->width,
        tsr_window_before(pool->height, pool->pool_height, pool->stride_height, pool->padding),
        tsr_window_before(pool->width, pool->pool_width, pool->stride_width, pool->padding),
        (int32_t)each,
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) tsr_launch_int(launch, numbers[i], status);
    tsr_launch_over(step, launch, 1, (size_t[]){tsr_divide_up(all, each)}, (size_t[]){1}, false, status);
}
