/* What a layer is: Keras's class with its fields, the shape it makes, its parameters, and how it is made of primitives.
 * One class a file in layers/, listed in layers/layers.c. The table of fields alone drives checking, reading and
 * writing of configurations. */
#ifndef TSR_MODEL_LAYER_H
#define TSR_MODEL_LAYER_H

#include "ops/graph.h"
#include "tessera/model.h"

/* How a key of Keras's configuration is stored and checked. A field left zero stands for Keras's default. */
typedef enum tsr_field_type {
    TSR_FIELD_INT,   /* int32_t, at least 1 */
    TSR_FIELD_PAIR,  /* int32_t[2], each at least 1; Keras also takes one integer for both, and null for the default */
    TSR_FIELD_FLOAT, /* float, minimum <= value < limit */
    TSR_FIELD_NOT,   /* bool that is true where Keras's key is false (no_bias for use_bias) */
    TSR_FIELD_PADDING,     /* tsr_padding: "valid" or "same" */
    TSR_FIELD_ACTIVATION,  /* tsr_activation by its name; null is "linear" */
    TSR_FIELD_CHOICE,      /* an enumeration by the words in `words` */
    TSR_FIELD_INITIALIZER, /* tsr_initializer, with any seed; `otherwise`: the kind that DEFAULT stands for */
    TSR_FIELD_SHAPE,       /* int32_t[3], each at least 1: [null, height, width, channels] */
    /* Keys that are not stored. `text` is what is written. */
    TSR_FIELD_CONSTANT, /* accepted only with the JSON value in `text`; a pair may be given as one integer */
    TSR_FIELD_FREE      /* accepted with any value, since it changes nothing that is computed from the weights */
} tsr_field_type;

/* In `otherwise`: the field stands for the one before it. */
#define TSR_FIELD_LIKE_BEFORE (-1)

typedef struct tsr_field {
    const char *name; /* Keras's key */
    tsr_field_type type;
    size_t offset;        /* in the class's configuration */
    int32_t otherwise;    /* INT, PAIR, INITIALIZER: what zero stands for; 0: it must be given */
    float minimum, limit; /* FLOAT */
    const char *text;
    const char *const *words; /* CHOICE: ended by NULL */
    bool unwritten;           /* only some versions of Keras know it: read, never written */
} tsr_field;

/* The shape of one sample: (height, width, channels) or (units). */
typedef struct tsr_shape {
    int rank;
    int32_t extent[3];
} tsr_shape;

#define TSR_LAYER_PARAMETERS 2

/* A tensor of weights. */
typedef struct tsr_parameter {
    const char *name; /* "kernel", "bias" */
    int rank;
    int32_t extent[4];
    tsr_initializer initializer;
    double fan_in, fan_out; /* whole numbers, perhaps beyond any integer before the size is checked */
} tsr_parameter;

size_t tsr_parameter_count(const tsr_parameter *parameter);

typedef struct tsr_layer_class tsr_layer_class;

/* A layer of a model. */
typedef struct tsr_layer {
    const tsr_layer_class *class;
    char *name;
    void *config; /* class->config_size bytes, defaults filled in; its own `name` is not used */
    tsr_shape input, output;
    int number;       /* in the model; the input layer is 0 */
    int class_number; /* how many layers of the class come before it */
    int parameter_count;
    tsr_parameter parameters[TSR_LAYER_PARAMETERS];
    int first_slot; /* of its parameters among the model's, Keras's order */
} tsr_layer;

typedef struct tsr_lowering tsr_lowering; /* lower.h */

struct tsr_layer_class {
    const char *name; /* Keras's class: "Conv2D" */
    const char *stem; /* of automatic names: "conv2d" */
    size_t config_size;
    const tsr_field *fields;
    int field_count;
    /* Sets layer->output from layer->input and the checked configuration; refuses what does not fit. */
    tsr_status (*infer)(tsr_layer *layer);
    /* Sets layer->parameters and their count; NULL: it has none. */
    void (*parameters)(tsr_layer *layer);
    /* Adds its primitives; failures are kept in the lowering. */
    void (*lower)(const tsr_layer *layer, tsr_lowering *lowering);
};

/* Every class, ended by NULL. */
extern const tsr_layer_class *const tsr_layer_classes[];

/* The class of Keras's name, or NULL. */
const tsr_layer_class *tsr_layer_class_find(const char *name);
/* The field of Keras's key, or NULL. */
const tsr_field *tsr_layer_class_field(const tsr_layer_class *class, const char *key);
/* The activation of Keras's name in *function; false when there is none. */
bool tsr_activation_find(const char *name, tsr_activation *function);
/* "valid" or "same". */
const char *tsr_padding_name(tsr_padding padding);
bool tsr_padding_find(const char *name, tsr_padding *padding);

/* Fills in the defaults of fields left zero and checks every field. The sentence names the layer and the key. */
tsr_status tsr_layer_check(const tsr_layer_class *class, const char *layer_name, void *config);

/* Adds a layer of any class: what the tsr_model_add_ functions do. `name` NULL: an automatic one. `config` holds
 * class->config_size bytes and is copied; NULL stands for zeros. */
tsr_status tsr_model_add_layer(tsr_model *model, const tsr_layer_class *class, const char *name, const void *config);
const tsr_layer *tsr_model_layer_at(const tsr_model *model, int number);

/* The optimizer's state: steps taken, and the moments of weight `number` (Adam: 0 is m, 1 is v; SGD with momentum: 0).
 * For files that hold it. The model must be compiled. */
int tsr_model_moment_count(const tsr_model *model);
int32_t tsr_model_step(const tsr_model *model);
tsr_status tsr_model_set_step(tsr_model *model, int32_t step);
tsr_status tsr_model_get_moment(tsr_model *model, int number, int moment, float *values);
tsr_status tsr_model_set_moment(tsr_model *model, int number, int moment, const float *values);
/* Whether tsr_model_compile was called. */
bool tsr_model_is_compiled(const tsr_model *model);

#endif
