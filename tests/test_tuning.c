/* The file of what was measured to be best, and what the covering makes of it. */
#include "base/file.h"
#include "base/hash.h"
#include "device/device.h"
#include "device/tuning.h"
#include "ops/clblast_parameters.h"
#include "plan/cover.h"
#include "plan/span_key.h"
#include "support/tester.h"
#include "tessera/tune.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of the cache that nobody has used yet. */
static void fresh_cache(void)
{
    static int number;
    char name[32];
    snprintf(name, sizeof name, "cache%d", number++);
    setenv("XDG_CACHE_HOME", test_path(name), 1);
    setenv("TESSERA_TUNING", "1", 1);
}

static const char *file_path(const tsr_device *device)
{
    static char kept[512];
    char *path = tsr_tuning_path(device);
    ck_assert_ptr_nonnull(path);
    snprintf(kept, sizeof kept, "%s", path);
    free(path);
    return kept;
}

static tsr_device *open_device(void)
{
    tsr_device *device;
    check_ok(tsr_device_open(NULL, false, &device));
    return device;
}

static void store(tsr_device *device, const char *key, const char *choice)
{
    tsr_tuning tuning = {0};
    check_ok(tsr_tuning_put(&tuning, key, choice, 2e-3, 1e-3));
    check_ok(tsr_tuning_put(&tuning, "another key", "dense", 0.5, 0.25));
    check_ok(tsr_tuning_store(device, &tuning));
    tsr_tuning_clear(&tuning);
}

START_TEST(a_file_is_read_back)
{
    tsr_device *device = test_device();
    tsr_tuning tuning;
    struct stat status;
    fresh_cache();
    check_fails(tsr_tuning_load(device, &tuning), TSR_NOT_FOUND, "there is no tuning yet");
    store(device, "the key", "apart");
    check_ok(tsr_tuning_load(device, &tuning));
    ck_assert_uint_eq(tuning.count, 2);
    const tsr_tuning_entry *entry = tsr_tuning_find(&tuning, "the key");
    ck_assert_ptr_nonnull(entry);
    ck_assert_str_eq(entry->choice, "apart");
    ck_assert_double_eq_tol(entry->before, 2e-3, 1e-6);
    ck_assert_double_eq_tol(entry->after, 1e-3, 1e-6);
    ck_assert_ptr_null(tsr_tuning_find(&tuning, "the"));
    size_t choices;
    check_ok(tsr_tuning_put(&tuning, "a third", "dense", 0, 0)); /* which was left as it is */
    check_ok(tsr_tuning_store(device, &tuning));
    check_ok(tsr_tune_count(device, &choices));
    ck_assert_uint_eq(choices, 2);
    char *directory = tsr_cache_directory();
    ck_assert(stat(directory, &status) == 0 && (status.st_mode & 0777) == 0700);
    free(directory);
    tsr_tuning_clear(&tuning);
}
END_TEST

START_TEST(one_process_at_a_time)
{
    int lock, other;
    fresh_cache();
    check_ok(tsr_tuning_lock(&lock));
    ck_assert_int_ge(lock, 0);
    check_fails(tsr_tuning_lock(&other), TSR_IO, "another process tunes into ");
    ck_assert_int_eq(other, -1);
    tsr_tuning_unlock(lock);
    check_ok(tsr_tuning_lock(&other));
    tsr_tuning_unlock(other);
}
END_TEST

static char *path_of(const char *name)
{
    static tsr_device device;
    snprintf(device.info.platform, sizeof device.info.platform, "rusticl");
    snprintf(device.info.name, sizeof device.info.name, "%s", name);
    return tsr_tuning_path(&device);
}

/* Mesa puts versions into a device's name, behind that of the chip. */
START_TEST(a_file_is_the_same_after_an_update)
{
    fresh_cache();
    char *paths[] = {path_of("AMD Radeon Graphics (navi33, LLVM 15.0.6, DRM 3.49, 6.1.0)"),
                     path_of("AMD Radeon Graphics (navi33, LLVM 17.0.1, DRM 3.57, 6.8.0)"),
                     path_of("AMD Radeon Graphics (raphael_mendocino, LLVM 15.0.6, DRM 3.49, 6.1.0)"),
                     path_of("AMD Radeon Graphics (radeonsi, navi33, ACO, DRM 3.57, 6.8.0)"),
                     path_of("AMD Radeon Graphics (radeonsi, navi33, ACO, DRM 3.61, 6.12.0)")};
    ck_assert_str_eq(paths[0], paths[1]);
    ck_assert_str_ne(paths[0], paths[2]);
    ck_assert_str_eq(paths[3], paths[4]);
    for (int i = 0; i < 5; i++) free(paths[i]);
}
END_TEST

