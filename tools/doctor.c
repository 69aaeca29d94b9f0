/* tessera doctor: whether this machine is fit for training, and what to do if not. */
#include "doctor.h"

#include "child.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct doctor_settings {
    const char *device;
    double timeout, load_timeout;
    bool json;
} doctor_settings;

static bool read_settings(const command *self, int count, char **arguments, doctor_settings *settings, int *code)
{
    const command_option options[] = {
        {.name = "device",
         .argument = "D",
         .kind = OPTION_TEXT,
         .value = &settings->device,
         .help = "try this device alone, by its number or a part of its name",
         .otherwise = "all of them; TESSERA_DEVICE, else the best, is to be fit"},
        {.name = "timeout",
         OPTION_SECONDS(&settings->timeout, 1),
         .help = "time for a device, most of which goes into compiling, until it counts as hanging"},
        {.name = "load-timeout",
         OPTION_SECONDS(&settings->load_timeout, 1),
         .help = "time for loading a driver, and for listing the devices of all, until it counts as hanging"},
        OPTION_JSON(&settings->json),
    };
    command_operands operands;
    return command_read(self, options, sizeof options / sizeof options[0], 0, 0, count, arguments, &operands, code);
}

/* Room for another element of a list and of the one of the drivers that they are of; false when memory is short. */
static bool grow_both(void **list, size_t size, size_t **drivers, size_t count, size_t driver)
{
    void *more = realloc(*list, (count + 1) * size);
    if (more) *list = more;
    size_t *more_drivers = realloc(*drivers, (count + 1) * sizeof **drivers);
    if (more_drivers) *drivers = more_drivers;
    if (!more || !more_drivers) return false;
    (*drivers)[count] = driver;
    return true;
}

static bool add_platform(doctor_findings *f, size_t driver, const char *name, json_t *devices)
{
    if (!grow_both((void **)&f->platforms, sizeof *f->platforms, &f->platform_driver, f->platform_count, driver))
        return false;
    tsr_platform *platform = &f->platforms[f->platform_count++];
    *platform = (tsr_platform){.devices = (uint32_t)json_integer_value(devices)};
    snprintf(platform->name, sizeof platform->name, "%s", name);
    return true;
}

static void copy_text(const json_t *line, const char *key, char *to, size_t size)
{
    const char *text = json_string_value(json_object_get(line, key));
    snprintf(to, size, "%s", text ? text : "");
}

/* A device that a driver shows alone. */
static bool add_offered(doctor_findings *f, size_t driver, const json_t *line)
{
    if (!grow_both((void **)&f->offered, sizeof *f->offered, &f->offered_driver, f->offered_count, driver))
        return false;
    tsr_device_info *info = &f->offered[f->offered_count++];
    *info = (tsr_device_info){.same_as = -1,
                              .type = (tsr_device_type)json_integer_value(json_object_get(line, "type")),
                              .vendor_kind = (tsr_vendor)json_integer_value(json_object_get(line, "vendor")),
                              .quirks = (uint32_t)json_integer_value(json_object_get(line, "quirks")),
                              .memory = (uint64_t)json_integer_value(json_object_get(line, "memory"))};
    copy_text(line, "platform", info->platform, sizeof info->platform);
    copy_text(line, "name", info->name, sizeof info->name);
    copy_text(line, "driver", info->driver, sizeof info->driver);
    return true;
}

/* What the process that loaded a driver wrote. */
static bool read_probe(const child_result *child, size_t which, doctor_findings *f)
{
    tsr_driver *driver = &f->loader.drivers[which];
    bool room = true;
    /* A process that ends by itself and has not said how far it came was ended by the driver. */
    driver->outcome = child->end == CHILD_FAILED    ? TSR_DRIVER_BROKEN
                      : child->end == CHILD_TIMEOUT ? TSR_DRIVER_HANGS
                                                    : TSR_DRIVER_CRASHES;
    if (child->end == CHILD_FAILED) snprintf(driver->problem, sizeof driver->problem, "no process could be started");
    if (child->end == CHILD_ENDED)
        snprintf(driver->problem, sizeof driver->problem, "it ends the process with %d", child->code);
    for (char *line = strtok(child->output, "\n"); room && line; line = strtok(NULL, "\n")) {
        json_t *json = json_loads(line, 0, NULL);
        const char *problem = json_string_value(json_object_get(json, "problem"));
        bool device = json_is_true(json_object_get(json, "device"));
        const char *name = device ? NULL : json_string_value(json_object_get(json, "platform"));
        const char *loader = json_string_value(json_object_get(json, "loader"));
        if (loader) snprintf(f->loader.version, sizeof f->loader.version, "%s", loader);
        if (problem && child->end == CHILD_ENDED) driver->outcome = TSR_DRIVER_BROKEN;
        if (problem) snprintf(driver->problem, sizeof driver->problem, "%s", problem);
        if (json_object_get(json, "done") && child->end != CHILD_TIMEOUT) {
            driver->outcome = TSR_DRIVER_WORKS;
            driver->problem[0] = '\0';
            driver->bad_end = child->end != CHILD_ENDED || child->code != DONE;
        }
        if (name) room = add_platform(f, which, name, json_object_get(json, "devices"));
        if (device) room = add_offered(f, which, json);
        json_decref(json);
    }
    return room;
}

