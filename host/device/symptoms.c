/* What goes wrong with OpenCL on a machine, by what can be seen of it: one table, the most important rows first. */
#include "device/symptoms.h"

#include "base/memory.h"
#include "base/status.h"
#include "base/text.h"
#include "device/quirks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSTALL_POCL "install the package pocl-opencl-icd to run on the CPU"
#define REPORT       "this is a defect of Tessera: please report it with what tessera doctor --json prints"

enum { AMD = 0x1002, INTEL = 0x8086, NVIDIA = 0x10de };

/* A row: `seen` tells whether the symptom is there and writes what to say. Rows that only look for words in the errors
 * name the words instead, and what to say. */
typedef struct symptom {
    const char *name;
    bool hint;
    bool (*seen)(const tsr_facts *facts, tsr_text *say);
    const char *words[2]; /* all of them must be there */
    const char *without;  /* and this must not */
    const char *say;
} symptom;

static const tsr_platform *find_platform(const tsr_facts *f, const char *part)
{
    for (size_t i = 0; i < f->platform_count; i++)
        if (tsr_text_contains(f->platforms[i].name, part)) return &f->platforms[i];
    return NULL;
}

static const tsr_node *find_node(const tsr_facts *f, const char *part, uint32_t vendor, bool usable)
{
    for (size_t i = 0; f->surroundings && i < f->surroundings->node_count; i++) {
        const tsr_node *node = &f->surroundings->nodes[i];
        if (strstr(node->path, part) && node->usable == usable && (!vendor || node->vendor == vendor)) return node;
    }
    return NULL;
}

static bool is_set(const tsr_facts *f, const char *name)
{
    const char *value = f->variable ? f->variable(name) : NULL;
    return value && *value;
}

static bool is_gpu(const tsr_device_info *info)
{
    return info->type == TSR_DEVICE_DISCRETE_GPU || info->type == TSR_DEVICE_INTEGRATED_GPU;
}

static bool has_gpu(const tsr_facts *f, uint32_t vendor)
{
    static const struct {
        uint32_t id;
        tsr_vendor kind;
    } vendors[] = {{AMD, TSR_VENDOR_AMD}, {INTEL, TSR_VENDOR_INTEL}, {NVIDIA, TSR_VENDOR_NVIDIA}};
    for (size_t i = 0; i < f->trial_count; i++)
        for (size_t v = 0; v < sizeof vendors / sizeof vendors[0]; v++)
            if (vendors[v].id == vendor && is_gpu(&f->trials[i].info) &&
                f->trials[i].info.vendor_kind == vendors[v].kind)
                return true;
    return false;
}

static const tsr_device_trial *chosen_trial(const tsr_facts *f)
{
    for (size_t i = 0; i < f->trial_count; i++)
        if (f->trials[i].chosen) return &f->trials[i];
    return NULL;
}

static bool bad_driver(const tsr_facts *f, tsr_driver_outcome outcome, const char *what, const char *advice,
                       tsr_text *say)
{
    for (size_t i = 0; f->loader && i < f->loader->driver_count; i++) {
        const tsr_driver *driver = &f->loader->drivers[i];
        if (driver->outcome != outcome) continue;
        const char *colon = driver->problem[0] ? ": " : "";
        tsr_text_add(say, "%sthe driver that %s names %s%s%s; %s", say->length ? ". " : "", driver->file, what, colon,
                     driver->problem, advice);
    }
    return say->length > 0;
}

static bool driver_crashes(const tsr_facts *f, tsr_text *say)
{
    return bad_driver(f, TSR_DRIVER_CRASHES, "crashes as soon as it is loaded, and every OpenCL program with it",
                      "remove that file, or update the package that it came with", say);
}

static bool driver_hangs(const tsr_facts *f, tsr_text *say)
{
    return bad_driver(f, TSR_DRIVER_HANGS, "does not answer when it is loaded, and every OpenCL program waits for it",
                      "remove that file, or update the package that it came with; a GPU that hangs comes back with a "
                      "restart",
                      say);
}

static bool drivers_clash(const tsr_facts *f, tsr_text *say)
{
    if (f->clash)
        tsr_text_add(say,
                     "each of the drivers works alone, but a program that loads all of them crashes or hangs: remove "
                     "those that you do not need, or name the one to use in OCL_ICD_VENDORS");
    return f->clash;
}

