/* One value of a layer's configuration, in and out, by the layer's table of fields. */
#include "io/keras_json.h"

#include "base/status.h"
#include "base/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void *at(const tsr_field *field, void *config)
{
    return (char *)config + field->offset;
}

static const void *at_const(const tsr_field *field, const void *config)
{
    return (const char *)config + field->offset;
}

json_t *tsr_keras_real(float value)
{
    char digits[32];
    double shortest = value;
    for (int precision = 1; precision <= 9; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        shortest = strtod(digits, NULL);
        if ((float)shortest == value) break;
    }
    return json_real(shortest);
}

json_t *tsr_keras_field(const tsr_field *field, const void *config)
{
    const int32_t *numbers = at_const(field, config);
    switch (field->type) {
    case TSR_FIELD_INT:
        return json_integer(numbers[0]);
    case TSR_FIELD_PAIR:
        return json_pack("[i, i]", numbers[0], numbers[1]);
    case TSR_FIELD_FLOAT:
        return tsr_keras_real(*(const float *)at_const(field, config));
    case TSR_FIELD_NOT:
        return json_boolean(!*(const bool *)at_const(field, config));
    case TSR_FIELD_PADDING:
        return json_string(tsr_padding_name(*(const tsr_padding *)at_const(field, config)));
    case TSR_FIELD_ACTIVATION:
        return json_string(tsr_activation_name(*(const tsr_activation *)at_const(field, config)));
    case TSR_FIELD_SHAPE:
        return json_pack("[n, i, i, i]", numbers[0], numbers[1], numbers[2]);
    case TSR_FIELD_INITIALIZER:
        return tsr_keras_initializer(at_const(field, config));
    case TSR_FIELD_CHOICE:
        return json_string(field->words[*(const int *)at_const(field, config)]);
    case TSR_FIELD_CONSTANT:
    case TSR_FIELD_FREE:
        return json_loads(field->text, JSON_DECODE_ANY, NULL);
    }
    return NULL;
}

/* Refuses a value, which it shows. */
static tsr_status refuse(const tsr_field *field, const char *layer, const json_t *value, const char *wanted)
{
    char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_PRESERVE_ORDER);
    tsr_status status = tsr_fail(TSR_UNSUPPORTED, "layer \"%s\": %s = %.200s is not supported; %s", layer, field->name,
                                 shown ? shown : "?", wanted);
    free(shown);
    return status;
}

/* A whole number, which some versions write as a real. */
static bool read_int(const json_t *value, int32_t *number)
{
    double real = json_number_value(value);
    if (!json_is_number(value) || real != floor(real) || real < INT32_MIN || real > INT32_MAX) return false;
    *number = (int32_t)real;
    return true;
}

/* Two numbers, or one for both. */
static bool read_pair(const json_t *value, int32_t pair[2])
{
    if (read_int(value, &pair[0])) {
        pair[1] = pair[0];
        return true;
    }
    return json_array_size(value) == 2 && read_int(json_array_get(value, 0), &pair[0]) &&
           read_int(json_array_get(value, 1), &pair[1]);
}

static bool positive(const int32_t *numbers, int count)
{
    for (int i = 0; i < count; i++) {
        if (numbers[i] < 1) return false;
    }
    return true;
}

static bool read_shape(const json_t *value, int32_t shape[3])
{
    if (json_array_size(value) != 4) return false;
    for (size_t axis = 0; axis < 3; axis++) {
        if (!read_int(json_array_get(value, axis + 1), &shape[axis])) return false;
    }
    return positive(shape, 3);
}

/* A name, or {"class_name": "function", "config": NAME}; null is "linear". */
static bool read_activation(const json_t *value, tsr_activation *function)
{
    const char *class_name = json_string_value(json_object_get(value, "class_name"));
    if (class_name && strcmp(class_name, "function") == 0) value = json_object_get(value, "config");
    const char *name = json_is_null(value) ? "linear" : json_string_value(value);
    return name && tsr_activation_find(name, function);
}

