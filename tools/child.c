#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum {
    MOST_OUTPUT = 16 << 20,
    GRACE = 10, /* seconds until it ends itself, should nobody else */
    REPORT = 3  /* the descriptor of what it tells, where the environment says that there is one: */
};
#define REPORTS "TESSERA_CHILD_REPORTS"

/* Seconds for a process that was killed to be gone (one that waits within a GPU's kernel driver stays), and for the
 * last of what one has written to be read. */
static const double dying = 5;

/* What comes through a pipe. */
typedef struct stream {
    int from; /* -1: ended */
    char *text;
    size_t length, capacity;
} stream;

const char *child_program(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    path[length > 0 ? length : 0] = '\0';
    /* Where the system does not tell the path, the name is looked for as a shell would. */
    return length > 0 ? path : "tessera";
}

/* The name of an entry of the environment is the same as that of another. */
static bool same_name(const char *entry, const char *other)
{
    size_t length = strcspn(entry, "=");
    return strncmp(entry, other, length) == 0 && other[length] == '=';
}

/* This process's environment with `changes`, and with what tells the child where to report; NULL when memory is short.
 */
static char **change_environment(const char *const *changes)
{
    static const char *const none[] = {NULL};
    size_t count = 0, more = 0, at = 0;
    if (!changes) changes = none;
    while (environ[count]) count++;
    while (changes[more]) more++;
    char **made = calloc(count + more + 2, sizeof *made);
    for (size_t i = 0; made && i < count; i++) {
        bool changed = false;
        for (size_t k = 0; k < more; k++) changed |= same_name(changes[k], environ[i]);
        if (!changed) made[at++] = environ[i];
    }
    for (size_t k = 0; made && k < more; k++) made[at++] = (char *)changes[k];
    if (made) made[at++] = REPORTS "=1";
    return made;
}

/* In the child: what is between fork and exec. */
static void become(const char *program, char *const *arguments, char **environment, const int *ends, double seconds)
{
    const struct rlimit no_core = {0, 0};
    int kept[2]; /* the ends, out of the way of the descriptors that they become */
    for (int i = 0; i < 2; i++) kept[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, REPORT + 1);
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(kept[1], STDOUT_FILENO);
    dup2(kept[1], STDERR_FILENO);
    dup2(kept[0], REPORT);
    signal(SIGINT, SIG_DFL);
    setrlimit(RLIMIT_CORE, &no_core);
    alarm((unsigned)seconds + GRACE);
    environ = environment;
    execvp(program, arguments);
    _exit(127);
}

FILE *child_report(void)
{
    static FILE *report;
    if (!report && getenv(REPORTS)) report = fdopen(REPORT, "w");
    return report ? report : stdout;
}

/* Reads what is there; at its end the stream is closed. Beyond the limit it is read for nothing. */
static void read_some(stream *s)
{
    char buffer[4096];
    ssize_t got = read(s->from, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
        close(s->from);
        s->from = -1;
        return;
    }
    if (s->length + (size_t)got + 1 > s->capacity && s->capacity < MOST_OUTPUT) {
        size_t capacity = 2 * s->capacity + sizeof buffer + 1;
        char *text = realloc(s->text, capacity);
        if (!text) return;
        s->text = text;
        s->capacity = capacity;
    }
    if (s->length + (size_t)got + 1 > s->capacity) return;
    memcpy(s->text + s->length, buffer, (size_t)got);
    s->text[s->length += (size_t)got] = '\0';
}

/* Reads from the streams that have something within so many milliseconds; false when none has. */
static bool read_ready(stream streams[2], int milliseconds)
{
    struct pollfd ready[2];
    for (int i = 0; i < 2; i++) ready[i] = (struct pollfd){.fd = streams[i].from, .events = POLLIN};
    if (poll(ready, 2, milliseconds) <= 0) return false;
    for (int i = 0; i < 2; i++)
        if (ready[i].revents) read_some(&streams[i]);
    return true;
}

/* Reads what the child writes until it has ended; it is ended when the time is over. *state is waitpid's, or with
 * CHILD_FAILED (it cannot be known how it ended) an errno. */
