/* tessera verify: devices that are right, kernels that are wrong, hang or crash, and what it is not given. */
#include "base/file.h"
#include "support/cli.h"
#include "support/drivers.h"
#include "support/poison.h"
#include "support/support.h"
#include "support/tiny.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `variables` are entries for the environment, ended by NULL. */
static void verify(int code, const char *const *variables, const char *arguments)
{
    char command[700];
    snprintf(command, sizeof command, "verify %s", arguments);
    test_execute(cli_arguments(command), variables, &cli_process);
    ck_assert_msg(cli_process.code == code, "tessera verify %s: exit code %d\n%s%s", arguments, cli_process.code,
                  cli_process.out, cli_process.err);
}

/* A model with the tiny data set, on the tests' device. */
static void verify_tiny(int code, const char *kernels, const char *model, const char *more)
{
    char arguments[600];
    snprintf(arguments, sizeof arguments, "%s --data %s --batch-size 8 %s", model, tiny_dataset(), more);
    verify(code, (const char *const[]){kernels, NULL}, arguments);
}

START_TEST(a_model_is_verified)
{
    verify_tiny(0, NULL, tiny_json_file(), "");
    cli_contains(cli_process.out, "against double precision");
    cli_contains(cli_process.out, ": 8 images\n");
    cli_contains(cli_process.out, "\nLAYER ");
    cli_contains(cli_process.out, "VALUE        GRADIENT");
    cli_contains(cli_process.out, "\nconv2d ");
    cli_contains(cli_process.out, "\ndense ");
    cli_contains(cli_process.out, "\nmilliseconds a step ");
    cli_contains(cli_process.out, "): right\n");
    cli_contains(cli_process.out, "\nUse device ");
    ck_assert_ptr_null(strstr(cli_process.out, " \n"));
}
END_TEST

static double number(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    ck_assert_msg(json_is_number(value), "%s is no number", key);
    return json_number_value(value);
}

START_TEST(json_has_all_of_it)
{
    verify_tiny(0, NULL, tiny_h5_file(), "--json --seed 7");
    json_t *whole = json_loads(cli_process.out, 0, NULL);
    ck_assert_msg(whole != NULL, "%s", cli_process.out);
    ck_assert_str_eq(json_string_value(json_object_get(whole, "model")), tiny_h5_file());
    ck_assert_str_eq(json_string_value(json_object_get(whole, "images")), tiny_dataset());
    ck_assert_int_eq((int)number(whole, "seed"), 7);
    const json_t *devices = json_object_get(whole, "devices");
    ck_assert_uint_ge(json_array_size(devices), 1);
    const json_t *device = json_array_get(devices, 0), *layers = json_object_get(device, "layers");
    ck_assert(json_is_true(json_object_get(device, "right")) && json_is_true(json_object_get(device, "finite")));
    ck_assert(json_is_null(json_object_get(device, "fault")));
    ck_assert(json_is_string(json_object_get(device, "name")) && json_is_string(json_object_get(device, "platform")));
    ck_assert_int_eq((int)number(device, "batch"), 8);
    ck_assert_int_eq((int)number(device, "step_batch"), 8);
    ck_assert_double_gt(number(device, "step_seconds"), 0);
    ck_assert_uint_ge(json_array_size(layers), 3);
    for (size_t i = 0; i < json_array_size(layers); i++) {
        const json_t *gradient = json_object_get(json_array_get(layers, i), "gradient");
        if (json_is_object(gradient)) ck_assert_double_le(number(gradient, "share"), 1);
    }
    ck_assert(json_is_integer(json_object_get(whole, "use")));
    json_decref(whole);
}
END_TEST

START_TEST(images_are_made_up_where_none_fit)
{
    /* Nobody has a data set of such images. */
    static const char network[] =
        "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"odd\", \"layers\": ["
        "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 6, 7, 3]}},"
        "{\"class_name\": \"Flatten\", \"config\": {}},"
        "{\"class_name\": \"Dense\", \"config\": {\"units\": 3, \"activation\": "
        "\"softmax\"}}]}}";
    char arguments[400];
    const char *path = test_path("odd.json");
    check_ok(tsr_file_write(path, network, strlen(network)));
    snprintf(arguments, sizeof arguments, "%s --batch-size 5", path);
    verify(0, NULL, arguments);
    cli_contains(cli_process.out, "with made up images: 5 images\n");
    snprintf(arguments, sizeof arguments, "%s --data %s", path, tiny_dataset());
    verify(1, NULL, arguments);
    cli_contains(cli_process.err, "do not fit the model");
}
END_TEST

