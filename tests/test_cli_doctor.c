/* tessera doctor: machines that are fit, drivers that are missing, broken, crash or hang, devices that are wrong. */
#include "base/file.h"
#include "support/cli.h"
#include "support/drivers.h"
#include "support/poison.h"
#include "support/support.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void doctor(int code, const char *const *variables, const char *arguments)
{
    char command[300];
    snprintf(command, sizeof command, "doctor %s", arguments);
    test_execute(cli_arguments(command), variables, &cli_process);
    ck_assert_msg(cli_process.code == code, "tessera doctor %s: exit code %d\n%s%s", arguments, cli_process.code,
                  cli_process.out, cli_process.err);
}

START_TEST(a_fit_machine)
{
    doctor(0, (const char *const[]){TEST_POCL_ALONE, "TESSERA_DEVICE", NULL}, "");
    static const char *const parts[] = {
        "Loader\n  /",
        "OCL_ICD_VENDORS says\n",
        "\nDrivers\n  " POCL_FILE ": libpocl",
        " works; Portable Computing Language, 1 device\n",
        "\nDevices\n*  0  ",
        " right, ",
        " 0 wrong, 0 failed\n",
        " kernels made ready in ",
        " GFLOPS, ",
        " GB/s, ",
        " us for a launch\n",
        "tuning: ",
        "\nSurroundings\n  groups: ",
        "\n  OCL_ICD_VENDORS=" POCL_FILE "\n",
        "\nThe chosen device is fit.\nWhat to do: nothing",
    };
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) cli_contains(cli_process.out, parts[i]);
    ck_assert_ptr_null(strchr(cli_process.out, '\033'));
    cli_contains(cli_process.err, "Trying ");
}
END_TEST

static json_t *member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    ck_assert_msg(value != NULL, "there is no %s", key);
    return value;
}

START_TEST(a_fit_machine_as_json)
{
    doctor(0, (const char *const[]){TEST_POCL_ALONE, "TESSERA_DEVICE", NULL}, "--json --device 0");
    json_t *all = json_loads(cli_process.out, 0, NULL);
    ck_assert(json_is_object(all) && json_is_true(member(all, "fit")));
    const json_t *driver = json_array_get(member(all, "drivers"), 0),
                 *device = json_array_get(member(all, "devices"), 0);
    ck_assert_str_eq(json_string_value(member(driver, "outcome")), "works");
    ck_assert_int_eq(json_integer_value(member(json_array_get(member(driver, "platforms"), 0), "devices")), 1);
    ck_assert(json_is_true(member(device, "chosen")) && json_is_true(member(device, "complete")));
    ck_assert_int_gt(json_integer_value(member(device, "right")), 20);
    ck_assert(json_number_value(member(device, "flops")) > 1e8 && json_number_value(member(device, "bandwidth")) > 1e8);
    ck_assert(json_is_object(member(member(all, "surroundings"), "cache")));
    ck_assert_uint_eq(json_array_size(member(device, "problems")), 0);
    json_decref(all);
}
END_TEST

START_TEST(no_driver_at_all)
{
    doctor(1, (const char *const[]){"OCL_ICD_VENDORS=/nonexistent", NULL}, "");
    cli_contains(cli_process.out, "\nDrivers\n  none\n");
    cli_contains(cli_process.out, "\nDevices\n  none\n");
    cli_contains(cli_process.out,
                 "No device is chosen that is fit.\nWhat to do:\n  1. no OpenCL platform is there (-1001)");
    cli_contains(cli_process.out, "install the package pocl-opencl-icd to run on the CPU");
    doctor(1, (const char *const[]){make_drivers("empty", NULL, NULL, false), NULL}, "");
    cli_contains(cli_process.out, "(-1001)");
}
END_TEST

START_TEST(a_driver_that_is_not_there)
{
    doctor(1, (const char *const[]){make_drivers("missing", "acme", "/nowhere/libacme.so\n", false), NULL}, "");
    cli_contains(cli_process.out, "acme.icd: /nowhere/libacme.so cannot be loaded: /nowhere/libacme.so: cannot open");
    cli_contains(cli_process.out, "install the package that it came with again, or remove that file");
    doctor(
        0,
        (const char *const[]){make_drivers("missing", "acme", "/nowhere/libacme.so\n", true), "TESSERA_DEVICE", NULL},
        "");
    cli_contains(cli_process.out,
                 "The chosen device is fit.\nWhat to do: nothing; this could be better:\n  1. the driver");
    doctor(1, (const char *const[]){make_drivers("blank", "acme", "\n", false), NULL}, "");
    cli_contains(cli_process.out, "acme.icd:  cannot be loaded: the file names no library\n");
}
END_TEST

