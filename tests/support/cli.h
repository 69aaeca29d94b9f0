/* Running the program as a user does. */
#ifndef TSR_TESTS_CLI_H
#define TSR_TESTS_CLI_H

#include "support/process.h"

/* The last run. */
extern test_process cli_process;

/* The program's path and the words of `text`, which is cut up; for test_execute. Valid until the next call. */
const char *const *cli_arguments(char *text);

/* Runs the program with arguments given printf-style and separated by blanks, and checks the exit code. */
void cli_run(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Fails unless `text` contains `part`. */
void cli_contains(const char *text, const char *part);

/* Lines of a text. */
int cli_lines(const char *text);

#endif
