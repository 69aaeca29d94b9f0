/* The worker process from outside: started, asked, and ended when it does not answer. */
#include "base/text.h"
#include "base/time.h"
#include "plan/tune.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Seconds for a worker that has given up to be gone: drivers may hang at the end of a process as well. */
static const double ending = 5;

/* Whether the worker has ended, or does so soon. */
static bool has_ended(const tsr_tune_process *process, int *state)
{
    double until = tsr_seconds() + ending;
    pid_t ended;
    while ((ended = waitpid(process->child, state, WNOHANG)) == 0 && tsr_seconds() < until) poll(NULL, 0, 10);
    return ended != 0;
}

/* Ends the worker; returns how it ended, as waitpid tells. */
static int end(tsr_tune_process *process, bool kill_it)
{
    int state = 0;
    close(process->socket); /* a worker that waits for an order ends by that */
    if (kill_it || !has_ended(process, &state)) {
        kill(process->child, SIGKILL);
        has_ended(process, &state); /* one that waits within a GPU's kernel driver does not, and is left behind */
    }
    process->child = 0;
    free(process->parameters);
    process->parameters = NULL;
    return state;
}

void tsr_tune_stop(tsr_tune_process *process)
{
    if (process->child) end(process, true);
    free(process->parameters);
    process->parameters = NULL;
}

/* A process with our end of its socket in *ours; its errno. */
static int spawn(const char *const *command, int *ours, pid_t *child)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return errno;
    for (int i = 0; i < 2; i++) fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    int error = posix_spawn_file_actions_init(&actions);
    if (!error) {
        for (int i = 0; i < 2 && !error; i++) error = posix_spawn_file_actions_adddup2(&actions, ends[1], i);
        if (!error) error = posix_spawnp(child, command[0], &actions, NULL, (char *const *)command, environ);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    if (error) close(ends[0]);
    *ours = ends[0];
    return error;
}

/* Waits for the reply until `deadline` and receives it; REPLY, TIME_UP, INTERRUPTED, or FAILED at the worker's end. */
static tsr_tune_outcome wait_for(tsr_tune_process *process, double deadline, tsr_tune_reply *reply)
{
    enum { SLICE = 50 /* milliseconds */ };
    size_t got = 0;
    while (got < sizeof *reply) {
        struct pollfd ready = {.fd = process->socket, .events = POLLIN};
        if (process->interrupted && *process->interrupted) return TSR_OUTCOME_INTERRUPTED;
        bool late = tsr_seconds() > deadline; /* asked first: this process may be held up while the reply comes */
        if (poll(&ready, 1, late ? 0 : SLICE) <= 0) {
            if (late) return TSR_OUTCOME_TIME_UP;
            continue;
        }
        ssize_t bytes = read(process->socket, (char *)reply + got, sizeof *reply - got);
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes <= 0) return TSR_OUTCOME_FAILED;
        got += (size_t)bytes;
    }
    return reply->magic == TSR_TUNE_MAGIC ? TSR_OUTCOME_REPLY : TSR_OUTCOME_FAILED;
}

static tsr_tune_outcome start(tsr_tune_process *process)
{
    tsr_tune_reply hello;
    int error = spawn(process->command, &process->socket, &process->child);
    if (error) {
        process->child = 0;
        process->error = tsr_fail(TSR_IO, "cannot start the worker %s: %s", process->command[0], strerror(error));
        return TSR_OUTCOME_ERROR;
    }
    tsr_tune_outcome outcome = wait_for(process, tsr_seconds() + TSR_TUNE_OPENING, &hello);
    if (outcome == TSR_OUTCOME_REPLY && hello.status == TSR_OK) return outcome;
    tsr_tune_stop(process);
    if (outcome == TSR_OUTCOME_INTERRUPTED) return outcome;
    if (outcome == TSR_OUTCOME_REPLY)
        process->error = tsr_fail(hello.status, "the worker %s: %s", process->command[0], hello.text);
    else
        process->error = tsr_fail(TSR_IO, "the worker %s does not answer", process->command[0]);
    return TSR_OUTCOME_ERROR;
}