/* A driver that crashes is reported, and the devices of the others are tried without it. */
START_TEST(a_driver_that_crashes)
{
    doctor(1, (const char *const[]){make_drivers("crash", "acme", TEST_BAD_DRIVER, true), "TEST_DRIVER=aborts", NULL},
           "");
    cli_contains(cli_process.out, "acme.icd: " TEST_BAD_DRIVER " crashes\n");
    cli_contains(cli_process.out, " works; Portable Computing Language, 1 device\n");
    cli_contains(cli_process.out, "\n   -  pthread");
    cli_contains(cli_process.out, "(Portable Computing Language, CPU)\n");
    cli_contains(cli_process.out, " 0 wrong, 0 failed\n");
    cli_contains(cli_process.out, "What to do:\n  1. the driver that ");
    cli_contains(cli_process.out,
                 "crashes as soon as it is loaded, and every OpenCL program with it; remove that file");
}
END_TEST

START_TEST(a_driver_that_hangs)
{
    doctor(1, (const char *const[]){make_drivers("hang", "acme", TEST_BAD_DRIVER, false), "TEST_DRIVER=sleeps", NULL},
           "--load-timeout 2");
    cli_contains(cli_process.out, "acme.icd: " TEST_BAD_DRIVER " hangs\n");
    cli_contains(cli_process.out, "\nDevices\n  none\n");
    cli_contains(cli_process.out, "does not answer when it is loaded");
}
END_TEST

START_TEST(a_driver_that_ends_the_process)
{
    doctor(1, (const char *const[]){make_drivers("exit", "acme", TEST_BAD_DRIVER, true), "TEST_DRIVER=exits", NULL},
           "");
    cli_contains(cli_process.out, "acme.icd: " TEST_BAD_DRIVER " crashes: it ends the process with 3\n");
    cli_contains(cli_process.out, " right, "); /* of PoCL, alone */
    cli_contains(cli_process.out, "What to do:\n  1. the driver that ");
    cli_contains(cli_process.out, "every OpenCL program with it: it ends the process with 3; remove that file");
}
END_TEST

/* What it was asked for is there, and is used. */
START_TEST(a_driver_that_crashes_at_the_exit)
{
    enum { ABORTED = 128 + 6 }; /* doctor itself, behind all that it prints */
    doctor(ABORTED,
           (const char *const[]){make_drivers("late", "acme", TEST_BAD_DRIVER, true), "TESSERA_DEVICE",
                                 "TEST_DRIVER=crashes-at-exit", NULL},
           "");
    cli_contains(cli_process.out, " 0 wrong, 0 failed\n");
    cli_contains(cli_process.out, "the device: at the end: crashes (signal 6)\n");
    cli_contains(cli_process.out, "The chosen device is fit.\nWhat to do: nothing; this could be better:\n");
    cli_contains(cli_process.out, "acme.icd names does not let programs end well");
}
END_TEST

/* What a driver writes to standard output does not mix with what is found. */
START_TEST(a_driver_that_talks)
{
    doctor(0,
           (const char *const[]){make_drivers("talk", "acme", TEST_BAD_DRIVER, true), "TESSERA_DEVICE",
                                 "TEST_DRIVER=talks", NULL},
           "");
    cli_contains(cli_process.out, " works; Portable Computing Language, 1 device\n");
    cli_contains(cli_process.out, " 0 wrong, 0 failed\n");
    cli_contains(cli_process.out, "The chosen device is fit.\n");
}
END_TEST

/* Whoever starts the program may have it ignore how children end. */
static int become_doctor_without_children(void)
{
    signal(SIGCHLD, SIG_IGN);
    execl(TEST_PROGRAM, TEST_PROGRAM, "doctor", (char *)NULL);
    return 1;
}

START_TEST(a_crash_is_seen_where_children_are_ignored)
{
    test_execute_self(
        "without-children",
        (const char *const[]){make_drivers("ignored", "acme", TEST_BAD_DRIVER, false), "TEST_DRIVER=aborts", NULL},
        &cli_process);
    ck_assert_int_eq(cli_process.code, 1);
    cli_contains(cli_process.out, "acme.icd: " TEST_BAD_DRIVER " crashes\n");
}
END_TEST

START_TEST(a_device_that_takes_too_long)
{
    const char *kernels = poison_kernels("sum_partials.cl", "sum_partials", POISON_HANG);
    doctor(1, (const char *const[]){TEST_POCL_ALONE, "TESSERA_DEVICE", kernels, NULL}, "--timeout 10");
    cli_contains(cli_process.out, ": not finished: does not end within 10 s\n");
    cli_contains(cli_process.out, " 0 wrong, 0 failed; not all were tried\n");
    cli_contains(cli_process.out, "give more with --timeout");
    ck_assert_ptr_null(strstr(cli_process.out, "fails on some kernels"));
}
END_TEST

