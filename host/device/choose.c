#include "device/choose.h"

#include "base/text.h"
#include "device/quirks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Drivers of one piece of hardware, the best first: the maker's own, Mesa's, those that translate to another interface,
 * what Mesa has given up, and PoCL. */
enum { NATIVE, RUSTICL, TRANSLATED, CLOVER, POCL };

static int driver_of(const tsr_device_info *info)
{
    static const struct {
        const char *platform;
        int driver;
    } known[] = {{"rusticl", RUSTICL},
                 {"clvk", TRANSLATED},
                 {"OpenCLOn12", TRANSLATED},
                 {"Clover", CLOVER},
                 {"Portable Computing Language", POCL}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (tsr_text_contains(info->platform, known[i].platform)) return known[i].driver;
    return NATIVE;
}

static bool is_processor(const tsr_device_info *info)
{
    return info->type == TSR_DEVICE_CPU || info->type == TSR_DEVICE_SOFTWARE;
}

bool tsr_is_gpu(const tsr_device_info *info)
{
    return info->type == TSR_DEVICE_DISCRETE_GPU || info->type == TSR_DEVICE_INTEGRATED_GPU;
}

/* Whether two GPUs cannot be told apart but by their place. */
static bool equal_cards(const tsr_device_info *a, const tsr_device_info *b)
{
    return tsr_is_gpu(a) && tsr_is_gpu(b) && a->vendor_kind == b->vendor_kind && a->vendor_kind != TSR_VENDOR_OTHER &&
           a->type == b->type && a->compute_units == b->compute_units;
}

/* How many devices of the same platform before this one are its equals. */
static size_t place_among_equals(const tsr_candidate *candidates, size_t which)
{
    size_t place = 0;
    for (size_t i = 0; i < which; i++)
        place += candidates[i].platform == candidates[which].platform &&
                 equal_cards(&candidates[i].info, &candidates[which].info);
    return place;
}

/* Whether two devices are one. A platform lists each once, so only those of different platforms can be. Processors are
 * the machine's own; GPUs have the same address (types and compute units need not agree then: one driver may count half
 * the units of another), or, where a driver tells none, are equal and have the same place among their equals. */
static bool same_hardware(const tsr_candidate *candidates, size_t i, size_t j)
{
    const tsr_device_info *a = &candidates[i].info, *b = &candidates[j].info;
    if (candidates[i].platform == candidates[j].platform) return false;
    if (is_processor(a) && is_processor(b)) return true;
    if (!tsr_is_gpu(a) || !tsr_is_gpu(b)) return false;
    if (a->pci[0] && b->pci[0]) return strcmp(a->pci, b->pci) == 0;
    return equal_cards(a, b) && place_among_equals(candidates, i) == place_among_equals(candidates, j);
}

/* Whether a offers the hardware that both offer better than b: less is known against it, it does not draw pictures on
 * a processor, its driver is better. For processors PoCL's is: the kernels for them were measured with it. */
static bool better_driver(const tsr_device_info *a, const tsr_device_info *b)
{
    const int order[][2] = {
        {tsr_has_quirk(a, TSR_QUIRK_UNUSABLE), tsr_has_quirk(b, TSR_QUIRK_UNUSABLE)},
        {tsr_has_quirk(a, TSR_QUIRK_AVOID), tsr_has_quirk(b, TSR_QUIRK_AVOID)},
        {a->type == TSR_DEVICE_SOFTWARE, b->type == TSR_DEVICE_SOFTWARE},
        {is_processor(a) && driver_of(a) != POCL, is_processor(b) && driver_of(b) != POCL},
        {driver_of(a), driver_of(b)},
    };
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (order[i][0] != order[i][1]) return order[i][0] < order[i][1];
    return false;
}

void tsr_find_duplicates(tsr_candidate *candidates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t first = i;
        for (size_t j = 0; j < count; j++)
            if (same_hardware(candidates, i, j) &&
                (better_driver(&candidates[j].info, &candidates[first].info) ||
                 (j < first && !better_driver(&candidates[first].info, &candidates[j].info))))
                first = j;
        candidates[i].info.same_as = first == i ? -1 : (int32_t)first;
    }
}

