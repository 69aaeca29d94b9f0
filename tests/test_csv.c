/* history.csv. */
#include "support/support.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static void check_contents(const char *path, const char *wanted)
{
    char text[1024] = {0};
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    ck_assert_uint_eq(size, strlen(wanted));
    ck_assert_str_eq(text, wanted);
}

START_TEST(writes_a_row_an_epoch)
{
    tsr_epoch epochs[2] = {
        {.epoch = 1,
         .seconds = 4.5678,
         .training = {0.5, 0.75, 48000},
         .validation = {0.25, 0.875, 12000},
         .validated = true},
        {.epoch = 2, .seconds = 4.1, .training = {0.123456789, 1, 48000}},
    };
    tsr_history history = {.count = 2, .epochs = epochs};
    const char *path = test_path("history.csv");
    setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed, numbers are printed with a comma */
    check_ok(tsr_history_write_csv(&history, path));
    setlocale(LC_ALL, "C");
    check_contents(path, "epoch,seconds,loss,accuracy,val_loss,val_accuracy\n"
                         "1,4.568,0.50000000,0.75000000,0.25000000,0.87500000\n"
                         "2,4.100,0.12345679,1.00000000,,\n");
    history.count = 0;
    check_ok(tsr_history_write_csv(&history, path));
    check_contents(path, "epoch,seconds,loss,accuracy,val_loss,val_accuracy\n");
}
END_TEST

START_TEST(names_the_file_that_cannot_be_written)
{
    tsr_history history = {0};
    const char *path = test_path("absent/history.csv");
    check_fails(tsr_history_write_csv(&history, path), TSR_IO, path);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, writes_a_row_an_epoch);
    tcase_add_test(tests, names_the_file_that_cannot_be_written);
}

int main(void)
{
    return test_run("csv", add_tests);
}
