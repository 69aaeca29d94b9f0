#include "device/program.h"
#include "device/quirks.h"
#include "base/file.h"
#include "base/hash.h"
#include "support/kernels.h"
#include "support/support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char simple_text[] = "__kernel void simple(__global int *restrict x) { x[0] = VALUE; }\n";

/* Runs the kernel and checks that it writes `value`. */
static void check_runs(tsr_device *device, const char *file, const char *options, int value)
{
    const size_t one = 1;
    cl_int got = 0;
    cl_mem buffer;
    cl_kernel kernel = test_kernel(device, file, options, "simple");
    check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, sizeof got, "a test", &buffer));
    ck_assert(clSetKernelArg(kernel, 0, sizeof buffer, &buffer) == CL_SUCCESS);
    check_ok(tsr_enqueue_kernel(device, kernel, "simple", 1, &one, NULL));
    check_ok(tsr_buffer_read(device, buffer, 0, &got, sizeof got));
    ck_assert_int_eq(got, value);
    clReleaseKernel(kernel);
    clReleaseMemObject(buffer);
}

START_TEST(a_program_is_built_once)
{
    cl_program first, again, other;
    tsr_device *device = test_device();
    test_kernel_file("once.cl", simple_text);
    check_ok(tsr_program_get(device, "once.cl", "-DVALUE=1", &first));
    check_ok(tsr_program_get(device, "once.cl", "-DVALUE=1", &again));
    check_ok(tsr_program_get(device, "once.cl", "-DVALUE=2", &other));
    ck_assert(first == again && first != other);
    check_runs(device, "once.cl", "-DVALUE=1", 1);
    check_runs(device, "once.cl", "-DVALUE=2", 2);
    test_kernel_files_end();
}
END_TEST

static void *get_program(void *program)
{
    if (tsr_program_get(test_device(), "threads.cl", "-DVALUE=3", program)) *(cl_program *)program = NULL;
    return NULL;
}

START_TEST(threads_share_programs)
{
    cl_program programs[4];
    pthread_t threads[4];
    test_device();
    test_kernel_file("threads.cl", simple_text);
    for (int i = 0; i < 4; i++) ck_assert(pthread_create(&threads[i], NULL, get_program, &programs[i]) == 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) ck_assert(programs[i] != NULL && programs[i] == programs[0]);
    test_kernel_files_end();
}
END_TEST

START_TEST(includes_are_resolved)
{
    char *source;
    test_kernel_file("inner.cl", "#define FROM_INNER 20\n");
    test_kernel_file("middle.cl", "  #  include \"inner.cl\"\n#define FROM_MIDDLE (FROM_INNER + 2)");
    test_kernel_file("outer.cl", "/* a comment */\n#include \"middle.cl\"\n"
                                 "__kernel void simple(__global int *restrict x) { x[0] = FROM_MIDDLE + __LINE__; }\n");
    check_runs(test_device(), "outer.cl", "", 25);
    check_ok(tsr_program_source("outer.cl", &source));
    ck_assert_str_eq(source, "#line 1 \"outer.cl\"\n/* a comment */\n"
                             "#line 1 \"middle.cl\"\n#line 1 \"inner.cl\"\n#define FROM_INNER 20\n"
                             "#line 2 \"middle.cl\"\n#define FROM_MIDDLE (FROM_INNER + 2)\n"
                             "#line 3 \"outer.cl\"\n"
                             "__kernel void simple(__global int *restrict x) { x[0] = FROM_MIDDLE + __LINE__; }\n");
    free(source);
    test_kernel_files_end();
}
END_TEST

START_TEST(includes_that_fail_are_named)
{
    char *source;
    test_kernel_file("round.cl", "\n#include \"round.cl\"\n");
    check_fails(tsr_program_source("round.cl", &source), TSR_BUILD, "round.cl:2: ");
    ck_assert(strstr(tsr_last_error(), "included in a circle") != NULL);
    test_kernel_file("lost.cl", "\n\n#include \"nowhere.cl\"\n");
    check_fails(tsr_program_source("lost.cl", &source), TSR_NOT_FOUND, "lost.cl:3: TESSERA_KERNEL_PATH: cannot open");
    ck_assert(source == NULL);
    test_kernel_files_end();
    check_fails(tsr_program_source("nowhere.cl", &source), TSR_NOT_FOUND, "no kernel file nowhere.cl in the library");
}
END_TEST