static bool driver_broken(const tsr_facts *f, tsr_text *say)
{
    return bad_driver(f, TSR_DRIVER_BROKEN, "cannot be loaded",
                      "install the package that it came with again, or remove that file", say);
}

static bool no_driver(const tsr_facts *f, tsr_text *say)
{
    if (f->platform_count || f->trial_count || !f->loader) return false;
    for (size_t i = 0; i < f->loader->driver_count; i++)
        if (f->loader->drivers[i].outcome >= TSR_DRIVER_CRASHES) return false; /* other rows tell */
    tsr_text_add(say,
                 "no OpenCL platform is there (-1001), since %s names no driver%s; install your graphics card's OpenCL "
                 "driver, or " INSTALL_POCL,
                 f->loader->vendors, f->loader->driver_count ? " that has any for this machine" : "");
    if (f->loader->asked) tsr_text_add(say, "; it is OCL_ICD_VENDORS that says to look there, so unset it if you can");
    return true;
}

static bool amd_without_rights(const tsr_facts *f, tsr_text *say)
{
    const tsr_platform *platform = find_platform(f, "AMD Accelerated Parallel Processing");
    const tsr_node *node = find_node(f, "/dev/kfd", 0, false);
    if (!platform || platform->devices) return false;
    if (node)
        tsr_text_add(say, "AMD's driver shows no device, since this user may not use /dev/kfd (group %s)", node->group);
    else if (!find_node(f, "/dev/kfd", 0, true))
        tsr_text_add(say,
                     "AMD's driver shows no device, and there is no /dev/kfd: load the kernel module amdgpu, or use "
                     "Mesa's rusticl for cards that ROCm does not support");
    else
        tsr_text_add(say,
                     "AMD's driver shows no device, though /dev/kfd may be used: ROCm may not support the card; use "
                     "Mesa's rusticl");
    if (node) tsr_text_add(say, "; as root, usermod -aG render,video USER, and log in again");
    return true;
}

static bool node_without_rights(const tsr_facts *f, tsr_text *say)
{
    const tsr_node *node = find_node(f, "/dev/dri/", 0, false);
    if (!node) node = find_node(f, "/dev/nvidia", 0, false);
    if (!node) return false;
    tsr_text_add(say,
                 "this user may not use %s, and so not the graphics card: as root, usermod -aG %s USER, and log in "
                 "again",
                 node->path, node->group);
    return true;
}

static bool rusticl_not_enabled(const tsr_facts *f, tsr_text *say)
{
    const tsr_platform *platform = find_platform(f, "rusticl");
    if (!platform || platform->devices || is_set(f, "RUSTICL_ENABLE")) return false;
    /* Without a card it has nothing to show. */
    bool amd = find_node(f, "/dev/dri/", AMD, true) && !has_gpu(f, AMD);
    bool intel = find_node(f, "/dev/dri/", INTEL, true) && !has_gpu(f, INTEL);
    if (!amd && !intel) return false;
    tsr_text_add(say, "Mesa's rusticl shows no device until it is told to: set RUSTICL_ENABLE=%s in the environment",
                 amd && intel ? "radeonsi,iris"
                 : amd        ? "radeonsi"
                              : "iris");
    return true;
}

static bool card_without_driver(const tsr_facts *f, tsr_text *say)
{
    static const struct {
        uint32_t vendor;
        const char *maker, *driver;
    } makers[] = {{AMD, "AMD", "ROCm's OpenCL, or mesa-opencl-icd with RUSTICL_ENABLE=radeonsi"},
                  {INTEL, "Intel", "the package intel-opencl-icd"},
                  {NVIDIA, "NVIDIA", "the OpenCL library of NVIDIA's driver, such as the package nvidia-opencl-icd"}};
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
        if (find_node(f, "/dev/", makers[i].vendor, true) && !has_gpu(f, makers[i].vendor))
            tsr_text_add(say, "%sthere is a graphics card by %s that no OpenCL driver offers; install %s",
                         say->length ? ". " : "", makers[i].maker, makers[i].driver);
    return say->length > 0;
}

static bool wsl_without_gpu(const tsr_facts *f, tsr_text *say)
{
    if (!f->surroundings || !f->surroundings->wsl) return false;
    for (size_t i = 0; i < f->trial_count; i++)
        if (is_gpu(&f->trials[i].info)) return false;
    tsr_text_add(say, "this is the Windows Subsystem for Linux, for which NVIDIA has no OpenCL driver; Intel's works "
                      "there, and otherwise " INSTALL_POCL);
    return true;
}

