/* The network as a picture, drawn by Graphviz's dot. */
#include "tessera/io.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_DPI 96
#define DPI_LIMIT   2400

extern char **environ;

/* Adds text to a record's label, in which some characters mean something. */
static void add_escaped(tsr_text *text, const char *label)
{
    for (; *label; label++) {
        if (strchr("{}|<>\"\\ ", *label)) tsr_text_add(text, "\\");
        tsr_text_add_bytes(text, label, 1);
    }
}

/* (None, 28, 28, 1), and for the input [(None, 28, 28, 1)]. */
static void add_shape(tsr_text *text, int rank, const int32_t *extent, bool list)
{
    tsr_text_add(text, list ? "[(None" : "(None");
    for (int axis = 0; axis < rank; axis++) tsr_text_add(text, ", %d", extent[axis]);
    tsr_text_add(text, list ? ")]" : ")");
}

static void add_layer(tsr_text *text, const tsr_model *model, int number, bool show_shapes)
{
    tsr_layer_info layer = tsr_model_layer(model, number);
    tsr_text_add(text, "    layer%d [label=\"", number);
    add_escaped(text, layer.name);
    tsr_text_add(text, ": %s", layer.class_name);
    if (show_shapes) {
        bool input = number == 0;
        tsr_text_add(text, "|{input:|output:}|{{");
        add_shape(text, input ? layer.rank : layer.input_rank, input ? layer.output : layer.input, input);
        tsr_text_add(text, "}|{");
        add_shape(text, layer.rank, layer.output, input);
        tsr_text_add(text, "}}");
    }
    tsr_text_add(text, "\"];\n");
    if (number > 0) tsr_text_add(text, "    layer%d -> layer%d;\n", number - 1, number);
}

static char *describe(const tsr_model *model, bool show_shapes, int32_t dpi)
{
    tsr_text text = {0};
    tsr_text_add(&text,
                 "digraph model {\n    graph [rankdir=TB, concentrate=true, dpi=%d];\n    node [shape=record];\n", dpi);
    for (int i = 0; i < tsr_model_layer_count(model); i++) add_layer(&text, model, i, show_shapes);
    tsr_text_add(&text, "}\n");
    return tsr_text_take(&text);
}

/* Starts dot on the description in `input` and waits; its messages go to `messages`. */
static tsr_status run_dot(FILE *input, FILE *messages, const char *format, const char *output, int *code)
{
    char type[16];
    pid_t child;
    posix_spawn_file_actions_t actions;
    snprintf(type, sizeof type, "-T%s", format);
    char dot[] = "dot", option[] = "-o";
    char *path = tsr_copy_text(output);
    if (!path) return tsr_fail_memory("a file name", strlen(output));
    char *arguments[] = {dot, type, option, path, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fileno(input), STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, fileno(messages), STDERR_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int error = posix_spawnp(&child, dot, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    free(path);
    if (error == ENOENT)
        *code = 127;
    else if (error)
        return tsr_fail(TSR_IO, "Graphviz's program dot cannot be started: %s", strerror(error));
    else {
        while (waitpid(child, code, 0) < 0) {
            if (errno != EINTR) return tsr_fail(TSR_IO, "dot cannot be waited for: %s", strerror(errno));
        }
        *code = WIFEXITED(*code) ? WEXITSTATUS(*code) : 1;
    }
    return TSR_OK;
}

/* Draws the description into the file `output`. */
static tsr_status draw(const char *description, const char *format, const char *path, const char *output)
{
    char message[256] = "";
    int code = 0;
    struct stat about;
    tsr_status status = TSR_OK;
    FILE *input = tmpfile(), *messages = tmpfile();
    if (!input || !messages || fputs(description, input) < 0 || fflush(input) != 0) {
        status = tsr_fail(TSR_IO, "a temporary file cannot be written: %s", strerror(errno));
        goto done;
    }
    rewind(input);
    lseek(fileno(input), 0, SEEK_SET); /* dot reads through the same open file */
    status = run_dot(input, messages, format, output, &code);
    if (status != TSR_OK) goto done;
    rewind(messages);
    if (!fgets(message, sizeof message, messages)) message[0] = '\0';
    message[strcspn(message, "\r\n")] = '\0';
    if (code == 127) {
        status = tsr_fail(TSR_NOT_FOUND,
                          "%s: Graphviz's program dot was not found: install the package graphviz, or "
                          "name a file that ends in .dot to get its input",
                          path);
    } else if (code != 0 || stat(output, &about) != 0 || about.st_size == 0) {
        status = tsr_fail(TSR_IO, "%s: Graphviz's program dot could not draw the picture (exit code %d): %s", path,
                          code, message);
    }
done:
    if (input) fclose(input);
    if (messages) fclose(messages);
    return status;
}

tsr_status tsr_model_plot(const tsr_model *model, const char *path, bool show_shapes, int32_t dpi)
{
    const char *ending = strrchr(path, '.');
    bool source = ending && strcmp(ending, ".dot") == 0;
    char *temporary = NULL;
    if (!ending || (!source && strcmp(ending, ".png") != 0 && strcmp(ending, ".svg") != 0)) {
        return tsr_fail(TSR_INVALID_ARGUMENT, "%s: the picture's name must end in .png, .svg or .dot", path);
    }
    if (dpi < 0 || dpi > DPI_LIMIT) {
        return tsr_fail(TSR_INVALID_ARGUMENT, "a resolution of %d dpi: it must be 1 to %d", dpi, DPI_LIMIT);
    }
    char *description = describe(model, show_shapes, dpi ? dpi : DEFAULT_DPI);
    if (!description) return tsr_fail_memory("the picture's description", 0);
    tsr_status status =
        source ? tsr_file_write(path, description, strlen(description)) : tsr_file_begin(path, &temporary);
    if (status == TSR_OK && !source) {
        status = draw(description, ending + 1, path, temporary);
        if (status == TSR_OK)
            status = tsr_file_commit(path, &temporary);
        else
            tsr_file_abandon(&temporary);
    }
    free(description);
    return status;
}
