/* What the commands of the program share: exit codes, messages, devices and models by name, JSON. */
#ifndef TESSERA_TOOLS_COMMAND_H
#define TESSERA_TOOLS_COMMAND_H

#include "tessera.h"

#include <jansson.h>

/* Exit codes. */
enum { DONE = 0, FAILED = 1, USAGE = 2, INTERRUPTED = 130 };

/* A command: `tessera NAME [options] OPERANDS`. Each is in a file of its own name. */
typedef struct command {
    const char *name;
    const char *operands; /* for the help, such as "MODEL INPUT..."; "" for none */
    const char *summary;  /* one line, without a full stop */
    int (*run)(const struct command *self, int count,
               char **arguments); /* arguments[0] is NAME; returns an exit code */
} command;

extern const command command_devices, command_doctor, command_train, command_evaluate, command_predict, command_summary,
    command_plot, command_explain, command_tune, command_bench, command_verify;

/* Prints "tessera NAME: SENTENCE" on stderr. */
void command_complain(const command *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Complains with the library's last error and returns the exit code of the status: FAILED, or INTERRUPTED. */
int command_fail(const command *self, tsr_status status);

/* Opens a device and says on stderr which: "Using NAME (PLATFORM, discrete GPU, 64 compute units)". CLBlast's
 * parameters that tuning has found for it are in force from then on. */
tsr_status command_open_device(const char *wanted, bool profile, tsr_device **device);

/* Whether this is known of the device. */
bool command_has_quirk(const tsr_device_info *info, tsr_quirk quirk);

/* The command line of a process that measures on the device (as for --device; may be NULL), which is this program
 * again: for tsr_tune_options.worker. It lies in *worker. */
#define COMMAND_WORKER "--worker"
typedef struct command_worker {
    char path[4096];
    const char *arguments[5];
} command_worker;
const char *const *command_worker_line(const char *device, command_worker *worker);

/* Whether the program survives reading the file (NULL: there is none to read); complains itself if not. Called before
 * anything starts threads. */
bool command_try_model(const command *self, const char *path);

/* A model from a .h5 or .json file, or the reference network for Fashion-MNIST when `path` is NULL. */
tsr_status command_open_model(const char *path, tsr_model **model, bool *has_weights);

/* A model with its weights; complains itself, and returns an exit code: a file without weights is an error. */
int command_open_trained(const command *self, const char *path, tsr_model **model);

/* The names of tsr_gemm's values, ended by NULL. */
extern const char *const command_gemms[];

/* Prints JSON on stdout, frees it, and returns an exit code; NULL (memory ran short) is a failure. */
int command_print_json(const command *self, json_t *json);
/* A real number, or null when it is not finite, which JSON cannot say. */
json_t *command_number(double value);
/* A text as JSON, empty for NULL: bytes that are not UTF-8, as paths and drivers' logs may hold, become U+FFFD. NULL
 * when memory is short. */
json_t *command_text(const char *text);
/* The device as JSON: platform, name, type. */
json_t *command_device_json(const tsr_device_info *info);

/* Seconds of a clock that only goes forward. */
double command_seconds(void);

#endif
