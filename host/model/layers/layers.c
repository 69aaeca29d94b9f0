/* The table of layers. A new class is a file beside this one, a line here and one in layers.h. */
#include "model/layers/layers.h"

const tsr_layer_class *const tsr_layer_classes[] = {
    &tsr_layer_input,
    &tsr_layer_conv2d,
    &tsr_layer_max_pooling2d,
    &tsr_layer_average_pooling2d,
    &tsr_layer_flatten,
    &tsr_layer_dense,
    &tsr_layer_activation,
    &tsr_layer_dropout,
    NULL,
};
