/* tessera verify: a training step of a model on each device against double precision. */
#include "verify.h"

#include "child.h"
#include "options.h"
#include "work_images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The hidden first argument of the process that one device is verified in. */
#define VERIFY_HERE "--here"

static bool read_settings(const command *self, int count, char **arguments, verify_settings *settings, int *code)
{
    const command_option options[] = {
        {.name = "device",
         .argument = "D",
         .kind = OPTION_TEXT,
         .value = &settings->device,
         .help = "device, by its number or a part of its name; all",
         .otherwise = "TESSERA_DEVICE, else all"},
        OPTION_DATA(&settings->data, " and fits, else made up images"),
        {.name = "batch-size",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->batch_size,
         .minimum = 1,
         .maximum = 65536,
         .help = "images in the step"},
        {.name = "budget",
         OPTION_SECONDS(&settings->budget, 0.001),
         .help = "time for the computation in double precision; fewer images are compared where it would take longer"},
        {.name = "timeout",
         OPTION_SECONDS(&settings->timeout, 1),
         .help = "time for a device, beyond the budget, until it counts as hanging"},
        {.name = "seed",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->seed,
         .minimum = 0,
         .maximum = 4294967295.0,
         .help = "of weights that the model does not have, of dropout, and of made up images"},
        OPTION_GEMM(&settings->gemm),
        OPTION_JSON(&settings->json),
    };
    command_operands operands;
    if (!command_read(self, options, sizeof options / sizeof options[0], 0, 1, count, arguments, &operands, code))
        return false;
    settings->model = operands.count ? operands.at[0] : NULL;
    const char *wanted = getenv("TESSERA_DEVICE");
    if (!settings->device) settings->device = wanted && wanted[0] ? wanted : "all";
    return true;
}

/* The model and images for it; complains itself, and returns an exit code. */
static int prepare(const command *self, const verify_settings *settings, tsr_model **model, work_images *work)
{
    if (!command_try_model(self, settings->model)) return FAILED;
    tsr_status status = command_open_model(settings->model, model, NULL);
    if (!status)
        status =
            work_images_choose(settings->data, *model, (int32_t)settings->batch_size, (uint32_t)settings->seed, work);
    if (status) return command_fail(self, status);
    if (!settings->data || !work->images) return DONE;
    command_complain(self, "the images or labels in %s do not fit the model; name others with --data", settings->data);
    return FAILED;
}

/* Adds the device's own to what was found on it, and adds that to `devices`. `device` is taken over; false when memory
 * is short. */
static bool add_device(json_t *devices, json_t *device, int index, const tsr_device_info *info)
{
    json_t *identity = command_device_json(info);
    bool room = device && identity && json_object_set_new(device, "index", json_integer(index)) == 0 &&
                json_object_set_new(device, "fit", json_boolean(!command_has_quirk(info, TSR_QUIRK_UNUSABLE))) == 0 &&
                json_object_set_new(device, "avoid", json_boolean(command_has_quirk(info, TSR_QUIRK_AVOID))) == 0 &&
                json_object_update(device, identity) == 0 && json_array_append(devices, device) == 0;
    json_decref(identity);
    json_decref(device);
    return room;
}

static json_t *failure_json(const char *sentence)
{
    return json_pack("{s:b, s:o}", "right", 0, "error", command_text(sentence));
}

/* Verifies on the device of this number in this process, and writes what was found for the one that started it. The
 * model is taken over. */
static int verify_here(const command *self, const verify_settings *settings, tsr_model *model, const work_images *work)
{
    tsr_device *device = NULL;
    tsr_verification *verification = NULL;
    const tsr_compile_options options = {.seed = (uint64_t)settings->seed, .gemm = (tsr_gemm)settings->gemm};
    tsr_status status = command_open_device(settings->device, false, &device);
    if (!status) status = tsr_model_compile(model, device, &options);
    if (!status)
        status = tsr_model_verify(
            model, &work->data,
            &(tsr_verify_options){.batch_size = (int32_t)settings->batch_size, .budget = settings->budget},
            &verification);
    json_t *found = status ? failure_json(tsr_last_error()) : verify_device_json(verification);
    bool written = found && json_dumpf(found, child_report(), JSON_REAL_PRECISION(9)) == 0 &&
                   fflush(child_report()) == 0; /* whatever the driver does at the end */
    json_decref(found);
    tsr_verification_free(verification);
    tsr_model_free(model); /* before its device */
    tsr_device_close(device);
    if (!written) command_complain(self, "cannot write what was found");
    return written ? DONE : FAILED;
}

/* What the process that verified a device found, and what became of it if that was not to end well; NULL when memory is
 * short. */
