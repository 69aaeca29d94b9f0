/* What is stored: told to people, put in force, removed. */
#include "base/memory.h"
#include "base/text.h"
#include "device/tuning.h"
#include "ops/clblast_parameters.h"
#include "tessera/tune.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

char *tsr_tune_path(const tsr_device *device)
{
    return tsr_tuning_path(device);
}

tsr_status tsr_tune_list(tsr_device *device, char **text)
{
    tsr_tuning tuning;
    tsr_text list = {0};
    *text = NULL;
    tsr_status status = tsr_tuning_load(device, &tuning);
    if (status) return status;
    tsr_text_add(&list, "%-32s  %9s  %9s  %s\n", "CHOICE", "MS BEFORE", "AFTER", "FOR");
    for (size_t i = 0; i < tuning.count; i++) {
        const tsr_tuning_entry *e = &tuning.entries[i];
        if (tsr_tuning_is_choice(e))
            tsr_text_add(&list, "%-32s  %9.4f  %9.4f  %s\n", e->choice, e->before * 1e3, e->after * 1e3, e->key);
        else
            tsr_text_add(&list, "%-32s  %9s  %9s  %s\n", e->choice, "", "unchanged", e->key);
    }
    tsr_tuning_clear(&tuning);
    *text = tsr_text_take(&list);
    return *text ? TSR_OK : tsr_fail_memory("the list", list.length);
}

tsr_status tsr_tune_count(tsr_device *device, size_t *choices)
{
    tsr_tuning tuning;
    *choices = 0;
    tsr_status status = tsr_tuning_load(device, &tuning);
    if (status) return status;
    for (size_t i = 0; i < tuning.count; i++) *choices += tsr_tuning_is_choice(&tuning.entries[i]);
    tsr_tuning_clear(&tuning);
    return TSR_OK;
}

tsr_status tsr_tune_apply(tsr_device *device)
{
    tsr_device_forget_tuning(device);
    device->clblast_tuned = true;
    tsr_status status = tsr_clblast_apply(device, tsr_device_tuning(device));
    if (!status) return TSR_OK;
    device->clblast_tuned = false;
    tsr_device_forget_tuning(device);
    return status;
}

tsr_status tsr_tune_clear(tsr_device *device, bool *removed)
{
    char *path = tsr_tuning_path(device);
    tsr_status status = TSR_OK;
    if (!path) return tsr_fail(TSR_NOT_FOUND, "neither XDG_CACHE_HOME nor HOME is set: there is no place for tuning");
    int lock = -1;
    bool gone = access(path, F_OK) == 0 && !(status = tsr_tuning_lock(&lock)) && unlink(path) == 0;
    if (!gone && !status && errno != ENOENT && errno != ENOTDIR)
        status = tsr_fail(TSR_IO, "cannot remove %s: %s", path, strerror(errno));
    tsr_tuning_unlock(lock);
    if (removed) *removed = gone;
    tsr_device_forget_tuning(device);
    free(path);
    return status;
}
