#include "model/layer.h"

#include "model/initializer.h"

#include <string.h>

const tsr_layer_class *tsr_layer_class_find(const char *name)
{
    for (int i = 0; tsr_layer_classes[i]; i++)
        if (strcmp(tsr_layer_classes[i]->name, name) == 0) return tsr_layer_classes[i];
    return NULL;
}

const tsr_field *tsr_layer_class_field(const tsr_layer_class *class, const char *key)
{
    for (int i = 0; i < class->field_count; i++)
        if (strcmp(class->fields[i].name, key) == 0) return &class->fields[i];
    return NULL;
}

bool tsr_activation_find(const char *name, tsr_activation *function)
{
    static const tsr_activation all[] = {
#define TSR_ACTIVATION_VALUE(value, text, monotone, from) TSR_##value,
        TSR_ACTIVATION_LIST(TSR_ACTIVATION_VALUE)
#undef TSR_ACTIVATION_VALUE
    };
    if (strcmp(name, "silu") == 0) name = "swish"; /* Keras 3's name of the same function */
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(name, tsr_activation_name(all[i])) == 0) {
            *function = all[i];
            return true;
        }
    return false;
}

const char *tsr_padding_name(tsr_padding padding)
{
    return padding == TSR_PADDING_SAME ? "same" : "valid";
}

bool tsr_padding_find(const char *name, tsr_padding *padding)
{
    bool same = strcmp(name, "same") == 0;
    if (!same && strcmp(name, "valid") != 0) return false;
    *padding = same ? TSR_PADDING_SAME : TSR_PADDING_VALID;
    return true;
}

/* Fills in the default of integers left zero, then wants each of them to be positive. */
static tsr_status check_integers(const tsr_field *field, const char *layer, int32_t *values, int count)
{
    bool zero = true;
    for (int i = 0; i < count; i++) zero = zero && values[i] == 0;
    if (zero && field->otherwise) {
        const int32_t *before = values - count; /* LIKE_BEFORE: a field of the same type lies before it */
        for (int i = 0; i < count; i++)
            values[i] = field->otherwise == TSR_FIELD_LIKE_BEFORE ? before[i] : field->otherwise;
    }
    for (int i = 0; i < count; i++)
        if (values[i] < 1)
            return tsr_fail(TSR_INVALID_ARGUMENT, "layer %s: %s is %d, where a number of at least 1 is wanted", layer,
                            field->name, (int)values[i]);
    return TSR_OK;
}

static tsr_status check_field(const tsr_field *field, const char *layer, char *config)
{
    void *at = config + field->offset;
    switch (field->type) {
    case TSR_FIELD_INT:
        return check_integers(field, layer, at, 1);
    case TSR_FIELD_PAIR:
        return check_integers(field, layer, at, 2);
    case TSR_FIELD_SHAPE:
        return check_integers(field, layer, at, 3);
    case TSR_FIELD_FLOAT: {
        float value = *(const float *)at;
        if (!(value >= field->minimum && value < field->limit))
            return tsr_fail(TSR_INVALID_ARGUMENT, "layer %s: %s is %g, where %g <= %s < %g is wanted", layer,
                            field->name, value, field->minimum, field->name, field->limit);
        return TSR_OK;
    }
    case TSR_FIELD_PADDING: {
        tsr_padding padding = *(const tsr_padding *)at;
        if (padding != TSR_PADDING_VALID && padding != TSR_PADDING_SAME)
            return tsr_fail(TSR_INVALID_ARGUMENT, "layer %s: %s is neither valid nor same", layer, field->name);
        return TSR_OK;
    }
    case TSR_FIELD_ACTIVATION: {
        tsr_activation function = *(const tsr_activation *)at, found;
        if (!tsr_activation_find(tsr_activation_name(function), &found))
            return tsr_fail(TSR_INVALID_ARGUMENT, "layer %s: %s is no known activation", layer, field->name);
        return TSR_OK;
    }
    case TSR_FIELD_INITIALIZER:
        return tsr_initializer_complete(layer, field->name, (tsr_initializer_kind)field->otherwise, at);
    case TSR_FIELD_NOT:
    case TSR_FIELD_CHOICE:
    case TSR_FIELD_CONSTANT:
    case TSR_FIELD_FREE:
        return TSR_OK;
    }
    return tsr_fail(TSR_INTERNAL, "layer %s: the field %s has no known type", layer, field->name);
}

tsr_status tsr_layer_check(const tsr_layer_class *class, const char *layer_name, void *config)
{
    for (int i = 0; i < class->field_count; i++) {
        tsr_status status = check_field(&class->fields[i], layer_name, config);
        if (status) return status;
    }
    return TSR_OK;
}
