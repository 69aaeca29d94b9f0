/* Every implementation of the list on a small case, as on a CPU and as on a GPU; and kernels that are wrong. */
#include "tessera/check.h"

#include "device/device.h"
#include "ops/implementation.h"
#include "support/poison.h"
#include "support/tester.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 256 };
static bool right[MOST]; /* by number: it was run here, or as on the other class of device */

/* What was told of one implementation, or of all. */
typedef struct notes {
    const char *name;
    int begun, ended;
    tsr_implementation_check last;
    char text[4096];
} notes;

static bool note(void *context, const tsr_implementation_check *check)
{
    notes *l = context;
    if (check->outcome == TSR_CHECK_BEGINS) {
        l->begun++;
        return !l->name || strcmp(l->name, check->name) == 0;
    }
    l->ended++;
    l->last = *check;
    snprintf(l->text, sizeof l->text, "%s", check->text ? check->text : "");
    return !l->name;
}

static int number_of(const char *name)
{
    size_t count;
    const tsr_implementation *const *list = tsr_implementations(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i]->name, name) == 0) return (int)i;
    ck_abort_msg("there is no implementation %s", name);
    return 0;
}

static bool must_be_right(void *context, const tsr_implementation_check *check)
{
    (void)context;
    ck_assert_int_lt(check->number, MOST);
    ck_assert_int_lt(check->number, check->count);
    if (check->outcome == TSR_CHECK_BEGINS) return true;
    if (getenv("TESSERA_TEST_VERBOSE"))
        printf("%s: %d, share %.3g, %.2f s %s\n", check->name, check->outcome, check->share, check->build_seconds,
               check->text ? check->text : "");
    ck_assert_msg(check->outcome == TSR_CHECK_RIGHT || check->outcome == TSR_CHECK_UNSUPPORTED, "%s: %s", check->name,
                  check->text);
    if (check->outcome == TSR_CHECK_UNSUPPORTED) {
        ck_assert_str_ne(check->text, "");
        return true;
    }
    ck_assert_msg(check->share >= 0 && check->share <= 1, "%s: %g", check->name, check->share);
    ck_assert_double_gt(check->build_seconds, 0);
    right[check->number] = true;
    return true;
}

START_TEST(all_that_is_supported_is_right)
{
    check_ok(tsr_check_implementations(test_device(), 0, must_be_right, NULL));
}
END_TEST

START_TEST(every_implementation_was_run)
{
    if (test_device()->info.type != TSR_DEVICE_CPU) return; /* those for CPUs were not */
    bool clblast = test_has_clblast();
    size_t count;
    const tsr_implementation *const *list = tsr_implementations(&count);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(right[i] || (!clblast && strstr(list[i]->name, "clblast")),
                      "none of the networks in host/model/check_networks.c has a span that %s takes", list[i]->name);
}
END_TEST

static void check_poisoned(const char *file, const char *kernel, const char *code, const char *name, notes *l)
{
    tsr_device *device;
    *l = (notes){.name = name};
    const char *variable = poison_kernels(file, kernel, code);
    setenv("TESSERA_KERNEL_PATH", strchr(variable, '=') + 1, 1);
    check_ok(tsr_device_open(NULL, false, &device));
    check_fails(tsr_check_implementations(device, number_of(name), note, l), TSR_INTERRUPTED, "stopped");
    unsetenv("TESSERA_KERNEL_PATH");
    tsr_device_close(device);
    ck_assert_int_eq(l->begun, 1);
    ck_assert_int_eq(l->ended, 1);
    ck_assert_str_eq(l->last.name, name);
}

START_TEST(a_wrong_result_is_found)
{
    notes l;
    check_poisoned("dense.cl", "dense_gemm", POISON_WRONG, "dense", &l);
    ck_assert_int_eq(l.last.outcome, TSR_CHECK_WRONG);
    ck_assert_ptr_nonnull(strstr(l.text, "element 0 of dense"));
    ck_assert_double_gt(l.last.share, 1);
}
END_TEST

START_TEST(a_kernel_that_does_not_build_is_reported_with_its_log)
{
    notes l;
    check_poisoned("dropout.cl", "dropout", "this is no C;", "dropout", &l);
    ck_assert_int_eq(l.last.outcome, TSR_CHECK_FAILED);
    ck_assert_ptr_nonnull(strstr(l.text, "dropout.cl"));
    ck_assert_ptr_nonnull(strstr(l.text, "this"));
}
END_TEST

START_TEST(the_check_begins_where_it_is_told)
{
    notes l = {0};
    size_t count;
    tsr_implementations(&count);
    check_ok(tsr_check_implementations(test_device(), (int)count - 1, note, &l));
    ck_assert_int_eq(l.begun, 1);
    ck_assert_int_eq(l.ended, 1);
    check_ok(tsr_check_implementations(test_device(), (int)count, note, &l));
    ck_assert_int_eq(l.begun, 1);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, all_that_is_supported_is_right);
    tcase_add_test(tests, a_wrong_result_is_found);
    tcase_add_test(tests, a_kernel_that_does_not_build_is_reported_with_its_log);
    tcase_add_test(tests, the_check_begins_where_it_is_told);
}

static void add_last(TCase *tests)
{
    tcase_add_test(tests, every_implementation_was_run);
}

int main(void)
{
    int failed = test_run_both_classes("check", add_tests);
    return test_run("check, of both together", add_last) | failed;
}