START_TEST(every_embedded_file_has_its_source)
{
    char *source;
    for (const tsr_embedded_file *file = tsr_embedded_files; file->name; file++) {
        check_ok(tsr_program_source(file->name, &source));
        ck_assert(strstr(source, "#include \"") == NULL);
        free(source);
    }
}
END_TEST

START_TEST(a_build_log_names_file_and_line)
{
    cl_program program = (cl_program)1;
    test_kernel_file("helper.cl", "inline int helper(int x)\n{\n    return x + missing_in_helper;\n}\n");
    test_kernel_file("bad.cl", "#include \"helper.cl\"\n\n"
                               "__kernel void simple(__global int *restrict x)\n{\n    x[0] = missing_in_bad;\n}\n");
    check_fails(tsr_program_get(test_device(), "bad.cl", "-DA=1", &program), TSR_BUILD, "bad.cl:5:");
    ck_assert(program == NULL);
    ck_assert_msg(strstr(tsr_last_error(), "helper.cl:3:") != NULL, "%s", tsr_last_error());
    ck_assert(strstr(tsr_last_error(), "the kernel file bad.cl (options ") == tsr_last_error());
    ck_assert(strstr(tsr_last_error(), "missing_in_bad") != NULL);
    ck_assert(strstr(tsr_last_error(), tsr_device_get_info(test_device())->name) != NULL);
    /* A failure is not kept: what is mended builds. */
    test_kernel_file("bad.cl", simple_text);
    check_runs(test_device(), "bad.cl", "-DVALUE=9", 9);
    test_kernel_files_end();
}
END_TEST

/* The only file in the cache. */
static void find_entry(char *path, size_t size)
{
    int count = 0;
    DIR *directory = opendir(test_path("cache/tessera"));
    ck_assert(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') {
            snprintf(path, size, "%s/%s", test_path("cache/tessera"), entry->d_name);
            count++;
        }
    closedir(directory);
    ck_assert_int_eq(count, 1);
}

static void set_cache(const char *forced, const char *directory)
{
    setenv("TESSERA_PROGRAM_CACHE", forced, 1);
    setenv("XDG_CACHE_HOME", directory, 1);
}

/* Opens a device of its own, with nothing in memory, and runs the kernel. */
static void check_fresh_run(int value)
{
    char options[32];
    tsr_device *device;
    snprintf(options, sizeof options, "-DVALUE=%d", value);
    check_ok(tsr_device_open(NULL, false, &device));
    check_runs(device, "cached.cl", options, value);
    tsr_device_close(device);
}

START_TEST(the_cache_holds_what_was_built)
{
    char path[512];
    struct stat status;
    test_kernel_file("cached.cl", simple_text);
    set_cache("1", test_path("cache"));
    check_fresh_run(11);
    find_entry(path, sizeof path);
    ck_assert(stat(test_path("cache/tessera"), &status) == 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0700);
    ck_assert(stat(path, &status) == 0);
    time_t written = status.st_mtime;
    ino_t inode = status.st_ino;
    check_fresh_run(11);
    ck_assert(stat(path, &status) == 0 && status.st_mtime == written && status.st_ino == inode);
    ck_assert(unlink(path) == 0);
    test_kernel_files_end();
}
END_TEST

static bool load(const char *key)
{
    cl_program program;
    bool loaded = tsr_program_cache_load(test_device(), key, "", &program);
    if (loaded) clReleaseProgram(program);
    return loaded;
}

/* An entry of the key "the key": where it lies, and its bytes. */
typedef struct stored_entry {
    char path[512], *data;
    size_t size;
} stored_entry;

static void store_entry(stored_entry *entry)
{
    cl_program program;
    test_kernel_file("cached.cl", simple_text);
    set_cache("0", "/nowhere");
    check_ok(tsr_program_get(test_device(), "cached.cl", "-DVALUE=5", &program));
    set_cache("1", test_path("cache"));
    tsr_program_cache_store(test_device(), "the key", program);
    find_entry(entry->path, sizeof entry->path);
    check_ok(tsr_file_read(entry->path, 100000000, &entry->data, &entry->size));
    test_kernel_files_end();
}