static bool hidden_devices(const tsr_facts *f, tsr_text *say)
{
    static const char *const names[] = {"CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES",
                                        "GPU_DEVICE_ORDINAL"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = f->variable ? f->variable(names[i]) : NULL;
        if (value && (!*value || !strcmp(value, "-1")))
            tsr_text_add(say, "%s%s=%s hides every GPU of its vendor; unset it", say->length ? ". " : "", names[i],
                         value);
    }
    return say->length > 0;
}

static bool no_device(const tsr_facts *f, tsr_text *say)
{
    if (!f->platform_count || f->trial_count) return false;
    for (size_t i = 0; i < f->platform_count; i++)
        tsr_text_add(say, "%s%s", i ? ", " : "the drivers show no device (", f->platforms[i].name);
    tsr_text_add(say, "); " INSTALL_POCL);
    if (is_set(f, "POCL_DEVICES")) tsr_text_add(say, ", or unset POCL_DEVICES if it is installed");
    return true;
}

static bool nothing_chosen(const tsr_facts *f, tsr_text *say)
{
    if (!f->trial_count || chosen_trial(f) || f->clash) return false;
    for (size_t i = 0; f->loader && i < f->loader->driver_count; i++)
        if (f->loader->drivers[i].outcome >= TSR_DRIVER_CRASHES) return false; /* that comes first */
    tsr_text_add(say, "none of the devices is chosen; name one by its number with --device%s",
                 is_set(f, "TESSERA_DEVICE") ? ", or mend TESSERA_DEVICE, which names none or several of them" : "");
    return true;
}

static bool unfit_driver(const tsr_facts *f, tsr_text *say)
{
    const tsr_device_trial *trial = chosen_trial(f);
    tsr_device_note note;
    for (size_t k = 0; trial && tsr_device_quirk(&trial->info, k, &note); k++)
        if (note.quirk == TSR_QUIRK_UNUSABLE)
            tsr_text_add(say, "%s%s: %s", say->length ? ". " : "", trial->info.name, note.reason);
    return say->length > 0;
}

/* What is known against a device that is fit; not what the library has an answer to. */
static bool doubtful_driver(const tsr_facts *f, tsr_text *say)
{
    const tsr_device_trial *trial = chosen_trial(f);
    tsr_device_note note;
    for (size_t k = 0; trial && tsr_device_quirk(&trial->info, k, &note); k++)
        if (note.quirk == TSR_QUIRK_AVOID || note.quirk == TSR_QUIRK_WARN)
            tsr_text_add(say, "%s%s: %s", say->length ? ". " : "", trial->info.name, note.reason);
    return say->length > 0;
}

static bool wrong_results(const tsr_facts *f, tsr_text *say)
{
    for (size_t i = 0; i < f->trial_count; i++)
        if (f->trials[i].wrong)
            tsr_text_add(say,
                         "%s%s computes %u of the kernels wrongly: use another driver or version of it for this "
                         "device, or another device",
                         say->length ? ". " : "", f->trials[i].info.name, (unsigned)f->trials[i].wrong);
    return say->length > 0;
}

static bool failing_kernels(const tsr_facts *f, tsr_text *say)
{
    for (size_t i = 0; i < f->trial_count; i++) {
        const tsr_device_trial *trial = &f->trials[i];
        if (!trial->failed && (trial->complete || trial->timed_out)) continue;
        tsr_text_add(say, "%s%s fails on some kernels%s: update its driver, or use another device",
                     say->length ? ". " : "", trial->info.name, trial->complete ? "" : " and did not come to the end");
    }
    return say->length > 0;
}

static bool too_slow(const tsr_facts *f, tsr_text *say)
{
    for (size_t i = 0; i < f->trial_count; i++)
        if (f->trials[i].timed_out)
            tsr_text_add(say,
                         "%s%s did not come to the end in time: give more with --timeout; if it stops at the same "
                         "kernel again, update its driver, or use another device",
                         say->length ? ". " : "", f->trials[i].info.name);
    return say->length > 0;
}