START_TEST(a_file_is_the_same_in_every_locale)
{
    tsr_device *device = test_device();
    tsr_tuning tuning;
    static const char *const locales[] = {"C", "de_DE.UTF-8"}; /* with a comma in numbers, where it is installed */
    for (int writer = 0; writer < 2; writer++) {
        fresh_cache();
        setlocale(LC_ALL, locales[writer]);
        store(device, "the key", "dense");
        setlocale(LC_ALL, locales[!writer]);
        check_ok(tsr_tuning_load(device, &tuning));
        setlocale(LC_ALL, "C");
        ck_assert_double_eq_tol(tsr_tuning_find(&tuning, "the key")->before, 2e-3, 1e-9);
        tsr_tuning_clear(&tuning);
    }
}
END_TEST

START_TEST(entries_have_limits)
{
    tsr_tuning tuning = {0};
    char text[TSR_TUNING_TEXT + 2];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    check_fails(tsr_tuning_put(&tuning, text, "dense", 0, 0), TSR_INVALID_ARGUMENT, "longer than");
    text[TSR_TUNING_TEXT] = '\0';
    check_ok(tsr_tuning_put(&tuning, text, "dense", 0, 0));
    check_fails(tsr_tuning_put(&tuning, "two\nlines", "dense", 0, 0), TSR_INVALID_ARGUMENT, "no plain text");
    check_fails(tsr_tuning_put(&tuning, "key", "a\ttab", 0, 0), TSR_INVALID_ARGUMENT, "no plain text");
    check_fails(tsr_tuning_put(&tuning, "key", "", 0, 0), TSR_INVALID_ARGUMENT, "no plain text");
    check_ok(tsr_tuning_put(&tuning, "key", "one", 0, 0));
    check_ok(tsr_tuning_put(&tuning, "key", "two", 0, 0));
    ck_assert_uint_eq(tuning.count, 2);
    ck_assert_str_eq(tsr_tuning_find(&tuning, "key")->choice, "two");
    for (int i = 0; i < TSR_TUNING_ENTRIES; i++) {
        snprintf(text, sizeof text, "key %d", i);
        check_ok(tsr_tuning_put(&tuning, text, "dense", 0, 0));
    }
    ck_assert_uint_eq(tuning.count, TSR_TUNING_ENTRIES);
    ck_assert_ptr_null(tsr_tuning_find(&tuning, "key"));
    ck_assert_ptr_nonnull(tsr_tuning_find(&tuning, "key 0"));
    tsr_tuning_clear(&tuning);
}
END_TEST

/* Neither read as something else nor fatal. */
static void check_damaged(tsr_device *device, const char *data, size_t size, const char *what)
{
    tsr_tuning tuning;
    check_ok(tsr_file_write(file_path(device), data, size));
    tsr_status status = tsr_tuning_load(device, &tuning);
    ck_assert_msg(status == TSR_FORMAT, "%s: %s", what, tsr_status_name(status));
    ck_assert_ptr_nonnull(strstr(tsr_last_error(), "tessera tune makes it anew"));
    ck_assert_uint_eq(tuning.count, 0);
}

START_TEST(a_damaged_file_counts_as_none)
{
    tsr_device *device = test_device();
    char *data;
    size_t size;
    tsr_tuning tuning;
    fresh_cache();
    store(device, "the key", "dense");
    check_ok(tsr_file_read(file_path(device), 1 << 20, &data, &size));
    for (size_t length = 0; length < size; length += length < size - 50 ? 23 : 1)
        check_damaged(device, data, length, "truncated");
    for (size_t byte = 0; byte < size; byte += 11) {
        data[byte] ^= (char)(1 << byte % 8);
        check_damaged(device, data, size, "a bit was flipped");
        data[byte] ^= (char)(1 << byte % 8);
    }
    check_ok(tsr_file_write(file_path(device), data, size));
    check_ok(tsr_tuning_load(device, &tuning));
    tsr_tuning_clear(&tuning);
    free(data);
}
END_TEST

