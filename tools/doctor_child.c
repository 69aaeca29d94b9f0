/* The processes of `tessera doctor` that load drivers and run kernels. They write a line of JSON for each thing they
 * find, so that what they found is known should they crash. */
#include "child.h"
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Writes a line and frees it. */
static void say(json_t *line)
{
    FILE *report = child_report();
    if (line) json_dumpf(line, report, JSON_COMPACT);
    putc('\n', report);
    fflush(report);
    json_decref(line);
}

/* The devices that may be opened, in the order of their numbers. That there is none is no failure here. */
static void say_devices(void)
{
    tsr_device_info *list = NULL;
    size_t count;
    if (tsr_device_list(NULL, &list, &count)) return;
    for (size_t i = 0; i < count; i++) {
        json_t *line = command_device_json(&list[i]);
        if (!line) continue;
        json_object_set_new(line, "driver", command_text(list[i].driver));
        json_object_set_new(line, "type", json_integer(list[i].type));
        json_object_set_new(line, "vendor", json_integer(list[i].vendor_kind));
        json_object_set_new(line, "quirks", json_integer(list[i].quirks));
        json_object_set_new(line, "memory", json_integer((json_int_t)list[i].memory));
        json_object_set_new(line, "device", json_true());
        say(line);
    }
    free(list);
}

int doctor_probe(const command *self, const char *library)
{
    tsr_platform *list;
    size_t count;
    char version[sizeof((tsr_loader *)0)->version];
    (void)self;
    if (tsr_driver_load(library)) {
        say(json_pack("{s:o}", "problem", command_text(tsr_last_error())));
        return DONE;
    }
    if (tsr_platform_list(&list, &count)) {
        say(json_pack("{s:o}", "problem", command_text(tsr_last_error())));
        return DONE;
    }
    for (size_t i = 0; i < count; i++)
        say(json_pack("{s:o, s:I}", "platform", command_text(list[i].name), "devices", (json_int_t)list[i].devices));
    if (tsr_loader_version(version, sizeof version)) say(json_pack("{s:o}", "loader", command_text(version)));
    say_devices();
    say(json_pack("{s:b}", "done", 1));
    free(list);
    return DONE;
}

int doctor_list(const command *self)
{
    tsr_device_info *list = NULL;
    size_t count;
    (void)self;
    if (tsr_device_list(NULL, &list, &count) == TSR_OK) free(list); /* that there is none is no failure here */
    say(json_pack("{s:b}", "done", 1));
    return DONE;
}

static bool report(void *context, const tsr_implementation_check *check)
{
    static const char *const outcomes[] = {[TSR_CHECK_RIGHT] = "right",
                                           [TSR_CHECK_UNSUPPORTED] = "unsupported",
                                           [TSR_CHECK_WRONG] = "wrong",
                                           [TSR_CHECK_FAILED] = "failed"};
    (void)context;
    if (check->outcome == TSR_CHECK_BEGINS)
        say(json_pack("{s:s, s:i, s:b}", "begins", check->name, "number", check->number, "usual", check->usual));
    else
        say(json_pack("{s:s, s:s, s:o, s:o, s:o}", "name", check->name, "outcome", outcomes[check->outcome], "text",
                      command_text(check->text), "share", command_number(check->share), "build_seconds",
                      command_number(check->build_seconds)));
    return true;
}

/* What there is of tuning for the device. */
static json_t *describe_tuning(tsr_device *device)
{
    const char *wish = getenv("TESSERA_TUNING");
    size_t choices;
    tsr_status status = tsr_tune_count(device, &choices);
    if (status == TSR_NOT_FOUND) return json_pack("{s:s}", "tuning", "none");
    if (status) return json_pack("{s:o}", "tuning", command_text(tsr_last_error()));
    if (wish && !strcmp(wish, "0")) return json_pack("{s:s}", "tuning", "TESSERA_TUNING is 0");
    return json_pack("{s:s, s:I}", "tuning", "used", "choices", (json_int_t)choices);
}

static tsr_status try_device(tsr_device *device, int from)
{
    tsr_peak peak;
    tsr_status status = tsr_check_implementations(device, from, report, NULL);
    if (status) return status;
    say(describe_tuning(device));
    if ((status = tsr_measure_peak(device, &peak))) return status;
    say(json_pack("{s:o, s:o, s:o}", "flops", command_number(peak.flops), "bandwidth", command_number(peak.bandwidth),
                  "launch_seconds", command_number(peak.launch_seconds)));
    return TSR_OK;
}

int doctor_try(const command *self, const char *wanted, const char *from)
{
    tsr_device *device = NULL;
    tsr_status status = tsr_device_open(wanted, false, &device);
    (void)self;
    if (!status) {
        json_t *identity = command_device_json(tsr_device_get_info(device));
        if (identity) json_object_set_new(identity, "driver", command_text(tsr_device_get_info(device)->driver));
        say(identity);
        status = try_device(device, atoi(from));
    }
    if (status)
        say(json_pack("{s:o}", "error", command_text(tsr_last_error())));
    else
        say(json_pack("{s:b}", "done", 1));
    tsr_device_close(device);
    return status ? FAILED : DONE;
}