/* Linux ends what runs too long on Intel's GPUs, and the program fails or waits for ever. */
static bool intel_gpu_hangs(const tsr_facts *f, tsr_text *say)
{
    bool lost = f->errors && (strstr(f->errors, "(-36)") || strstr(f->errors, "(-5)"));
    for (size_t i = 0; i < f->trial_count; i++) {
        const tsr_device_trial *trial = &f->trials[i];
        if (!is_gpu(&trial->info) || trial->info.vendor_kind != TSR_VENDOR_INTEL) continue;
        if (!trial->timed_out && !(trial->failed && lost)) continue;
        tsr_text_add(say,
                     "%s%s may have been stopped by Linux, which then writes GPU HANG to the log that dmesg shows: "
                     "update the kernel and the driver, or raise the module parameter i915.request_timeout_ms",
                     say->length ? ". " : "", trial->info.name);
    }
    return say->length > 0;
}

static bool bad_end(const tsr_facts *f, tsr_text *say)
{
    bool named = false;
    for (size_t i = 0; f->loader && i < f->loader->driver_count; i++) {
        if (!f->loader->drivers[i].bad_end) continue;
        named = true;
        tsr_text_add(
            say,
            "%sthe driver that %s names does not let programs end well: what they computed and wrote is whole, "
            "but their exit codes are not; update the package that it came with",
            say->length ? ". " : "", f->loader->drivers[i].file);
    }
    /* Where loading it is enough, every device's process ends so. */
    for (size_t i = 0; !named && i < f->trial_count; i++)
        if (f->trials[i].bad_end)
            tsr_text_add(say,
                         "%sprograms that have used %s do not end well: what they computed and wrote is whole, but "
                         "their exit codes are not; update its driver",
                         say->length ? ". " : "", f->trials[i].info.name);
    return say->length > 0;
}

static bool queue_on_apu(const tsr_facts *f, tsr_text *say)
{
    const tsr_device_trial *trial = NULL;
    for (size_t i = 0; i < f->trial_count; i++)
        if (f->trials[i].info.type == TSR_DEVICE_INTEGRATED_GPU && f->trials[i].info.vendor_kind == TSR_VENDOR_AMD)
            trial = &f->trials[i];
    if (!trial || !f->errors || !strstr(f->errors, "making a command queue") || !strstr(f->errors, "(-6)"))
        return false;
    tsr_text_add(say,
                 "%s gets no command queue (-6), as with ROCm 5.6 on integrated GPUs; change ROCm's version, or set "
                 "HSA_SCRATCH_SINGLE_LIMIT=0",
                 trial->info.name);
    return true;
}

static bool cache_not_ones_own(const tsr_facts *f, tsr_text *say)
{
    const tsr_surroundings *s = f->surroundings;
    if (!s) return false;
    if (!s->cache[0])
        tsr_text_add(say,
                     "neither HOME nor XDG_CACHE_HOME names a directory, so that compiled kernels and tuning are not "
                     "kept; set one of them");
    else if (s->cache_there && !s->cache_private)
        tsr_text_add(say,
                     "%s is not this user's own or others may write to it, so that it is not used; chown it, and "
                     "chmod go-w",
                     s->cache);
    else if (s->cache_there && !s->cache_writable)
        tsr_text_add(say, "%s cannot be written, so that compiled kernels and tuning are not kept; chmod u+rwx it",
                     s->cache);
    return say->length > 0;
}

static bool little_memory(const tsr_facts *f, tsr_text *say)
{
    const tsr_device_trial *trial = chosen_trial(f);
    if (!trial || trial->info.type != TSR_DEVICE_INTEGRATED_GPU || trial->info.vendor_kind != TSR_VENDOR_AMD ||
        trial->info.memory > (uint64_t)512 << 20)
        return false;
    tsr_text_add(say,
                 "%s has %llu MiB of memory, which is what the firmware has set apart for it; give it more in the "
                 "BIOS (UMA frame buffer size)",
                 trial->info.name, (unsigned long long)(trial->info.memory >> 20));
    return true;
}

static bool shader_cache_off(const tsr_facts *f, tsr_text *say)
{
    if (!is_set(f, "MESA_SHADER_CACHE_DISABLE") || !find_platform(f, "rusticl")) return false;
    tsr_text_add(say, "MESA_SHADER_CACHE_DISABLE makes rusticl compile at every launch; unset it");
    return true;
}