/* Replaces `old` by `new` in the device's file, with a checksum that agrees again. */
static void forge(tsr_device *device, const char *old, const char *new)
{
    char *data, digits[33];
    size_t size;
    tsr_text text = {0};
    check_ok(tsr_file_read(file_path(device), 1 << 20, &data, &size));
    char *at = strstr(data, old), *end = strstr(data, "checksum ");
    ck_assert(at != NULL && end != NULL && at < end);
    tsr_text_add_bytes(&text, data, (size_t)(at - data));
    tsr_text_add(&text, "%s", new);
    tsr_text_add_bytes(&text, at + strlen(old), (size_t)(end - at) - strlen(old));
    tsr_hash_text(tsr_hash_bytes(text.data, text.length), digits);
    tsr_text_add(&text, "checksum %s\n", digits);
    check_ok(tsr_file_write(file_path(device), text.data, text.length));
    tsr_text_clear(&text);
    free(data);
}

START_TEST(lines_that_are_no_entries_are_refused)
{
    static const char *const lines[] = {"the key\tdense\t1\n",
                                        "the key\tdense\t1\tone\n",
                                        "the key\tdense\t1\tnan\n",
                                        "the key\tdense\t-1\t1\n",
                                        "the key\tdense\t1\t1e999\n",
                                        "the key\tdense\t1\t\n",
                                        "\tdense\t1\t1\n",
                                        "the key\t\t1\t1\n",
                                        "the key\033[2J\tdense\t1\t1\n",
                                        "\n"};
    tsr_device *device = test_device();
    tsr_tuning tuning;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        fresh_cache();
        store(device, "the key", "dense");
        forge(device, "the key\tdense\t2000000000\t1000000000\n", lines[i]);
        tsr_status status = tsr_tuning_load(device, &tuning);
        ck_assert_msg(status == TSR_FORMAT, "line %zu: %s", i, tsr_status_name(status));
        ck_assert_uint_eq(tuning.count, 0);
    }
    fresh_cache();
    store(device, "the key", "dense");
    forge(device, "the key\tdense\t", "the key\tconv2d\t");
    check_ok(tsr_tuning_load(device, &tuning));
    tsr_tuning_clear(&tuning);
}
END_TEST

START_TEST(a_file_for_something_else_counts_as_none)
{
    tsr_device *device = open_device();
    tsr_tuning tuning;
    fresh_cache();
    store(device, "the key", "dense");
    tsr_device_info info = device->info;
    strcat(device->info.driver, "+1");
    check_fails(tsr_tuning_load(device, &tuning), TSR_FORMAT, "another driver");
    device->info = info;
    strcpy(device->info.platform_version, "OpenCL 9");
    check_fails(tsr_tuning_load(device, &tuning), TSR_FORMAT, "another driver");
    device->info = info;
    device->info.compute_units++;
    check_fails(tsr_tuning_load(device, &tuning), TSR_FORMAT, "another driver");
    device->info = info;
    check_ok(tsr_tuning_load(device, &tuning));
    tsr_tuning_clear(&tuning);
    forge(device, "library " TSR_VERSION_STRING, "library 0.0.1");
    check_fails(tsr_tuning_load(device, &tuning), TSR_FORMAT, "another driver");
    tsr_device_close(device);
}
END_TEST

START_TEST(other_kernels_make_the_file_stale)
{
    tsr_device *device = test_device();
    tsr_tuning tuning;
    char command[512];
    fresh_cache();
    store(device, "the key", "dense");
    snprintf(command, sizeof command, "cp -r %s/cl %s", TEST_SOURCE_DIR, test_path("kernels"));
    ck_assert_int_eq(system(command), 0);
    setenv("TESSERA_KERNEL_PATH", test_path("kernels"), 1);
    check_ok(tsr_tuning_load(device, &tuning)); /* a copy of the same */
    tsr_tuning_clear(&tuning);
    FILE *kernel = fopen(test_path("kernels/dense.cl"), "a");
    ck_assert_ptr_nonnull(kernel);
    fputs("/* changed */\n", kernel);
    fclose(kernel);
    check_fails(tsr_tuning_load(device, &tuning), TSR_FORMAT, "another driver");
    unsetenv("TESSERA_KERNEL_PATH");
}
END_TEST

