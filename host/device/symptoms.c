/* What goes wrong with OpenCL on a machine, by what can be seen of it: one table, the most important rows first. */
#include "device/symptoms.h"

#include "base/memory.h"
#include "base/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPORT "this is a defect of Tessera: please report it with what tessera doctor --json prints"

/* A row: `seen` tells whether the symptom is there and writes what to say. Rows that only look for words in the errors
 * name the words instead, and what to say. */
typedef struct symptom {
    const char *name;
    bool hint;
    tsr_symptom_seen *seen;
    const char *words[2]; /* all of them must be there */
    const char *without;  /* and this must not */
    const char *say;
} symptom;

static const symptom symptoms[] = {
    {.name = "driver crashes", .seen = tsr_symptom_driver_crashes},
    {.name = "driver hangs", .seen = tsr_symptom_driver_hangs},
    {.name = "drivers clash", .seen = tsr_symptom_drivers_clash},
    {.name = "no driver", .seen = tsr_symptom_no_driver},
    {.name = "hidden devices", .seen = tsr_symptom_hidden_devices},
    {.name = "amd without rights", .seen = tsr_symptom_amd_without_rights},
    {.name = "no device", .seen = tsr_symptom_no_device},
    {.name = "nothing chosen", .seen = tsr_symptom_nothing_chosen},
    {.name = "queue on an APU", .seen = tsr_symptom_queue_on_apu},
    {.name = "unfit driver", .seen = tsr_symptom_unfit_driver},
    {.name = "cannot select",
     .words = {"Cannot select"},
     .say = "rusticl's compiler has no instruction for a kernel (\"Cannot select\"): use ROCm, or a newer Mesa"},
    {.name = "old intel compiler",
     .words = {"fcl build 1 succeeded"},
     .say =
         "Intel's compiler fails after \"fcl build 1 succeeded\", as old drivers of HD Graphics do: update the driver, "
         "or use the CPU"},
    {.name = "nvidia's exp2",
     .words = {"__nv_fast_exp2f"},
     .say = "NVIDIA's driver lacks a function of its own (__nv_fast_exp2f), as version 470 does: install another one"},
    {.name = "illegal access",
     .words = {"(-9999)"},
     .say = "a kernel read or wrote where it may not (-9999), or the driver is of version 470: install another driver; "
            "if that does not help, " REPORT},
    {.name = "double",
     .words = {"ouble type not supported"},
     .say = "a kernel uses double precision where the device has none; " REPORT},
    {.name = "language version",
     .words = {"CL2.0", "not supported"},
     .say = "a kernel was built for OpenCL C 2.0 rather than 1.2; " REPORT},
    {.name = "bad address",
     .words = {"(-5)", "(-36)"},
     .say = "a kernel was stopped (-5, then -36): not memory is short, as the first number says, but a kernel read or "
            "wrote where it may not, or ran longer than the system allows a card that shows pictures; " REPORT},
    {.name = "screen",
     .words = {"Impacting Interactivity"},
     .say = "macOS stops kernels that keep the card from showing pictures (\"Impacting Interactivity\"): use a smaller "
            "batch, or let the display sleep while training"},
    {.name = "lost queue",
     .words = {"(-36)"},
     .without = "(-5)",
     .say =
         "a kernel was stopped (-36): it ran longer than the system allows a card that shows pictures, or read where "
         "it may not; use a smaller batch, and if that does not help, " REPORT},
    {.name = "work-group size",
     .words = {"(-54)"},
     .say = "a work-group is larger than the kernel's limit (-54), which Apple's CPU driver sets to 1; " REPORT},
    {.name = "buffer size",
     .words = {"(-61)"},
     .say = "a buffer is larger than the device's largest allocation (-61): use a smaller batch"},
    {.name = "memory is full",
     .words = {"(-4)"},
     .say = "the device's memory is full (-4): end other programs that use it, or use a smaller batch"},
    {.name = "wrong results", .seen = tsr_symptom_wrong_results},
    {.name = "failing kernels", .seen = tsr_symptom_failing_kernels},
    {.name = "too slow", .seen = tsr_symptom_too_slow},
    {.name = "intel's gpu hangs", .seen = tsr_symptom_intel_gpu_hangs},
    {.name = "doubtful driver", .hint = true, .seen = tsr_symptom_doubtful_driver},
    {.name = "bad end", .hint = true, .seen = tsr_symptom_bad_end},
    {.name = "driver cannot be loaded", .hint = true, .seen = tsr_symptom_driver_broken},
    {.name = "rusticl not enabled", .hint = true, .seen = tsr_symptom_rusticl_not_enabled},
    {.name = "card without rights", .hint = true, .seen = tsr_symptom_node_without_rights},
    {.name = "card without driver", .hint = true, .seen = tsr_symptom_card_without_driver},
    {.name = "wsl", .hint = true, .seen = tsr_symptom_wsl_without_gpu},
    {.name = "cache", .hint = true, .seen = tsr_symptom_cache_not_ones_own},
    {.name = "little memory", .hint = true, .seen = tsr_symptom_little_memory},
    {.name = "shader cache off", .hint = true, .seen = tsr_symptom_shader_cache_off},
    {.name = "layers", .hint = true, .seen = tsr_symptom_layers_between},
    {.name = "another is faster", .hint = true, .seen = tsr_symptom_another_is_faster},
    {.name = "listed twice", .hint = true, .seen = tsr_symptom_listed_twice},
};

enum { ROWS = sizeof symptoms / sizeof symptoms[0] };

const char *tsr_symptom_name(size_t index)
{
    return index < ROWS ? symptoms[index].name : NULL;
}

bool tsr_is_set(const tsr_facts *facts, const char *name)
{
    const char *value = facts->variable ? facts->variable(name) : NULL;
    return value && *value;
}

static bool has_words(const symptom *row, const char *errors)
{
    for (int i = 0; i < 2 && row->words[i]; i++)
        if (!errors || !strstr(errors, row->words[i])) return false;
    return !row->without || !strstr(errors, row->without);
}

static bool row_seen(const symptom *row, const tsr_facts *facts, tsr_text *say)
{
    if (row->seen) return row->seen(facts, say);
    for (size_t i = 0; i < facts->trial_count; i++)
        if (has_words(row, facts->trials[i].errors))
            tsr_text_add(say, "%s%s", say->length ? ", " : "", facts->trials[i].info.name);
    if (!say->length && !has_words(row, facts->errors)) return false;
    tsr_text_add(say, "%s%s", say->length ? ": " : "", row->say);
    return true;
}

tsr_status tsr_diagnose(const tsr_facts *facts, tsr_finding **findings, size_t *count)
{
    *count = 0;
    if (!(*findings = tsr_alloc(ROWS, sizeof **findings)))
        return tsr_fail_memory("the findings", ROWS * sizeof **findings);
    for (size_t i = 0; i < ROWS; i++) {
        tsr_text say = {0};
        if (row_seen(&symptoms[i], facts, &say)) {
            tsr_finding *finding = &(*findings)[(*count)++];
            *finding = (tsr_finding){.symptom = symptoms[i].name, .hint = symptoms[i].hint};
            snprintf(finding->text, sizeof finding->text, "%.1000s", say.data ? say.data : symptoms[i].name);
        }
        tsr_text_clear(&say);
    }
    return TSR_OK;
}