START_TEST(fewer_images_are_compared_within_the_budget)
{
    char arguments[600];
    snprintf(arguments, sizeof arguments, "%s --data %s --batch-size 200 --budget 0.001", tiny_json_file(),
             tiny_dataset());
    verify(0, NULL, arguments);
    cli_contains(cli_process.out, "steps of 200 are timed; a larger --budget compares more");
}
END_TEST

START_TEST(a_wrong_kernel_is_named_with_its_layer)
{
    const char *kernels = poison_kernels("update.cl", "update", POISON_WRONG);
    verify_tiny(1, kernels, tiny_json_file(), "");
    cli_contains(cli_process.out, "WRONG");
    cli_contains(cli_process.out, "WRONG in conv2d: element ");
    cli_contains(cli_process.out, " by the kernel update\n");
    cli_contains(cli_process.out, "No device is fit");
    verify_tiny(1, kernels, tiny_json_file(), "--json");
    json_t *whole = json_loads(cli_process.out, 0, NULL);
    const json_t *device = json_array_get(json_object_get(whole, "devices"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(device, "fault"), "layer")), "conv2d");
    ck_assert(json_is_null(json_object_get(whole, "use")));
    json_decref(whole);
}
END_TEST

START_TEST(a_kernel_that_does_not_build_is_reported)
{
    verify_tiny(1, poison_kernels("update.cl", "update", "this is no C;"), tiny_json_file(), "");
    cli_contains(cli_process.out, ": failed: ");
    cli_contains(cli_process.out, "update.cl");
}
END_TEST

/* Two devices of PoCL's. */
static void verify_two(int code, const char *kernels, const char *more)
{
    char arguments[600];
    snprintf(arguments, sizeof arguments, "%s --data %s --batch-size 4 --device all %s", tiny_json_file(),
             tiny_dataset(), more);
    verify(code, (const char *const[]){TEST_POCL_ALONE, "POCL_DEVICES=pthread basic", kernels, NULL}, arguments);
}

START_TEST(each_of_several_devices_has_a_process)
{
    verify_two(0, NULL, "");
    cli_contains(cli_process.out, "DEVICE 0");
    cli_contains(cli_process.out, "DEVICE 1");
    cli_contains(cli_process.out, "\nDevice 0, ");
    cli_contains(cli_process.out, "\nDevice 1, ");
    cli_contains(cli_process.out, ", the fastest of those that are right\n");
}
END_TEST

START_TEST(devices_that_crash_or_hang_are_reported)
{
    verify_two(1, poison_kernels("update.cl", "update", POISON_CRASH), "");
    cli_contains(cli_process.out, "\nDevice 0, ");
    cli_contains(cli_process.out, "failed: the process that ran it crashes (signal ");
    cli_contains(cli_process.out, "No device is fit");
    verify_two(1, poison_kernels("update.cl", "update", POISON_HANG), "--timeout 4 --budget 1");
    cli_contains(cli_process.out, "failed: the process that ran it does not end within 6 s\n");
}
END_TEST

/* A single device has a process of its own as well. */
START_TEST(a_single_device_that_crashes_or_hangs_is_reported)
{
    static const char *const ends[][3] = {{POISON_CRASH, "", "crashes (signal "},
                                          {POISON_HANG, "--timeout 4 --budget 1", "does not end within 6 s\n"}};
    char arguments[600];
    for (int i = 0; i < 2; i++) {
        const char *kernels = poison_kernels("update.cl", "update", ends[i][0]);
        snprintf(arguments, sizeof arguments, "%s --data %s --batch-size 4 --device 0 %s", tiny_json_file(),
                 tiny_dataset(), ends[i][1]);
        verify(1, (const char *const[]){TEST_POCL_ALONE, kernels, NULL}, arguments);
        cli_contains(cli_process.out, "\nDevice 0, ");
        cli_contains(cli_process.out, "failed: the process that ran it ");
        cli_contains(cli_process.out, ends[i][2]);
    }
}
END_TEST