static bool layers_between(const tsr_facts *f, tsr_text *say)
{
    if (!is_set(f, "OPENCL_LAYERS")) return false;
    tsr_text_add(say, "OPENCL_LAYERS puts %s between programs and drivers; unset it if you did not mean to",
                 f->variable("OPENCL_LAYERS"));
    return true;
}

static bool listed_twice(const tsr_facts *f, tsr_text *say)
{
    for (size_t i = 0; i < f->trial_count; i++) {
        const tsr_device_info *info = &f->trials[i].info;
        if (!is_gpu(info) || info->same_as < 0 || (size_t)info->same_as >= f->trial_count) continue;
        tsr_text_add(say,
                     "%s%s is offered twice, by %s and by %s, and used through the latter; remove the former's "
                     "package if nothing else needs it",
                     say->length ? ". " : "", info->name, info->platform, f->trials[info->same_as].info.platform);
    }
    return say->length > 0;
}

/* Nothing speaks against using it, were it not for its speed. */
static bool is_choice(const tsr_device_trial *trial)
{
    return trial->complete && !trial->wrong && !trial->failed && trial->info.same_as < 0 &&
           !tsr_has_quirk(&trial->info, TSR_QUIRK_UNUSABLE) && !tsr_has_quirk(&trial->info, TSR_QUIRK_AVOID);
}

static bool another_is_faster(const tsr_facts *f, tsr_text *say)
{
    const tsr_device_trial *chosen = chosen_trial(f);
    for (size_t i = 0; chosen && chosen->flops > 0 && i < f->trial_count; i++) {
        const tsr_device_trial *other = &f->trials[i];
        if (!is_choice(other) || other->flops < 1.5 * chosen->flops) continue;
        tsr_text_add(say, "%s reaches %.0f GFLOPS, %s %.0f: try --device %zu", chosen->info.name, chosen->flops * 1e-9,
                     other->info.name, other->flops * 1e-9, i);
        return true;
    }
    return false;
}

static const symptom symptoms[] = {
    {.name = "driver crashes", .seen = driver_crashes},
    {.name = "driver hangs", .seen = driver_hangs},
    {.name = "drivers clash", .seen = drivers_clash},
    {.name = "no driver", .seen = no_driver},
    {.name = "hidden devices", .seen = hidden_devices},
    {.name = "amd without rights", .seen = amd_without_rights},
    {.name = "no device", .seen = no_device},
    {.name = "nothing chosen", .seen = nothing_chosen},
    {.name = "queue on an APU", .seen = queue_on_apu},
    {.name = "unfit driver", .seen = unfit_driver},
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
    {.name = "wrong results", .seen = wrong_results},
    {.name = "failing kernels", .seen = failing_kernels},
    {.name = "too slow", .seen = too_slow},
    {.name = "intel's gpu hangs", .seen = intel_gpu_hangs},
    {.name = "doubtful driver", .hint = true, .seen = doubtful_driver},
    {.name = "bad end", .hint = true, .seen = bad_end},
    {.name = "driver cannot be loaded", .hint = true, .seen = driver_broken},
    {.name = "rusticl not enabled", .hint = true, .seen = rusticl_not_enabled},
    {.name = "card without rights", .hint = true, .seen = node_without_rights},
    {.name = "card without driver", .hint = true, .seen = card_without_driver},
    {.name = "wsl", .hint = true, .seen = wsl_without_gpu},
    {.name = "cache", .hint = true, .seen = cache_not_ones_own},
    {.name = "little memory", .hint = true, .seen = little_memory},
    {.name = "shader cache off", .hint = true, .seen = shader_cache_off},
    {.name = "layers", .hint = true, .seen = layers_between},
    {.name = "another is faster", .hint = true, .seen = another_is_faster},
    {.name = "listed twice", .hint = true, .seen = listed_twice},
};

enum { ROWS = sizeof symptoms / sizeof symptoms[0] };

const char *tsr_symptom_name(size_t index)
{
    return index < ROWS ? symptoms[index].name : NULL;
}

static bool row_seen(const symptom *row, const tsr_facts *facts, tsr_text *say)
{
    if (row->seen) return row->seen(facts, say);
    for (int i = 0; i < 2 && row->words[i]; i++)
        if (!facts->errors || !strstr(facts->errors, row->words[i])) return false;
    if (row->without && strstr(facts->errors, row->without)) return false;
    tsr_text_add(say, "%s", row->say);
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
