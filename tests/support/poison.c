#include "support/poison.h"

#include "base/file.h"
#include "base/text.h"
#include "support/support.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char directory[256]; /* of the last copy */

static void copy_file(const char *name)
{
    char from[512], to[512], *data;
    size_t size;
    snprintf(from, sizeof from, "%s/cl/%s", TEST_SOURCE_DIR, name);
    snprintf(to, sizeof to, "%s/%s", directory, name);
    check_ok(tsr_file_read(from, 1 << 24, &data, &size));
    check_ok(tsr_file_write(to, data, size));
    free(data);
}

/* Where the kernel's name stands before its parameters, the first of which is a buffer; NULL when there is none. */
static char *find_kernel(char *data, const char *kernel)
{
    static const char *const buffers[] = {"__global", "global", "const global", "const __global"};
    char start[128];
    for (size_t i = 0; i < sizeof buffers / sizeof *buffers; i++) {
        snprintf(start, sizeof start, "%s(%s", kernel, buffers[i]);
        char *found = strstr(data, start);
        if (found) return found;
    }
    return NULL;
}

/* The statements come after the first brace behind the kernel's name and parameters. */
static void insert(const char *path, const char *kernel, const char *code)
{
    char *data;
    size_t size;
    tsr_text text = {0};
    check_ok(tsr_file_read(path, 1 << 24, &data, &size));
    char *found = find_kernel(data, kernel), *brace = found ? strchr(found, '{') : NULL;
    ck_assert_msg(brace != NULL, "%s has no kernel %s", path, kernel);
    tsr_text_add_bytes(&text, data, (size_t)(brace + 1 - data));
    tsr_text_add(&text, " %s", code);
    tsr_text_add(&text, "%s", brace + 1);
    check_ok(tsr_file_write(path, text.data, text.length));
    tsr_text_clear(&text);
    free(data);
}

void poison_also(const char *file, const char *kernel, const char *code)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    insert(path, kernel, code);
}

const char *poison_kernels(const char *file, const char *kernel, const char *code)
{
    static char variable[300];
    static int number;
    char name[32], source[512];
    snprintf(name, sizeof name, "kernels%d", number++);
    snprintf(directory, sizeof directory, "%s", test_path(name));
    snprintf(variable, sizeof variable, "TESSERA_KERNEL_PATH=%s", directory);
    check_ok(tsr_directory_make(directory));
    snprintf(source, sizeof source, "%s/cl", TEST_SOURCE_DIR);
    DIR *kernels = opendir(source);
    ck_assert_ptr_nonnull(kernels);
    for (struct dirent *entry; (entry = readdir(kernels));)
        if (entry->d_name[0] != '.') copy_file(entry->d_name);
    closedir(kernels);
    poison_also(file, kernel, code);
    return variable;
}
