/* The network alone as JSON: Keras's model.to_json() and model_from_json(). */
#include "io/keras_json.h"
#include "tessera/io.h"

#include "base/memory.h"
#include "base/status.h"

#include <string.h>

tsr_status tsr_keras_parse(const char *text, size_t size, json_t **value)
{
    json_error_t error;
    *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (*value) return TSR_OK;
    return tsr_fail(TSR_FORMAT, "it is not valid JSON: %s (line %d, column %d)", error.text, error.line, error.column);
}

tsr_status tsr_model_from_json(const char *text, tsr_model **model)
{
    json_t *network;
    *model = NULL;
    tsr_status status = tsr_keras_parse(text, strlen(text), &network);
    if (status != TSR_OK) return status;
    status = tsr_keras_read_network(network, model);
    json_decref(network);
    return status;
}

tsr_status tsr_model_to_json(const tsr_model *model, char **text)
{
    *text = NULL;
    json_t *network = tsr_keras_network(model);
    if (network) {
        json_object_set_new(network, "keras_version", json_string("2.15.0"));
        json_object_set_new(network, "backend", json_string("tensorflow"));
        *text = json_dumps(network, TSR_KERAS_JSON_FLAGS);
    }
    json_decref(network);
    return *text ? TSR_OK : tsr_fail_memory("the model's configuration", 0);
}
