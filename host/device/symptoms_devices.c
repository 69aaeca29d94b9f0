/* Symptoms of devices, by what their trials have shown. */
#include "device/symptoms.h"

#include "base/text.h"
#include "device/choose.h"
#include "device/quirks.h"

#include <string.h>

static const tsr_device_trial *chosen_trial(const tsr_facts *f)
{
    for (size_t i = 0; i < f->trial_count; i++)
        if (f->trials[i].chosen) return &f->trials[i];
    return NULL;
}

bool tsr_symptom_nothing_chosen(const tsr_facts *f, tsr_text *say)
{
    if (!f->trial_count || chosen_trial(f) || f->clash) return false;
    for (size_t i = 0; f->loader && i < f->loader->driver_count; i++)
        if (f->loader->drivers[i].outcome >= TSR_DRIVER_CRASHES) return false; /* that comes first */
    tsr_text_add(say, "none of the devices is chosen; name one by its number with --device%s",
                 tsr_is_set(f, "TESSERA_DEVICE") ? ", or mend TESSERA_DEVICE, which names none or several of them"
                                                 : "");
    return true;
}

bool tsr_symptom_unfit_driver(const tsr_facts *f, tsr_text *say)
{
    const tsr_device_trial *trial = chosen_trial(f);
    tsr_device_note note;
    for (size_t k = 0; trial && tsr_device_quirk(&trial->info, k, &note); k++)
        if (note.quirk == TSR_QUIRK_UNUSABLE)
            tsr_text_add(say, "%s%s: %s", say->length ? ". " : "", trial->info.name, note.reason);
    return say->length > 0;
}

/* What is known against a device that is fit; not what the library has an answer to. */
bool tsr_symptom_doubtful_driver(const tsr_facts *f, tsr_text *say)
{
    const tsr_device_trial *trial = chosen_trial(f);
    tsr_device_note note;
    for (size_t k = 0; trial && tsr_device_quirk(&trial->info, k, &note); k++)
        if (note.quirk == TSR_QUIRK_AVOID || note.quirk == TSR_QUIRK_WARN)
            tsr_text_add(say, "%s%s: %s", say->length ? ". " : "", trial->info.name, note.reason);
    return say->length > 0;
}

bool tsr_symptom_wrong_results(const tsr_facts *f, tsr_text *say)
{
    for (size_t i = 0; i < f->trial_count; i++)
        if (f->trials[i].wrong)
            tsr_text_add(say,
                         "%s%s computes %u of the kernels wrongly: use another driver or version of it for this "
                         "device, or another device",
                         say->length ? ". " : "", f->trials[i].info.name, (unsigned)f->trials[i].wrong);
    return say->length > 0;
}

bool tsr_symptom_failing_kernels(const tsr_facts *f, tsr_text *say)
{
    for (size_t i = 0; i < f->trial_count; i++) {
        const tsr_device_trial *trial = &f->trials[i];
        if (!trial->failed && (trial->complete || trial->timed_out)) continue;
        tsr_text_add(say, "%s%s fails on some kernels%s: update its driver, or use another device",
                     say->length ? ". " : "", trial->info.name, trial->complete ? "" : " and did not come to the end");
    }
    return say->length > 0;
}

bool tsr_symptom_too_slow(const tsr_facts *f, tsr_text *say)
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
bool tsr_symptom_intel_gpu_hangs(const tsr_facts *f, tsr_text *say)
{
    for (size_t i = 0; i < f->trial_count; i++) {
        const tsr_device_trial *trial = &f->trials[i];
        bool lost = trial->errors && (strstr(trial->errors, "(-36)") || strstr(trial->errors, "(-5)"));
        if (!tsr_is_gpu(&trial->info) || trial->info.vendor_kind != TSR_VENDOR_INTEL) continue;
        if (!trial->timed_out && !(trial->failed && lost)) continue;
        tsr_text_add(say,
                     "%s%s may have been stopped by Linux, which then writes GPU HANG to the log that dmesg shows: "
                     "update the kernel and the driver, or raise the module parameter i915.request_timeout_ms",
                     say->length ? ". " : "", trial->info.name);
    }
    return say->length > 0;
}

bool tsr_symptom_bad_end(const tsr_facts *f, tsr_text *say)
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

bool tsr_symptom_queue_on_apu(const tsr_facts *f, tsr_text *say)
{
    const tsr_device_trial *trial = NULL;
    for (size_t i = 0; i < f->trial_count; i++) {
        const char *errors = f->trials[i].errors;
        if (f->trials[i].info.type == TSR_DEVICE_INTEGRATED_GPU && f->trials[i].info.vendor_kind == TSR_VENDOR_AMD &&
            errors && strstr(errors, "making a command queue") && strstr(errors, "(-6)"))
            trial = &f->trials[i];
    }
    if (!trial) return false;
    tsr_text_add(say,
                 "%s gets no command queue (-6), as with ROCm 5.6 on integrated GPUs; change ROCm's version, or set "
                 "HSA_SCRATCH_SINGLE_LIMIT=0",
                 trial->info.name);
    return true;
}

bool tsr_symptom_little_memory(const tsr_facts *f, tsr_text *say)
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

bool tsr_symptom_listed_twice(const tsr_facts *f, tsr_text *say)
{
    for (size_t i = 0; i < f->trial_count; i++) {
        const tsr_device_info *info = &f->trials[i].info;
        if (!tsr_is_gpu(info) || info->same_as < 0 || (size_t)info->same_as >= f->trial_count) continue;
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

bool tsr_symptom_another_is_faster(const tsr_facts *f, tsr_text *say)
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