static json_t *read_child(const child_result *child, double seconds)
{
    char how[128], sentence[1024];
    json_t *device = child_json(child);
    bool well = child->end == CHILD_ENDED && child->code == DONE;
    child_describe(child, seconds, how, sizeof how);
    if (json_is_object(device)) {
        if (!well) json_object_set_new(device, "ending", json_string(how));
        return device;
    }
    json_decref(device);
    const char *said = strstr(child->errors, "tessera verify: ");
    snprintf(sentence, sizeof sentence, "the process that ran it %s%s%.800s", how, said ? ": " : "",
             said ? said + strlen("tessera verify: ") : "");
    sentence[strcspn(sentence, "\n")] = '\0';
    return failure_json(sentence);
}

/* Verifies on device `index` in a process of its own. */
static json_t *verify_apart(const verify_settings *settings, int index)
{
    char device[16], batch_size[24], budget[40], seed[24];
    const char *arguments[20];
    child_result child;
    int count = 0;
    double seconds = settings->timeout + 2 * settings->budget;
    snprintf(device, sizeof device, "%d", index);
    snprintf(batch_size, sizeof batch_size, "%lld", (long long)settings->batch_size);
    snprintf(budget, sizeof budget, "%.9g", settings->budget);
    snprintf(seed, sizeof seed, "%lld", (long long)settings->seed);
    const char *const options[][2] = {{"--device", device},
                                      {"--batch-size", batch_size},
                                      {"--budget", budget},
                                      {"--seed", seed},
                                      {"--gemm", command_gemms[settings->gemm]},
                                      {"--data", settings->data}};
    arguments[count++] = command_verify.name;
    arguments[count++] = VERIFY_HERE;
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        if (!options[i][1]) continue;
        arguments[count++] = options[i][0];
        arguments[count++] = options[i][1];
    }
    arguments[count++] = "--";
    if (settings->model) arguments[count++] = settings->model;
    arguments[count] = NULL;
    child_run(arguments, NULL, seconds, &child);
    json_t *found = read_child(&child, seconds);
    child_clear(&child);
    return found;
}

/* Says why no device is the one that was wanted; an exit code. */
static int complain_of_none(const command *self, const char *wanted)
{
    tsr_device *device = NULL;
    tsr_status status = tsr_device_open(wanted, false, &device);
    tsr_device_close(device);
    return command_fail(self, status);
}

/* Verifies on the devices that are wanted. */
static int verify_devices(const command *self, const verify_settings *settings, json_t *devices)
{
    bool all = strcmp(settings->device, "all") == 0, room = devices != NULL;
    tsr_device_info *list = NULL;
    size_t count = 0;
    tsr_status status = tsr_device_list(all ? NULL : settings->device, &list, &count);
    if (status) return command_fail(self, status);
    for (size_t i = 0; room && i < count; i++) {
        if (!all && !list[i].chosen) continue;
        fprintf(stderr, "Verifying on %s (%s)\n", list[i].name, list[i].platform);
        room = add_device(devices, verify_apart(settings, (int)i), (int)i, &list[i]);
    }
    free(list);
    if (room && !json_array_size(devices)) return complain_of_none(self, settings->device);
    if (!room) command_complain(self, "memory ran short");
    return room ? DONE : FAILED;
}

/* `devices` is taken over. */
static int report(const command *self, const verify_settings *settings, const char *source, json_t *devices)
{
    int best = verify_best(devices), code = best < 0 ? FAILED : DONE;
    for (size_t i = 0; i < json_array_size(devices); i++)
        if (!json_is_true(json_object_get(json_array_get(devices, i), "right"))) code = FAILED;
    if (!settings->json) {
        verify_print(settings, source, devices);
        json_decref(devices);
        return code;
    }
    json_t *whole =
        json_pack("{s:o, s:o, s:I, s:o, s:o}", "model", command_text(settings->model ? settings->model : "reference"),
                  "images", command_text(source), "seed", (json_int_t)settings->seed, "devices", devices, "use",
                  best < 0 ? json_null() : json_integer(best));
    int printed = command_print_json(self, whole);
    return printed ? printed : code;
}

static int verify(const command *self, const verify_settings *settings, const char *source)
{
    json_t *devices = json_array();
    int code = verify_devices(self, settings, devices);
    if (!code) return report(self, settings, source, devices);
    json_decref(devices);
    return code;
}

static int run(const command *self, int count, char **arguments)
{
    verify_settings settings = {.batch_size = 32, .budget = 20, .timeout = 300, .seed = 42};
    work_images work = {0};
    tsr_model *model = NULL;
    bool here = count > 1 && !strcmp(arguments[1], VERIFY_HERE);
    int code;
    if (!read_settings(self, count - here, arguments + here, &settings, &code)) return code;
    code = prepare(self, &settings, &model, &work);
    if (!code && here) {
        code = verify_here(self, &settings, model, &work);
    } else {
        tsr_model_free(model);
        if (!code) code = verify(self, &settings, work.source);
    }
    work_images_clear(&work);
    return code;
}

const command command_verify = {"verify", "[MODEL]",
                                "Compare a model's training step on each device with double precision", run};
