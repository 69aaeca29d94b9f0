/* The program: `tessera COMMAND ...`. */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const command *const commands[] = {&command_devices, &command_doctor,  &command_train, &command_evaluate,
                                          &command_predict, &command_summary, &command_plot,  &command_explain,
                                          &command_tune,    &command_bench,   &command_verify};
static const size_t command_count = sizeof commands / sizeof commands[0];

static void print_usage(FILE *file)
{
    fputs(
        "Usage: tessera COMMAND [options]\n\n"
        "Trains and runs convolutional networks on any OpenCL device; Keras models go in and come out.\n\nCommands:\n",
        file);
    for (size_t i = 0; i < command_count; i++) fprintf(file, "  %-9s  %s\n", commands[i]->name, commands[i]->summary);
    fputs("\nOptions:\n  --help     print this help; `tessera COMMAND --help` that of a command\n"
          "  --version  print the version\n\n"
          "Environment:\n  TESSERA_DEVICE  the device to use where --device is not given: a number or a part of its "
          "name\n"
          "  TESSERA_DATA    the data set's directory where --data is not given\n"
          "  TESSERA_TUNING  0 to leave aside what tessera tune has found\n",
          file);
}

/* What was printed must have got there: a full disk is a failure. */
static int close_output(int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout)) return code;
    fprintf(stderr, "tessera: cannot write the output: %s\n", strerror(errno));
    return code == DONE ? FAILED : code;
}

int main(int count, char **arguments)
{
    /* A file over the limit is then an error of write, which is reported. */
    signal(SIGXFSZ, SIG_IGN);
    /* Were it ignored, as whoever starts this may have it, nobody could tell how a child ended. */
    signal(SIGCHLD, SIG_DFL);
    if (count < 2) {
        print_usage(stderr);
        return USAGE;
    }
    const char *name = arguments[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h")) {
        print_usage(stdout);
        return close_output(DONE);
    }
    if (!strcmp(name, "--version")) {
        printf("tessera %s\n", tsr_version());
        return close_output(DONE);
    }
    for (size_t i = 0; i < command_count; i++)
        if (!strcmp(commands[i]->name, name))
            return close_output(commands[i]->run(commands[i], count - 1, arguments + 1));
    fprintf(stderr, "tessera: there is no %s %s; see tessera --help\n", name[0] == '-' ? "option" : "command", name);
    return USAGE;
}
