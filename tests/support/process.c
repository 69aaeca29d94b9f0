#include "support/process.h"

#include "support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

static void read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "r");
    ck_assert(file != NULL);
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
}

void test_execute(const char *const *arguments, const char *const *environment, test_process *process)
{
    char out[256], err[256];
    int state;
    snprintf(out, sizeof out, "%s", test_path("child.out"));
    snprintf(err, sizeof err, "%s", test_path("child.err"));
    int out_file = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int err_file = open(err, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    char **child_environment = make_environment(environment);
    ck_assert(out_file >= 0 && err_file >= 0);
    pid_t child = fork();
    ck_assert(child >= 0);
    if (child == 0) {
        int nothing = open("/dev/null", O_RDONLY);
        dup2(nothing, 0);
        dup2(out_file, 1);
        dup2(err_file, 2);
        execve(arguments[0], (char *const *)arguments, child_environment);
        _exit(127);
    }
    free(child_environment);
    close(out_file);
    close(err_file);
    ck_assert(waitpid(child, &state, 0) == child);
    process->code = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    read_text(out, process->out, sizeof process->out);
    read_text(err, process->err, sizeof process->err);
}

void test_execute_self(const char *argument, const char *const *environment, test_process *process)
{
    char self[512];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    ck_assert(length > 0);
    self[length] = '\0';
    test_execute((const char *[]){self, argument, NULL}, environment, process);
}