/* Errors that are cut within a character, paths that are no UTF-8. */
START_TEST(texts_that_are_not_utf8)
{
    char code[8192] = "\n#error ", cache[600];
    size_t length = strlen(code);
    for (; length < sizeof code - 8; length += 2) memcpy(code + length, "\xc3\xa9", 3);
    snprintf(code + length, sizeof code - length, "\n");
    for (int shift = 0; shift < 2; shift++) { /* one of them is cut within a character */
        memmove(code + 9, code + 8, strlen(code + 8) + 1);
        code[8] = 'x';
        const char *kernels = poison_kernels("sum_partials.cl", "sum_partials", code);
        doctor(1, (const char *const[]){TEST_POCL_ALONE, "TESSERA_DEVICE", kernels, NULL}, "");
        cli_contains(cli_process.out, " 0 wrong, 1 failed\n");
        cli_contains(cli_process.out, "\n          sum_partials: failed: ");
    }
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s\xe9", test_path("cache"));
    doctor(0, (const char *const[]){TEST_POCL_ALONE, "TESSERA_DEVICE", cache, NULL}, "--json");
    json_t *all = json_loads(cli_process.out, 0, NULL);
    const json_t *there = json_object_get(json_object_get(all, "surroundings"), "cache");
    ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(there, "directory")), "cache\xef\xbf\xbd/tessera"));
    json_decref(all);
}
END_TEST

/* What a kernel does wrong is named, and the rest is tried all the same. */
START_TEST(kernels_that_are_wrong_or_crash)
{
    const char *kernels = poison_kernels("sum_partials.cl", "sum_partials", POISON_WRONG);
    doctor(1, (const char *const[]){TEST_POCL_ALONE, "TESSERA_DEVICE", kernels, NULL}, "");
    cli_contains(cli_process.out, "\n          sum_partials: wrong: ");
    cli_contains(cli_process.out, " GFLOPS, ");
    cli_contains(cli_process.out, "No device is chosen that is fit.\nWhat to do:\n  1. ");
    cli_contains(cli_process.out, " of the kernels wrongly: use another driver");
    kernels = poison_kernels("sum_partials.cl", "sum_partials", POISON_CRASH);
    doctor(1, (const char *const[]){TEST_POCL_ALONE, "TESSERA_DEVICE", kernels, NULL}, "");
    cli_contains(cli_process.out, "\n          sum_partials: failed: crashes (signal 11)\n");
    cli_contains(cli_process.out, " GFLOPS, ");
    cli_contains(cli_process.out, "fails on some kernels: update its driver");
    /* One for GPUs, which a CPU is never given. */
    kernels = poison_kernels("conv2d_winograd_tiled.cl", "conv2d_winograd_tiled", POISON_CRASH);
    doctor(0, (const char *const[]){TEST_POCL_ALONE, "TESSERA_DEVICE", kernels, NULL}, "");
    cli_contains(cli_process.out, " 0 wrong, 0 failed, 4 wrong or failed that are not used here\n");
    cli_contains(cli_process.out, "\n          conv2d_winograd_tiled: failed (not used here): crashes (signal 11)\n");
    cli_contains(cli_process.out, "The chosen device is fit.\n");
}
END_TEST

START_TEST(devices_that_do_not_show)
{
    doctor(1, (const char *const[]){TEST_POCL_ALONE, "POCL_DEVICES=no-such-driver", NULL}, "");
    cli_contains(cli_process.out, "Portable Computing Language, 0 devices\n");
    cli_contains(cli_process.out, "1. the drivers show no device (Portable Computing Language)");
    cli_contains(cli_process.out, "unset POCL_DEVICES");
    doctor(1, (const char *const[]){TEST_POCL_ALONE, "TESSERA_DEVICE=geforce", NULL}, "--timeout 300");
    cli_contains(cli_process.out, "or mend TESSERA_DEVICE, which names none or several of them");
    doctor(1, (const char *const[]){TEST_POCL_ALONE, NULL}, "--device geforce");
    cli_contains(cli_process.out, ": not tried\n");
    cli_contains(cli_process.out, "none of the devices is chosen; name one by its number with --device");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_fit_machine);
    tcase_add_test(tests, a_fit_machine_as_json);
    tcase_add_test(tests, no_driver_at_all);
    tcase_add_test(tests, a_driver_that_is_not_there);
    tcase_add_test(tests, a_driver_that_crashes);
    tcase_add_test(tests, a_driver_that_hangs);
    tcase_add_test(tests, a_driver_that_ends_the_process);
    tcase_add_test(tests, a_driver_that_crashes_at_the_exit);
    tcase_add_test(tests, a_driver_that_talks);
    tcase_add_test(tests, a_crash_is_seen_where_children_are_ignored);
    tcase_add_test(tests, a_device_that_takes_too_long);
    tcase_add_test(tests, texts_that_are_not_utf8);
    tcase_add_test(tests, kernels_that_are_wrong_or_crash);
    tcase_add_test(tests, devices_that_do_not_show);
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "without-children") == 0) return become_doctor_without_children();
    return test_run("cli_doctor", add_tests);
}
