/* The classes of layers, one a file. */
#ifndef TSR_MODEL_LAYERS_LAYERS_H
#define TSR_MODEL_LAYERS_LAYERS_H

#include "model/layer.h"

extern const tsr_layer_class tsr_layer_input, tsr_layer_conv2d, tsr_layer_max_pooling2d, tsr_layer_average_pooling2d,
    tsr_layer_flatten, tsr_layer_dense, tsr_layer_activation, tsr_layer_dropout;

/* Keys that layers with weights share; what is not an initializer is accepted only with Keras's default. */
#define TSR_FIELDS_OF_WEIGHTS(config)                                                                                  \
    {.name = "kernel_initializer",                                                                                     \
     .type = TSR_FIELD_INITIALIZER,                                                                                    \
     .offset = offsetof(config, kernel_initializer),                                                                   \
     .otherwise = TSR_INITIALIZER_GLOROT_UNIFORM},                                                                     \
        {.name = "bias_initializer",                                                                                   \
         .type = TSR_FIELD_INITIALIZER,                                                                                \
         .offset = offsetof(config, bias_initializer),                                                                 \
         .otherwise = TSR_INITIALIZER_ZEROS},                                                                          \
        {.name = "kernel_regularizer", .type = TSR_FIELD_CONSTANT, .text = "null"},                                    \
        {.name = "bias_regularizer", .type = TSR_FIELD_CONSTANT, .text = "null"},                                      \
        {.name = "activity_regularizer", .type = TSR_FIELD_CONSTANT, .text = "null"},                                  \
        {.name = "kernel_constraint", .type = TSR_FIELD_CONSTANT, .text = "null"},                                     \
    {                                                                                                                  \
        .name = "bias_constraint", .type = TSR_FIELD_CONSTANT, .text = "null"                                          \
    }

#define TSR_FIELD_DATA_FORMAT                                                                                          \
    {                                                                                                                  \
        .name = "data_format", .type = TSR_FIELD_CONSTANT, .text = "\"channels_last\""                                 \
    }

#define TSR_COUNT_OF(array) ((int)(sizeof(array) / sizeof *(array)))

#endif
