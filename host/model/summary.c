/* Keras 2's model.summary(): a table of 65 columns whose fields break where they do not fit. */
#include "base/text.h"
#include "model/model.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 3, WIDTH = 65 };
static const int ends[COLUMNS] = {29, 55, WIDTH};

static void add_line(tsr_text *text, char mark)
{
    for (int i = 0; i < WIDTH; i++) tsr_text_add_bytes(text, &mark, 1);
    tsr_text_add(text, "\n");
}

/* How many characters of `field` go into `room`: a line also ends behind "),". */
static size_t fitting(const char *field, size_t room)
{
    size_t length = strlen(field) < room ? strlen(field) : room;
    for (size_t i = 0; i + 1 < length; i++)
        if (field[i] == ')' && field[i + 1] == ',') return i + 2;
    return length;
}

static void add_row(tsr_text *text, const char *first, const char *second, const char *third)
{
    const char *left[COLUMNS] = {first, second, third};
    do {
        int width = 0;
        for (int column = 0; column < COLUMNS; column++) {
            bool last = column == COLUMNS - 1;
            /* Two blanks between columns, one at the start of the line. */
            int room = ends[column] - (column ? ends[column - 1] : 0) - (last ? 0 : 3);
            size_t taken = fitting(left[column], (size_t)room);
            tsr_text_add(text, "%s%.*s", column ? "" : " ", (int)taken, left[column]);
            width += (int)taken + (column ? 0 : 1);
            left[column] += taken;
            tsr_text_add(text, "%*s", ends[column] - width, "");
            width = ends[column];
        }
        tsr_text_add(text, "\n");
    } while (*left[0] || *left[1] || *left[2]);
}

static void add_total(tsr_text *text, const char *what, int64_t parameters)
{
    static const char *const units[] = {"Byte", "KB", "MB", "GB", "TB", "PB"};
    double size = 4.0 * (double)parameters;
    int unit = 0;
    for (; size >= 1024 && unit < 5; unit++) size /= 1024;
    tsr_text_add(text, "%s: %lld (%.2f %s)\n", what, (long long)parameters, size, units[unit]);
}

static void add_layer(tsr_text *text, tsr_layer_info layer)
{
    char title[160], shape[80], parameters[32];
    snprintf(title, sizeof title, "%s (%s)", layer.name, layer.class_name);
    int at = snprintf(shape, sizeof shape, "(None");
    for (int i = 0; i < layer.rank; i++)
        at += snprintf(shape + at, sizeof shape - (size_t)at, ", %d", (int)layer.output[i]);
    snprintf(shape + at, sizeof shape - (size_t)at, ")");
    snprintf(parameters, sizeof parameters, "%lld", (long long)layer.parameters);
    add_row(text, title, shape, parameters);
    tsr_text_add(text, "%*s\n", WIDTH, "");
}

tsr_status tsr_model_summary(const tsr_model *model, char **text)
{
    tsr_text table = {0};
    tsr_text_add(&table, "Model: \"%s\"\n", model->name);
    add_line(&table, '_');
    add_row(&table, "Layer (type)", "Output Shape", "Param #");
    add_line(&table, '=');
    for (int i = 1; i < tsr_model_layer_count(model); i++) add_layer(&table, tsr_model_layer(model, i));
    add_line(&table, '=');
    add_total(&table, "Total params", tsr_model_parameters(model));
    add_total(&table, "Trainable params", tsr_model_parameters(model));
    add_total(&table, "Non-trainable params", 0);
    add_line(&table, '_');
    *text = tsr_text_take(&table);
    return *text ? TSR_OK : tsr_fail_memory("the summary", WIDTH * 100);
}
