/* tessera tune: what it finds, keeps, lists and forgets, and candidates that are wrong, hang or crash. */
#include "base/file.h"
#include "device/device.h"
#include "support/cli.h"
#include "support/poison.h"
#include "support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where the program keeps what it finds, and the environment for it; `kernels` may be NULL. On a device that is no CPU
 * a pool has one kernel, which would hang or crash for good: there PoCL's CPU is tuned for. */
static const char *const *environment(const char *kernels)
{
    static char cache[300];
    static const char *variables[8];
    bool cpu = test_device()->info.type == TSR_DEVICE_CPU;
    size_t count = 0;
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s", test_path("cache"));
    variables[count++] = cache;
    variables[count++] = "TESSERA_TUNING"; /* the tests' own settings are taken away */
    if (!cpu) variables[count++] = TEST_POCL_ALONE;
    if (!cpu) variables[count++] = "TESSERA_DEVICE";
    if (!cpu) variables[count++] = "OPENCL_LAYERS";
    if (kernels) variables[count++] = kernels;
    variables[count] = NULL;
    return variables;
}

/* A pool, which CPUs have two kernels for: one span with one candidate in each of two passes. */
static const char *pool_network(void)
{
    static char path[256];
    char *text;
    tsr_model *model;
    if (path[0]) return path;
    snprintf(path, sizeof path, "%s", test_path("pool.json"));
    check_ok(tsr_model_create("pool", &model));
    check_ok(tsr_model_add_input(model, &(tsr_input_config){.height = 8, .width = 8, .channels = 4}));
    check_ok(tsr_model_add_max_pooling2d(model, NULL));
    check_ok(tsr_model_to_json(model, &text));
    check_ok(tsr_file_write(path, text, strlen(text)));
    free(text);
    tsr_model_free(model);
    return path;
}

static void tune(int code, const char *kernels, const char *arguments)
{
    char command[512];
    snprintf(command, sizeof command, "tune %s", arguments);
    test_execute(cli_arguments(command), environment(kernels), &cli_process);
    ck_assert_msg(cli_process.code == code, "tessera tune %s: exit code %d\n%s%s", arguments, cli_process.code,
                  cli_process.out, cli_process.err);
}

static void tune_network(const char *kernels, const char *more)
{
    char arguments[400];
    snprintf(arguments, sizeof arguments, "--model %s --budget 600 %s", pool_network(), more);
    tune(0, kernels, arguments);
}

/* Kernels of which nothing is chosen: two that take about as long might change places by noise. */
static const char *no_faster_kernels(void)
{
    return poison_kernels("pool2d.cl", "pool2d", "if (get_global_id(0) == 0) " POISON_SLOW);
}

START_TEST(what_is_found_is_kept_listed_and_forgotten)
{
    const char *kernels = no_faster_kernels();
    tune(0, kernels, "--clear");
    tune(1, kernels, "--list");
    cli_contains(cli_process.err, "there is no tuning yet");
    tune_network(kernels, "");
    cli_contains(cli_process.out, "prediction, batch 256\n");
    cli_contains(cli_process.out, "prediction, batch 1\n");
    cli_contains(cli_process.out, " max_pooling2d: pool2d\n");
    cli_contains(cli_process.out, "    pool2d    ");
    cli_contains(cli_process.out, "candidates measured in ");
    cli_contains(cli_process.out, "\nKept in ");
    tune(0, kernels, "--list");
    cli_contains(cli_process.out, "CHOICE");
    cli_contains(cli_process.out, "pool2d max 256x8x8x4 2x2/2x2 valid(a)!0");
    cli_contains(cli_process.out, "pool2d max 1x8x8x4 2x2/2x2 valid(a)!0");
    tune(0, kernels, "--clear");
    cli_contains(cli_process.out, "Removed");
    tune(0, kernels, "--clear");
    cli_contains(cli_process.out, "Nothing was stored");
}
END_TEST

START_TEST(a_faster_implementation_is_chosen_and_used)
{
    char command[400];
    const char *slow = poison_kernels("pool2d_cpu.cl", "pool2d_cpu", POISON_SLOW);
    tune_network(slow, "");
    cli_contains(cli_process.out, " is chosen\n");
    cli_contains(cli_process.out, "prediction, batch 256: ");
    snprintf(command, sizeof command, "explain --inference --batch-size 256 %s", pool_network());
    test_execute(cli_arguments(command), environment(slow), &cli_process);
    ck_assert_int_eq(cli_process.code, 0);
    cli_contains(cli_process.out, "chosen    by tuning");
    cli_contains(cli_process.out, "not taken pool2d_cpu: tuning found pool2d to be faster");
    /* Not with other kernels. */
    snprintf(command, sizeof command, "explain --inference --batch-size 256 %s", pool_network());
    test_execute(cli_arguments(command), environment(NULL), &cli_process);
    ck_assert_int_eq(cli_process.code, 0);
    ck_assert_ptr_null(strstr(cli_process.out, "by tuning"));
}
END_TEST

static const struct {
    const char *code, *reason, *arguments;
} poisons[] = {
    {POISON_WRONG, "refused: its result is wrong: element ", ""},
    {POISON_HANG, "refused: it does not end within 2 s\n", "--timeout 2"},
    {POISON_CRASH, "refused: it crashes (signal 11)", ""},
    {"this is no C;", "refused: the kernel file pool2d.cl ", ""},
};

