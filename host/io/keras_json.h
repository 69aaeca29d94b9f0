/* Keras's configurations as JSON, in and out. */
#ifndef TSR_IO_KERAS_JSON_H
#define TSR_IO_KERAS_JSON_H

#include "model/layer.h"

#include <jansson.h>

/* How configurations are printed: in order, and 0.4 as 0.4. */
#define TSR_KERAS_JSON_FLAGS (JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(16))

/* {"class_name": "Sequential", "config": {"name": ..., "layers": [...]}}; NULL when memory is short. */
json_t *tsr_keras_network(const tsr_model *model);

/* The value of a field as Keras writes it; NULL when memory is short. */
json_t *tsr_keras_field(const tsr_field *field, const void *config);

/* An initializer, in and out. `field` and `layer` name it in errors. */
json_t *tsr_keras_initializer(const tsr_initializer *initializer);
tsr_status tsr_keras_read_initializer(const tsr_field *field, const char *layer, const json_t *value,
                                      tsr_initializer *initializer);

/* A float by the shortest decimal number that stands for it: 0.4 rather than 0.40000000596046448. */
json_t *tsr_keras_real(float value);

/* {"loss": ..., "metrics": ..., "optimizer_config": ...} of a compiled model; NULL when memory is short. With keras2
 * the optimizer is described so that Keras 2.15 also takes its state. */
json_t *tsr_keras_training(const tsr_model *model, bool keras2);

/* Makes the model of a configuration that either Keras wrote. Layers, options and values that are not supported are
 * refused in a sentence that names the layer. */
tsr_status tsr_keras_read_network(const json_t *network, tsr_model **model);

/* Reads one value into its field of `config`. `layer` names the layer in errors. */
tsr_status tsr_keras_read_field(const tsr_field *field, const char *layer, const json_t *value, void *config);

/* Parses `size` bytes of JSON into *value, the caller's (json_decref). */
tsr_status tsr_keras_parse(const char *text, size_t size, json_t **value);

#endif
