#include "device/choose.h"
#include "support/process.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Four devices that this machine need not have. */
static const tsr_candidate devices[] = {
    {.info = {.same_as = -1,
              .platform = "Portable Computing Language",
              .name = "cpu-one",
              .type = TSR_DEVICE_CPU,
              .compute_units = 64}},
    {.info =
         {.same_as = -1, .platform = "rusticl", .name = "llvmpipe", .type = TSR_DEVICE_SOFTWARE, .compute_units = 8}},
    {.info = {.same_as = -1,
              .platform = "Intel(R) OpenCL",
              .name = "UHD 770",
              .type = TSR_DEVICE_INTEGRATED_GPU,
              .compute_units = 32}},
    {.info = {.same_as = -1,
              .platform = "Acme",
              .name = "Radeon 1 7600",
              .type = TSR_DEVICE_DISCRETE_GPU,
              .compute_units = 16}},
    {.info =
         {.same_as = -1, .platform = "Acme", .name = "Radeon 2", .type = TSR_DEVICE_DISCRETE_GPU, .compute_units = 20}},
    {.info =
         {.same_as = -1, .platform = "Acme", .name = "Radeon 2", .type = TSR_DEVICE_DISCRETE_GPU, .compute_units = 20}},
};
enum { COUNT = sizeof devices / sizeof devices[0] };

static void check_choice(size_t count, const char *wanted, size_t expected)
{
    size_t chosen = 99;
    check_ok(tsr_choose(devices, count, wanted, &chosen));
    ck_assert_uint_eq(chosen, expected);
}

START_TEST(the_best_is_chosen)
{
    unsetenv("TESSERA_DEVICE");
    check_choice(1, NULL, 0);
    check_choice(2, NULL, 0); /* a rasterizer is the last */
    check_choice(3, NULL, 2);
    check_choice(4, NULL, 3); /* a discrete GPU, though it has fewer compute units */
    check_choice(5, NULL, 4); /* more compute units */
    check_choice(6, NULL, 4); /* the first of two equal ones */
    check_choice(6, "", 4);
    size_t chosen;
    check_ok(tsr_choose(devices + 1, 1, NULL, &chosen)); /* a rasterizer where there is nothing else */
    ck_assert_uint_eq(chosen, 0);
}
END_TEST

START_TEST(a_number_or_a_part_of_the_name_chooses)
{
    size_t chosen;
    check_choice(COUNT, "0", 0);
    check_choice(COUNT, "5", 5);
    check_choice(COUNT, "uhd", 2);
    check_choice(COUNT, "portable", 0);
    check_choice(COUNT, "acme RADEON 1", 3);
    check_choice(COUNT, "LLVM", 1);
    check_choice(COUNT, "7600", 3); /* which is no place in the list */
    check_fails(tsr_choose(devices, COUNT, "6", &chosen), TSR_NOT_FOUND,
                "no device has the number \"6\"; there are: 0: ");
    check_fails(tsr_choose(devices, COUNT, "99999999999999999999", &chosen), TSR_NOT_FOUND, "no device has the number");
    check_fails(tsr_choose(devices, COUNT, "geforce", &chosen), TSR_NOT_FOUND,
                "no device matches \"geforce\"; there are: 0: ");
    check_fails(tsr_choose(devices, COUNT, "-1", &chosen), TSR_NOT_FOUND, "no device matches \"-1\"");
    check_fails(tsr_choose(devices, COUNT, "radeon", &chosen), TSR_NOT_FOUND,
                "several devices match \"radeon\"; say which by its number or name: 3: Acme Radeon 1 7600, 4: Acme "
                "Radeon 2, 5:");
}
END_TEST

START_TEST(the_environment_stands_in)
{
    setenv("TESSERA_DEVICE", "uhd", 1);
    check_choice(COUNT, NULL, 2);
    check_choice(COUNT, "", 2);
    check_choice(COUNT, "0", 0);
    setenv("TESSERA_DEVICE", "", 1);
    check_choice(COUNT, NULL, 4);
    unsetenv("TESSERA_DEVICE");
}
END_TEST

