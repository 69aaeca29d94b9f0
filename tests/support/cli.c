#include "support/cli.h"

#include "support/support.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define MAX_ARGUMENTS 24

test_process cli_process;

const char *const *cli_arguments(char *text)
{
    static const char *arguments[MAX_ARGUMENTS + 2];
    int count = 0;
    arguments[count++] = TEST_PROGRAM;
    for (char *word = strtok(text, " "); word; word = strtok(NULL, " ")) {
        ck_assert_int_lt(count, MAX_ARGUMENTS);
        arguments[count++] = word;
    }
    arguments[count] = NULL;
    return arguments;
}

void cli_run(int code, const char *format, ...)
{
    char text[2048], copy[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    strcpy(copy, text);
    test_execute(cli_arguments(copy), NULL, &cli_process);
    ck_assert_msg(cli_process.code == code, "tessera %s: exit code %d\n%s%s", text, cli_process.code, cli_process.out,
                  cli_process.err);
}

void cli_contains(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not contain \"%s\"", text, part);
}

int cli_lines(const char *text)
{
    int count = 0;
    for (; (text = strchr(text, '\n')); text++) count++;
    return count;
}
