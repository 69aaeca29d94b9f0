/* tessera verify: a training step of a model on each device against double precision. */
#include "verify.h"

#include "child.h"
#include "options.h"
#include "work_images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool read_settings(const command *self, int count, char **arguments, verify_settings *settings, int *code)
{
    const command_option options[] = {
        {.name = "device",
         .argument = "D",
         .kind = OPTION_TEXT,
         .value = &settings->device,
         .help = "device, by its number or a part of its name; all",
         .otherwise = "TESSERA_DEVICE, else all"},
        {.name = "data",
         .argument = "DIR",
         .kind = OPTION_TEXT,
         .value = &settings->data,
         .help = "directory of the four IDX files",
         .otherwise = "TESSERA_DATA, else Fashion-MNIST where it is installed and fits, else made up images"},
        {.name = "batch-size",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->batch_size,
         .minimum = 1,
         .maximum = 65536,
         .help = "images in the step"},
        {.name = "budget",
         .argument = "SECONDS",
         .kind = OPTION_REAL,
         .value = &settings->budget,
         .minimum = 0.001,
         .maximum = 1e6,
         .help = "time for the computation in double precision; fewer images are compared where it would take longer"},
        {.name = "timeout",
         .argument = "SECONDS",
         .kind = OPTION_REAL,
         .value = &settings->timeout,
         .minimum = 1,
         .maximum = 1e6,
         .help = "time for a device of several, beyond the budget, until it counts as hanging"},
        {.name = "seed",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->seed,
         .minimum = 0,
         .maximum = 4294967295.0,
         .help = "of weights that the model does not have, of dropout, and of made up images"},
        {.name = "gemm",
         .kind = OPTION_CHOICE,
         .value = &settings->gemm,
         .choices = command_gemms,
         .help = "matrix product of the dense layers"},
        {.name = "json", .kind = OPTION_FLAG, .value = &settings->json, .help = "print JSON"},
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

/* Where the device that was opened stands in the list, by which the table names it. */
static int index_of(const char *wanted)
{
    tsr_device_info *list = NULL;
    size_t count = 0, found = 0;
    if (tsr_device_list(wanted, &list, &count) != TSR_OK) return 0;
    while (found < count && !list[found].chosen) found++;
    free(list);
    return found < count ? (int)found : 0;
}

/* Adds the device's own to what was found on it; `device` is taken over. */
static json_t *with_identity(json_t *device, int index, const tsr_device_info *info)
{
    json_t *identity = command_device_json(info);
    if (device) json_object_set_new(device, "index", json_integer(index));
    if (device && identity) json_object_update(device, identity);
    json_decref(identity);
    return device;
}

static json_t *failure_json(const char *sentence)
{
    return json_pack("{s:b, s:o}", "right", 0, "error", command_text(sentence));
}

/* Verifies on one device in this process. The model is taken over. */
static int verify_here(const command *self, const verify_settings *settings, const char *wanted, tsr_model *model,
                       const work_images *work, json_t *devices)
{
    tsr_device *device = NULL;
    tsr_verification *verification = NULL;
    const tsr_compile_options options = {.seed = (uint64_t)settings->seed, .gemm = (tsr_gemm)settings->gemm};
    tsr_status status = command_open_device(wanted, false, &device);
    if (status) {
        tsr_model_free(model);
        return command_fail(self, status);
    }
    const tsr_device_info *info = tsr_device_get_info(device);
    status = tsr_model_compile(model, device, &options);
    if (!status)
        status = tsr_model_verify(
            model, &work->data,
            &(tsr_verify_options){.batch_size = (int32_t)settings->batch_size, .budget = settings->budget},
            &verification);
    json_t *found = status ? failure_json(tsr_last_error()) : verify_device_json(verification);
    json_array_append_new(devices, with_identity(found, index_of(wanted), info));
    tsr_verification_free(verification);
    tsr_model_free(model); /* before its device */
    tsr_device_close(device);
    return DONE;
}

/* What the process that verified device `index` found, or what became of it. */
static json_t *read_child(const child_result *child, double seconds)
{
    char how[128], sentence[1024];
    json_t *whole = child_json(child);
    json_t *device = json_incref(json_array_get(json_object_get(whole, "devices"), 0));
    json_decref(whole);
    if (device) return device;
    child_describe(child, seconds, how, sizeof how);
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
    arguments[count++] = "--json";
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

/* Verifies on every device; the only one needs no process of its own. The model is taken over. */
static int verify_all(const command *self, const verify_settings *settings, tsr_model *model, const work_images *work,
                      json_t *devices)
{
    tsr_device_info *list = NULL;
    size_t count = 0;
    tsr_status status = tsr_device_list(NULL, &list, &count);
    if (status) {
        tsr_model_free(model);
        return command_fail(self, status);
    }
    if (count == 1) {
        free(list);
        return verify_here(self, settings, "0", model, work, devices);
    }
    tsr_model_free(model);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, "Verifying on %s (%s)\n", list[i].name, list[i].platform);
        json_array_append_new(devices, with_identity(verify_apart(settings, (int)i), (int)i, &list[i]));
    }
    free(list);
    return DONE;
}

static int report(const command *self, const verify_settings *settings, const char *source, json_t *devices)
{
    int code = DONE, best = verify_best(devices);
    for (size_t i = 0; i < json_array_size(devices); i++)
        if (!json_is_true(json_object_get(json_array_get(devices, i), "right"))) code = FAILED;
    if (!json_array_size(devices)) code = FAILED;
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

static int run(const command *self, int count, char **arguments)
{
    verify_settings settings = {.batch_size = 32, .budget = 20, .timeout = 300, .seed = 42};
    work_images work = {0};
    tsr_model *model = NULL;
    int code;
    if (!read_settings(self, count, arguments, &settings, &code)) return code;
    code = prepare(self, &settings, &model, &work);
    if (code) {
        tsr_model_free(model);
        work_images_clear(&work);
        return code;
    }
    json_t *devices = json_array();
    code = strcmp(settings.device, "all") ? verify_here(self, &settings, settings.device, model, &work, devices)
                                          : verify_all(self, &settings, model, &work, devices);
    if (code)
        json_decref(devices);
    else
        code = report(self, &settings, work.source, devices);
    work_images_clear(&work);
    return code;
}

const command command_verify = {"verify", "[MODEL]",
                                "Compare a model's training step on each device with double precision", run};
