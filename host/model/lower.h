/* From layers to primitives: what the layers' lower() functions use. */
#ifndef TSR_MODEL_LOWER_H
#define TSR_MODEL_LOWER_H

#include "model/layer.h"

/* The state of lowering a model, layer by layer. The first failure is kept in `status`. */
struct tsr_lowering {
    tsr_graph *graph;
    int32_t batch;
    bool training;
    uint64_t seed;
    int value;             /* what reaches the layer */
    int clock;             /* for dropout */
    const int *parameters; /* PARAMETER values by slot */
    tsr_status status;

    /* An activation that is not in the graph yet: a max pool that reads it goes before it, and a softmax at the end of
     * a network in training belongs to the loss. */
    bool pending;
    tsr_activation_descriptor activation; /* its extents are not known yet */
    const tsr_layer *pending_layer;
};

/* Adds a value named `name` of (batch, shape...); TSR_NONE after a failure. */
int tsr_lower_value(tsr_lowering *lowering, const char *name, tsr_shape shape);

/* Adds the primitive with its operands and makes its first output the value that flows on. */
void tsr_lower_primitive(tsr_lowering *lowering, const tsr_layer *layer, tsr_primitive *primitive);

/* Applies the function to what flows, now or as soon as it is known what reads it. */
void tsr_lower_activation(tsr_lowering *lowering, const tsr_layer *layer, tsr_activation function);

/* Puts a pending activation into the graph. Every layer calls it that is not a max pool. */
void tsr_lower_pending(tsr_lowering *lowering);

/* Whether a max pool may go before what is pending. */
bool tsr_lower_pending_is_monotone(const tsr_lowering *lowering);

#endif