START_TEST(places_that_cannot_be_used)
{
    tsr_device *device = test_device();
    tsr_tuning tuning = {0};
    fresh_cache();
    store(device, "the key", "dense");
    /* Writable by others. */
    char *directory = tsr_cache_directory();
    ck_assert_int_eq(chmod(directory, 0777), 0);
    check_fails(tsr_tuning_load(device, &tuning), TSR_FORMAT, "only its owner");
    check_fails(tsr_tuning_store(device, &tuning), TSR_IO, "chmod go-w");
    ck_assert_int_eq(chmod(directory, 0700), 0);
    free(directory);
    /* No ordinary file: a pipe would be waited for. */
    ck_assert_int_eq(unlink(file_path(device)), 0);
    ck_assert_int_eq(mkfifo(file_path(device), 0600), 0);
    check_fails(tsr_tuning_load(device, &tuning), TSR_FORMAT, "no ordinary file");
    check_fails(tsr_tuning_store(device, &tuning), TSR_IO, "not a regular file");
    /* A directory that cannot be made, and none to name. */
    setenv("XDG_CACHE_HOME", "/proc/no", 1);
    check_fails(tsr_tuning_load(device, &tuning), TSR_NOT_FOUND, "no tuning yet");
    check_fails(tsr_tuning_store(device, &tuning), TSR_IO, "cannot make the directory");
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "/");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    check_fails(tsr_tuning_load(device, &tuning), TSR_NOT_FOUND, "XDG_CACHE_HOME");
    check_fails(tsr_tuning_store(device, &tuning), TSR_NOT_FOUND, "XDG_CACHE_HOME");
    setenv("HOME", home, 1);
    free(home);
}
END_TEST

typedef struct dense_graph {
    test_case t;
    int y;
} dense_graph;

/* Large enough for CLBlast to be the first choice on a GPU. */
static void build_dense(dense_graph *g, int32_t rows)
{
    *g = (dense_graph){.t = {.fill = TEST_INTEGERS}};
    tsr_dense_descriptor d = {rows, 96, 72, true};
    g->y = test_dense(&g->t, &d, test_input(&g->t, "x", TSR_F32, 2, (int32_t[]){rows, 96}));
}

/* The key of the first step of the graph's cover without tuning; *implementation (may be NULL) is whose it is. */
static char *key_of(const tsr_graph *graph, const int *wanted, int count, const char **implementation)
{
    tsr_target target = {.device = test_device(), .fuse = true, .vector_width = test_device()->info.vector_width};
    tsr_cover cover;
    tsr_text key = {0};
    check_ok(tsr_cover_graph(graph, wanted, count, &target, NULL, &cover));
    tsr_span_key(&cover.steps[0]->span, wanted, count, &target, &key);
    if (implementation) *implementation = cover.steps[0]->implementation->name;
    tsr_cover_clear(&cover);
    return tsr_text_take(&key);
}

/* The name of the implementation of the plan's first step, made on a device of its own with what is stored. */
static const char *planned(const dense_graph *g, const tsr_tuning *tuning)
{
    tsr_device *device = open_device();
    tsr_plan *plan;
    check_ok(tsr_plan_create(device, &g->t.graph, &g->y, 1, &(tsr_plan_options){.tuning = tuning}, NULL, &plan));
    const char *name = tsr_plan_step(plan, 0)->implementation->name;
    tsr_plan_free(plan);
    tsr_device_close(device);
    return name;
}

START_TEST(plans_use_what_is_stored)
{
    dense_graph g;
    const char *first;
    fresh_cache();
    build_dense(&g, 64);
    char *key = key_of(&g.t.graph, &g.y, 1, &first);
    ck_assert_str_ne(first, "dense");
    ck_assert_str_eq(planned(&g, NULL), first);
    store(test_device(), key, "dense");
    ck_assert_str_eq(planned(&g, NULL), "dense");
    ck_assert_str_eq(planned(&g, &(tsr_tuning){0}), first);
    setenv("TESSERA_TUNING", "0", 1);
    ck_assert_str_eq(planned(&g, NULL), first);
    setenv("TESSERA_TUNING", "1", 1);
    static const char *const nonsense[] = {"no_such", "conv2d", "apart", "update", "tail_cpu"};
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
        store(test_device(), key, nonsense[i]);
        ck_assert_str_eq(planned(&g, NULL), first);
    }
    free(key);
    test_clear_case(&g.t);
}
END_TEST