/* The environment in which a driver is the only one, for both kinds of loader. */
typedef struct alone {
    char vendors[640], names[640];
    const char *entries[3];
} alone;

static const char *const *make_alone(const tsr_driver *driver, alone *a)
{
    snprintf(a->vendors, sizeof a->vendors, "OCL_ICD_VENDORS=%s", driver->file);
    snprintf(a->names, sizeof a->names, "OCL_ICD_FILENAMES=%s", driver->library);
    a->entries[0] = a->vendors;
    a->entries[1] = a->names;
    a->entries[2] = NULL;
    return a->entries;
}

/* Loads each driver in a process of its own. */
static bool probe_drivers(doctor_findings *f, double seconds)
{
    for (size_t i = 0; i < f->loader.driver_count; i++) {
        tsr_driver *driver = &f->loader.drivers[i];
        alone environment;
        child_result child;
        if (driver->outcome != TSR_DRIVER_UNTRIED) continue;
        const char *const arguments[] = {command_doctor.name, DOCTOR_PROBE, driver->library, NULL};
        child_run(arguments, make_alone(driver, &environment), seconds, &child);
        bool read = read_probe(&child, i, f);
        child_clear(&child);
        if (!read) return false;
    }
    return true;
}

/* Room for another device; false when memory is short. */
static bool add_trial(doctor_findings *f, const tsr_device_info *info)
{
    size_t count = json_array_size(f->devices);
    tsr_device_trial *more = realloc(f->trials, (count + 1) * sizeof *more);
    if (!more) return false;
    f->trials = more;
    f->trials[count] = (tsr_device_trial){.info = *info, .chosen = info->chosen};
    return true;
}

/* The texts of the array, a line each; the caller's, NULL when memory is short. */
static char *join(const json_t *texts)
{
    size_t length = 1;
    for (size_t i = 0; i < json_array_size(texts); i++) length += json_string_length(json_array_get(texts, i)) + 1;
    char *all = calloc(length, 1);
    for (size_t i = 0; all && i < json_array_size(texts); i++) {
        strcat(all, json_string_value(json_array_get(texts, i)));
        strcat(all, "\n");
    }
    return all;
}

static bool try_one(doctor_findings *f, const tsr_device_info *info, int number, const char *const *environment,
                    double seconds)
{
    json_t *device = NULL, *errors = json_array();
    if (!errors || !add_trial(f, info)) {
        json_decref(errors);
        return false;
    }
    tsr_device_trial *trial = &f->trials[json_array_size(f->devices)];
    fprintf(stderr, "Trying %s (%s)\n", info->name, info->platform);
    doctor_try_apart(number, environment, seconds, trial, &device, errors);
    json_object_set_new(device, "index", environment ? json_null() : json_integer(number));
    json_object_set_new(device, "chosen", json_boolean(trial->chosen));
    json_object_set_new(device, "tried", json_true());
    json_object_set_new(device, "platform", command_text(info->platform));
    json_object_set_new(device, "name", command_text(info->name));
    json_object_set_new(device, "type", json_string(tsr_device_type_text(info->type)));
    trial->errors = join(errors);
    bool room = trial->errors && json_array_extend(f->errors, errors) == 0;
    json_decref(errors);
    return json_array_append_new(f->devices, device) == 0 && room;
}

/* Tries the devices that all drivers together offer, as every other command sees them. */
static bool try_listed(doctor_findings *f, const doctor_settings *settings)
{
    tsr_device_info *list;
    size_t count;
    bool room = true;
    if (tsr_device_list(settings->device, &list, &count)) {
        json_array_append_new(f->errors, command_text(tsr_last_error()));
        return true;
    }
    /* Devices that are not tried keep their place: findings name devices by their number. */
    for (size_t i = 0; room && i < count; i++) {
        if (!settings->device || list[i].chosen) {
            room = try_one(f, &list[i], (int)i, NULL, settings->timeout);
        } else if ((room = add_trial(f, &list[i]))) {
            f->trials[i].complete = true;
            json_array_append_new(f->devices,
                                  json_pack("{s:i, s:b, s:o, s:o, s:s, s:b}", "index", (int)i, "chosen", 0, "platform",
                                            command_text(list[i].platform), "name", command_text(list[i].name), "type",
                                            tsr_device_type_text(list[i].type), "tried", 0));
        }
    }
    free(list);
    return room;
}

