/* The program's commands, options, messages and exit codes, as a user meets them. */
#include "support/cli.h"
#include "support/support.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(help_and_version)
{
    cli_run(0, "--help");
    cli_contains(cli_process.out, "Usage: tessera COMMAND [options]");
    cli_contains(cli_process.out, "\n  predict ");
    ck_assert_str_eq(cli_process.err, "");
    cli_run(0, "--version");
    ck_assert_str_eq(cli_process.out, "tessera " TSR_VERSION_STRING "\n");
    cli_run(2, "%s", "");
    cli_contains(cli_process.err, "Usage: tessera COMMAND");
    ck_assert_str_eq(cli_process.out, "");
    cli_run(2, "frobnicate");
    cli_contains(cli_process.err, "tessera: there is no command frobnicate; see tessera --help");
    cli_run(2, "--frobnicate");
    cli_contains(cli_process.err, "no option --frobnicate");
}
END_TEST

START_TEST(every_command_explains_its_options)
{
    static const struct {
        const char *name, *options;
    } commands[] = {
        {"devices", "--device D|--json"},
        {"doctor", "--device D|--timeout SECONDS|(default: 600)|--json"},
        {"train",
         "--model FILE|--reinitialize|--data DIR|--epochs N|(default: 20)|--batch-size N|(default: 32)|--optimizer "
         "adam|sgd|--learning-rate R|(default: 0.001 for adam, 0.01 for sgd)|--momentum M|--patience N|(default: "
         "2)|--seed N|(default: 42)|--split-seed N|--device D|--gemm auto|clblast|native|--output "
         "FILE|(default: best-cnn-model.h5)|--history FILE|(default: "
         "history.csv)|--keras2|--profile|--verbose 0|1|2"},
        {"evaluate", "MODEL|--data DIR|--split test|validation|(default: test)|--json"},
        {"predict", "MODEL INPUT...|--json|--output FILE|--classes FILE"},
        {"summary", "[MODEL]"},
        {"plot", "[MODEL]|--output FILE|(default: cnn-architecture.png)|--show-shapes|--dpi N"},
        {"explain", "[MODEL]|--batch-size N|--inference|--device D|--gemm auto|--no-fusion|--json"},
        {"tune", "--model FILE|--budget SECONDS|(default: 60)|--timeout SECONDS|(default: a third of the "
                 "budget|--batch-size N|(default: 32)|--device D|--list|--clear"},
        {"bench", "--model FILE|--data DIR|--batch-size N|--steps N|--images N|--device D|--gemm auto|--sweep|--shapes "
                  "N|--products|--json"},
        {"verify", "[MODEL]|--device D|--data DIR|--batch-size N|(default: 32)|--budget SECONDS|(default: "
                   "20)|--timeout SECONDS|(default: 300)|--seed N|--gemm auto|--json"},
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char options[1024], usage[64];
        cli_run(0, "%s --help", commands[i].name);
        ck_assert_str_eq(cli_process.err, "");
        snprintf(usage, sizeof usage, "Usage: tessera %s", commands[i].name);
        ck_assert(strncmp(cli_process.out, usage, strlen(usage)) == 0);
        cli_contains(cli_process.out, "--help");
        strcpy(options, commands[i].options);
        for (char *part = strtok(options, "|"); part; part = strtok(NULL, "|")) cli_contains(cli_process.out, part);
        ck_assert_msg(strchr(cli_process.out, '\033') == NULL, "colours on what is not a terminal");
    }
}
END_TEST