START_TEST(a_poisoned_candidate_is_refused_by_name)
{
    char line[128];
    const char *kernels = poison_kernels("pool2d.cl", "pool2d", poisons[_i].code);
    poison_also("pool2d_cpu.cl", "pool2d_cpu", POISON_SLOW); /* so that a fast wrong one would win */
    tune_network(kernels, poisons[_i].arguments);
    snprintf(line, sizeof line, "    %-32s %s", "pool2d", poisons[_i].reason);
    cli_contains(cli_process.out, line);
    ck_assert_ptr_null(strstr(cli_process.out, "pool2d                           is chosen"));
}
END_TEST

/* A candidate whose second and third run are held up, as a busy machine may do, is measured all the same: its first
 * output counts its runs. It is wrong, which only one that was found to be fast is asked about. */
START_TEST(a_run_that_is_held_up_does_not_count)
{
    const char *kernels =
        poison_kernels("pool2d.cl", "pool2d",
                       "if (get_global_id(0) == 0) { __global float *n = y + y_origin;"
                       " *n = *n == 1.0f || *n == 2.0f || *n == 3.0f ? *n + 1.0f : *n == 4.0f ? 4.0f : 1.0f;"
                       " if (*n == 2.0f || *n == 3.0f) for (volatile int i = 0; i < 6000000; i++) {} }"
                       " return;");
    poison_also("pool2d_cpu.cl", "pool2d_cpu", POISON_SLOW);
    tune_network(kernels, "");
    cli_contains(cli_process.out, "    pool2d                           refused: its result is wrong: element ");
}
END_TEST

/* The file that the last run has kept its choices in. */
static const char *kept_file(void)
{
    static char path[512];
    const char *kept = strstr(cli_process.out, "\nKept in ");
    ck_assert_ptr_nonnull(kept);
    snprintf(path, sizeof path, "%s", kept + strlen("\nKept in "));
    path[strcspn(path, "\n")] = '\0';
    return path;
}

START_TEST(a_damaged_file_is_ignored_and_made_anew)
{
    const char *kernels = no_faster_kernels();
    char command[400], *data;
    size_t size;
    tune_network(kernels, "");
    const char *path = kept_file();
    for (int damage = 0; damage < 3; damage++) {
        check_ok(tsr_file_read(path, 1 << 20, &data, &size));
        if (damage == 1) data[size / 2] ^= 4;
        check_ok(tsr_file_write(path, data, damage == 0 ? size / 2 : size));
        free(data);
        if (damage == 2) { /* nobody can read a directory as a file */
            ck_assert_int_eq(remove(path), 0);
            check_ok(tsr_directory_make(path));
        }
        tune(1, kernels, "--list");
        cli_contains(cli_process.err, path);
        snprintf(command, sizeof command, "explain --inference %s", pool_network());
        test_execute(cli_arguments(command), environment(kernels), &cli_process);
        ck_assert_int_eq(cli_process.code, 0);
        if (damage == 2) ck_assert_int_eq(rmdir(path), 0);
        tune_network(kernels, "");
        tune(0, kernels, "--list");
        cli_contains(cli_process.out, "pool2d max 256x8x8x4");
    }
}
END_TEST

/* What is there without tuning hangs, so that nothing but the budget ends it. */
START_TEST(the_budget_is_kept_to)
{
    tune_network(poison_kernels("pool2d_cpu.cl", "pool2d_cpu", POISON_HANG), "--budget 2");
    cli_contains(cli_process.out, "the budget ended before all were measured");
}
END_TEST

/* It comes in the second pass, which would wait for long. */
START_TEST(an_interrupt_keeps_what_was_found)
{
    char command[400];
    const char *kernels = no_faster_kernels();
    poison_also("pool2d_cpu.cl", "pool2d_cpu", "if (batch == 1) " POISON_HANG);
    tune(0, kernels, "--clear");
    snprintf(command, sizeof command, "tune --model %s --budget 600", pool_network());
    test_start(cli_arguments(command), environment(kernels), false, &cli_process);
    test_wait_for_output(&cli_process, "child.out", "prediction, batch 1\n");
    ck_assert_int_eq(kill(cli_process.child, SIGINT), 0);
    test_finish(&cli_process);
    ck_assert_msg(cli_process.code == 130, "exit code %d\n%s", cli_process.code, cli_process.err);
    cli_contains(cli_process.out, "interrupted, what was found is kept");
    tune(0, kernels, "--list");
    cli_contains(cli_process.out, "pool2d max 256x8x8x4");
}
END_TEST

START_TEST(a_place_that_cannot_be_written_is_told_at_once)
{
    char command[400], kernels[300]; /* PoCL's are kept elsewhere, or it has no device */
    const char *const nowhere[] = {"XDG_CACHE_HOME=/proc/no", kernels, NULL};
    snprintf(kernels, sizeof kernels, "POCL_CACHE_DIR=%s", test_path("pocl"));
    snprintf(command, sizeof command, "tune --model %s", pool_network());
    test_execute(cli_arguments(command), nowhere, &cli_process);
    ck_assert_int_eq(cli_process.code, 1);
    cli_contains(cli_process.err, "tessera tune: cannot make the directory /proc/no");
    ck_assert_ptr_null(strstr(cli_process.out, "prediction"));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, what_is_found_is_kept_listed_and_forgotten);
    tcase_add_test(tests, a_faster_implementation_is_chosen_and_used);
    tcase_add_loop_test(tests, a_poisoned_candidate_is_refused_by_name, 0, sizeof poisons / sizeof *poisons);
    tcase_add_test(tests, a_run_that_is_held_up_does_not_count);
    tcase_add_test(tests, a_damaged_file_is_ignored_and_made_anew);
    tcase_add_test(tests, the_budget_is_kept_to);
    tcase_add_test(tests, an_interrupt_keeps_what_was_found);
    tcase_add_test(tests, a_place_that_cannot_be_written_is_told_at_once);
}

int main(void)
{
    return test_run("cli_tune", add_tests);
}
