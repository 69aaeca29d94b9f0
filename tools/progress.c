#include "progress.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define CELLS        30 /* of the bar */
#define FEWEST_CELLS 5  /* on a narrow terminal */

/* A line that grows. */
typedef struct progress_line {
    char text[512];
    int length;
} progress_line;

static void add(progress_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(progress_line *line, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof line->text - (size_t)line->length;
    va_start(arguments, format);
    int length = vsnprintf(line->text + line->length, room, format, arguments);
    va_end(arguments);
    if (length > 0 && (size_t)length < room) line->length += length;
}

/* " 123/1500 [==>......]" */
static void add_bar(progress_line *line, int cells, int32_t done, int32_t total)
{
    char number[16];
    int digits = snprintf(number, sizeof number, "%d", (int)total);
    int filled = total > 0 ? (int)((int64_t)cells * done / total) : cells;
    add(line, "%*d/%d [", digits, (int)done, (int)total);
    for (int i = 0; i < cells; i++) add(line, "%c", i + 1 == filled && done < total ? '>' : i < filled ? '=' : '.');
    add(line, "]");
}

/* "3ms/step" */
static void add_step_time(progress_line *line, double seconds, int32_t steps)
{
    double each = steps > 0 ? seconds / steps : 0;
    if (each >= 1 || each == 0)
        add(line, "%.0fs/step", each);
    else if (each >= 1e-3)
        add(line, "%.0fms/step", each * 1e3);
    else
        add(line, "%.0fus/step", each * 1e6);
}

static void add_eta(progress_line *line, double seconds)
{
    int whole = (int)seconds;
    if (whole >= 3600)
        add(line, "%d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
    else if (whole >= 60)
        add(line, "%d:%02d", whole / 60, whole % 60);
    else
        add(line, "%ds", whole);
}

/* " - loss: 0.2011", as Keras rounds. */
static void add_number(progress_line *line, const char *name, double value)
{
    add(line, fabs(value) > 1e-3 ? " - %s: %.4f" : " - %s: %.4e", name, value);
}

static void add_metrics(progress_line *line, const tsr_epoch *epoch)
{
    add_number(line, "loss", epoch->training.loss);
    add_number(line, "accuracy", epoch->training.accuracy);
    if (!epoch->validated) return;
    add_number(line, "val_loss", epoch->validation.loss);
    add_number(line, "val_accuracy", epoch->validation.accuracy);
}

/* Draws over what was there. */
static void draw(progress_state *state, const progress_line *line)
{
    if (state->terminal) putchar('\r');
    fputs(line->text, stdout);
    for (int i = line->length; i < state->width; i++) putchar(' ');
    fflush(stdout);
}

static tsr_status on_epoch_begin(void *context, tsr_model *model, int32_t epoch)
{
    progress_state *state = context;
    (void)model;
    if (state->verbose == 0) return TSR_OK;
    printf("Epoch %d/%d\n", (int)epoch, (int)state->epochs);
    fflush(stdout);
    state->width = 0;
    return TSR_OK;
}

/* Characters of a row of the terminal. */
static int terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* The line of an epoch in progress. */
static void add_running(progress_line *line, int cells, int32_t done, int32_t total, const tsr_metrics *running,
                        double seconds)
{
    add_bar(line, cells, done, total);
    if (done < total) {
        add(line, " - ETA: ");
        add_eta(line, seconds / done * (total - done));
    } else {
        add(line, " - %.0fs ", seconds);
        add_step_time(line, seconds, total);
    }
    if (running->samples > 0) {
        add_number(line, "loss", running->loss);
        add_number(line, "accuracy", running->accuracy);
    }
}

static tsr_status on_progress(void *context, tsr_model *model, int32_t done, int32_t total, const tsr_metrics *running,
                              double seconds)
{
    progress_state *state = context;
    progress_line line = {0};
    (void)model;
    state->batches = total;
    if (state->verbose != 1 || !state->terminal || done <= 0) return TSR_OK;
    add_running(&line, CELLS, done, total, running, seconds);
    /* A line that wraps could not be drawn over. */
    int excess = line.length - (terminal_columns() - 1);
    if (excess > 0) {
        int cells = CELLS - excess > FEWEST_CELLS ? CELLS - excess : FEWEST_CELLS;
        line = (progress_line){0};
        add_running(&line, cells, done, total, running, seconds);
        if (line.length > terminal_columns() - 1) line.length = terminal_columns() - 1;
        line.text[line.length] = '\0';
    }
    draw(state, &line);
    state->width = line.length;
    return TSR_OK;
}

static tsr_status on_epoch_end(void *context, tsr_model *model, const tsr_epoch *epoch, bool *stop)
{
    progress_state *state = context;
    progress_line line = {0};
    (void)model, (void)stop;
    if (state->verbose == 0) return TSR_OK;
    if (state->verbose == 1) {
        add_bar(&line, CELLS, state->batches, state->batches);
        add(&line, " - %.0fs ", epoch->seconds);
        add_step_time(&line, epoch->seconds, state->batches);
        add_metrics(&line, epoch);
    } else {
        add(&line, "%d/%d - %.0fs", (int)state->batches, (int)state->batches, epoch->seconds);
        add_metrics(&line, epoch);
        add(&line, " - %.0fs/epoch - ", epoch->seconds);
        add_step_time(&line, epoch->seconds, state->batches);
    }
    draw(state, &line);
    putchar('\n');
    fflush(stdout);
    state->width = 0;
    return TSR_OK;
}

void progress_break(progress_state *state)
{
    if (state->width == 0) return;
    putchar('\n');
    fflush(stdout);
    state->width = 0;
}

tsr_callback progress_callback(progress_state *state)
{
    return (tsr_callback){
        .context = state, .on_epoch_begin = on_epoch_begin, .on_progress = on_progress, .on_epoch_end = on_epoch_end};
}