START_TEST(wrong_usage_exits_with_2)
{
    static const struct {
        const char *arguments, *message;
    } cases[] = {
        {"train --frob", "tessera train: there is no option --frob"},
        {"train -x", "there is no option -x"},
        {"train extra", "\"extra\" is one argument too many"},
        {"train --epochs", "--epochs wants a value"},
        {"train --epochs 0", "--epochs wants a whole number from 1 to 1000000, not \"0\""},
        {"train --epochs five", "not \"five\""},
        {"train --epochs 5x", "not \"5x\""},
        {"train --epochs 1.5", "not \"1.5\""},
        {"train --epochs 99999999999999999999", "--epochs wants a whole number"},
        {"train --batch-size 0", "--batch-size wants a whole number from 1"},
        {"train --batch-size -3", "not \"-3\""},
        {"train --learning-rate 0", "--learning-rate wants a number from"},
        {"train --learning-rate nan", "not \"nan\""},
        {"train --learning-rate inf", "not \"inf\""},
        {"train --momentum 1.1", "--momentum wants a number from 0 to 1"},
        {"train --optimizer rmsprop", "--optimizer adam|sgd: \"rmsprop\" is none of these"},
        {"train --gemm blas", "--gemm auto|clblast|native: \"blas\" is none of these"},
        {"train --verbose 3", "from 0 to 2"},
        {"train --patience -1", "--patience wants"},
        {"train --seed -1", "--seed wants"},
        {"train --split-seed 4294967296", "from 0 to 4294967295"},
        {"train --profile=yes", "there is no option --profile=yes, or it takes no value"},
        {"evaluate", "tessera evaluate: MODEL is missing"},
        {"evaluate a b", "\"b\" is one argument too many"},
        {"evaluate a --split train", "\"train\" is none of these"},
        {"predict", "MODEL INPUT... is missing"},
        {"predict model.h5", "MODEL INPUT... is missing"},
        {"summary a b", "too many"},
        {"plot --dpi 0", "--dpi wants a whole number"},
        {"explain --batch-size 0", "--batch-size wants"},
        {"devices all", "too many"},
        {"doctor --timeout 0", "--timeout wants a number from 1"},
        {"doctor me", "too many"},
        {"tune --budget 0", "--budget wants a number from 1"},
        {"tune --timeout 0", "--timeout wants a number from 1"},
        {"tune model.json", "too many"},
        {"bench --steps 0", "--steps wants"},
        {"bench --sweep --shapes 1000", "--shapes wants a whole number from 1 to "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cli_run(2, "%s", cases[i].arguments);
        cli_contains(cli_process.err, cases[i].message);
        ck_assert_str_eq(cli_process.out, "");
        ck_assert_int_eq(cli_lines(cli_process.err), 1);
    }
}
END_TEST

START_TEST(devices_are_listed)
{
    cli_run(0, "devices");
    cli_contains(cli_process.out, "DEVICE");
    cli_contains(cli_process.out, "\n* ");
    cli_run(0, "devices --json");
    json_t *list = json_loads(cli_process.out, 0, NULL);
    ck_assert(json_is_array(list) && json_array_size(list) >= 1);
    json_t *device = json_array_get(list, 0);
    static const char *const texts[] = {"platform", "platform_version", "name", "vendor", "driver", "version", "type"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_uint_gt(json_string_length(json_object_get(device, texts[i])), 0);
    static const char *const numbers[] = {"compute_units", "memory",         "max_allocation",
                                          "local_memory",  "max_work_group", "vector_width"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        ck_assert_int_gt(json_integer_value(json_object_get(device, numbers[i])), 0);
    ck_assert(json_is_boolean(json_object_get(device, "chosen")) && json_is_boolean(json_object_get(device, "fp64")));
    json_decref(list);
}
END_TEST

static void check_environment(const char *variable, const char *arguments, int code, const char *message)
{
    char copy[256];
    strcpy(copy, arguments);
    const char *const environment[] = {variable, strncmp(variable, "POCL_", 5) ? NULL : TEST_POCL_ALONE, NULL};
    test_execute(cli_arguments(copy), environment, &cli_process);
    ck_assert_msg(cli_process.code == code, "tessera %s: exit code %d\n%s", arguments, cli_process.code,
                  cli_process.err);
    cli_contains(cli_process.err, message);
}

START_TEST(devices_that_are_not_there)
{
    check_environment("OCL_ICD_VENDORS=/nonexistent", "devices", 1, "the package pocl-opencl-icd to run on the CPU");
    check_environment("POCL_DEVICES=no-such-driver", "devices", 1, "no OpenCL platform has a usable device");
    check_environment("TESSERA_DEVICE=geforce", "devices", 1, "no device matches \"geforce\"; there are: 0: ");
    check_environment("TESSERA_DEVICE=geforce", "explain", 1, "no device matches \"geforce\"");
    check_environment("POCL_DEVICES=pthread pthread", "explain --device pthread", 1,
                      "several devices match \"pthread\"");
    cli_run(1, "explain --device 77");
    cli_contains(cli_process.err, "tessera explain: no device has the number \"77\"");
}
END_TEST

START_TEST(too_little_device_memory)
{
    check_environment("POCL_MEMORY_LIMIT=1", "explain --batch-size 48000", 1, "choose a smaller batch size");
    cli_contains(cli_process.err, "but device ");
    cli_run(1, "explain --batch-size 1000000");
    cli_contains(cli_process.err, "use a smaller batch size");
}
END_TEST

START_TEST(output_that_cannot_be_written_is_a_failure)
{
    const char *arguments[] = {"/bin/sh", "-c", "exec " TEST_PROGRAM " --help >/dev/full", NULL};
    test_execute(arguments, NULL, &cli_process);
    ck_assert_int_eq(cli_process.code, 1);
    cli_contains(cli_process.err, "tessera: cannot write the output: No space left");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, help_and_version);
    tcase_add_test(tests, every_command_explains_its_options);
    tcase_add_test(tests, wrong_usage_exits_with_2);
    tcase_add_test(tests, devices_are_listed);
    tcase_add_test(tests, devices_that_are_not_there);
    tcase_add_test(tests, too_little_device_memory);
    tcase_add_test(tests, output_that_cannot_be_written_is_a_failure);
}

int main(void)
{
    return test_run("cli", add_tests);
}