/* Whether a JSON value is the one that the table allows: integers may be given as reals, a pair as one number. */
static bool equal(const json_t *value, const json_t *allowed)
{
    int32_t a[2], b[2];
    if (json_is_array(allowed) && read_pair(allowed, b)) return read_pair(value, a) && a[0] == b[0] && a[1] == b[1];
    if (json_is_number(allowed)) return json_is_number(value) && json_number_value(value) == json_number_value(allowed);
    return json_equal(value, allowed);
}

static tsr_status read_constant(const tsr_field *field, const char *layer, const json_t *value)
{
    char wanted[128];
    json_t *allowed = json_loads(field->text, JSON_DECODE_ANY, NULL);
    bool same = allowed && equal(value, allowed);
    json_decref(allowed);
    if (same) return TSR_OK;
    snprintf(wanted, sizeof wanted, "it must be %s", field->text);
    return refuse(field, layer, value, wanted);
}

/* One of the words. */
static bool read_choice(const tsr_field *field, const char *text, int *choice)
{
    for (int i = 0; text && field->words[i]; i++)
        if (strcmp(text, field->words[i]) == 0) {
            *choice = i;
            return true;
        }
    return false;
}

static tsr_status read_float(const tsr_field *field, const char *layer, const json_t *value, float *number)
{
    char wanted[128];
    *number = (float)json_number_value(value);
    if (json_is_number(value) && *number >= field->minimum && *number < field->limit) return TSR_OK;
    if (isinf(field->limit))
        snprintf(wanted, sizeof wanted, isinf(field->minimum) ? "it must be a number" : "it must be a number above 0");
    else
        snprintf(wanted, sizeof wanted, "it must be at least %g and less than %g", (double)field->minimum,
                 (double)field->limit);
    return refuse(field, layer, value, wanted);
}

tsr_status tsr_keras_read_field(const tsr_field *field, const char *layer, const json_t *value, void *config)
{
    int32_t *numbers = at(field, config);
    const char *text = json_string_value(value);
    switch (field->type) {
    case TSR_FIELD_INT:
        if (read_int(value, numbers) && positive(numbers, 1)) return TSR_OK;
        return refuse(field, layer, value, "it must be a whole number of at least 1");
    case TSR_FIELD_PAIR:
        if (json_is_null(value) && field->otherwise != 0) return TSR_OK;
        if (read_pair(value, numbers) && positive(numbers, 2)) return TSR_OK;
        return refuse(field, layer, value, "it must be one or two whole numbers of at least 1");
    case TSR_FIELD_FLOAT:
        return read_float(field, layer, value, at(field, config));
    case TSR_FIELD_NOT:
        *(bool *)at(field, config) = json_is_false(value);
        return json_is_boolean(value) ? TSR_OK : refuse(field, layer, value, "it must be true or false");
    case TSR_FIELD_PADDING:
        if (text && tsr_padding_find(text, at(field, config))) return TSR_OK;
        return refuse(field, layer, value, "it must be \"valid\" or \"same\"");
    case TSR_FIELD_ACTIVATION:
        if (read_activation(value, at(field, config))) return TSR_OK;
        return refuse(
            field, layer, value,
            "it must be linear, relu, sigmoid, tanh, softmax, elu, selu, gelu, swish, leaky_relu or softplus");
    case TSR_FIELD_SHAPE:
        if (read_shape(value, numbers)) return TSR_OK;
        return refuse(field, layer, value, "it must be [null, height, width, channels]");
    case TSR_FIELD_CONSTANT:
        return read_constant(field, layer, value);
    case TSR_FIELD_INITIALIZER:
        return tsr_keras_read_initializer(field, layer, value, at(field, config));
    case TSR_FIELD_CHOICE:
        if (read_choice(field, text, at(field, config))) return TSR_OK;
        return refuse(field, layer, value, "it is none of Keras's words for it");
    case TSR_FIELD_FREE:
        return TSR_OK;
    }
    return tsr_fail(TSR_INTERNAL, "layer \"%s\": field %s is of no known type", layer, field->name);
}
