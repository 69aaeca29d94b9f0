/* tessera train: trains a network with early stopping and keeps the best model. */
#include "options.h"
#include "profile.h"
#include "progress.h"
#include "samples.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const optimizers[] = {"adam", "sgd", NULL};

typedef struct train_settings {
    const char *model, *data, *device, *output, *history;
    int64_t epochs, batch_size, patience, seed, split_seed, verbose;
    double learning_rate, momentum;
    int optimizer, gemm;
    bool reinitialize, keras2, profile;
} train_settings;

/* All that a run makes and frees. */
typedef struct train_session {
    const command *self;
    train_settings settings;
    sample_set samples;
    tsr_model *model;
    tsr_device *device;
    tsr_checkpoint *checkpoint;
    tsr_early_stopping *early_stopping;
    tsr_history history;
    progress_state progress;
    int32_t checked; /* epochs after which the checkpoint wrote the model, or found no reason to */
} train_session;

static volatile int interrupted;
static volatile sig_atomic_t training;

/* While the program sets up there is nothing to keep, and compiling kernels takes a while: it ends at once. The first
 * SIGINT of a training asks to stop after the step in progress, and the second ends the program at once. */
static void interrupt(int signal_number)
{
    static const char sentence[] = "tessera train: interrupted before the first step; no model was written\n";
    (void)signal_number;
    if (!training) {
        ssize_t written = write(STDERR_FILENO, sentence, sizeof sentence - 1);
        (void)written;
        _exit(INTERRUPTED);
    }
    interrupted = 1;
}

static void catch_interrupts(void)
{
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
}

static tsr_status begin_training(void *context, tsr_model *model)
{
    (void)context, (void)model;
    training = 1;
    return TSR_OK;
}

/* Stands behind the checkpoint, and so is called when that has not failed. */
static tsr_status note_checkpoint(void *context, tsr_model *model, const tsr_epoch *epoch, bool *stop)
{
    (void)model, (void)stop;
    ((train_session *)context)->checked = epoch->epoch;
    return TSR_OK;
}

static bool read_settings(const command *self, int count, char **arguments, train_settings *settings, int *code)
{
    const command_option options[] = {
        {.name = "model",
         .argument = "FILE",
         .kind = OPTION_TEXT,
         .value = &settings->model,
         .help = "network to train, .json or .h5; a .h5 goes on from its weights",
         .otherwise = "the reference network"},
        {.name = "reinitialize",
         .kind = OPTION_FLAG,
         .value = &settings->reinitialize,
         .help = "start the .h5's network afresh"},
        OPTION_DATA(&settings->data, ""),
        {.name = "epochs",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->epochs,
         .minimum = 1,
         .maximum = 1000000,
         .help = "train for N epochs at most"},
        {.name = "batch-size",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->batch_size,
         .minimum = 1,
         .maximum = 1000000,
         .help = "images in a step"},
        {.name = "optimizer",
         .kind = OPTION_CHOICE,
         .value = &settings->optimizer,
         .choices = optimizers,
         .help = "how weights are updated"},
        {.name = "learning-rate",
         .argument = "R",
         .kind = OPTION_REAL,
         .value = &settings->learning_rate,
         .minimum = 1e-12,
         .maximum = 1000,
         .help = "size of a step",
         .otherwise = "0.001 for adam, 0.01 for sgd"},
        {.name = "momentum",
         .argument = "M",
         .kind = OPTION_REAL,
         .value = &settings->momentum,
         .minimum = 0,
         .maximum = 1,
         .help = "of sgd"},
        {.name = "patience",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->patience,
         .minimum = 0,
         .maximum = 1000000,
         .help = "stop after N epochs without a better validation loss"},
        {.name = "seed",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->seed,
         .minimum = 0,
         .maximum = 9007199254740991.0,
         .help = "of weights, order of the images, and dropout"},
        {.name = "split-seed",
         .argument = "N",
         .kind = OPTION_WHOLE,
         .value = &settings->split_seed,
         .minimum = 0,
         .maximum = 4294967295.0,
         .help = "of the split into training and validation images"},
        OPTION_DEVICE(&settings->device),
        OPTION_GEMM(&settings->gemm),
        {.name = "output",
         .argument = "FILE",
         .kind = OPTION_TEXT,
         .value = &settings->output,
         .help = "where the best model is written"},
        {.name = "history",
         .argument = "FILE",
         .kind = OPTION_TEXT,
         .value = &settings->history,
         .help = "where the history is written as CSV"},
        {.name = "keras2",
         .kind = OPTION_FLAG,
         .value = &settings->keras2,
         .help = "write the optimizer's state too, as Keras 2.15 takes it"},
        {.name = "profile",
         .kind = OPTION_FLAG,
         .value = &settings->profile,
         .help = "measure each kernel and print a table at the end"},
        {.name = "verbose",
         .argument = "0|1|2",
         .kind = OPTION_WHOLE,
         .value = &settings->verbose,
         .minimum = 0,
         .maximum = 2,
         .help = "nothing, a progress bar, or a line an epoch"},
    };
    command_operands operands;
    return command_read(self, options, sizeof options / sizeof options[0], 0, 0, count, arguments, &operands, code);
}

