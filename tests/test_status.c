#include "base/status.h"
#include "support/support.h"

#include <pthread.h>
#include <string.h>

START_TEST(names)
{
    ck_assert_str_eq(tsr_status_name(TSR_OK), "OK");
    ck_assert_str_eq(tsr_status_name(TSR_NOT_FINITE), "NOT_FINITE");
    ck_assert_str_eq(tsr_status_name((tsr_status)999), "UNKNOWN");
    ck_assert_str_eq(tsr_version(), TSR_VERSION_STRING);
}
END_TEST

START_TEST(sentences)
{
    ck_assert_int_eq(tsr_fail(TSR_IO, "cannot read %s", "a.png"), TSR_IO);
    ck_assert_str_eq(tsr_last_error(), "cannot read a.png");
    ck_assert_int_eq(tsr_fail_in(TSR_FORMAT, "set %d", 3), TSR_FORMAT);
    ck_assert_str_eq(tsr_last_error(), "set 3: cannot read a.png");
    /* The last error may be an argument of the next. */
    tsr_fail(TSR_IO, "again: %s", tsr_last_error());
    ck_assert_str_eq(tsr_last_error(), "again: set 3: cannot read a.png");
    ck_assert_int_eq(tsr_fail_memory("a model", 12), TSR_OUT_OF_MEMORY);
    ck_assert_str_eq(tsr_last_error(), "not enough memory for a model (12 bytes)");
}
END_TEST

START_TEST(long_sentences_are_cut)
{
    char text[9000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    tsr_fail(TSR_IO, "%s", text);
    ck_assert_uint_eq(strlen(tsr_last_error()), 4095);
    tsr_fail_in(TSR_IO, "%s", text);
    ck_assert_uint_eq(strlen(tsr_last_error()), 4095);
}
END_TEST

static void *fail_elsewhere(void *found)
{
    *(bool *)found = tsr_last_error()[0] == '\0';
    tsr_fail(TSR_IO, "elsewhere");
    return NULL;
}

START_TEST(each_thread_has_its_own)
{
    pthread_t thread;
    bool empty = false;
    tsr_fail(TSR_IO, "here");
    ck_assert(pthread_create(&thread, NULL, fail_elsewhere, &empty) == 0);
    pthread_join(thread, NULL);
    ck_assert(empty);
    ck_assert_str_eq(tsr_last_error(), "here");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, names);
    tcase_add_test(tests, sentences);
    tcase_add_test(tests, long_sentences_are_cut);
    tcase_add_test(tests, each_thread_has_its_own);
}

int main(void)
{
    return test_run("status", add_tests);
}
