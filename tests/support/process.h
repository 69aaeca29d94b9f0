/* Child processes: for what the environment decides, and for the program itself. */
#ifndef TSR_TESTS_PROCESS_H
#define TSR_TESTS_PROCESS_H

/* What became of a process. The texts are cut at their size. */
typedef struct test_process {
    int code; /* exit code, or 128 + the signal that ended it */
    char out[32768], err[32768];
} test_process;

/* Runs `arguments` (NULL-ended; the first is the program's path) and waits for the end. `environment` (NULL-ended, or
 * NULL) is put into this process's environment for the child: "NAME=VALUE" sets, "NAME" alone removes. */
void test_execute(const char *const *arguments, const char *const *environment, test_process *process);

/* Runs this test program again with one argument, which its main() hands to a function. */
void test_execute_self(const char *argument, const char *const *environment, test_process *process);

#endif