/* Where a driver brings down every program, the devices of the others are tried one driver at a time; none is chosen.
 */
static bool try_alone(doctor_findings *f, const doctor_settings *settings)
{
    size_t last = f->loader.driver_count;
    int number = 0;
    for (size_t i = 0; i < f->offered_count; i++, number++) {
        alone environment;
        const tsr_driver *driver = &f->loader.drivers[f->offered_driver[i]];
        if (f->offered_driver[i] != last) number = 0;
        last = f->offered_driver[i];
        if (driver->outcome != TSR_DRIVER_WORKS) continue;
        make_alone(driver, &environment);
        if (!try_one(f, &f->offered[i], number, environment.entries, settings->timeout)) return false;
    }
    return true;
}

static bool bad_drivers(const doctor_findings *f)
{
    for (size_t i = 0; i < f->loader.driver_count; i++)
        if (f->loader.drivers[i].outcome >= TSR_DRIVER_CRASHES) return true;
    return false;
}

/* Whether listing the devices is survived: the process comes to the end of it. */
static bool listing_works(double seconds)
{
    child_result child;
    bool works = false;
    const char *const arguments[] = {command_doctor.name, DOCTOR_LIST, NULL};
    child_run(arguments, NULL, seconds, &child);
    for (char *line = strtok(child.output, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *json = json_loads(line, 0, NULL);
        works |= child.end != CHILD_TIMEOUT && json_is_true(json_object_get(json, "done"));
        json_decref(json);
    }
    child_clear(&child);
    return works;
}

static bool is_fit(const doctor_findings *f)
{
    const tsr_device_trial *trial = f->trials, *end = trial + json_array_size(f->devices);
    while (trial < end && !trial->chosen) trial++;
    if (trial == end || !trial->complete || trial->wrong || trial->failed || !trial->right) return false;
    return !command_has_quirk(&trial->info, TSR_QUIRK_UNUSABLE);
}

static const char *variable(const char *name)
{
    return getenv(name);
}

static tsr_status diagnose(doctor_findings *f)
{
    char *errors = json_array_size(f->devices) ? NULL : join(f->errors); /* else they are the devices' */
    const tsr_facts facts = {.loader = &f->loader,
                             .clash = f->clash,
                             .platforms = f->platforms,
                             .platform_count = f->platform_count,
                             .trials = f->trials,
                             .trial_count = json_array_size(f->devices),
                             .surroundings = &f->surroundings,
                             .variable = variable,
                             .errors = errors};
    tsr_status status = tsr_diagnose(&facts, &f->advice, &f->advice_count);
    free(errors);
    return status;
}

static int examine(const command *self, const doctor_settings *settings, doctor_findings *f)
{
    tsr_status status = tsr_loader_describe(&f->loader);
    if (status) return command_fail(self, status);
    tsr_surroundings_describe(&f->surroundings);
    f->devices = json_array();
    f->errors = json_array();
    bool room = f->devices && f->errors && probe_drivers(f, settings->load_timeout);
    bool bad = room && bad_drivers(f);
    if (room && !bad) f->clash = !listing_works(settings->load_timeout);
    if (room) room = bad || f->clash ? try_alone(f, settings) : try_listed(f, settings);
    if (!room) {
        command_complain(self, "memory ran short");
        return FAILED;
    }
    f->fit = is_fit(f);
    if ((status = diagnose(f))) return command_fail(self, status);
    if (settings->json) {
        int code = command_print_json(self, doctor_json(f));
        if (code) return code;
    } else {
        doctor_print(f);
    }
    return f->fit ? DONE : FAILED;
}

static int run(const command *self, int count, char **arguments)
{
    doctor_settings settings = {.timeout = 600, .load_timeout = 30};
    doctor_findings findings = {0};
    int code;
    if (count == 3 && !strcmp(arguments[1], DOCTOR_PROBE)) return doctor_probe(self, arguments[2]);
    if (count == 2 && !strcmp(arguments[1], DOCTOR_LIST)) return doctor_list(self);
    if (count == 4 && !strcmp(arguments[1], DOCTOR_TRY)) return doctor_try(self, arguments[2], arguments[3]);
    if (!read_settings(self, count, arguments, &settings, &code)) return code;
    code = examine(self, &settings, &findings);
    tsr_loader_clear(&findings.loader);
    free(findings.platforms);
    free(findings.platform_driver);
    free(findings.offered);
    free(findings.offered_driver);
    for (size_t i = 0; i < json_array_size(findings.devices); i++) free(findings.trials[i].errors);
    free(findings.trials);
    free(findings.advice);
    json_decref(findings.devices);
    json_decref(findings.errors);
    return code;
}

const command command_doctor = {"doctor", "", "Examine drivers, devices, rights and caches, and say what to do", run};
