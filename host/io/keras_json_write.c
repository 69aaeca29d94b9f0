/* From a model to Keras's configurations, in the form that Keras 2.15 and 3 both read. */
#include "io/keras_json.h"

#include <string.h>

static json_t *layer_config(const tsr_layer *layer)
{
    json_t *config = json_object();
    json_object_set_new(config, "name", json_string(layer->name));
    if (layer->number > 0) json_object_set_new(config, "trainable", json_true());
    json_object_set_new(config, "dtype", json_string("float32"));
    for (int i = 0; i < layer->class->field_count; i++) {
        const tsr_field *field = &layer->class->fields[i];
        if (field->unwritten) continue;
        if (json_object_set_new(config, field->name, tsr_keras_field(field, layer->config)) != 0) {
            json_decref(config);
            return NULL;
        }
    }
    return config;
}

json_t *tsr_keras_network(const tsr_model *model)
{
    json_t *layers = json_array();
    for (int i = 0; layers && i < tsr_model_layer_count(model); i++) {
        const tsr_layer *layer = tsr_model_layer_at(model, i);
        json_t *entry = json_pack("{s:s, s:o}", "class_name", layer->class->name, "config", layer_config(layer));
        if (json_array_append_new(layers, entry) != 0) {
            json_decref(layers);
            layers = NULL;
        }
    }
    return json_pack("{s:s, s:{s:s, s:o}}", "class_name", "Sequential", "config", "name", tsr_model_name(model),
                     "layers", layers);
}

/* With keras2: all the keys that mark Keras 2.15's current optimizers, which take their state from the file; without,
 * those that Keras 2.15 and Keras 3 share. */
static json_t *optimizer(const tsr_compile_options *options, bool keras2)
{
    json_t *config = json_pack("{s:s, s:o}", "name", options->sgd ? "SGD" : "Adam", "learning_rate",
                               json_real((double)options->learning_rate));
    if (options->sgd) {
        json_object_set_new(config, "momentum", tsr_keras_real(options->momentum));
        json_object_set_new(config, "nesterov", json_false());
    } else {
        json_object_set_new(config, "beta_1", tsr_keras_real(options->beta_1));
        json_object_set_new(config, "beta_2", tsr_keras_real(options->beta_2));
        json_object_set_new(config, "epsilon", tsr_keras_real(options->epsilon));
        json_object_set_new(config, "amsgrad", json_false());
    }
    if (keras2) {
        static const char *const off[] = {"weight_decay", "clipnorm", "global_clipnorm", "clipvalue",
                                          "ema_overwrite_frequency"};
        for (size_t i = 0; i < sizeof off / sizeof *off; i++) json_object_set_new(config, off[i], json_null());
        json_object_set_new(config, "use_ema", json_false());
        json_object_set_new(config, "ema_momentum", json_real(0.99));
        json_object_set_new(config, "jit_compile", json_false());
        json_object_set_new(config, "is_legacy_optimizer", json_false());
    }
    const char *name = options->sgd ? (keras2 ? "Custom>SGD" : "SGD") : (keras2 ? "Custom>Adam" : "Adam");
    return json_pack("{s:s, s:o}", "class_name", name, "config", config);
}

json_t *tsr_keras_training(const tsr_model *model, bool keras2)
{
    tsr_compile_options options = tsr_model_compile_options(model);
    /* The metric is an object, since Keras 2.15 takes the mere word "accuracy" for another one after loading; without
     * loss_weights both versions fail. */
    return json_pack("{s:s, s:[{s:s, s:{s:s, s:s}}], s:n, s:n, s:o}", "loss", "sparse_categorical_crossentropy",
                     "metrics", "class_name", "SparseCategoricalAccuracy", "config", "name", "accuracy", "dtype",
                     "float32", "weighted_metrics", "loss_weights", "optimizer_config", optimizer(&options, keras2));
}
