#include "support/support.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int test_run(const char *name, void (*add_tests)(TCase *))
{
    setenv("TESSERA_TUNING", "0", 1); /* what a person has tuned is none of the tests' business */
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 0);
    add_tests(tests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* one process: OpenCL does not survive a fork */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static tsr_device *device;

static void close_device(void)
{
    tsr_device_close(device);
}

tsr_device *test_device(void)
{
    if (!device) {
        check_ok(tsr_device_open(NULL, false, &device));
        atexit(close_device);
    }
    return device;
}

static char directory[64];

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *at)
{
    (void)status, (void)kind, (void)at;
    return remove(path);
}

static void remove_directory(void)
{
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_directory(void)
{
    if (!directory[0]) {
        strcpy(directory, "/tmp/tessera-test-XXXXXX");
        ck_assert(mkdtemp(directory) != NULL);
        atexit(remove_directory);
    }
    return directory;
}

const char *test_path(const char *name)
{
    static char ring[8][256];
    static int at;
    char *path = ring[at++ % 8];
    snprintf(path, sizeof ring[0], "%s/%s", test_directory(), name);
    return path;
}
