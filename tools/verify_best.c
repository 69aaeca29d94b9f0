/* Which device tessera verify says to use. */
#include "verify.h"

static bool is_true(const json_t *device, const char *key)
{
    return json_is_true(json_object_get(device, key));
}

/* Both are right and fit. */
static bool is_better(const json_t *device, const json_t *other)
{
    const json_t *seconds = json_object_get(device, "step_seconds"), *others = json_object_get(other, "step_seconds");
    if (is_true(device, "avoid") != is_true(other, "avoid")) return is_true(other, "avoid");
    if (!json_is_number(seconds) || !json_is_number(others)) return json_is_number(seconds);
    return json_number_value(seconds) < json_number_value(others);
}

int verify_best(const json_t *devices)
{
    const json_t *best = NULL;
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i);
        if (is_true(device, "right") && is_true(device, "fit") && (!best || is_better(device, best))) best = device;
    }
    return best ? (int)json_integer_value(json_object_get(best, "index")) : -1;
}
