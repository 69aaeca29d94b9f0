#include "base/file.h"
#include "base/memory.h"
#include "device/program.h"

#include <ctype.h>
#include <string.h>

#define MAX_DEPTH  16                /* of includes within includes */
#define MAX_SOURCE ((size_t)4 << 20) /* bytes of a kernel file on disk */

/* A kernel file's text: embedded, or from TESSERA_KERNEL_PATH. *text is the caller's. */
static tsr_status read_kernel_file(const char *file, char **text)
{
    const char *directory = getenv("TESSERA_KERNEL_PATH");
    if (directory && *directory) {
        size_t size;
        tsr_text path = {0};
        tsr_text_add(&path, "%s/%s", directory, file);
        char *name = tsr_text_take(&path);
        if (!name) return tsr_fail_memory("a file name", strlen(directory) + strlen(file));
        tsr_status status = tsr_file_read(name, MAX_SOURCE, text, &size);
        free(name);
        return status ? tsr_fail_in(status, "TESSERA_KERNEL_PATH") : TSR_OK;
    }
    for (const tsr_embedded_file *embedded = tsr_embedded_files; embedded->name; embedded++) {
        if (strcmp(embedded->name, file)) continue;
        *text = tsr_copy_text(embedded->text);
        return *text ? TSR_OK : tsr_fail_memory("a kernel's text", strlen(embedded->text));
    }
    return tsr_fail(TSR_NOT_FOUND, "there is no kernel file %s in the library", file);
}

/* Whether a line is #include "FILE"; the file's name is copied. */
static bool is_include(const char *line, size_t length, char *name, size_t size)
{
    const char *end = line + length;
    while (line < end && isblank((unsigned char)*line)) line++;
    if (line == end || *line++ != '#') return false;
    while (line < end && isblank((unsigned char)*line)) line++;
    if ((size_t)(end - line) < 7 || strncmp(line, "include", 7)) return false;
    line += 7;
    while (line < end && isblank((unsigned char)*line)) line++;
    if (line == end || *line++ != '"') return false;
    const char *quote = memchr(line, '"', (size_t)(end - line));
    if (!quote || (size_t)(quote - line) >= size) return false;
    memcpy(name, line, (size_t)(quote - line));
    name[quote - line] = '\0';
    return true;
}

static tsr_status add_file(tsr_text *source, const char *file, int depth)
{
    char *text = NULL, included[128];
    if (depth > MAX_DEPTH) return tsr_fail(TSR_BUILD, "the kernel file %s is included in a circle", file);
    tsr_status status = read_kernel_file(file, &text);
    if (status) return status;
    tsr_text_add(source, "#line 1 \"%s\"\n", file);
    size_t number = 1;
    for (const char *line = text; *line && !status; number++) {
        size_t length = strcspn(line, "\n");
        if (is_include(line, length, included, sizeof included)) {
            status = add_file(source, included, depth + 1);
            if (status) tsr_fail_in(status, "%s:%zu", file, number);
            tsr_text_add(source, "#line %zu \"%s\"\n", number + 1, file);
        } else {
            tsr_text_add_bytes(source, line, length);
            tsr_text_add_bytes(source, "\n", 1);
        }
        line += length + (line[length] == '\n');
    }
    free(text);
    return status;
}

tsr_status tsr_program_source(const char *file, char **source)
{
    tsr_text text = {0};
    *source = NULL;
    tsr_status status = add_file(&text, file, 0);
    if (!status && !(*source = tsr_text_take(&text))) status = tsr_fail_memory("a kernel's text", 0);
    tsr_text_clear(&text);
    return status;
}