/* Whether the running worker has these parameters of CLBlast; one that is about to start gets them. */
static bool has_parameters(tsr_tune_process *process, const tsr_tuning *tuning)
{
    tsr_text text = {0};
    for (size_t i = 0; i < tuning->count; i++)
        if (tsr_tuning_clblast_kernel(&tuning->entries[i]))
            tsr_text_add(&text, "%s %s\n", tuning->entries[i].key, tuning->entries[i].choice);
    char *wanted = tsr_text_take(&text);
    bool same = wanted && process->parameters && strcmp(wanted, process->parameters) == 0;
    if (process->child) {
        free(wanted);
    } else {
        free(process->parameters);
        process->parameters = wanted;
    }
    return same;
}

static void add_tuning(const tsr_tuning *tuning, tsr_text *text)
{
    for (size_t i = 0; i < tuning->count; i++)
        tsr_text_add(text, "%s\t%s\n", tuning->entries[i].key, tuning->entries[i].choice);
}

static bool send_work(int to, const tsr_tune_work *work, double limit)
{
    tsr_text tunings[2] = {{0}};
    tsr_tune_order order = work->order;
    for (int k = 0; k < 2; k++) {
        add_tuning(&work->tunings[k], &tunings[k]);
        order.tuning_bytes[k] = (uint32_t)tunings[k].length;
    }
    order.limit = (limit > 0 ? (uint32_t)limit : 0) + TSR_TUNE_GRACE; /* negative: the deadline is over */
    bool sent = !tunings[0].failed && !tunings[1].failed && tsr_tune_send(to, &order, sizeof order) &&
                tsr_tune_send(to, work->graph.primitives, order.primitive_count * sizeof *work->graph.primitives) &&
                tsr_tune_send(to, work->graph.values, order.value_count * sizeof *work->graph.values) &&
                tsr_tune_send(to, work->wanted, order.wanted_count * sizeof *work->wanted) &&
                tsr_tune_send(to, work->marked, order.primitive_count * sizeof *work->marked);
    for (int k = 0; k < 2; k++) {
        sent = sent && tsr_tune_send(to, tunings[k].data, tunings[k].length);
        tsr_text_clear(&tunings[k]);
    }
    return sent;
}

/* How a worker ended that was to measure a candidate. */
static void tell_end(int state, tsr_tune_reply *reply)
{
    if (WIFSIGNALED(state))
        snprintf(reply->text, sizeof reply->text, "it crashes (signal %d)", WTERMSIG(state));
    else
        snprintf(reply->text, sizeof reply->text, "the process that ran it ended with %d", WEXITSTATUS(state));
}

tsr_tune_outcome tsr_tune_ask(tsr_tune_process *process, const tsr_tune_work *work, double limit, double deadline,
                              tsr_tune_reply *reply)
{
    if (process->child && !has_parameters(process, &work->tunings[1])) tsr_tune_stop(process);
    if (!process->child) {
        if (process->interrupted && *process->interrupted) return TSR_OUTCOME_INTERRUPTED;
        if (tsr_seconds() >= deadline) return TSR_OUTCOME_TIME_UP;
        has_parameters(process, &work->tunings[1]);
        tsr_tune_outcome outcome = start(process);
        if (outcome != TSR_OUTCOME_REPLY) return outcome;
    }
    double now = tsr_seconds(), until = now + limit < deadline ? now + limit : deadline;
    tsr_tune_outcome outcome =
        send_work(process->socket, work, until - now) ? wait_for(process, until, reply) : TSR_OUTCOME_FAILED;
    if (outcome == TSR_OUTCOME_REPLY) return outcome;
    int state = end(process, outcome != TSR_OUTCOME_FAILED);
    *reply = (tsr_tune_reply){0};
    if (outcome == TSR_OUTCOME_FAILED) tell_end(state, reply);
    if (outcome == TSR_OUTCOME_TIME_UP && until < deadline) {
        snprintf(reply->text, sizeof reply->text, "it does not end within %.3g s", limit);
        return TSR_OUTCOME_FAILED;
    }
    return outcome;
}