static void remove_entry(stored_entry *entry)
{
    ck_assert(unlink(entry->path) == 0);
    free(entry->data);
}

START_TEST(torn_and_damaged_entries_are_not_taken)
{
    stored_entry entry;
    store_entry(&entry);
    ck_assert(load("the key"));
    for (size_t cut = 0; cut < entry.size; cut += cut < 100 ? 1 : entry.size / 13) {
        check_ok(tsr_file_write(entry.path, entry.data, cut));
        ck_assert(!load("the key"));
    }
    for (size_t at = 0; at < entry.size; at += at < 100 ? 1 : entry.size / 13) {
        entry.data[at] ^= 1;
        check_ok(tsr_file_write(entry.path, entry.data, entry.size));
        ck_assert(!load("the key"));
        entry.data[at] ^= 1;
    }
    check_ok(tsr_file_write(entry.path, entry.data, entry.size));
    ck_assert(load("the key"));
    remove_entry(&entry);
}
END_TEST

START_TEST(an_entry_of_another_key_is_not_taken)
{
    stored_entry entry;
    char other[600], digits[33];
    store_entry(&entry);
    /* As after a collision: the file of this name holds the other key. */
    tsr_hash_text(tsr_hash_bytes("another key", 11), digits);
    snprintf(other, sizeof other, "%s/%s.program", test_path("cache/tessera"), digits);
    check_ok(tsr_file_write(other, entry.data, entry.size));
    ck_assert(!load("another key"));
    ck_assert(unlink(other) == 0);
    remove_entry(&entry);
}
END_TEST

START_TEST(a_binary_that_the_driver_refuses_is_not_taken)
{
    stored_entry entry;
    store_entry(&entry);
    const size_t before = 24 + 16 + strlen("the key"), after = sizeof(tsr_hash);
    memset(entry.data + before, 'x', entry.size - before - after);
    tsr_hash hash = tsr_hash_bytes(entry.data, entry.size - after);
    memcpy(entry.data + entry.size - after, &hash, after);
    check_ok(tsr_file_write(entry.path, entry.data, entry.size));
    ck_assert(!load("the key"));
    remove_entry(&entry);
}
END_TEST

START_TEST(a_directory_that_others_can_write_is_not_trusted)
{
    stored_entry entry;
    store_entry(&entry);
    ck_assert(chmod(test_path("cache/tessera"), 0777) == 0);
    ck_assert(!load("the key"));
    ck_assert(chmod(test_path("cache/tessera"), 0700) == 0);
    ck_assert(load("the key"));
    remove_entry(&entry);
}
END_TEST

START_TEST(torn_and_stale_entries_are_built_again)
{
    char path[512], *data;
    size_t size;
    test_kernel_file("cached.cl", simple_text);
    set_cache("1", test_path("cache"));
    check_fresh_run(21);
    find_entry(path, sizeof path);
    check_ok(tsr_file_read(path, 100000000, &data, &size));
    check_ok(tsr_file_write(path, data, size / 2));
    free(data);
    check_fresh_run(21);
    check_ok(tsr_file_read(path, 100000000, &data, &size));
    ck_assert(strstr(data, "tessera program") == data);
    free(data);
    check_fresh_run(21);
    ck_assert(unlink(path) == 0);

    check_fresh_run(22);
    find_entry(path, sizeof path);
    test_kernel_file("cached.cl", "__kernel void simple(__global int *restrict x) { x[0] = VALUE + 1 - 1; }\n");
    check_fresh_run(22);
    ck_assert(unlink(path) == 0);
    find_entry(path, sizeof path); /* of the new source */
    ck_assert(unlink(path) == 0);
    test_kernel_files_end();
}
END_TEST

/* Runs the kernel on a device of its own whose driver says another version. */
static void check_run_of_driver(const char *version, int value)
{
    char options[32];
    tsr_device *device;
    snprintf(options, sizeof options, "-DVALUE=%d", value);
    check_ok(tsr_device_open(NULL, false, &device));
    snprintf(device->info.driver, sizeof device->info.driver, "%s", version);
    check_runs(device, "cached.cl", options, value);
    tsr_device_close(device);
}

