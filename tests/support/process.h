/* Child processes: for what the environment decides, and for the program itself. */
#ifndef TSR_TESTS_PROCESS_H
#define TSR_TESTS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* A process and what became of it. The texts are cut at their size. */
typedef struct test_process {
    pid_t child;
    int terminal; /* our end of its terminal, or -1 */
    int code;     /* exit code, or 128 + the signal that ended it */
    char out[65536], err[16384];
} test_process;

/* Runs `arguments` (NULL-ended; the first is the program's path) and waits for the end. `environment` (NULL-ended, or
 * NULL) is put into this process's environment for the child: "NAME=VALUE" sets, "NAME" alone removes. One process at a
 * time. */
void test_execute(const char *const *arguments, const char *const *environment, test_process *process);

/* In the environment of a child whose PoCL has variables of its own: no other driver is there, whichever the tests run
 * on. */
#define TEST_POCL_ALONE "OCL_ICD_VENDORS=/etc/OpenCL/vendors/pocl.icd"

/* The same in two parts. With `terminal` standard output is one. */
void test_start(const char *const *arguments, const char *const *environment, bool terminal, test_process *process);
void test_finish(test_process *process);

/* Between them: whether it has not ended yet, and waiting until its standard output or error ("child.out", "child.err")
 * has `part`, which fails where it ends without it. However long that takes: only the machine's speed is in it. */
bool test_is_running(const test_process *process);
void test_wait_for_output(const test_process *process, const char *name, const char *part);

/* Runs this test program again with one argument, which its main() hands to a function. */
void test_execute_self(const char *argument, const char *const *environment, test_process *process);

#endif
