/* Which drivers the loader would load. */
#include "base/file.h"
#include "support/support.h"

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

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, drivers_are_found);
}

int main(void)
{
    return test_run("loader", add_tests);
}
