#include "ops/elementwise.h"

#include <stdio.h>

static uint32_t chunk_of(const tsr_target *target, size_t count, uint32_t least)
{
    enum { GROUPS = 32, LARGEST_VECTOR = 16 };
    if (!tsr_is_cpu_class(target)) return 1;
    int64_t chunk = tsr_divide_up(count, GROUPS);
    return (uint32_t)tsr_round_up(chunk < least ? least : chunk, LARGEST_VECTOR);
}

void tsr_launch_elementwise(tsr_step *step, tsr_launch *launch, size_t count, uint32_t least, tsr_status *status)
{
    uint32_t chunk = chunk_of(step->target, count, least);
    tsr_launch_uint(launch, (uint32_t)count, status);
    tsr_launch_uint(launch, chunk, status);
    if (chunk == 1) {
        tsr_launch_elements(step, launch, count, status);
    } else {
        size_t items = tsr_divide_up(count, chunk), local = 1;
        tsr_launch_over(step, launch, 1, &items, &local, true, status);
    }
}

void tsr_vector_option(const tsr_target *target, char *option)
{
    snprintf(option, TSR_VECTOR_OPTION, " -DVW=%u", (unsigned)tsr_vector_width(target));
}