static child_end follow(pid_t child, stream streams[2], double deadline, int *state)
{
    enum { SLICE = 20 /* milliseconds */ };
    bool ended = false;
    for (;;) {
        double now = command_seconds(); /* before the child is asked: this process may itself be held up */
        pid_t waited = ended ? 0 : waitpid(child, state, WNOHANG);
        if (waited < 0 && errno != EINTR) {
            *state = errno;
            return CHILD_FAILED;
        }
        if (waited > 0) {
            ended = true;
            deadline = now;
        }
        if (!read_ready(streams, ended || now >= deadline ? 0 : SLICE) && ended) break;
        if (now >= (ended ? deadline + dying : deadline)) break;
    }
    if (!ended) {
        kill(child, SIGKILL);
        deadline = command_seconds() + dying;
        while (waitpid(child, state, WNOHANG) == 0 && command_seconds() < deadline) poll(NULL, 0, SLICE);
        return CHILD_TIMEOUT;
    }
    return WIFSIGNALED(*state) ? CHILD_CRASHED : CHILD_ENDED;
}

/* Two pipes whose ends this process keeps are closed in the child; an errno. */
static int open_pipes(int ours[2], int theirs[2])
{
    for (int i = 0; i < 2; i++) {
        int ends[2];
        if (pipe(ends) != 0) {
            int error = errno;
            if (i) close(ours[0]), close(theirs[0]);
            return error;
        }
        ours[i] = ends[0];
        theirs[i] = ends[1];
        for (int k = 0; k < 2; k++) fcntl(ends[k], F_SETFD, FD_CLOEXEC);
    }
    return 0;
}

static pid_t start(const char *const *arguments, char **environment, double seconds, stream streams[2], int *error)
{
    char path[4096];
    const char *program = child_program(path, sizeof path);
    int ours[2], theirs[2];
    size_t count = 0;
    while (arguments[count]) count++;
    char **line = calloc(count + 2, sizeof *line);
    *error = line && environment ? open_pipes(ours, theirs) : ENOMEM;
    if (*error) {
        free(line);
        return -1;
    }
    line[0] = (char *)program;
    for (size_t i = 0; i < count; i++) line[i + 1] = (char *)arguments[i];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) become(program, line, environment, theirs, seconds);
    *error = errno;
    for (int i = 0; i < 2; i++) {
        close(theirs[i]);
        if (child < 0)
            close(ours[i]);
        else
            streams[i].from = ours[i];
    }
    free(line);
    return child;
}

/* What was read, or an empty text. */
static char *take(stream *s)
{
    if (s->from >= 0) close(s->from);
    return s->text ? s->text : calloc(1, 1);
}

void child_run(const char *const *arguments, const char *const *environment, double seconds, child_result *result)
{
    stream streams[2] = {{.from = -1}, {.from = -1}};
    char **entries = change_environment(environment);
    int state = 0;
    *result = (child_result){.end = CHILD_FAILED};
    pid_t child = start(arguments, entries, seconds, streams, &result->code);
    if (child > 0) {
        result->end = follow(child, streams, command_seconds() + seconds, &state);
        result->code = result->end == CHILD_FAILED ? state : WIFSIGNALED(state) ? WTERMSIG(state) : WEXITSTATUS(state);
    }
    result->output = take(&streams[0]);
    result->errors = take(&streams[1]);
    free(entries);
}

void child_clear(child_result *result)
{
    free(result->output);
    free(result->errors);
    *result = (child_result){0};
}

json_t *child_json(const child_result *result)
{
    return result->output ? json_loads(result->output, 0, NULL) : NULL;
}

void child_describe(const child_result *result, double seconds, char *text, size_t size)
{
    if (result->end == CHILD_ENDED)
        snprintf(text, size, "ends with %d", result->code);
    else if (result->end == CHILD_CRASHED)
        snprintf(text, size, "crashes (signal %d)", result->code);
    else if (result->end == CHILD_TIMEOUT)
        snprintf(text, size, "does not end within %.0f s", seconds);
    else
        snprintf(text, size, "cannot be started or waited for: %s", strerror(result->code));
}
