/* Files from strangers are read in a process of their own first: HDF5 can crash, or never end, on a damaged file. */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Seconds of computing that reading the file may take: far more than a sound one needs. */
static rlim_t longest(const char *path)
{
    enum { LEAST = 3, BYTES_A_SECOND = 8 << 20 };
    struct stat file;
    return LEAST + (stat(path, &file) == 0 ? (rlim_t)(file.st_size / BYTES_A_SECOND) : 0);
}

/* What the child does: its exit code says nothing, since the file is read again for the sentence. */
static void read_model(const char *path)
{
    const rlim_t seconds = longest(path);
    const struct rlimit no_core = {0, 0}, time = {seconds, seconds};
    tsr_model *model;
    signal(SIGINT, SIG_DFL);
    setrlimit(RLIMIT_CORE, &no_core);
    setrlimit(RLIMIT_CPU, &time);
    if (tsr_model_open(path, &model, NULL) == TSR_OK) tsr_model_free(model);
    _exit(DONE);
}

bool command_try_model(const command *self, const char *path)
{
    int state;
    pid_t child = path ? fork() : -1;
    if (child < 0) return true; /* without a process more it is read without a trial */
    if (child == 0) read_model(path);
    while (waitpid(child, &state, 0) < 0)
        if (errno != EINTR) return true;
    if (!WIFSIGNALED(state) || WTERMSIG(state) == SIGINT) return true;
    command_complain(self, "%s is damaged: the HDF5 library %s on it", path,
                     WTERMSIG(state) == SIGXCPU || WTERMSIG(state) == SIGKILL ? "does not end" : "crashes");
    return false;
}