START_TEST(types_come_from_what_the_driver_says)
{
    ck_assert_int_eq(tsr_query_type(CL_DEVICE_TYPE_GPU, false, "NVIDIA H100"), TSR_DEVICE_DISCRETE_GPU);
    ck_assert_int_eq(tsr_query_type(CL_DEVICE_TYPE_GPU, true, "Intel Iris"), TSR_DEVICE_INTEGRATED_GPU);
    ck_assert_int_eq(tsr_query_type(CL_DEVICE_TYPE_ACCELERATOR, false, "FPGA"), TSR_DEVICE_ACCELERATOR);
    ck_assert_int_eq(tsr_query_type(CL_DEVICE_TYPE_CPU, true, "AMD EPYC"), TSR_DEVICE_CPU);
    ck_assert_int_eq(tsr_query_type(CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_DEFAULT, true, "AMD EPYC"), TSR_DEVICE_CPU);
    ck_assert_int_eq(tsr_query_type(CL_DEVICE_TYPE_CPU | CL_DEVICE_TYPE_GPU | CL_DEVICE_TYPE_ACCELERATOR, true,
                                    "Oclgrind Simulator"),
                     TSR_DEVICE_CPU);
    ck_assert_int_eq(tsr_query_type(CL_DEVICE_TYPE_GPU, true, "llvmpipe (LLVM 15)"), TSR_DEVICE_SOFTWARE);
    ck_assert_int_eq(tsr_query_type(CL_DEVICE_TYPE_CPU, true, "LLVMPIPE"), TSR_DEVICE_SOFTWARE);
    ck_assert_str_eq(tsr_device_type_text(TSR_DEVICE_INTEGRATED_GPU), "integrated GPU");
}
END_TEST

START_TEST(vendors_are_known_by_number_or_name)
{
    static const struct {
        cl_uint id;
        const char *vendor, *name;
        tsr_vendor expected;
    } cases[] = {
        {0x1002, "Advanced Micro Devices, Inc.", "gfx1030", TSR_VENDOR_AMD},
        {0x1002, "", "", TSR_VENDOR_AMD},
        {0x1002, "Mesa", "AMD Radeon RX 6600 (radeonsi, navi23)", TSR_VENDOR_AMD},
        {0x1021d00, "AMD", "AMD Radeon Pro 5500M Compute Engine", TSR_VENDOR_AMD}, /* Apple's platform */
        {0x1022, "AuthenticAMD", "pthread-znver3", TSR_VENDOR_AMD},
        {0, "AuthenticAMD", "cpu", TSR_VENDOR_AMD},
        {0, "Mesa", "Radeon VII", TSR_VENDOR_AMD},
        {0x8086, "Intel(R) Corporation", "AMD EPYC", TSR_VENDOR_INTEL}, /* its runtime on any processor */
        {0x1024500, "Intel Inc.", "Intel(R) UHD Graphics 630", TSR_VENDOR_INTEL},
        {0x10de, "NVIDIA Corporation", "NVIDIA H100", TSR_VENDOR_NVIDIA},
        {0x1022600, "NVIDIA", "GeForce GT 750M", TSR_VENDOR_NVIDIA},
        {0x7260000, "ARM", "Mali-G52", TSR_VENDOR_ARM},
        {0x13b5, "", "", TSR_VENDOR_ARM},
        {0, "Panfrost", "Mali-G52 (Panfrost)", TSR_VENDOR_ARM},
        {0x5143, "QUALCOMM", "QUALCOMM Adreno(TM)", TSR_VENDOR_QUALCOMM},
        {0xbf4d3c4b, "", "", TSR_VENDOR_QUALCOMM},
        {0, "freedreno", "FD640 Adreno", TSR_VENDOR_QUALCOMM},
        {0x1027f00, "Apple", "Apple M1", TSR_VENDOR_APPLE},
        {0, "Apple", "M3", TSR_VENDOR_APPLE},
        {0x10006, "Mesa/X.org", "llvmpipe (LLVM 15.0.6, 256 bits)", TSR_VENDOR_OTHER},
        {0, "Farm", "Charm", TSR_VENDOR_OTHER},
        {0, "", "", TSR_VENDOR_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tsr_vendor got = tsr_query_vendor(cases[i].id, cases[i].vendor, cases[i].name);
        ck_assert_msg(got == cases[i].expected, "%#x %s %s: %s", cases[i].id, cases[i].vendor, cases[i].name,
                      tsr_vendor_text(got));
    }
    ck_assert_str_eq(tsr_vendor_text(TSR_VENDOR_QUALCOMM), "Qualcomm");
}
END_TEST

START_TEST(the_list_says_what_there_is)
{
    tsr_device_info *list;
    size_t count, chosen = 0;
    check_ok(tsr_device_list(NULL, &list, &count));
    ck_assert_uint_ge(count, 1);
    for (size_t i = 0; i < count; i++) {
        const tsr_device_info *info = &list[i];
        chosen += info->chosen;
        ck_assert(info->platform[0] && info->platform_version[0] && info->name[0] && info->driver[0]);
        ck_assert(info->compute_units >= 1 && info->max_work_group >= 1 && info->vector_width >= 1);
        ck_assert(info->max_work_items[0] >= 1 && info->max_work_items[2] >= 1 && info->alignment >= 1);
        ck_assert(info->max_allocation > 0 && info->max_allocation <= info->memory);
        ck_assert(strstr(info->name, "  ") == NULL && info->name[strlen(info->name) - 1] != ' ');
    }
    ck_assert_uint_eq(chosen, 1);
    free(list);
    check_ok(tsr_device_list("no such device", &list, &count));
    for (size_t i = 0; i < count; i++) ck_assert(!list[i].chosen);
    free(list);
}
END_TEST

/* The child: opens the device that the environment chooses, and says which or what is wrong. */
static int open_chosen(void)
{
    tsr_device *device;
    tsr_device_info *list;
    size_t count;
    if (tsr_device_list(NULL, &list, &count)) {
        fputs(tsr_last_error(), stderr);
        return 1;
    }
    printf("%zu devices, ", count);
    free(list);
    if (tsr_device_open(NULL, false, &device)) {
        fputs(tsr_last_error(), stderr);
        return 1;
    }
    printf("%s", tsr_device_get_info(device)->name);
    tsr_device_close(device);
    return 0;
}

static void check_child(int code, const char *part, const char *const *environment)
{
    static test_process process;
    test_execute_self("open", environment, &process);
    ck_assert_int_eq(process.code, code);
    const char *text = code ? process.err : process.out;
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" does not contain \"%s\"", text, part);
}