/* Whether a file can be written at `path`: better said before the training than after its first epoch. A file is tried,
 * since rights alone do not tell. */
static bool can_write(const command *self, const char *path)
{
    char trial[4096];
    struct stat status;
    const char *slash = strrchr(path, '/');
    int directory = slash ? (int)(slash - path) + 1 : 0;
    if (path[0] == '\0' || (slash && slash[1] == '\0')) {
        command_complain(self, "cannot write \"%s\": it names no file", path);
        return false;
    }
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        command_complain(self, "cannot write %s: it is not a regular file", path);
        return false;
    }
    snprintf(trial, sizeof trial, "%.*s.tessera-XXXXXX", directory, path);
    int file = mkstemp(trial);
    if (file < 0) {
        command_complain(self, "cannot write %s: %s", path, strerror(errno));
        return false;
    }
    close(file);
    unlink(trial);
    return true;
}

/* Opens the network: the given file's, or the reference network for the data's images. */
static tsr_status open_network(train_session *session)
{
    bool has_weights = false;
    const tsr_data *data = &session->samples.training;
    const char *path = session->settings.model;
    if (!path)
        return tsr_model_create_reference(data->height, data->width, data->channels, session->samples.dataset.classes,
                                          &session->model);
    tsr_status status = tsr_model_open(path, &session->model, &has_weights);
    if (!status)
        fprintf(stderr, "%s %s\n", has_weights && !session->settings.reinitialize ? "Going on from" : "Training afresh",
                path);
    return status;
}

static tsr_status prepare(train_session *session)
{
    const train_settings *settings = &session->settings;
    tsr_status status = command_open_device(settings->device, settings->profile, &session->device);
    if (!status)
        status = tsr_model_compile(session->model, session->device,
                                   &(tsr_compile_options){.sgd = settings->optimizer == 1,
                                                          .learning_rate = (float)settings->learning_rate,
                                                          .momentum = (float)settings->momentum,
                                                          .seed = (uint64_t)settings->seed,
                                                          .gemm = (tsr_gemm)settings->gemm});
    if (!status && settings->reinitialize) status = tsr_model_reinitialize(session->model);
    if (!status)
        status = tsr_checkpoint_create(settings->output, &(tsr_save_options){.keras2 = settings->keras2},
                                       &session->checkpoint);
    if (!status) status = tsr_early_stopping_create((int32_t)settings->patience, &session->early_stopping);
    return status;
}

static tsr_status fit(train_session *session)
{
    const train_settings *settings = &session->settings;
    int64_t steps = (session->samples.training.index_count + settings->batch_size - 1) / settings->batch_size;
    session->progress = (progress_state){.epochs = (int32_t)settings->epochs,
                                         .verbose = (int)settings->verbose,
                                         .terminal = isatty(STDOUT_FILENO) != 0,
                                         .batches = (int32_t)steps};
    const tsr_callback callbacks[] = {
        {.on_train_begin = begin_training},
        progress_callback(&session->progress),
        tsr_checkpoint_callback(session->checkpoint),
        {.context = session, .on_epoch_end = note_checkpoint},
        tsr_early_stopping_callback(session->early_stopping),
    };
    tsr_status status =
        tsr_model_fit(session->model, &session->samples.training,
                      &(tsr_fit_options){.epochs = (int32_t)settings->epochs,
                                         .batch_size = (int32_t)settings->batch_size,
                                         .validation = &session->samples.validation,
                                         .callbacks = callbacks,
                                         .callback_count = (int32_t)(sizeof callbacks / sizeof callbacks[0]),
                                         .interrupted = &interrupted},
                      &session->history);
    progress_break(&session->progress);
    return status;
}

