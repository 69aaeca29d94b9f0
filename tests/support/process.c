#include "support/process.h"

#include "support/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* The child's environment: ours with the changes. */
static char **make_environment(const char *const *changes)
{
    size_t count = 0, changed = 0, used = 0;
    while (environ[count]) count++;
    while (changes && changes[changed]) changed++;
    char **made = calloc(count + changed + 1, sizeof *made);
    ck_assert(made != NULL);
    for (size_t i = 0; i < count; i++) {
        bool replaced = false;
        for (size_t j = 0; j < changed; j++) {
            size_t length = strcspn(changes[j], "=");
            replaced |= !strncmp(environ[i], changes[j], length) && environ[i][length] == '=';
        }
        if (!replaced) made[used++] = environ[i];
    }
    for (size_t j = 0; j < changed; j++)
        if (strchr(changes[j], '=')) made[used++] = (char *)changes[j];
    return made;
}

/* "child.out" or "child.err" in the test's directory. Not by test_path: a run must not use up the caller's paths. */
static void output_path(const char *name, char *path, size_t size)
{
    snprintf(path, size, "%s/%s", test_directory(), name);
}

static void read_output(const char *name, char *text, size_t size)
{
    char path[256];
    output_path(name, path, sizeof path);
    FILE *file = fopen(path, "r");
    ck_assert(file != NULL);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

static int open_output(const char *name)
{
    char path[256];
    output_path(name, path, sizeof path);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert(file >= 0);
    return file;
}

/* A new terminal: our end in *ours, the child's is returned. */
static int open_terminal(int *ours)
{
    *ours = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert(*ours >= 0 && grantpt(*ours) == 0 && unlockpt(*ours) == 0);
    int theirs = open(ptsname(*ours), O_RDWR | O_NOCTTY);
    ck_assert(theirs >= 0);
    return theirs;
}

void test_start(const char *const *arguments, const char *const *environment, bool terminal, test_process *process)
{
    process->terminal = -1;
    int out = terminal ? open_terminal(&process->terminal) : open_output("child.out");
    int err = open_output("child.err");
    char **child_environment = make_environment(environment);
    process->child = fork();
    ck_assert(process->child >= 0);
    if (process->child == 0) {
        dup2(open("/dev/null", O_RDONLY), 0);
        dup2(out, 1);
        dup2(err, 2);
        if (process->terminal >= 0) close(process->terminal);
        execve(arguments[0], (char *const *)arguments, child_environment);
        _exit(127);
    }
    free(child_environment);
    close(out);
    close(err);
}

/* What the child writes to its terminal, until it has closed it. */
static void read_terminal(test_process *process)
{
    size_t length = 0;
    char rest[4096];
    for (;;) {
        bool full = length == sizeof process->out - 1;
        ssize_t got = read(process->terminal, full ? rest : process->out + length,
                           full ? sizeof rest : sizeof process->out - 1 - length);
        if (got <= 0) break; /* EIO once the other end is closed */
        if (!full) length += (size_t)got;
    }
    process->out[length] = '\0';
    close(process->terminal);
}

void test_finish(test_process *process)
{
    int state;
    if (process->terminal >= 0) read_terminal(process);
    ck_assert(waitpid(process->child, &state, 0) == process->child);
    process->code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    if (process->terminal < 0) read_output("child.out", process->out, sizeof process->out);
    read_output("child.err", process->err, sizeof process->err);
}

bool test_is_running(const test_process *process)
{
    siginfo_t ended = {0};
    return waitid(P_PID, (id_t)process->child, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid == 0;
}

void test_wait_for_output(const test_process *process, const char *name, const char *part)
{
    char text[65536];
    for (bool running = true;;) {
        read_output(name, text, sizeof text);
        if (strstr(text, part)) return;
        ck_assert_msg(running, "the program ended without \"%s\" but with \"%s\"", part, text);
        running = test_is_running(process);
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
}

void test_execute(const char *const *arguments, const char *const *environment, test_process *process)
{
    test_start(arguments, environment, false, process);
    test_finish(process);
}

void test_execute_self(const char *argument, const char *const *environment, test_process *process)
{
    char self[512];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert(length > 0);
    self[length] = '\0';
    test_execute((const char *[]){self, argument, NULL}, environment, process);
}
