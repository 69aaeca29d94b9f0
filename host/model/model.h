/* Inside the model floor: the model's fields. */
#ifndef TSR_MODEL_MODEL_H
#define TSR_MODEL_MODEL_H

#include "model/layer.h"
#include "plan/plan.h"

typedef struct tsr_runner tsr_runner; /* runner.h */

/* A tensor of weights before the model has a device. */
typedef struct tsr_host_weight {
    int layer, parameter;
    float *values; /* NULL: not set, or on the device */
} tsr_host_weight;

struct tsr_model {
    char *name;
    tsr_layer **layers;
    size_t layer_count, layer_capacity;
    tsr_host_weight *weights; /* by slot, in Keras's order */
    size_t weight_count, weight_capacity;

    /* Set by tsr_model_compile. */
    tsr_device *device;
    tsr_compile_options options;
    tsr_variables *variables; /* NULL when the model has no weights */
    cl_mem clock;             /* of the training: i32[4], see advance */
    cl_mem learning_rate;     /* f32[1] */
    int32_t step;             /* steps taken, as the clock says when no step is in flight */

    tsr_runner
        *runner;       /* the last one that evaluated or predicted, kept for the next call of the same shape; or NULL */
    size_t page_bytes; /* the largest buffer of images; 0: what the device allows */
};

/* The parameter of a slot. */
const tsr_parameter *tsr_model_parameter(const tsr_model *model, int slot);

/* Frees what tsr_model_compile made, weights included. */
void tsr_model_release_device(tsr_model *model);

/* TSR_INVALID_ARGUMENT unless the model is compiled. */
tsr_status tsr_model_need_device(const tsr_model *model, const char *action);

/* Classes of the model's output. */
tsr_shape tsr_model_output(const tsr_model *model);

/* Whether the last layer is softmax over one row of classes a sample, so that the loss can be computed from its logits;
 * otherwise TSR_UNSUPPORTED with a sentence. */
tsr_status tsr_model_check_loss(const tsr_model *model);

/* Fills in Keras's defaults of the optimizer and checks the options. */
tsr_status tsr_compile_options_complete(tsr_compile_options *options);
/* The optimizer's step as a primitive, and how many buffers of state it has. */
tsr_update_descriptor tsr_compile_options_update(const tsr_compile_options *options);
int tsr_compile_options_moments(const tsr_compile_options *options);

/* Variables on a device for the model's weights, all zero, with as many moments. The model must have weights. */
tsr_status tsr_model_create_variables(const tsr_model *model, tsr_device *device, int moments,
                                      tsr_variables **variables);

#endif
