/* Initializers in Keras's configurations: {"class_name": "HeNormal", "config": {"seed": null}}, or only a name. */
#include "io/keras_json.h"

#include "base/status.h"
#include "model/initializer.h"

#include <string.h>

json_t *tsr_keras_initializer(const tsr_initializer *initializer)
{
    const tsr_initializer_class *class = tsr_initializer_class_of(initializer->kind);
    json_t *config = json_object();
    for (int i = 0; config && i < class->field_count; i++)
        if (json_object_set_new(config, class->fields[i].name, tsr_keras_field(&class->fields[i], initializer)) != 0) {
            json_decref(config);
            config = NULL;
        }
    return json_pack("{s:s, s:o}", "class_name", class->name, "config", config);
}

/* Whether the name is the class's, as "GlorotUniform" or as "glorot_uniform". */
static bool is_name(const char *name, const char *class_name)
{
    if (strcmp(name, class_name) == 0) return true;
    for (const char *letter = class_name; *letter; letter++) {
        bool upper = *letter >= 'A' && *letter <= 'Z';
        if (upper && letter > class_name && *name++ != '_') return false;
        if (*name++ != (upper ? *letter - 'A' + 'a' : *letter)) return false;
    }
    return *name == '\0';
}

static tsr_initializer_kind find_kind(const char *name)
{
    for (int kind = 1; tsr_initializer_class_of((tsr_initializer_kind)kind); kind++)
        if (is_name(name, tsr_initializer_class_of((tsr_initializer_kind)kind)->name))
            return (tsr_initializer_kind)kind;
    return TSR_INITIALIZER_DEFAULT;
}

static tsr_status refuse(const tsr_field *field, const char *layer, const char *name, const char *key)
{
    return tsr_fail(TSR_UNSUPPORTED, "layer \"%s\": %s %s is not supported%s%s", layer, field->name, name,
                    key ? " with the option " : "", key ? key : "");
}

tsr_status tsr_keras_read_initializer(const tsr_field *field, const char *layer, const json_t *value,
                                      tsr_initializer *initializer)
{
    const char *registered = json_string_value(json_object_get(value, "registered_name")), *key;
    const char *name = json_string_value(value);
    json_t *config = json_object_get(value, "config"), *entry;
    if (!name) name = json_string_value(json_object_get(value, "class_name"));
    *initializer = (tsr_initializer){.kind = name && !registered ? find_kind(name) : TSR_INITIALIZER_DEFAULT};
    const tsr_initializer_class *class = tsr_initializer_class_of(initializer->kind);
    if (!class) return refuse(field, layer, registered ? registered : name ? name : "(not a name)", NULL);
    json_object_foreach(config, key, entry)
    {
        const tsr_field *option = NULL;
        for (int i = 0; i < class->field_count; i++)
            if (strcmp(class->fields[i].name, key) == 0) option = &class->fields[i];
        if (!option && !json_is_null(entry) && strcmp(key, "seed") != 0 && strcmp(key, "dtype") != 0)
            return refuse(field, layer, class->name, key);
        tsr_status status = option ? tsr_keras_read_field(option, layer, entry, initializer) : TSR_OK;
        if (status) return status;
    }
    if (initializer->kind == TSR_INITIALIZER_RANDOM_UNIFORM && json_object_get(config, "maxval") &&
        initializer->minval >= initializer->maxval)
        return refuse(field, layer, class->name, "maxval no larger than minval");
    return TSR_OK;
}
