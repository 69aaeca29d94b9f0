/* Initializers: how weights start, by Keras's classes and formulas. */
#ifndef TSR_MODEL_INITIALIZER_H
#define TSR_MODEL_INITIALIZER_H

#include "model/layer.h"

typedef struct tsr_initializer_class {
    const char *name; /* Keras's: "HeNormal" */
    const tsr_field *fields;
    int field_count;
} tsr_initializer_class;

/* The class of a kind; NULL for TSR_INITIALIZER_DEFAULT and what is none. */
const tsr_initializer_class *tsr_initializer_class_of(tsr_initializer_kind kind);

/* Fills in the defaults of what was left zero, `otherwise` being the kind that TSR_INITIALIZER_DEFAULT stands for, and
 * checks the rest. The sentence names the layer and `field`. */
tsr_status tsr_initializer_complete(const char *layer, const char *field, tsr_initializer_kind otherwise,
                                    tsr_initializer *initializer);

/* First values of a parameter, one for each element: functions of the seed, the slot and the element's number alone, so
 * that they do not depend on the layers around. */
void tsr_initializer_fill(const tsr_parameter *parameter, uint64_t seed, int slot, float *values);

#endif
