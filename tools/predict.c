/* tessera predict: what a model sees in images. */
#include "images.h"
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct predict_settings {
    const char *device, *output, *classes;
    int gemm;
    bool json;
} predict_settings;

/* The predictions so far, of all files. */
typedef struct prediction_set {
    float *rows;
    int64_t count;
    int32_t classes;
    char **names; /* of the classes, or NULL */
    char *text;   /* that the names lie in */
    json_t *json; /* an array, or NULL without --json */
} prediction_set;

static bool read_settings(const command *self, int count, char **arguments, predict_settings *settings,
                          command_operands *operands, int *code)
{
    const command_option options[] = {
        OPTION_DEVICE(&settings->device),
        OPTION_GEMM(&settings->gemm),
        {.name = "classes",
         .argument = "FILE",
         .kind = OPTION_TEXT,
         .value = &settings->classes,
         .help = "names of the classes, one a line",
         .otherwise = "Fashion-MNIST's for ten classes, else numbers"},
        {.name = "output",
         .argument = "FILE",
         .kind = OPTION_TEXT,
         .value = &settings->output,
         .help = "write all probabilities to this .npy file too"},
        OPTION_JSON(&settings->json),
    };
    return command_read(self, options, sizeof options / sizeof options[0], 2, 1 << 30, count, arguments, operands,
                        code);
}

/* Reads a small text file whole; NULL after a complaint. */
static char *read_text(const command *self, const char *path)
{
    enum { LIMIT = 1 << 20 };
    char *text = malloc(LIMIT + 1);
    FILE *file = text ? fopen(path, "r") : NULL;
    size_t length = file ? fread(text, 1, LIMIT, file) : 0;
    bool failed = !file || ferror(file);
    if (file) fclose(file);
    if (failed) {
        command_complain(self, "cannot read the names of the classes from %s", path);
        free(text);
        return NULL;
    }
    text[length] = '\0';
    return text;
}

/* The names of the classes from a file, one a line. */
static int read_names(const command *self, const char *path, prediction_set *predictions)
{
    int32_t count = 0;
    if (!(predictions->text = read_text(self, path))) return FAILED;
    predictions->names = calloc((size_t)predictions->classes, sizeof *predictions->names);
    if (!predictions->names) return FAILED;
    for (char *line = strtok(predictions->text, "\r\n"); line; line = strtok(NULL, "\r\n")) {
        if (count < predictions->classes) predictions->names[count] = line;
        count++;
    }
    if (count == predictions->classes) return DONE;
    command_complain(self, "%s names %d classes; the model has %d", path, (int)count, (int)predictions->classes);
    return FAILED;
}

static const char *class_name(const prediction_set *predictions, int32_t number, char text[32])
{
    if (predictions->names) return predictions->names[number];
    if (predictions->classes == 10) return tsr_fashion_mnist_classes[number];
    snprintf(text, 32, "class %d", (int)number);
    return text;
}

static json_t *row_json(const prediction_set *predictions, const char *path, int64_t image, const float *row,
                        int32_t best)
{
    char text[32];
    json_t *all = json_array();
    for (int32_t i = 0; i < predictions->classes; i++) json_array_append_new(all, command_number(row[i]));
    return json_pack("{s:o, s:I, s:I, s:o, s:o, s:o}", "input", command_text(path), "image", (json_int_t)image, "class",
                     (json_int_t)best, "name", command_text(class_name(predictions, best, text)), "probability",
                     command_number(row[best]), "probabilities", all);
}

static int show(const prediction_set *predictions, const char *path, const image_set *images, const float *rows)
{
    for (int64_t image = 0; image < images->data.count; image++) {
        const float *row = rows + image * predictions->classes;
        char text[32];
        int32_t best = 0;
        for (int32_t i = 1; i < predictions->classes; i++)
            if (row[i] > row[best]) best = i;
        if (predictions->json) {
            if (json_array_append_new(predictions->json, row_json(predictions, path, image, row, best)) != 0)
                return FAILED;
        } else if (images->several) {
            printf("%s[%lld]: %s %.4f\n", path, (long long)image, class_name(predictions, best, text), row[best]);
        } else {
            printf("%s: %s %.4f\n", path, class_name(predictions, best, text), row[best]);
        }
    }
    return DONE;
}

/* Predicts one file's images and adds their rows. */
static int predict_file(const command *self, tsr_model *model, const char *path, prediction_set *predictions)
{
    image_set images;
    tsr_layer_info input = tsr_model_layer(model, 0);
    int code = images_read(self, path, input.output, &images);
    if (code) goto done;
    size_t all = (size_t)(predictions->count + images.data.count) * (size_t)predictions->classes;
    float *grown = realloc(predictions->rows, all * sizeof *grown);
    if (!grown) {
        command_complain(self, "not enough memory for the predictions of %s", path);
        code = FAILED;
        goto done;
    }
    predictions->rows = grown;
    float *rows = grown + predictions->count * predictions->classes;
    tsr_status status = tsr_model_predict(model, &images.data, 0, rows);
    if (status) {
        code = command_fail(self, status);
        goto done;
    }
    predictions->count += images.data.count;
    code = show(predictions, path, &images, rows);
done:
    images_clear(&images);
    return code;
}

static int predict(const command *self, const predict_settings *settings, const command_operands *operands,
                   tsr_model *model, prediction_set *predictions)
{
    predictions->classes = tsr_model_outputs(model);
    int code = settings->classes ? read_names(self, settings->classes, predictions) : DONE;
    for (int i = 1; i < operands->count && !code; i++) code = predict_file(self, model, operands->at[i], predictions);
    if (!code && settings->output) {
        const int64_t extent[2] = {predictions->count, predictions->classes};
        tsr_status status = tsr_npy_write(settings->output, 2, extent, predictions->rows);
        if (status) code = command_fail(self, status);
    }
    if (!code && predictions->json) {
        code = command_print_json(self, predictions->json);
        predictions->json = NULL;
    }
    return code;
}

static int run(const command *self, int count, char **arguments)
{
    predict_settings settings = {0};
    command_operands operands;
    prediction_set predictions = {0};
    tsr_model *model = NULL;
    tsr_device *device = NULL;
    int code;
    if (!read_settings(self, count, arguments, &settings, &operands, &code)) return code;
    code = command_open_trained(self, operands.at[0], &model);
    if (code) return code;
    if (settings.json) predictions.json = json_array();
    tsr_status status = command_open_device(settings.device, false, &device);
    if (!status) status = tsr_model_compile(model, device, &(tsr_compile_options){.gemm = (tsr_gemm)settings.gemm});
    code = status ? command_fail(self, status) : predict(self, &settings, &operands, model, &predictions);
    json_decref(predictions.json);
    free(predictions.names);
    free(predictions.text);
    free(predictions.rows);
    tsr_model_free(model);
    tsr_device_close(device);
    return code;
}

const command command_predict = {"predict", "MODEL INPUT...", "Say what is in PNG, IDX (.gz) or NPY images", run};
