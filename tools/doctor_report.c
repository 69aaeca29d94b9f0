/* What `tessera doctor` prints, for people and as JSON. */
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *doctor_outcome(tsr_driver_outcome outcome)
{
    switch (outcome) {
    case TSR_DRIVER_WORKS:
        return "works";
    case TSR_DRIVER_BROKEN:
        return "cannot be loaded";
    case TSR_DRIVER_CRASHES:
        return "crashes";
    case TSR_DRIVER_HANGS:
        return "hangs";
    case TSR_DRIVER_UNTRIED:
        break;
    }
    return "not tried";
}

static void print_drivers(const doctor_findings *f)
{
    const tsr_loader *loader = &f->loader;
    printf("Loader\n  %s%s%s%s\n", loader->library[0] ? loader->library : "libOpenCL", loader->version[0] ? " (" : "",
           loader->version, loader->version[0] ? ")" : "");
    printf("  drivers: %s%s\n\nDrivers\n", loader->vendors, loader->asked ? ", as OCL_ICD_VENDORS says" : "");
    if (!loader->driver_count) puts("  none");
    for (size_t i = 0; i < loader->driver_count; i++) {
        const tsr_driver *driver = &loader->drivers[i];
        bool any = false;
        printf("  %s: %s %s", driver->file, driver->library, doctor_outcome(driver->outcome));
        if (driver->problem[0]) printf(": %s", driver->problem);
        for (size_t p = 0; p < f->platform_count; p++) {
            if (f->platform_driver[p] != i) continue;
            any = true;
            printf("; %s, %u device%s", f->platforms[p].name, f->platforms[p].devices,
                   f->platforms[p].devices == 1 ? "" : "s");
        }
        puts(any || driver->outcome != TSR_DRIVER_WORKS ? "" : "; nothing on this machine");
    }
}

static json_int_t integer_of(const json_t *device, const char *key)
{
    return json_integer_value(json_object_get(device, key));
}

static double number_of(const json_t *device, const char *key)
{
    return json_number_value(json_object_get(device, key));
}

static const char *text_of(const json_t *device, const char *key)
{
    const char *text = json_string_value(json_object_get(device, key));
    return text ? text : "";
}

/* What the trial found. */
static void print_trial(const json_t *device)
{
    json_t *problems = json_object_get(device, "problems");
    printf("        implementations: %d right, %d not for this device, %d wrong, %d failed",
           (int)integer_of(device, "right"), (int)integer_of(device, "unsupported"), (int)integer_of(device, "wrong"),
           (int)integer_of(device, "failed"));
    if (integer_of(device, "unused"))
        printf(", %d wrong or failed that are not used here", (int)integer_of(device, "unused"));
    puts(json_is_true(json_object_get(device, "complete")) ? "" : "; not all were tried");
    for (size_t i = 0; i < json_array_size(problems); i++) {
        const json_t *problem = json_array_get(problems, i);
        printf("          %s: %s%s: %s\n", text_of(problem, "name"), text_of(problem, "outcome"),
               json_is_true(json_object_get(problem, "used")) ? "" : " (not used here)", text_of(problem, "text"));
    }
    if (text_of(device, "slowest")[0])
        printf("        kernels made ready in %.1f s, those of %s in %.1f s\n", number_of(device, "build_seconds"),
               text_of(device, "slowest"), number_of(device, "slowest_seconds"));
    if (number_of(device, "flops") > 0)
        printf("        %.1f GFLOPS, %.1f GB/s, %.1f us for a launch\n", number_of(device, "flops") * 1e-9,
               number_of(device, "bandwidth") * 1e-9, number_of(device, "launch_seconds") * 1e6);
    const char *tuning = text_of(device, "tuning");
    if (!strcmp(tuning, "used"))
        printf("        tuning: %d choices\n", (int)integer_of(device, "choices"));
    else if (!strcmp(tuning, "none"))
        puts("        tuning: none; tessera tune makes it");
    else if (tuning[0])
        printf("        tuning: not used: %s\n", tuning);
}

static void print_devices(const doctor_findings *f)
{
    puts("\nDevices");
    if (!json_array_size(f->devices)) puts("  none");
    for (size_t i = 0; i < json_array_size(f->devices); i++) {
        const json_t *device = json_array_get(f->devices, i), *index = json_object_get(device, "index");
        const tsr_device_info *info = &f->trials[i].info;
        tsr_device_note note;
        char number[16] = " -";
        if (json_is_integer(index)) snprintf(number, sizeof number, "%2d", (int)json_integer_value(index));
        printf("%c %s  %s (%s%s%s)%s\n", f->trials[i].chosen ? '*' : ' ', number, text_of(device, "name"),
               text_of(device, "platform"), text_of(device, "type")[0] ? ", " : "", text_of(device, "type"),
               json_is_true(json_object_get(device, "tried")) ? "" : ": not tried");
        if (info->same_as >= 0) printf("        the same hardware as %d\n", (int)info->same_as);
        for (size_t k = 0; tsr_device_quirk(info, k, &note); k++)
            printf("        %s; %s\n", note.reason, tsr_quirk_text(note.quirk));
        if (json_is_true(json_object_get(device, "tried"))) print_trial(device);
    }
}

