/* This program once more, as a process of its own: what drivers do to that one, this one survives. */
#ifndef TESSERA_TOOLS_CHILD_H
#define TESSERA_TOOLS_CHILD_H

#include "command.h"

#include <stdio.h>

typedef enum child_end {
    CHILD_ENDED,   /* by itself; `code` is its exit code */
    CHILD_CRASHED, /* by a signal, which is `code` */
    CHILD_TIMEOUT, /* it did not end in time and was ended, or could not even be */
    CHILD_FAILED   /* it could not be started, or not be waited for; `code` is errno */
} child_end;

typedef struct child_result {
    child_end end;
    int code;
    char *output; /* all that it wrote to child_report(), ended by a zero; never NULL */
    char *errors; /* likewise of standard output and error, where drivers write as well */
} child_result;

/* The path of this program, for starting it again; it lies in *path, which holds `size` bytes. */
const char *child_program(char *path, size_t size);

/* In that process: what it is to tell the one that started it. Standard output, where child_run did not. */
FILE *child_report(void);

/* Runs `tessera ARGUMENTS`, ended by NULL, until it ends, `seconds` at most. `environment`, ended by NULL, are entries
 * "NAME=VALUE" that take the place of this process's, or come after them; NULL: none. Nothing is on its standard input,
 * a crash leaves no core, and should this process be killed, it ends at the limit by itself. child_clear frees it. */
void child_run(const char *const *arguments, const char *const *environment, double seconds, child_result *result);
void child_clear(child_result *result);

/* What it wrote as JSON: json_decref frees it. NULL where that is none. */
json_t *child_json(const child_result *result);

/* How it ended, for people: "crashes (signal 11)", "does not end within 60 s". */
void child_describe(const child_result *result, double seconds, char *text, size_t size);

#endif
