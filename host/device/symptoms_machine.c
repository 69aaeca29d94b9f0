/* Symptoms of a machine: its drivers, rights, environment, caches. */
#include "device/symptoms.h"

#include "base/text.h"
#include "device/choose.h"

#include <string.h>

#define INSTALL_POCL "install the package pocl-opencl-icd to run on the CPU"

enum { AMD = 0x1002, INTEL = 0x8086, NVIDIA = 0x10de };

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

static bool has_gpu(const tsr_facts *f, uint32_t vendor)
{
    static const struct {
        uint32_t id;
        tsr_vendor kind;
    } vendors[] = {{AMD, TSR_VENDOR_AMD}, {INTEL, TSR_VENDOR_INTEL}, {NVIDIA, TSR_VENDOR_NVIDIA}};
    for (size_t i = 0; i < f->trial_count; i++)
        for (size_t v = 0; v < sizeof vendors / sizeof vendors[0]; v++)
            if (vendors[v].id == vendor && tsr_is_gpu(&f->trials[i].info) &&
                f->trials[i].info.vendor_kind == vendors[v].kind)
                return true;
    return false;
}

static bool bad_driver(const tsr_facts *f, tsr_driver_outcome outcome, const char *what, const char *advice,
                       tsr_text *say)
{
    for (size_t i = 0; f->loader && i < f->loader->driver_count; i++) {
        const tsr_driver *driver = &f->loader->drivers[i];
        if (driver->outcome != outcome) continue;
        const char *colon = driver->problem[0] ? ": " : "";
        bool itself = strcmp(driver->file, driver->library) == 0; /* no .icd file names it */
        tsr_text_add(say, "%sthe driver %s%s%s %s%s%s; %s", say->length ? ". " : "", itself ? "" : "that ",
                     driver->file, itself ? "" : " names", what, colon, driver->problem, advice);
    }
    return say->length > 0;
}

bool tsr_symptom_driver_crashes(const tsr_facts *f, tsr_text *say)
{
    return bad_driver(f, TSR_DRIVER_CRASHES, "crashes as soon as it is loaded, and every OpenCL program with it",
                      "remove that file, or update the package that it came with", say);
}

bool tsr_symptom_driver_hangs(const tsr_facts *f, tsr_text *say)
{
    return bad_driver(f, TSR_DRIVER_HANGS, "does not answer when it is loaded, and every OpenCL program waits for it",
                      "remove that file, or update the package that it came with; a GPU that hangs comes back with a "
                      "restart",
                      say);
}

bool tsr_symptom_drivers_clash(const tsr_facts *f, tsr_text *say)
{
    if (f->clash)
        tsr_text_add(say,
                     "each of the drivers works alone, but a program that loads all of them crashes or hangs: remove "
                     "those that you do not need, or name the one to use in OCL_ICD_VENDORS");
    return f->clash;
}

bool tsr_symptom_driver_broken(const tsr_facts *f, tsr_text *say)
{
    return bad_driver(f, TSR_DRIVER_BROKEN, "cannot be loaded",
                      "install the package that it came with again, or remove that file", say);
}

bool tsr_symptom_no_driver(const tsr_facts *f, tsr_text *say)
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

bool tsr_symptom_amd_without_rights(const tsr_facts *f, tsr_text *say)
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

bool tsr_symptom_node_without_rights(const tsr_facts *f, tsr_text *say)
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

bool tsr_symptom_rusticl_not_enabled(const tsr_facts *f, tsr_text *say)
{
    const tsr_platform *platform = find_platform(f, "rusticl");
    if (!platform || platform->devices || tsr_is_set(f, "RUSTICL_ENABLE")) return false;
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

bool tsr_symptom_card_without_driver(const tsr_facts *f, tsr_text *say)
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

bool tsr_symptom_wsl_without_gpu(const tsr_facts *f, tsr_text *say)
{
    if (!f->surroundings || !f->surroundings->wsl) return false;
    for (size_t i = 0; i < f->trial_count; i++)
        if (tsr_is_gpu(&f->trials[i].info)) return false;
    tsr_text_add(say, "this is the Windows Subsystem for Linux, for which NVIDIA has no OpenCL driver; Intel's works "
                      "there, and otherwise " INSTALL_POCL);
    return true;
}

bool tsr_symptom_hidden_devices(const tsr_facts *f, tsr_text *say)
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

bool tsr_symptom_no_device(const tsr_facts *f, tsr_text *say)
{
    if (!f->platform_count || f->trial_count) return false;
    for (size_t i = 0; i < f->platform_count; i++)
        tsr_text_add(say, "%s%s", i ? ", " : "the drivers show no device (", f->platforms[i].name);
    tsr_text_add(say, "); " INSTALL_POCL);
    if (tsr_is_set(f, "POCL_DEVICES")) tsr_text_add(say, ", or unset POCL_DEVICES if it is installed");
    return true;
}

bool tsr_symptom_cache_not_ones_own(const tsr_facts *f, tsr_text *say)
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

bool tsr_symptom_shader_cache_off(const tsr_facts *f, tsr_text *say)
{
    if (!tsr_is_set(f, "MESA_SHADER_CACHE_DISABLE") || !find_platform(f, "rusticl")) return false;
    tsr_text_add(say, "MESA_SHADER_CACHE_DISABLE makes rusticl compile at every launch; unset it");
    return true;
}

bool tsr_symptom_layers_between(const tsr_facts *f, tsr_text *say)
{
    if (!tsr_is_set(f, "OPENCL_LAYERS")) return false;
    tsr_text_add(say, "OPENCL_LAYERS puts %s between programs and drivers; unset it if you did not mean to",
                 f->variable("OPENCL_LAYERS"));
    return true;
}
