#include "command.h"

#include "child.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *const command_gemms[] = {"auto", "clblast", "native", NULL};

void command_complain(const command *self, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "tessera %s: ", self->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int command_fail(const command *self, tsr_status status)
{
    const char *sentence = tsr_last_error(); /* none where memory ran short outside the library */
    command_complain(self, "%s", sentence[0] ? sentence : tsr_status_name(status));
    return status == TSR_INTERRUPTED ? INTERRUPTED : FAILED;
}

tsr_status command_open_device(const char *wanted, bool profile, tsr_device **device)
{
    tsr_status status = tsr_device_open(wanted, profile, device);
    if (status) return status;
    const tsr_device_info *info = tsr_device_get_info(*device);
    fprintf(stderr, "Using %s (%s, %s, %u compute unit%s)\n", info->name, info->platform,
            tsr_device_type_text(info->type), info->compute_units, info->compute_units == 1 ? "" : "s");
    if (tsr_tune_apply(*device) != TSR_OK) fprintf(stderr, "Not used: %s\n", tsr_last_error());
    return TSR_OK;
}

bool command_has_quirk(const tsr_device_info *info, tsr_quirk quirk)
{
    tsr_device_note note;
    for (size_t k = 0; tsr_device_quirk(info, k, &note); k++)
        if (note.quirk == quirk) return true;
    return false;
}

const char *const *command_worker_line(const char *device, command_worker *worker)
{
    worker->arguments[0] = child_program(worker->path, sizeof worker->path);
    worker->arguments[1] = command_tune.name;
    worker->arguments[2] = COMMAND_WORKER;
    worker->arguments[3] = device ? device : "";
    worker->arguments[4] = NULL;
    return worker->arguments;
}

tsr_status command_open_model(const char *path, tsr_model **model, bool *has_weights)
{
    if (path) return tsr_model_open(path, model, has_weights);
    if (has_weights) *has_weights = false;
    return tsr_model_create_reference(28, 28, 1, 10, model);
}

int command_open_trained(const command *self, const char *path, tsr_model **model)
{
    bool has_weights;
    if (!command_try_model(self, path)) return FAILED;
    tsr_status status = tsr_model_open(path, model, &has_weights);
    if (status) return command_fail(self, status);
    if (has_weights) return DONE;
    command_complain(self, "%s describes a network but holds no weights; give the .h5 file that training wrote", path);
    tsr_model_free(*model);
    *model = NULL;
    return FAILED;
}

json_t *command_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* Bytes of the character at `at`; 0 where it is not UTF-8. */
static size_t character_length(const char *at)
{
    for (size_t length = 1; length <= 4 && at[length - 1]; length++) {
        json_t *character = json_stringn(at, length);
        json_decref(character);
        if (character) return length;
    }
    return 0;
}

json_t *command_text(const char *text)
{
    static const char replacement[] = "\xef\xbf\xbd";
    json_t *json = json_string(text ? text : "");
    if (json) return json;
    char *made = malloc(strlen(text) * strlen(replacement) + 1), *end = made;
    if (!made) return NULL;
    while (*text) {
        size_t length = character_length(text), copied = length ? length : strlen(replacement);
        memcpy(end, length ? text : replacement, copied);
        text += length ? length : 1;
        end += copied;
    }
    json = json_stringn(made, (size_t)(end - made));
    free(made);
    return json;
}

json_t *command_device_json(const tsr_device_info *info)
{
    return json_pack("{s:o, s:o, s:s}", "platform", command_text(info->platform), "name", command_text(info->name),
                     "type", tsr_device_type_text(info->type));
}

int command_print_json(const command *self, json_t *json)
{
    int code = DONE;
    if (!json || json_dumpf(json, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) != 0 || putchar('\n') == EOF) {
        command_complain(self, "cannot write the JSON output");
        code = FAILED;
    }
    json_decref(json);
    return code;
}

double command_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
