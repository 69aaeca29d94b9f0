#include "base/file.h"
#include "support/support.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files in the test's directory whose names start with a dot: temporary ones left behind. */
static int leftovers(void)
{
    int count = 0;
    DIR *directory = opendir(test_directory());
    ck_assert(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));) count += strstr(entry->d_name, ".tmp") != NULL;
    closedir(directory);
    return count;
}

static void check_contents(const char *path, const char *text)
{
    char *data;
    size_t size;
    check_ok(tsr_file_read(path, 1000, &data, &size));
    ck_assert_uint_eq(size, strlen(text));
    ck_assert_str_eq(data, text);
    free(data);
}

START_TEST(writes_and_reads)
{
    const char *path = test_path("text");
    check_ok(tsr_file_write(path, "first", 5));
    check_contents(path, "first");
    check_ok(tsr_file_write(path, "", 0));
    check_contents(path, "");
    ck_assert_int_eq(leftovers(), 0);
}
END_TEST

START_TEST(a_large_file_comes_whole)
{
    enum { SIZE = 100000 };
    char *data, *read;
    size_t size;
    ck_assert((data = malloc(SIZE)) != NULL);
    for (int i = 0; i < SIZE; i++) data[i] = (char)(i * 7);
    check_ok(tsr_file_write(test_path("large"), data, SIZE));
    check_ok(tsr_file_read(test_path("large"), SIZE, &read, &size));
    ck_assert_uint_eq(size, SIZE);
    ck_assert(memcmp(data, read, SIZE) == 0);
    ck_assert_int_eq(read[SIZE], 0);
    free(read);
    check_fails(tsr_file_read(test_path("large"), SIZE - 1, &read, &size), TSR_FORMAT, "larger than the 99999 bytes");
    ck_assert(read == NULL);
    free(data);
}
END_TEST

START_TEST(what_cannot_be_read_is_named)
{
    char *data;
    size_t size;
    check_fails(tsr_file_read(test_path("nowhere"), 10, &data, &size), TSR_NOT_FOUND, "nowhere: No such file");
    check_fails(tsr_file_read(test_directory(), 10, &data, &size), TSR_IO, test_directory());
}
END_TEST

START_TEST(the_old_file_stays_until_the_commit)
{
    const char *path = test_path("kept");
    char *temporary;
    check_ok(tsr_file_write(path, "old", 3));
    check_ok(tsr_file_begin(path, &temporary));
    FILE *file = fopen(temporary, "w");
    ck_assert(file && fputs("new", file) >= 0 && fclose(file) == 0);
    check_contents(path, "old");
    tsr_file_abandon(&temporary);
    ck_assert(temporary == NULL);
    check_contents(path, "old");
    ck_assert_int_eq(leftovers(), 0);

    check_ok(tsr_file_begin(path, &temporary));
    file = fopen(temporary, "w");
    ck_assert(file && fputs("new", file) >= 0 && fclose(file) == 0);
    check_ok(tsr_file_commit(path, &temporary));
    check_contents(path, "new");
    ck_assert(temporary == NULL);
    ck_assert_int_eq(leftovers(), 0);
}
END_TEST

START_TEST(permissions_follow_the_umask)
{
    struct stat status;
    mode_t old = umask(027);
    check_ok(tsr_file_write(test_path("mode"), "x", 1));
    umask(old);
    ck_assert(stat(test_path("mode"), &status) == 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640);
}
END_TEST

START_TEST(a_full_disk_leaves_the_old_file)
{
    static char data[5000];
    struct rlimit old, small;
    check_ok(tsr_file_write(test_path("full"), "old", 3));
    ck_assert(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    small.rlim_cur = 1000;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert(setrlimit(RLIMIT_FSIZE, &small) == 0);
    tsr_status status = tsr_file_write(test_path("full"), data, sizeof data);
    ck_assert(setrlimit(RLIMIT_FSIZE, &old) == 0);
    ck_assert_int_eq(status, TSR_IO);
    ck_assert_msg(strstr(tsr_last_error(), "full: File too large"), "%s", tsr_last_error());
    check_contents(test_path("full"), "old");
    ck_assert_int_eq(leftovers(), 0);
}
END_TEST

START_TEST(places_that_cannot_be_written_are_named)
{
    check_fails(tsr_file_write(test_path("no/where"), "x", 1), TSR_IO, "no/where: No such file");
    check_fails(tsr_file_write("/proc/tessera", "x", 1), TSR_IO, "cannot write /proc/tessera");
    check_fails(tsr_file_write("/dev/null", "x", 1), TSR_IO, "/dev/null: it is not a regular file");
    check_fails(tsr_file_write(test_directory(), "x", 1), TSR_IO, "not a regular file");
}
END_TEST

START_TEST(directories_are_made_with_their_parents)
{
    struct stat status;
    check_ok(tsr_directory_make(test_path("a/b/c")));
    check_ok(tsr_directory_make(test_path("a/b/c")));
    ck_assert(stat(test_path("a/b/c"), &status) == 0 && S_ISDIR(status.st_mode));
    ck_assert_uint_eq(status.st_mode & 0777, 0700);
    check_ok(tsr_file_write(test_path("a/file"), "x", 1));
    check_fails(tsr_directory_make(test_path("a/file")), TSR_IO, "in the way");
    check_fails(tsr_directory_make(test_path("a/file/d")), TSR_IO, "a/file");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, writes_and_reads);
    tcase_add_test(tests, a_large_file_comes_whole);
    tcase_add_test(tests, what_cannot_be_read_is_named);
    tcase_add_test(tests, the_old_file_stays_until_the_commit);
    tcase_add_test(tests, permissions_follow_the_umask);
    tcase_add_test(tests, a_full_disk_leaves_the_old_file);
    tcase_add_test(tests, places_that_cannot_be_written_are_named);
    tcase_add_test(tests, directories_are_made_with_their_parents);
}

int main(void)
{
    return test_run("file", add_tests);
}