START_TEST(a_process_that_does_not_end_well_is_told)
{
    enum { ABORTED = 128 + 6 }; /* verify itself as well, behind all that it prints */
    char arguments[600];
    snprintf(arguments, sizeof arguments, "%s --data %s --batch-size 4", tiny_json_file(), tiny_dataset());
    verify(ABORTED,
           (const char *const[]){make_drivers("late", "acme", TEST_BAD_DRIVER, true), "TESSERA_DEVICE",
                                 "TEST_DRIVER=crashes-at-exit", NULL},
           arguments);
    cli_contains(cli_process.out, "): right\n  when all was done its process crashes (signal 6)\n");
    cli_contains(cli_process.out, "\nUse device 0");
}
END_TEST

/* What a driver writes to standard output is not taken for what was found. */
START_TEST(a_driver_that_talks)
{
    char arguments[600];
    snprintf(arguments, sizeof arguments, "%s --data %s --batch-size 4", tiny_json_file(), tiny_dataset());
    verify(0,
           (const char *const[]){make_drivers("talk", "acme", TEST_BAD_DRIVER, true), "TESSERA_DEVICE",
                                 "TEST_DRIVER=talks", NULL},
           arguments);
    cli_contains(cli_process.out, "): right\n");
}
END_TEST

START_TEST(names_that_are_not_utf8)
{
    char *model, *path = strdup(test_path("mod\xe8le.json"));
    size_t size;
    check_ok(tsr_file_read(tiny_json_file(), 1 << 20, &model, &size));
    check_ok(tsr_file_write(path, model, size));
    free(model);
    verify_tiny(0, NULL, path, "--json");
    free(path);
    json_t *whole = json_loads(cli_process.out, 0, NULL);
    ck_assert_msg(whole != NULL, "%s", cli_process.out);
    const char *name = json_string_value(json_object_get(whole, "model"));
    ck_assert_msg(strstr(name, "mod\xef\xbf\xbdle.json") != NULL, "%s", name);
    ck_assert_uint_ge(json_array_size(json_object_get(whole, "devices")), 1);
    json_decref(whole);
}
END_TEST

START_TEST(what_is_not_there_is_named)
{
    verify(1, NULL, "/nonexistent/model.json");
    cli_contains(cli_process.err, "/nonexistent/model.json");
    verify_tiny(1, NULL, tiny_json_file(), "--device nonesuch");
    cli_contains(cli_process.err, "no device matches");
    verify(1, NULL, "--data /nonexistent/data");
    cli_contains(cli_process.err, "/nonexistent/data");
    verify(2, NULL, "--batch-size 0");
    verify(2, NULL, "one.json two.json");
    check_ok(tsr_file_write(test_path("bad.json"), "{", 1));
    verify(1, NULL, test_path("bad.json"));
    cli_contains(cli_process.err, "bad.json");
    verify(0, NULL, "--help");
    cli_contains(cli_process.out, "--budget");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_model_is_verified);
    tcase_add_test(tests, json_has_all_of_it);
    tcase_add_test(tests, images_are_made_up_where_none_fit);
    tcase_add_test(tests, fewer_images_are_compared_within_the_budget);
    tcase_add_test(tests, a_wrong_kernel_is_named_with_its_layer);
    tcase_add_test(tests, a_kernel_that_does_not_build_is_reported);
    tcase_add_test(tests, each_of_several_devices_has_a_process);
    tcase_add_test(tests, devices_that_crash_or_hang_are_reported);
    tcase_add_test(tests, a_single_device_that_crashes_or_hangs_is_reported);
    tcase_add_test(tests, a_process_that_does_not_end_well_is_told);
    tcase_add_test(tests, a_driver_that_talks);
    tcase_add_test(tests, names_that_are_not_utf8);
    tcase_add_test(tests, what_is_not_there_is_named);
}

int main(void)
{
    return test_run("cli_verify", add_tests);
}
