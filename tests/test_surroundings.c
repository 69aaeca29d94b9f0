/* Rights and caches. */
#include "base/file.h"
#include "device/surroundings.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree that stands for / in which there is a card by AMD, whose nodes are files. */
START_TEST(nodes_are_found)
{
    static const char *const directories[] = {"root",
                                              "root/dev",
                                              "root/dev/dri",
                                              "root/sys",
                                              "root/sys/class",
                                              "root/sys/class/drm",
                                              "root/sys/class/drm/renderD129",
                                              "root/sys/class/drm/renderD129/device"};
    tsr_surroundings s = {0};
    char root[256], path[300];
    snprintf(root, sizeof root, "%s", test_path("root"));
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        snprintf(path, sizeof path, "%s", test_path(directories[i]));
        ck_assert(mkdir(path, 0700) == 0);
    }
    tsr_surroundings_nodes(root, &s);
    ck_assert_uint_eq(s.node_count, 0);
    check_ok(tsr_file_write(test_path("root/dev/dri/renderD129"), "", 0));
    check_ok(tsr_file_write(test_path("root/dev/kfd"), "", 0));
    check_ok(tsr_file_write(test_path("root/sys/class/drm/renderD129/device/vendor"), "0x1002\n", 7));
    ck_assert(chmod(test_path("root/dev/kfd"), 0) == 0);
    tsr_surroundings_nodes(root, &s);
    ck_assert_uint_eq(s.node_count, 2);
    ck_assert_str_eq(s.nodes[0].path, "/dev/dri/renderD129");
    ck_assert(s.nodes[0].usable && s.nodes[0].vendor == 0x1002 && s.nodes[0].group[0]);
    ck_assert_str_eq(s.nodes[1].path, "/dev/kfd");
    ck_assert(s.nodes[1].usable == (geteuid() == 0)); /* root may do everything */
}
END_TEST

START_TEST(the_cache_is_described)
{
    tsr_surroundings s;
    char path[600];
    setenv("XDG_CACHE_HOME", test_path("cache"), 1);
    tsr_surroundings_describe(&s);
    ck_assert(s.groups[0] != '\0');
    ck_assert(!s.cache_there && strstr(s.cache, "/cache/tessera"));
    check_ok(tsr_directory_make(s.cache));
    static const char *const names[] = {"a.program", "b.program", "c.tuning", ".d.1-0.tmp"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", s.cache, names[i]);
        check_ok(tsr_file_write(path, "four", 4));
    }
    tsr_surroundings_describe(&s);
    ck_assert(s.cache_there && s.cache_private && s.cache_writable && s.cache_mode == 0700);
    ck_assert(s.cache_programs == 2 && s.cache_tunings == 1 && s.cache_leftovers == 1 && s.cache_bytes == 16);
    ck_assert(chmod(s.cache, 0777) == 0);
    tsr_surroundings_describe(&s);
    ck_assert(s.cache_there && !s.cache_private && s.cache_mode == 0777);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    tsr_surroundings_describe(&s);
    ck_assert_str_eq(s.cache, "");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, nodes_are_found);
    tcase_add_test(tests, the_cache_is_described);
}

int main(void)
{
    return test_run("surroundings", add_tests);
}
