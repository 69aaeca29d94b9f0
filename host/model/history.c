#include "model/history.h"

#include "base/memory.h"

#include <stdint.h>

tsr_status tsr_history_add(tsr_history *history, const tsr_epoch *epoch)
{
    size_t capacity = (size_t)history->capacity, needed = (size_t)history->count + 1;
    if (needed > INT32_MAX / 2 || !tsr_grow((void **)&history->epochs, &capacity, needed, sizeof *history->epochs))
        return tsr_fail_memory("the history", needed * sizeof *history->epochs);
    history->capacity = (int32_t)capacity;
    history->epochs[history->count++] = *epoch;
    return TSR_OK;
}

void tsr_history_clear(tsr_history *history)
{
    free(history->epochs);
    *history = (tsr_history){0};
}