START_TEST(a_new_driver_and_an_unreadable_entry_build_again)
{
    char path[512], renamed[600], *data;
    size_t size;
    struct stat status;
    test_kernel_file("cached.cl", simple_text);
    set_cache("1", test_path("cache"));
    check_run_of_driver("1.0", 41);
    find_entry(path, sizeof path);
    snprintf(renamed, sizeof renamed, "%s", test_path("of_driver_1"));
    ck_assert(rename(path, renamed) == 0);
    check_run_of_driver("2.0", 41); /* not the first one's entry, which it could not see by its name */
    find_entry(path, sizeof path);
    ck_assert(rename(renamed, path) == 0); /* nor its contents */
    check_run_of_driver("2.0", 41);
    check_ok(tsr_file_read(path, 100000000, &data, &size));
    ck_assert(strstr(data + 24 + 16, "\n2.0\n") != NULL); /* the key, behind the header */
    free(data);
    ck_assert(unlink(path) == 0);

    check_run_of_driver("1.0", 41);
    find_entry(path, sizeof path);
    ck_assert(unlink(path) == 0 && mkdir(path, 0700) == 0);
    check_run_of_driver("1.0", 41); /* it neither reads nor replaces a directory */
    ck_assert(stat(path, &status) == 0 && S_ISDIR(status.st_mode));
    ck_assert(rmdir(path) == 0);
    test_kernel_files_end();
}
END_TEST

START_TEST(a_place_that_cannot_be_written_is_no_hindrance)
{
    test_kernel_file("cached.cl", simple_text);
    check_ok(tsr_file_write(test_path("in_the_way"), "x", 1));
    set_cache("1", test_path("in_the_way"));
    check_fresh_run(31);
    set_cache("1", "/proc/nowhere");
    check_fresh_run(31);
    set_cache("1", "relative/path");
    setenv("HOME", "", 1);
    check_fresh_run(31);
    test_kernel_files_end();
}
END_TEST

START_TEST(pocl_keeps_its_own_cache)
{
    tsr_device device = {.info = {.platform = "Portable Computing Language", .driver = "3.1"}};
    tsr_quirks_apply(&device.info);
    unsetenv("TESSERA_PROGRAM_CACHE");
    ck_assert(!tsr_program_cache_enabled(&device));
    setenv("TESSERA_PROGRAM_CACHE", "1", 1);
    ck_assert(tsr_program_cache_enabled(&device));
    strcpy(device.info.platform, "Acme OpenCL");
    tsr_quirks_apply(&device.info);
    ck_assert(tsr_program_cache_enabled(&device));
    unsetenv("TESSERA_PROGRAM_CACHE");
    ck_assert(tsr_program_cache_enabled(&device));
    setenv("TESSERA_PROGRAM_CACHE", "0", 1);
    ck_assert(!tsr_program_cache_enabled(&device));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, a_program_is_built_once);
    tcase_add_test(tests, threads_share_programs);
    tcase_add_test(tests, includes_are_resolved);
    tcase_add_test(tests, includes_that_fail_are_named);
    tcase_add_test(tests, every_embedded_file_has_its_source);
    tcase_add_test(tests, a_build_log_names_file_and_line);
    tcase_add_test(tests, the_cache_holds_what_was_built);
    tcase_add_test(tests, torn_and_damaged_entries_are_not_taken);
    tcase_add_test(tests, an_entry_of_another_key_is_not_taken);
    tcase_add_test(tests, a_binary_that_the_driver_refuses_is_not_taken);
    tcase_add_test(tests, a_directory_that_others_can_write_is_not_trusted);
    tcase_add_test(tests, torn_and_stale_entries_are_built_again);
    tcase_add_test(tests, a_new_driver_and_an_unreadable_entry_build_again);
    tcase_add_test(tests, a_place_that_cannot_be_written_is_no_hindrance);
    tcase_add_test(tests, pocl_keeps_its_own_cache);
}

int main(void)
{
    return test_run("program", add_tests);
}
