/* A device's trial from outside: what its process writes, and what becomes of that. */
#include "child.h"
#include "doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Starts of the process, which is started again behind an implementation that ended it; those behind one that is not
 * used on the device do not count. */
enum { MOST_STARTS = 6 };

/* A trial on its way. */
typedef struct progress {
    tsr_device_trial *trial;
    json_t *device, *problems, *errors;
    char begun[96];   /* the implementation that runs; empty between two */
    int number;       /* of it */
    bool usual;       /* plans take it on the device; else what it does wrong is told, and no harm */
    bool done, error; /* it has said that it came to the end, or why not */
} progress;

static void add_error(json_t *errors, const char *text)
{
    if (text && *text) json_array_append_new(errors, command_text(text));
}

/* Whether what goes wrong now counts: not within an implementation that is not used on the device. */
static bool counts(const progress *p)
{
    return p->usual || !p->begun[0];
}

static void add_problem(progress *p, const char *name, const char *outcome, const char *text)
{
    json_array_append_new(p->problems, json_pack("{s:o, s:s, s:b, s:o}", "name", command_text(name), "outcome", outcome,
                                                 "used", counts(p), "text", command_text(text)));
}

static void add_count(json_t *device, const char *key)
{
    json_object_set_new(device, key, json_integer(json_integer_value(json_object_get(device, key)) + 1));
}

/* An implementation's outcome. */
static void read_outcome(progress *p, json_t *line)
{
    const char *name = json_string_value(json_object_get(line, "name"));
    const char *outcome = json_string_value(json_object_get(line, "outcome"));
    const char *text = json_string_value(json_object_get(line, "text"));
    double seconds = json_number_value(json_object_get(line, "build_seconds"));
    double before = json_number_value(json_object_get(p->device, "build_seconds"));
    double slowest = json_number_value(json_object_get(p->device, "slowest_seconds"));
    bool bad = outcome && (!strcmp(outcome, "wrong") || !strcmp(outcome, "failed"));
    if (bad) add_problem(p, name, outcome, text);
    p->begun[0] = '\0';
    if (!name || !outcome) return;
    add_count(p->device, bad && !p->usual ? "unused" : outcome);
    p->trial->right += p->usual && !strcmp(outcome, "right");
    p->trial->wrong += p->usual && !strcmp(outcome, "wrong");
    p->trial->failed += p->usual && !strcmp(outcome, "failed");
    json_object_set_new(p->device, "build_seconds", json_real(before + seconds));
    if (seconds > slowest) {
        json_object_set_new(p->device, "slowest_seconds", json_real(seconds));
        json_object_set_new(p->device, "slowest", json_string(name));
    }
    if (bad && p->usual) add_error(p->errors, text);
}

/* What was running, or the device, did not come to its end. */
static void add_failure(progress *p, const char *text)
{
    add_problem(p, p->begun[0] ? p->begun : "the device", "failed", text);
    p->trial->failed += counts(p);
    add_count(p->device, counts(p) ? "failed" : "unused");
    p->begun[0] = '\0';
}

static void read_line(progress *p, json_t *line)
{
    const char *begins = json_string_value(json_object_get(line, "begins"));
    if (p->begun[0] && (begins || json_object_get(line, "done"))) add_failure(p, "what became of it was lost");
    if (begins) {
        snprintf(p->begun, sizeof p->begun, "%s", begins);
        p->number = (int)json_integer_value(json_object_get(line, "number"));
        p->usual = json_is_true(json_object_get(line, "usual"));
    } else if (json_object_get(line, "outcome")) {
        read_outcome(p, line);
    } else if (json_object_get(line, "error")) {
        const char *text = json_string_value(json_object_get(line, "error"));
        p->error = true;
        add_problem(p, "the device", "failed", text);
        add_error(p->errors, text);
    } else if (json_object_get(line, "done")) {
        p->done = true;
    } else {
        p->trial->flops += json_number_value(json_object_get(line, "flops"));
        json_object_update(p->device, line);
    }
}

static void read_lines(progress *p, char *output)
{
    for (char *line = strtok(output, "\n"); line; line = strtok(NULL, "\n")) {
        json_t *json = json_loads(line, 0, NULL); /* NULL: cut short by a crash, or printed by a driver */
        if (json_is_object(json)) read_line(p, json);
        json_decref(json);
    }
}

void doctor_try_apart(int number, const char *const *environment, double seconds, tsr_device_trial *trial,
                      json_t **device, json_t *errors)
{
    progress p = {.trial = trial, .device = json_object(), .problems = json_array(), .errors = errors};
    double end = command_seconds() + seconds;
    bool again = true;
    int from = 0;
    for (int starts = 0; again && starts < MOST_STARTS;) {
        char wanted[16], first[16], how[128];
        child_result child;
        double left = end - command_seconds();
        snprintf(wanted, sizeof wanted, "%d", number);
        snprintf(first, sizeof first, "%d", from);
        const char *const arguments[] = {command_doctor.name, DOCTOR_TRY, wanted, first, NULL};
        child_run(arguments, environment, left > 1 ? left : 1, &child);
        read_lines(&p, child.output);
        if (counts(&p)) add_error(errors, child.errors);
        starts += counts(&p);
        bool ended = p.done || (p.error && child.end == CHILD_ENDED);
        again = !ended && p.begun[0] && child.end != CHILD_TIMEOUT && child.end != CHILD_FAILED;
        child_describe(&child, seconds, how, sizeof how);
        trial->bad_end = p.done && (child.end != CHILD_ENDED || child.code != DONE);
        trial->timed_out = !p.done && child.end == CHILD_TIMEOUT;
        if (trial->timed_out || trial->bad_end)
            add_problem(&p, p.begun[0] ? p.begun : "the device", trial->bad_end ? "at the end" : "not finished", how);
        else if (!ended)
            add_failure(&p, how);
        from = p.number + 1;
        p.begun[0] = '\0';
        child_clear(&child);
    }
    trial->complete = p.done;
    json_object_set_new(p.device, "complete", json_boolean(p.done));
    json_object_set_new(p.device, "problems", p.problems);
    *device = p.device;
}
