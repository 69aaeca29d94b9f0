/* What tessera verify found, as JSON and as a table. */
#include "verify.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static json_t *error_json(const tsr_verified_error *error)
{
    if (!error->known) return json_null();
    return json_pack("{s:o, s:o}", "error", command_number(error->error), "share", command_number(error->share));
}

static json_t *fault_json(const tsr_verification *v)
{
    if (v->right) return json_null();
    return json_pack("{s:o, s:s, s:o}", "layer", command_text(v->layers[v->fault].name), "implementation",
                     v->implementation, "text", command_text(v->text));
}

json_t *verify_device_json(const tsr_verification *v)
{
    json_t *layers = json_array();
    for (int i = 0; i < v->layer_count; i++) {
        const tsr_verified_layer *layer = &v->layers[i];
        if (!layer->value.known && !layer->gradient.known) continue;
        json_array_append_new(layers, json_pack("{s:o, s:b, s:o, s:o}", "name", command_text(layer->name), "right",
                                                layer->right, "value", error_json(&layer->value), "gradient",
                                                error_json(&layer->gradient)));
    }
    return json_pack("{s:b, s:b, s:i, s:f, s:i, s:f, s:o, s:o}", "right", v->right, "finite", v->finite, "batch",
                     (int)v->batch, "seconds", v->seconds, "step_batch", (int)v->step_batch, "step_seconds",
                     v->step_seconds, "fault", fault_json(v), "layers", layers);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static double number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_number(value) ? json_number_value(value) : (double)INFINITY;
}

static int index_of(const json_t *device)
{
    return (int)json_integer_value(json_object_get(device, "index"));
}

static bool is_true(const json_t *device, const char *key)
{
    return json_is_true(json_object_get(device, key));
}

static bool is_right(const json_t *device)
{
    return is_true(device, "right");
}

/* The row of a layer among those of a device, or NULL. */
static const json_t *find_layer(const json_t *device, const char *name)
{
    const json_t *layers = json_object_get(device, "layers");
    for (size_t i = 0; i < json_array_size(layers); i++)
        if (!strcmp(text_of(json_array_get(layers, i), "name"), name)) return json_array_get(layers, i);
    return NULL;
}

/* Ends 16 places on: "1.2e-07   3%". */
static void print_error(const json_t *error)
{
    char text[40];
    double share = 100 * number_of(error, "share"), largest = number_of(error, "error");
    if (!json_is_object(error))
        snprintf(text, sizeof text, "-");
    else if (largest == 0)
        snprintf(text, sizeof text, "exact");
    else if (!(share <= 9999))
        snprintf(text, sizeof text, "%.1e WRONG", largest);
    else
        snprintf(text, sizeof text, share < 1 ? "%.1e   <1%%" : "%.1e %4.0f%%", largest, share);
    printf("  %14s", text);
}

static void print_layer(const json_t *devices, const char *name, int width)
{
    printf("%-*s", width, name);
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *layer = find_layer(json_array_get(devices, i), name);
        print_error(json_object_get(layer, "value"));
        print_error(json_object_get(layer, "gradient"));
    }
    putchar('\n');
}

/* The device with the most rows; all have the same layers where something was compared. */
static const json_t *fullest(const json_t *devices)
{
    const json_t *most = NULL;
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *layers = json_object_get(json_array_get(devices, i), "layers");
        if (json_array_size(layers) > json_array_size(most)) most = layers;
    }
    return most;
}

static void print_table(const json_t *devices)
{
    const json_t *rows = fullest(devices);
    int width = (int)strlen("milliseconds a step");
    if (!rows) return;
    for (size_t i = 0; i < json_array_size(rows); i++) {
        int length = (int)strlen(text_of(json_array_get(rows, i), "name"));
        if (length > width) width = length;
    }
    printf("\n%-*s", width, "");
    for (size_t i = 0; i < json_array_size(devices); i++) {
        char text[32];
        snprintf(text, sizeof text, "DEVICE %d", index_of(json_array_get(devices, i)));
        printf("  %30s", text);
    }
    printf("\n%-*s", width, "LAYER");
    for (size_t i = 0; i < json_array_size(devices); i++) printf("  %14s  %14s", "VALUE", "GRADIENT");
    putchar('\n');
    for (size_t i = 0; i < json_array_size(rows); i++)
        print_layer(devices, text_of(json_array_get(rows, i), "name"), width);
    printf("%-*s", width, "milliseconds a step");
    for (size_t i = 0; i < json_array_size(devices); i++) {
        double seconds = number_of(json_array_get(devices, i), "step_seconds");
        char text[32];
        snprintf(text, sizeof text, isfinite(seconds) ? "%.3f" : "-", 1e3 * seconds);
        printf("  %30s", text);
    }
    fputs("\n\nThe largest error, and what it is of the one that is allowed; \"-\": kept inside a kernel, and seen in "
          "what follows.\n",
          stdout);
}

static void print_verdict(const json_t *device)
{
    const json_t *fault = json_object_get(device, "fault");
    printf("Device %d, %s (%s): ", index_of(device), text_of(device, "name"), text_of(device, "platform"));
    if (json_object_get(device, "error"))
        printf("failed: %s\n", text_of(device, "error"));
    else if (!is_right(device))
        printf("WRONG in %s: %s by the kernel %s\n", text_of(fault, "layer"), text_of(fault, "text"),
               text_of(fault, "implementation"));
    else
        printf("right%s%s\n", is_true(device, "fit") ? "" : ", but its driver is not fit: tessera doctor says why",
               is_true(device, "finite") ? "" : ", but the loss is not finite: look at the weights and images");
    if (text_of(device, "ending")[0]) printf("  when all was done its process %s\n", text_of(device, "ending"));
}

/* What was compared and timed, where that is known. */
static void print_what(const verify_settings *settings, const char *source, const json_t *devices)
{
    printf("A training step of %s against double precision, with %s",
           settings->model ? settings->model : "the reference network", source);
    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i);
        int batch = (int)json_integer_value(json_object_get(device, "batch"));
        int step = (int)json_integer_value(json_object_get(device, "step_batch"));
        if (!batch) continue;
        printf(": %d image%s", batch, batch == 1 ? "" : "s");
        if (step != batch) printf(" (steps of %d are timed; a larger --budget compares more)", step);
        break;
    }
    putchar('\n');
}

void verify_print(const verify_settings *settings, const char *source, const json_t *devices)
{
    int best = verify_best(devices);
    print_what(settings, source, devices);
    print_table(devices);
    for (size_t i = 0; i < json_array_size(devices); i++) print_verdict(json_array_get(devices, i));
    if (best >= 0)
        printf("Use device %d%s\n", best, json_array_size(devices) > 1 ? ", the fastest of those that are right" : "");
    else
        puts("No device is fit for this model; tessera doctor says more about them");
}
