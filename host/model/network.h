/* A whole model as a graph of primitives: for a step of training, for evaluation, for prediction. */
#ifndef TSR_MODEL_NETWORK_H
#define TSR_MODEL_NETWORK_H

#include "model/layer.h"

typedef enum tsr_purpose {
    TSR_FOR_TRAINING,   /* a step: forward, loss, backward, update */
    TSR_FOR_EVALUATION, /* forward, loss */
    TSR_FOR_PREDICTION, /* forward */
    TSR_FOR_DIAGNOSIS   /* training without the update, with every value wanted */
} tsr_purpose;

typedef struct tsr_network_options {
    tsr_purpose purpose;
    int32_t batch;
    int32_t samples; /* in the buffer of images, and in that of labels */
    int32_t order;   /* length of the order */
    bool real;       /* float images rather than bytes, which are scaled by 1/255 */
} tsr_network_options;

/* A model lowered for a purpose and a batch size. Values that are not there are TSR_NONE. */
typedef struct tsr_network {
    tsr_graph graph;
    int images, labels, order, clock, counts, loss_sum, learning_rate; /* of role INPUT */
    int output;  /* what the last layer gives; with a loss its logits */
    int *wanted; /* the values to ask a plan for */
    int wanted_count;
} tsr_network;

/* TSR_UNSUPPORTED when the purpose needs a loss and the last layer is not softmax over one row of classes a sample. */
tsr_status tsr_network_create(const tsr_model *model, const tsr_network_options *options, tsr_network *network);
void tsr_network_clear(tsr_network *network);

#endif
