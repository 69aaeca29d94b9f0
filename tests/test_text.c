#include "support/support.h"

#include "base/text.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(plain_text_is_utf8_without_control_characters)
{
    static const char *const plain[] = {"", "dense_1", "a b", "\u00e9", "\u30bf", "\ue000", "\U0001F642", "\U0010FFFF"};
    static const char *const others[] = {"\n",
                                         "\x1b[0m",
                                         "\x7f",
                                         "\x80",
                                         "\xc3",
                                         "\xc3(",
                                         "\xc0\xaf",
                                         "\xe0\x80\xaf",
                                         "\xed\xa0\x80",
                                         "\xf4\x90\x80\x80",
                                         "\xf8\x88\x80\x80\x80",
                                         "\xf0\x8f\xbf\xbf",
                                         "\xe3\x82"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        ck_assert_msg(tsr_text_is_plain(plain[i]), "\"%s\" is plain", plain[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        ck_assert_msg(!tsr_text_is_plain(others[i]), "%zu is not plain", i);
}
END_TEST

START_TEST(it_grows_and_is_handed_over)
{
    tsr_text text = {0};
    for (int i = 0; i < 1000; i++) tsr_text_add(&text, "%d,", i % 10);
    ck_assert_uint_eq(text.length, 2000);
    tsr_text_add(&text, "%01000d", 7); /* longer than the buffer that is tried first */
    ck_assert_uint_eq(text.length, 3000);
    ck_assert_int_eq(text.data[2999], '7');
    char *taken = tsr_text_take(&text);
    ck_assert_int_eq(strncmp(taken, "0,1,2,", 6), 0);
    free(taken);
    taken = tsr_text_take(&text);
    ck_assert_str_eq(taken, "");
    free(taken);
    tsr_text_add(&text, "x");
    tsr_text_clear(&text);
    ck_assert_ptr_null(text.data);
}
END_TEST

START_TEST(numbers_have_a_point_in_every_locale)
{
    char text[64];
    setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed, numbers are printed with a comma */
    snprintf(text, sizeof text, "%.2f %a %g", 0.25, 1.5, 3.0);
    tsr_text_point(text);
    setlocale(LC_ALL, "C");
    ck_assert_str_eq(text, "0.25 0x1.8p+0 3");
}
END_TEST

START_TEST(parts_are_found_in_any_case)
{
    ck_assert(tsr_text_contains("NVIDIA CUDA", "nvidia") && tsr_text_contains("rusticl", "CL"));
    ck_assert(tsr_text_contains("anything", "") && tsr_text_contains("", ""));
    ck_assert(tsr_text_ends_with("a.icd", ".icd") && !tsr_text_ends_with("icd", ".icd"));
    ck_assert(!tsr_text_contains("", "a") && !tsr_text_contains("rustic", "rusticl"));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, plain_text_is_utf8_without_control_characters);
    tcase_add_test(tests, it_grows_and_is_handed_over);
    tcase_add_test(tests, parts_are_found_in_any_case);
    tcase_add_test(tests, numbers_have_a_point_in_every_locale);
}

int main(void)
{
    return test_run("text", add_tests);
}