START_TEST(a_description_says_what_comes_from_tuning)
{
    dense_graph g;
    tsr_plan *plan;
    tsr_text text = {0};
    tsr_tuning tuning = {0};
    build_dense(&g, 64);
    char *key = key_of(&g.t.graph, &g.y, 1, NULL);
    check_ok(tsr_tuning_put(&tuning, key, "dense", 1, 1));
    for (int tuned = 0; tuned < 2; tuned++) {
        check_ok(tsr_plan_create(test_device(), &g.t.graph, &g.y, 1,
                                 &(tsr_plan_options){.tuning = tuned ? &tuning : &(tsr_tuning){0}}, NULL, &plan));
        check_ok(tsr_plan_explain(plan, NULL, false, &text));
        ck_assert((strstr(text.data, "chosen    by tuning") != NULL) == tuned);
        ck_assert((strstr(text.data, "tuning found dense to be faster") != NULL) == tuned);
        tsr_text_clear(&text);
        tsr_plan_free(plan);
    }
    free(key);
    tsr_tuning_clear(&tuning);
    test_clear_case(&g.t);
}
END_TEST

typedef struct chain {
    test_case t;
    int conv, pool, winner, relu;
} chain;

static void build_chain(chain *c, int32_t batch)
{
    *c = (chain){.t = {.fill = TEST_INTEGERS}};
    tsr_conv2d_descriptor conv = {batch, 8, 8, 4, 8, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    tsr_pool2d_descriptor pool = {TSR_POOL_MAX, batch, 8, 8, 8, 2, 2, 2, 2, TSR_PADDING_VALID};
    int x = test_input(&c->t, "x", TSR_F32, 4, (int32_t[]){batch, 8, 8, 4});
    c->conv = test_conv2d(&c->t, &conv, x);
    c->pool = test_pool2d(&c->t, &pool, c->conv, &c->winner);
    c->relu = test_activation(&c->t, TSR_RELU, 0, c->pool);
}

static size_t count_steps(const chain *c, const tsr_tuning *tuning, bool *tuned)
{
    tsr_target target = {
        .device = test_device(), .fuse = true, .vector_width = test_device()->info.vector_width, .tuning = tuning};
    tsr_cover cover;
    check_ok(tsr_cover_graph(&c->t.graph, &c->relu, 1, &target, NULL, &cover));
    size_t count = cover.count;
    *tuned = cover.steps[0]->tuned;
    tsr_cover_clear(&cover);
    return count;
}

START_TEST(a_span_may_be_left_to_shorter_ones)
{
    chain c;
    bool tuned;
    tsr_tuning tuning = {0};
    build_chain(&c, 1);
    char *key = key_of(&c.t.graph, &c.relu, 1, NULL);
    ck_assert_uint_eq(count_steps(&c, NULL, &tuned), 1);
    ck_assert(!tuned);
    check_ok(tsr_tuning_put(&tuning, key, TSR_TUNING_APART, 1, 1));
    ck_assert_uint_ge(count_steps(&c, &tuning, &tuned), 2);
    free(key);
    tsr_tuning_clear(&tuning);
    test_clear_case(&c.t);
}
END_TEST

START_TEST(keys_tell_shapes_and_what_leaves_apart)
{
    chain c, larger;
    build_chain(&c, 1);
    build_chain(&larger, 2);
    char *alone = key_of(&c.t.graph, &c.relu, 1, NULL), *again = key_of(&c.t.graph, &c.relu, 1, NULL);
    char *winner = key_of(&c.t.graph, (int[]){c.relu, c.winner}, 2, NULL);
    char *batch = key_of(&larger.t.graph, &larger.relu, 1, NULL);
    ck_assert_str_eq(alone, again);
    ck_assert_str_ne(alone, winner);
    ck_assert_str_ne(alone, batch);
    ck_assert_ptr_nonnull(strstr(alone, "conv2d 1x8x8x4>8 3x3/1x1 same bias(a,b,c); pool2d max 1x8x8x8 2x2/2x2 "
                                        "valid(1); activation relu 0 16x8(2)!0"));
    ck_assert_ptr_nonnull(strstr(winner, "valid(1)!1; activation"));
    free(alone), free(again), free(winner), free(batch);
    test_clear_case(&c.t);
    test_clear_case(&larger.t);
}
END_TEST

#ifdef TSR_WITH_CLBLAST
/* As planned(), on a device on which the stored parameters of CLBlast have been put in force. */
static const char *planned_with_parameters(const dense_graph *g, tsr_status expected)
{
    tsr_device *device = open_device();
    tsr_plan *plan;
    tsr_status status = tsr_tune_apply(device);
    ck_assert_msg(status == expected, "%s: %s", tsr_status_name(status), tsr_last_error());
    check_ok(tsr_plan_create(device, &g->t.graph, &g->y, 1, NULL, NULL, &plan));
    const char *name = tsr_plan_step(plan, 0)->implementation->name;
    tsr_plan_free(plan);
    tsr_device_close(device);
    return name;
}

static void store_parameters(const char *key, const char *set)
{
    tsr_tuning tuning = {0};
    check_ok(tsr_tuning_put(&tuning, key, "dense_clblast", 1, 1));
    check_ok(tsr_tuning_put(&tuning, TSR_TUNING_CLBLAST "GemmRoutine", set, 1, 1));
    check_ok(tsr_tuning_store(test_device(), &tuning));
    tsr_tuning_clear(&tuning);
}

START_TEST(choices_of_clblast_hold_with_its_parameters)
{
    dense_graph g;
    const char *first;
    if (!test_has_clblast()) return;
    fresh_cache();
    build_dense(&g, 64);
    char *key = key_of(&g.t.graph, &g.y, 1, &first);
    store(test_device(), key, "dense_clblast"); /* measured with CLBlast's own parameters */
    ck_assert_str_eq(planned(&g, NULL), "dense_clblast");
    store_parameters(key, "XGEMM_MIN_INDIRECT_SIZE=256");
    if (strcmp(first, "dense_clblast") != 0) ck_assert_str_eq(planned(&g, NULL), first);
    ck_assert_str_eq(planned_with_parameters(&g, TSR_OK), "dense_clblast");
    store_parameters(key, "XGEMM_MIN_INDIRECT_SIZE=7");
    ck_assert_str_eq(planned_with_parameters(&g, TSR_NOT_FOUND), first);
    free(key);
    test_clear_case(&g.t);
}
END_TEST

START_TEST(parameters_are_those_of_the_list)
{
    tsr_device *device = test_device();
    int kernels = 0;
    for (const tsr_clblast_set *set = tsr_clblast_sets(); set->kernel; set++) {
        check_ok(tsr_clblast_override(device, set->kernel, set->text));
        kernels += strcmp(set->kernel, "Xgemm") == 0;
        ck_assert_uint_le(strlen(set->text), TSR_TUNING_TEXT);
    }
    ck_assert_int_ge(kernels, 2);
    check_fails(tsr_clblast_override(device, "Xgemm", "MWG=1"), TSR_NOT_FOUND, "none that this version knows");
    check_fails(tsr_clblast_override(device, "Xaxpy", "XGEMM_MIN_INDIRECT_SIZE=1"), TSR_NOT_FOUND, "none that");
}
END_TEST
#endif

static void add_tests(TCase *tests)
{
#ifdef TSR_WITH_CLBLAST
    tcase_add_test(tests, choices_of_clblast_hold_with_its_parameters);
    tcase_add_test(tests, parameters_are_those_of_the_list);
#endif
    tcase_add_test(tests, a_file_is_read_back);
    tcase_add_test(tests, one_process_at_a_time);
    tcase_add_test(tests, a_file_is_the_same_after_an_update);
    tcase_add_test(tests, a_file_is_the_same_in_every_locale);
    tcase_add_test(tests, entries_have_limits);
    tcase_add_test(tests, a_damaged_file_counts_as_none);
    tcase_add_test(tests, lines_that_are_no_entries_are_refused);
    tcase_add_test(tests, a_file_for_something_else_counts_as_none);
    tcase_add_test(tests, other_kernels_make_the_file_stale);
    tcase_add_test(tests, places_that_cannot_be_used);
    tcase_add_test(tests, plans_use_what_is_stored);
    tcase_add_test(tests, a_description_says_what_comes_from_tuning);
    tcase_add_test(tests, a_span_may_be_left_to_shorter_ones);
    tcase_add_test(tests, keys_tell_shapes_and_what_leaves_apart);
}

int main(void)
{
    return test_run("tuning", add_tests);
}