/* The epoch with the lowest validation loss, the one that the checkpoint holds; NULL before the first is over. */
static const tsr_epoch *best_epoch(const train_session *session)
{
    const tsr_epoch *best = NULL, *epochs = session->history.epochs;
    for (int32_t i = 0; i < session->checked; i++)
        if (!best || epochs[i].validation.loss < best->validation.loss) best = &epochs[i];
    return best;
}

/* After a training that came to its end: what was reached. */
static tsr_status report(train_session *session)
{
    const tsr_history *history = &session->history;
    const tsr_epoch *best = best_epoch(session);
    tsr_metrics metrics;
    if (history->stopped_early)
        printf("Stopped early after epoch %d: no better validation loss for %lld epoch%s\n", (int)history->count,
               (long long)session->settings.patience, session->settings.patience == 1 ? "" : "s");
    if (best)
        printf("Best epoch: %d - val_loss: %.4f - val_accuracy: %.4f, saved as %s\n", (int)best->epoch,
               best->validation.loss, best->validation.accuracy, session->settings.output);
    signal(SIGINT, SIG_DFL); /* all files are written */
    tsr_status status = tsr_model_evaluate(session->model, &session->samples.test, 0, &metrics);
    if (status) return status;
    printf("Test: loss: %.4f - accuracy: %.4f (%lld images)\n", metrics.loss, metrics.accuracy,
           (long long)metrics.samples);
    return session->settings.profile ? profile_print(session->device) : TSR_OK;
}

/* After one that did not: what is left of it. */
static void tell_what_is_kept(const train_session *session)
{
    const tsr_epoch *best = best_epoch(session);
    if (best)
        fprintf(stderr, "The best model so far, of epoch %d (val_loss %.4f), is in %s\n", (int)best->epoch,
                best->validation.loss, session->settings.output);
    else if (interrupted)
        fprintf(stderr, "No epoch was finished, so no model was written\n");
}

static int run_session(train_session *session)
{
    const train_settings *settings = &session->settings;
    const command *self = session->self;
    if (!can_write(self, settings->output) || !can_write(self, settings->history)) return FAILED;
    if (!command_try_model(self, settings->model)) return FAILED;
    catch_interrupts();
    int code = samples_read(self, settings->data, (uint32_t)settings->split_seed, &session->samples);
    if (code) return code;
    tsr_status status = open_network(session);
    if (status) return command_fail(self, status);
    if ((code = samples_check(self, &session->samples, session->model))) return code;
    if ((status = prepare(session))) return command_fail(self, status);
    status = fit(session);
    if (status) {
        code = command_fail(self, status);
        tell_what_is_kept(session);
    }
    if (session->history.count > 0) {
        status = tsr_history_write_csv(&session->history, settings->history);
        if (status) code = code ? code : command_fail(self, status);
    }
    if (!code && (status = report(session))) code = command_fail(self, status);
    return code;
}

static int run(const command *self, int count, char **arguments)
{
    train_session session = {.self = self,
                             .settings = {.output = "best-cnn-model.h5",
                                          .history = "history.csv",
                                          .epochs = 20,
                                          .batch_size = 32,
                                          .patience = 2,
                                          .seed = 42,
                                          .split_seed = 42,
                                          .verbose = 1}};
    int code;
    if (!read_settings(self, count, arguments, &session.settings, &code)) return code;
    code = run_session(&session);
    tsr_history_clear(&session.history);
    tsr_early_stopping_free(session.early_stopping);
    tsr_checkpoint_free(session.checkpoint);
    tsr_model_free(session.model);
    tsr_device_close(session.device);
    samples_clear(&session.samples);
    return code;
}

const command command_train = {"train", "", "Train a network, with early stopping, and keep the best model", run};
