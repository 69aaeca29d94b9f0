/* Which drivers the loader would load. */
#include "base/file.h"
#include "support/process.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What the loader would read: a directory, a file, a library. */
START_TEST(drivers_are_found)
{
    tsr_loader loader;
    ck_assert(mkdir(test_path("vendors"), 0700) == 0);
    check_ok(tsr_file_write(test_path("vendors/b.icd"), "libb.so\nrest\n", 13));
    check_ok(tsr_file_write(test_path("vendors/a.icd"), "/opt/liba.so", 12));
    check_ok(tsr_file_write(test_path("vendors/c.icd"), "\n", 1));
    check_ok(tsr_file_write(test_path("vendors/notes.txt"), "no driver", 9));
    setenv("OCL_ICD_VENDORS", test_path("vendors"), 1);
    check_ok(tsr_loader_describe(&loader));
    ck_assert(loader.asked && strstr(loader.library, "OpenCL"));
    ck_assert_uint_eq(loader.driver_count, 3);
    ck_assert_str_eq(loader.drivers[0].library, "/opt/liba.so");
    ck_assert_str_eq(loader.drivers[1].library, "libb.so");
    ck_assert(loader.drivers[1].outcome == TSR_DRIVER_UNTRIED && loader.drivers[2].outcome == TSR_DRIVER_BROKEN);
    tsr_loader_clear(&loader);
    setenv("OCL_ICD_VENDORS", test_path("vendors/b.icd"), 1);
    check_ok(tsr_loader_describe(&loader));
    ck_assert_uint_eq(loader.driver_count, 1);
    ck_assert_str_eq(loader.drivers[0].library, "libb.so");
    tsr_loader_clear(&loader);
    check_ok(tsr_file_write(test_path("libc.so"), "", 0));
    setenv("OCL_ICD_VENDORS", test_path("libc.so"), 1);
    check_ok(tsr_loader_describe(&loader));
    ck_assert_uint_eq(loader.driver_count, 1);
    ck_assert_str_eq(loader.drivers[0].library, test_path("libc.so"));
    tsr_loader_clear(&loader);
    setenv("OCL_ICD_VENDORS", "pocl.icd", 1); /* a file of the usual place */
    check_ok(tsr_loader_describe(&loader));
    ck_assert_uint_eq(loader.driver_count, 1);
    ck_assert_str_eq(loader.drivers[0].file, "/etc/OpenCL/vendors/pocl.icd");
    ck_assert(strstr(loader.drivers[0].library, "libpocl") && loader.drivers[0].outcome == TSR_DRIVER_UNTRIED);
    tsr_loader_clear(&loader);
    setenv("OCL_ICD_VENDORS", "libacme.so.2", 1); /* a library that the system is to find */
    check_ok(tsr_loader_describe(&loader));
    ck_assert_uint_eq(loader.driver_count, 1);
    ck_assert_str_eq(loader.drivers[0].library, "libacme.so.2");
    ck_assert_int_eq(loader.drivers[0].outcome, TSR_DRIVER_UNTRIED);
    tsr_loader_clear(&loader);
    setenv("OCL_ICD_VENDORS", test_path("no-vendors"), 1);
    check_ok(tsr_loader_describe(&loader));
    ck_assert_uint_eq(loader.driver_count, 0);
    tsr_loader_clear(&loader);
    unsetenv("OCL_ICD_VENDORS");
    check_ok(tsr_loader_describe(&loader));
    ck_assert(!loader.asked && strcmp(loader.vendors, "/etc/OpenCL/vendors") == 0);
    tsr_loader_clear(&loader);
    check_fails(tsr_driver_load("/nowhere/libx.so"), TSR_NOT_FOUND, "/nowhere/libx.so: cannot open");
}
END_TEST

/* In a process of its own: the drivers that OCL_ICD_FILENAMES names, one a line. */
static int print_libraries(void)
{
    tsr_loader loader;
    if (tsr_loader_describe(&loader)) return 1;
    for (size_t i = 0; i < loader.driver_count; i++) puts(loader.drivers[i].library);
    tsr_loader_clear(&loader);
    return 0;
}

/* Libraries are listed where the loader would load them. */
START_TEST(libraries_are_found_by_their_names)
{
    static test_process process;
    test_execute_self("libraries",
                      (const char *const[]){"OCL_ICD_VENDORS=/nowhere", "LD_PRELOAD=" TEST_OTHER_LOADER,
                                            "OCL_ICD_FILENAMES=libacme.so::/opt/libb.so", NULL},
                      &process);
    ck_assert_msg(process.code == 0, "%s", process.err);
    ck_assert_str_eq(process.out, "libacme.so\n/opt/libb.so\n");
    test_execute_self(
        "libraries",
        (const char *const[]){"OCL_ICD_VENDORS=/nowhere", "LD_PRELOAD=" TEST_OTHER_LOADER, "OCL_ICD_FILENAMES", NULL},
        &process);
    ck_assert_msg(process.code == 0 && !process.out[0], "%s%s", process.out, process.err);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, drivers_are_found);
    tcase_add_test(tests, libraries_are_found_by_their_names);
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "libraries") == 0) return print_libraries();
    return test_run("loader", add_tests);
}
