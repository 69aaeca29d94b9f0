#include "support/support.h"

#include "layers/profiles.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int cases, cases_left_out, run_of_test;

bool test_left_out(double work)
{
    const char *most = getenv("TESSERA_TEST_SMALL"), *few = getenv("TESSERA_TEST_FEW");
    bool out = (most && work > strtod(most, NULL)) || (few && run_of_test >= atoi(few));
    cases++;
    if (out)
        cases_left_out++;
    else
        run_of_test++;
    return out;
}

static void begin_test(void)
{
    run_of_test = 0;
}

static tsr_device *device;

int test_run(const char *name, void (*add_tests)(TCase *))
{
    setenv("TESSERA_TUNING", "0", 1); /* what a person has tuned is none of the tests' business */
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 0);
    tcase_add_checked_fixture(tests, begin_test, NULL);
    add_tests(tests);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* one process: OpenCL does not survive a fork */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    if (cases_left_out > 0)
        printf("%s: %d of %d cases left out, of what TESSERA_TEST_SMALL and TESSERA_TEST_FEW ask for\n", name,
               cases_left_out, cases);
    /* Not at exit: what drivers and their compilers hold may be gone by then. */
    tsr_device_close(device);
    device = NULL;
    bool none = cases > 0 && cases == cases_left_out;
    cases = cases_left_out = 0;
    if (none && !failed) return TEST_SKIPPED;
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int test_run_on_cpus(const char *name, void (*add_tests)(TCase *))
{
    tsr_device *opened = NULL;
    bool other = false;
    if (tsr_device_open(NULL, false, &opened) == TSR_OK) {
        const tsr_device_info *info = tsr_device_get_info(opened);
        other = info->type != TSR_DEVICE_CPU;
        if (other)
            printf("%s: left out, its kernels are for CPUs, which the device is not: %s (%s)\n", name, info->name,
                   tsr_device_type_text(info->type));
        tsr_device_close(opened);
    }
    return other ? TEST_SKIPPED : test_run(name, add_tests);
}

/* The loader leaves out a layer that does not load, without a word. */
static void check_profile(void)
{
    const char *wanted = getenv(LIMITS_VARIABLE);
    if (!wanted) return;
    const limits_profile *profile = limits_profile_find(wanted);
    ck_assert_msg(profile != NULL, "there is no profile \"%s\"", wanted);
    const char *name = tsr_device_get_info(device)->name;
    ck_assert_msg(strcmp(name, profile->device) == 0, "the device is %s, not %s: OPENCL_LAYERS has no limits layer",
                  name, profile->device);
}

tsr_device *test_device(void)
{
    if (!device) {
        check_ok(tsr_device_open(NULL, false, &device));
        check_profile();
    }
    return device;
}

bool test_device_is_pretended(void)
{
    return getenv(LIMITS_VARIABLE) != NULL;
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