static void print_surroundings(const doctor_findings *f)
{
    const tsr_surroundings *s = &f->surroundings;
    size_t count;
    const char *const *names = tsr_environment_names(&count);
    printf("\nSurroundings\n  groups: %s%s\n", s->groups, s->wsl ? "; on the Windows Subsystem for Linux" : "");
    if (!s->node_count) puts("  no graphics card in /dev");
    for (size_t i = 0; i < s->node_count; i++)
        printf("  %s: group %s, %s\n", s->nodes[i].path, s->nodes[i].group,
               s->nodes[i].usable ? "may be used" : "may not be used by this user");
    if (!s->cache[0])
        puts("  no directory for compiled kernels and tuning");
    else if (!s->cache_there)
        printf("  %s: not there yet\n", s->cache);
    else
        printf("  %s: mode %03o%s, %u compiled kernels, %u tunings, %u left over, %.1f MiB\n", s->cache,
               (unsigned)s->cache_mode, s->cache_private && s->cache_writable ? "" : ", not used", s->cache_programs,
               s->cache_tunings, s->cache_leftovers, (double)s->cache_bytes / 1048576);
    for (size_t i = 0; i < count; i++)
        if (getenv(names[i])) printf("  %s=%s\n", names[i], getenv(names[i]));
}

void doctor_print(const doctor_findings *f)
{
    size_t hints = 0;
    print_drivers(f);
    print_devices(f);
    print_surroundings(f);
    printf("\n%s\n", f->fit ? "The chosen device is fit." : "No device is chosen that is fit.");
    for (size_t i = 0; i < f->advice_count; i++) hints += f->advice[i].hint;
    if (!f->advice_count)
        puts("What to do: nothing");
    else
        puts(hints == f->advice_count ? "What to do: nothing; this could be better:" : "What to do:");
    for (size_t i = 0; i < f->advice_count; i++) printf("%3zu. %s\n", i + 1, f->advice[i].text);
}

static json_t *drivers_json(const doctor_findings *f)
{
    json_t *drivers = json_array();
    for (size_t i = 0; i < f->loader.driver_count; i++) {
        const tsr_driver *driver = &f->loader.drivers[i];
        json_t *platforms = json_array();
        for (size_t p = 0; p < f->platform_count; p++)
            if (f->platform_driver[p] == i)
                json_array_append_new(platforms, json_pack("{s:o, s:I}", "name", command_text(f->platforms[p].name),
                                                           "devices", (json_int_t)f->platforms[p].devices));
        json_array_append_new(drivers,
                              json_pack("{s:o, s:o, s:s, s:o, s:o}", "file", command_text(driver->file), "library",
                                        command_text(driver->library), "outcome", doctor_outcome(driver->outcome),
                                        "problem", command_text(driver->problem), "platforms", platforms));
    }
    return drivers;
}

static json_t *surroundings_json(const tsr_surroundings *s)
{
    size_t count;
    const char *const *names = tsr_environment_names(&count);
    json_t *nodes = json_array(), *environment = json_object();
    for (size_t i = 0; i < s->node_count; i++)
        json_array_append_new(nodes, json_pack("{s:o, s:o, s:b, s:I}", "path", command_text(s->nodes[i].path), "group",
                                               command_text(s->nodes[i].group), "usable", s->nodes[i].usable, "vendor",
                                               (json_int_t)s->nodes[i].vendor));
    for (size_t i = 0; i < count; i++)
        if (getenv(names[i])) json_object_set_new(environment, names[i], command_text(getenv(names[i])));
    json_t *cache = json_pack("{s:o, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I}", "directory", command_text(s->cache),
                              "there", s->cache_there, "private", s->cache_private, "writable", s->cache_writable,
                              "mode", (json_int_t)s->cache_mode, "programs", (json_int_t)s->cache_programs, "tunings",
                              (json_int_t)s->cache_tunings, "leftovers", (json_int_t)s->cache_leftovers, "bytes",
                              (json_int_t)s->cache_bytes);
    return json_pack("{s:o, s:b, s:o, s:o, s:o}", "groups", command_text(s->groups), "wsl", s->wsl, "nodes", nodes,
                     "cache", cache, "environment", environment);
}

json_t *doctor_json(const doctor_findings *f)
{
    json_t *advice = json_array();
    for (size_t i = 0; i < f->advice_count; i++)
        json_array_append_new(advice, json_pack("{s:s, s:b, s:o}", "symptom", f->advice[i].symptom, "hint",
                                                f->advice[i].hint, "text", command_text(f->advice[i].text)));
    return json_pack("{s:{s:o, s:o, s:o}, s:o, s:O, s:o, s:O, s:b, s:o}", "loader", "library",
                     command_text(f->loader.library), "version", command_text(f->loader.version), "vendors",
                     command_text(f->loader.vendors), "drivers", drivers_json(f), "devices", f->devices, "surroundings",
                     surroundings_json(&f->surroundings), "errors", f->errors, "fit", f->fit, "advice", advice);
}
