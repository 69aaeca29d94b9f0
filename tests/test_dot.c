/* Pictures of networks. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static tsr_model *make_model(void)
{
    tsr_model *model;
    check_ok(tsr_model_create_reference(28, 28, 1, 10, &model));
    return model;
}

/* The contents of a file, in a static buffer. */
static const char *contents(const char *path, size_t *size)
{
    static char text[1 << 20];
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    *size = fread(text, 1, sizeof text - 1, file);
    text[*size] = '\0';
    fclose(file);
    return text;
}

START_TEST(describes_layers)
{
    size_t size;
    tsr_model *model = make_model();
    const char *path = test_path("model.dot");
    check_ok(tsr_model_plot(model, path, false, 0));
    const char *text = contents(path, &size);
    ck_assert_ptr_nonnull(strstr(text, "[label=\"conv2d: Conv2D\"]"));
    ck_assert_ptr_nonnull(strstr(text, "layer7 -> layer8;"));
    ck_assert_ptr_null(strstr(text, "None"));
    check_ok(tsr_model_plot(model, path, true, 200));
    text = contents(path, &size);
    ck_assert_ptr_nonnull(strstr(text, "dpi=200"));
    ck_assert_ptr_nonnull(strstr(text, "InputLayer|{input:|output:}|{{[(None, 28, 28, 1)]}|{[(None, 28, 28, 1)]}}"));
    ck_assert_ptr_nonnull(strstr(text, "dense_1: Dense|{input:|output:}|{{(None, 100)}|{(None, 10)}}"));
    tsr_model_free(model);
}
END_TEST

START_TEST(escapes_names)
{
    size_t size;
    tsr_model *model;
    const char *path = test_path("escaped.dot");
    check_ok(tsr_model_create(NULL, &model));
    check_ok(
        tsr_model_add_input(model, &(tsr_input_config){.height = 4, .width = 4, .channels = 1, .name = "a|{b}\"c"}));
    check_ok(tsr_model_plot(model, path, true, 0));
    ck_assert_ptr_nonnull(strstr(contents(path, &size), "label=\"a\\|\\{b\\}\\\"c: InputLayer"));
    tsr_model_free(model);
}
END_TEST

static bool have_dot(void)
{
    return system("command -v dot >/dev/null 2>&1") == 0;
}

START_TEST(draws_png_and_svg)
{
    size_t small, large;
    tsr_model *model = make_model();
    if (have_dot()) {
        check_ok(tsr_model_plot(model, test_path("model.png"), true, 0));
        ck_assert_mem_eq(contents(test_path("model.png"), &small), "\x89PNG", 4);
        check_ok(tsr_model_plot(model, test_path("model.png"), true, 300));
        contents(test_path("model.png"), &large);
        ck_assert_uint_gt(large, small);
        check_ok(tsr_model_plot(model, test_path("model.svg"), true, 0));
        ck_assert_ptr_nonnull(strstr(contents(test_path("model.svg"), &small), "<svg"));
    }
    tsr_model_free(model);
}
END_TEST

START_TEST(says_what_is_missing)
{
    tsr_model *model = make_model();
    char *path = strdup(getenv("PATH"));
    setenv("PATH", test_directory(), 1);
    check_fails(tsr_model_plot(model, test_path("missing.png"), true, 0), TSR_NOT_FOUND, "graphviz");
    setenv("PATH", path, 1);
    free(path);
    ck_assert_int_ne(access(test_path("missing.png"), F_OK), 0);
    tsr_model_free(model);
}
END_TEST

/* A dot that fails: its message is passed on, no file is left. */
START_TEST(passes_on_what_dot_says)
{
    tsr_model *model = make_model();
    char *path = strdup(getenv("PATH"));
    FILE *script = fopen(test_path("dot"), "wb");
    fputs("#!/bin/sh\necho 'Error: no such plugin' >&2\nexit 3\n", script);
    fclose(script);
    ck_assert_int_eq(chmod(test_path("dot"), 0700), 0);
    setenv("PATH", test_directory(), 1);
    check_fails(tsr_model_plot(model, test_path("failed.png"), true, 0), TSR_IO, "Error: no such plugin");
    setenv("PATH", path, 1);
    free(path);
    ck_assert_int_ne(access(test_path("failed.png"), F_OK), 0);
    tsr_model_free(model);
}
END_TEST

START_TEST(refuses_other_endings_and_places)
{
    tsr_model *model = make_model();
    check_fails(tsr_model_plot(model, test_path("model.jpg"), true, 0), TSR_INVALID_ARGUMENT, ".png, .svg or .dot");
    check_fails(tsr_model_plot(model, "model", true, 0), TSR_INVALID_ARGUMENT, ".png, .svg or .dot");
    check_fails(tsr_model_plot(model, test_path("model.png"), true, -1), TSR_INVALID_ARGUMENT, "-1 dpi");
    check_fails(tsr_model_plot(model, test_path("absent/model.dot"), true, 0), TSR_IO, "absent/model.dot");
    check_fails(tsr_model_plot(model, test_path("absent/model.png"), true, 0), TSR_IO, "absent/model.png");
    tsr_model_free(model);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, describes_layers);
    tcase_add_test(tests, escapes_names);
    tcase_add_test(tests, draws_png_and_svg);
    tcase_add_test(tests, says_what_is_missing);
    tcase_add_test(tests, passes_on_what_dot_says);
    tcase_add_test(tests, refuses_other_endings_and_places);
}

int main(void)
{
    return test_run("dot", add_tests);
}
