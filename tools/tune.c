/* tessera tune: measures which kernels are the fastest on a device for a model's shapes, and keeps what it finds. */
#include "options.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tune_settings {
    const char *model, *device;
    int64_t batch_size;
    double budget, timeout;
    bool list, clear;
} tune_settings;

static volatile int interrupted;

/* The first SIGINT asks to stop, the second ends the program at once. */
static void interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

static bool read_settings(const command *self, int count, char **arguments, tune_settings *settings, int *code)
{
    const command_option options[] = {
        {.name = "model",
         .argument = "FILE",
         .kind = OPTION_TEXT,
         .value = &settings->model,
         .help = "network to tune for, .json or .h5",
         .otherwise = "the reference network"},
        {.name = "budget",
         OPTION_SECONDS(&settings->budget, 1),
         .help = "time to spend; what was found by its end, or by Ctrl-C, is kept"},
        {.name = "timeout",
         OPTION_SECONDS(&settings->timeout, 1),
         .help = "time to build and measure a candidate; one that takes longer is refused",
         .otherwise = "a third of the budget, 30 at most"},
        {.name = "batch-size",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->batch_size,
         .minimum = 1,
         .maximum = 65536,
         .help = "images in a training step"},
        OPTION_DEVICE(&settings->device),
        {.name = "list", .kind = OPTION_FLAG, .value = &settings->list, .help = "print what is stored for the device"},
        {.name = "clear", .kind = OPTION_FLAG, .value = &settings->clear, .help = "forget what is stored for it"},
    };
    command_operands operands;
    return command_read(self, options, sizeof options / sizeof options[0], 0, 0, count, arguments, &operands, code);
}

static void print_times(const tsr_tune_event *event, const char *verdict)
{
    printf("    %-32s %9.4f ms against %.4f%s\n", event->name, event->after * 1e3, event->before * 1e3, verdict);
}

static void report(void *context, const tsr_tune_event *event)
{
    (void)context;
    switch (event->news) {
    case TSR_TUNE_PASS:
        printf("%s\n", event->what);
        break;
    case TSR_TUNE_SPAN:
        printf("  %5.1f s  %s\n    %-32s as without tuning\n", event->elapsed, event->what, event->name);
        break;
    case TSR_TUNE_SLOWER:
        print_times(event, "");
        break;
    case TSR_TUNE_FASTER:
        print_times(event, ": faster");
        break;
    case TSR_TUNE_REFUSED:
        printf("    %-32s refused: %s\n", event->name, event->reason);
        break;
    case TSR_TUNE_CHOSEN:
        printf("    %-32s is chosen\n", event->name);
        break;
    case TSR_TUNE_PASSED:
        if (event->after > 0)
            printf("  %5.1f s  %s: %.4f ms, without tuning %.4f\n", event->elapsed, event->what, event->after * 1e3,
                   event->before * 1e3);
        else
            printf("  %5.1f s  %s: as without tuning\n", event->elapsed, event->what);
    }
    fflush(stdout);
}

static int tune(const command *self, const tune_settings *settings, tsr_device *device)
{
    command_worker worker;
    tsr_model *model = NULL;
    tsr_tune_result result = {0};
    const tsr_tune_options options = {.worker = command_worker_line(settings->device, &worker),
                                      .budget = settings->budget,
                                      .timeout = settings->timeout,
                                      .batch_size = (int32_t)settings->batch_size,
                                      .report = report,
                                      .interrupted = &interrupted};
    if (!command_try_model(self, settings->model)) return FAILED;
    tsr_status status = command_open_model(settings->model, &model, NULL);
    if (!status) {
        catch_interrupts();
        status = tsr_model_tune(model, device, &options, &result);
    }
    tsr_model_free(model);
    if (status && status != TSR_INTERRUPTED) return command_fail(self, status);
    printf("%d spans and %d candidates measured in %.0f s: %d chosen, %d refused%s\n", result.spans, result.candidates,
           result.seconds, result.chosen, result.refused,
           status             ? "; interrupted, what was found is kept"
           : !result.complete ? "; the budget ended before all were measured"
                              : "");
    char *file = tsr_tune_path(device);
    printf("Kept in %s\n", file ? file : "");
    free(file);
    return status ? INTERRUPTED : DONE;
}

static int list(const command *self, tsr_device *device)
{
    char *text;
    tsr_status status = tsr_tune_list(device, &text);
    if (status) return command_fail(self, status);
    fputs(text, stdout);
    free(text);
    return DONE;
}

static int clear(const command *self, tsr_device *device)
{
    bool removed;
    tsr_status status = tsr_tune_clear(device, &removed);
    if (status) return command_fail(self, status);
    puts(removed ? "Removed what was stored for the device" : "Nothing was stored for the device");
    return DONE;
}

static int run(const command *self, int count, char **arguments)
{
    tune_settings settings = {.batch_size = 32, .budget = 60};
    tsr_device *device = NULL;
    int code;
    if (count == 3 && !strcmp(arguments[1], COMMAND_WORKER)) return tsr_tune_worker(arguments[2]) ? FAILED : DONE;
    if (!read_settings(self, count, arguments, &settings, &code)) return code;
    tsr_status status = command_open_device(settings.device, false, &device);
    if (status)
        code = command_fail(self, status);
    else
        code = settings.clear  ? clear(self, device)
               : settings.list ? list(self, device)
                               : tune(self, &settings, device);
    tsr_device_close(device);
    return code;
}

const command command_tune = {
    "tune", "", "Measure which kernels are the fastest on this device for a model, and keep the choices", run};