START_TEST(machines_without_a_device_are_told_what_to_install)
{
    check_child(1, "pocl-opencl-icd", (const char *[]){"OCL_ICD_VENDORS=/nonexistent", NULL});
    check_child(1, "no OpenCL platform has a usable device (platforms: Portable Computing Language)",
                (const char *[]){TEST_POCL_ALONE, "POCL_DEVICES=no-such-driver", NULL});
}
END_TEST

START_TEST(the_same_device_twice_is_two_devices)
{
    check_child(0, "2 devices, pthread",
                (const char *[]){TEST_POCL_ALONE, "POCL_DEVICES=pthread pthread", "TESSERA_DEVICE", NULL});
    check_child(0, "2 devices, pthread",
                (const char *[]){TEST_POCL_ALONE, "POCL_DEVICES=pthread pthread", "TESSERA_DEVICE=1", NULL});
    check_child(0, "2 devices, basic",
                (const char *[]){TEST_POCL_ALONE, "POCL_DEVICES=pthread basic", "TESSERA_DEVICE=BASIC", NULL});
    check_child(1, "several devices match \"pthread\"",
                (const char *[]){TEST_POCL_ALONE, "POCL_DEVICES=pthread pthread", "TESSERA_DEVICE=pthread", NULL});
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, the_best_is_chosen);
    tcase_add_test(tests, a_number_or_a_part_of_the_name_chooses);
    tcase_add_test(tests, the_environment_stands_in);
    tcase_add_test(tests, types_come_from_what_the_driver_says);
    tcase_add_test(tests, vendors_are_known_by_number_or_name);
    tcase_add_test(tests, the_list_says_what_there_is);
    tcase_add_test(tests, machines_without_a_device_are_told_what_to_install);
    tcase_add_test(tests, the_same_device_twice_is_two_devices);
}

int main(int count, char **arguments)
{
    (void)arguments;
    return count > 1 ? open_chosen() : test_run("query", add_tests);
}