/* Whether a comes before b: what is known of their drivers, then the type, then the compute units. */
static bool better(const tsr_device_info *a, const tsr_device_info *b)
{
    bool avoid = tsr_has_quirk(a, TSR_QUIRK_AVOID), avoid_other = tsr_has_quirk(b, TSR_QUIRK_AVOID);
    if (avoid != avoid_other) return avoid_other;
    return a->type != b->type ? a->type < b->type : a->compute_units > b->compute_units;
}

/* The best that may be used without being asked for; false when there is none. */
static bool best(const tsr_candidate *candidates, size_t count, size_t *chosen)
{
    bool found = false;
    for (size_t i = 0; i < count; i++) {
        const tsr_device_info *info = &candidates[i].info;
        if (info->same_as >= 0 || tsr_has_quirk(info, TSR_QUIRK_UNUSABLE)) continue;
        if (found && !better(info, &candidates[*chosen].info)) continue;
        *chosen = i;
        found = true;
    }
    return found;
}

static tsr_status fail_unusable(const tsr_candidate *candidates, size_t count)
{
    tsr_text list = {0};
    for (size_t i = 0; i < count; i++) {
        tsr_device_note note;
        for (size_t k = 0; tsr_device_quirk(&candidates[i].info, k, &note); k++)
            if (note.quirk == TSR_QUIRK_UNUSABLE)
                tsr_text_add(&list, "%s%zu: %s %s: %s", list.length ? "; " : "", i, candidates[i].info.platform,
                             candidates[i].info.name, note.reason);
    }
    tsr_status status = tsr_fail(TSR_NOT_FOUND,
                                 "no device here is fit, unless you ask for one by its number or name, or install the "
                                 "package pocl-opencl-icd to run on the CPU: %s",
                                 list.data ? list.data : "");
    tsr_text_clear(&list);
    return status;
}

/* Fails with the list of all candidates, or of those that match `part`. */
static tsr_status fail_with_list(const tsr_candidate *candidates, size_t count, const char *part, const char *sentence,
                                 const char *wanted, const char *advice)
{
    tsr_text list = {0};
    for (size_t i = 0; i < count; i++) {
        char name[260];
        snprintf(name, sizeof name, "%s %s", candidates[i].info.platform, candidates[i].info.name);
        if (tsr_text_contains(name, part)) tsr_text_add(&list, "%s%zu: %s", list.length ? ", " : "", i, name);
    }
    tsr_status status =
        tsr_fail(TSR_NOT_FOUND, "%s \"%s\"; %s: %s", sentence, wanted, advice, list.data ? list.data : "");
    tsr_text_clear(&list);
    return status;
}

tsr_status tsr_choose(const tsr_candidate *candidates, size_t count, const char *wanted, size_t *chosen)
{
    if (!wanted || !*wanted) wanted = getenv("TESSERA_DEVICE");
    if (!wanted || !*wanted) {
        if (best(candidates, count, chosen)) return TSR_OK;
        return fail_unusable(candidates, count);
    }
    bool number = strspn(wanted, "0123456789") == strlen(wanted);
    unsigned long index = number && strlen(wanted) < 9 ? strtoul(wanted, NULL, 10) : count;
    if (index < count) {
        *chosen = index;
        return TSR_OK;
    }
    /* A number of one or two digits is a place in the list, which may have become shorter. */
    size_t matches = 0, names = number && strlen(wanted) < 3 ? 0 : count;
    for (size_t i = 0; i < names; i++) {
        char name[260];
        snprintf(name, sizeof name, "%s %s", candidates[i].info.platform, candidates[i].info.name);
        if (tsr_text_contains(name, wanted) && matches++ == 0) *chosen = i;
    }
    if (matches == 0) {
        const char *sentence = number ? "no device has the number" : "no device matches";
        return fail_with_list(candidates, count, "", sentence, wanted, "there are");
    }
    if (matches > 1)
        return fail_with_list(candidates, count, wanted, "several devices match", wanted,
                              "say which by its number or name");
    return TSR_OK;
}
