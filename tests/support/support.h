/* What the tests share. */
#ifndef TSR_TESTS_SUPPORT_H
#define TSR_TESTS_SUPPORT_H

#include <check.h>

#include "tessera.h"

/* Fails the test with tsr_last_error() unless the status is TSR_OK. */
#define check_ok(call)                                                                                                 \
    do {                                                                                                               \
        tsr_status check_status = (call);                                                                              \
        ck_assert_msg(check_status == TSR_OK, "%s: %s (%s)", #call, tsr_last_error(), tsr_status_name(check_status));  \
    } while (0)

/* Fails unless the call fails with this status and a last error that contains `part`. */
#define check_fails(call, status, part)                                                                                \
    do {                                                                                                               \
        tsr_status check_status = (call);                                                                              \
        ck_assert_msg(check_status == (status), "%s: got %s, wanted %s (%s)", #call, tsr_status_name(check_status),    \
                      #status, tsr_last_error());                                                                      \
        ck_assert_msg(strstr(tsr_last_error(), part) != NULL, "%s: \"%s\" does not contain \"%s\"", #call,             \
                      tsr_last_error(), part);                                                                         \
    } while (0)

/* Runs one test case as a Check suite; returns the program's exit code: TEST_SKIPPED where cases were left out as too
 * large and none was left. */
int test_run(const char *name, void (*add_tests)(TCase *));
enum { TEST_SKIPPED = 77 }; /* CTest takes it for a test that was left out */
/* The same for implementations that are for devices of the CPU class alone. On any other device it says so and returns
 * TEST_SKIPPED. */
int test_run_on_cpus(const char *name, void (*add_tests)(TCase *));
/* Slow devices run few and small cases: whether one of `work` floating-point operations is to be left out, as it is
 * more than TESSERA_TEST_SMALL in the environment, or as many as TESSERA_TEST_FEW of its test have run. What is left
 * out is counted, and said at the end. */
bool test_left_out(double work);

/* The device that the tests run on (TESSERA_DEVICE or the best), opened once a suite. Fails the test where the
 * environment names a profile of layers/profiles.h and the device is not the one that it pretends. */
tsr_device *test_device(void);
/* Whether the device is one of those pretended ones: code made for the real vendor's (CLBlast's) does not run on it. */
bool test_device_is_pretended(void);

/* A directory for the test's files, made anew for the process and removed at its end. */
const char *test_directory(void);
/* PATH of `name` in it, in a static ring of buffers. */
const char *test_path(const char *name);

#endif
