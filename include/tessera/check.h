/* Checking: whether a device computes what it should. */
#ifndef TESSERA_CHECK_H
#define TESSERA_CHECK_H

#include "tessera/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tsr_check_outcome {
    TSR_CHECK_BEGINS,      /* it is about to be compiled and run: what crashes or hangs from here on is this one */
    TSR_CHECK_RIGHT,       /* every element is within the error that its twin in double precision allows */
    TSR_CHECK_UNSUPPORTED, /* it does not run on this device, for the reason in `text` */
    TSR_CHECK_WRONG,       /* `text` names an element that is wrong */
    TSR_CHECK_FAILED       /* `text` is the error's sentence: of a build failure with the compiler's log */
} tsr_check_outcome;

/* An implementation of a span of operations, run on a small case. */
typedef struct tsr_implementation_check {
    int number, count; /* which of how many in the library's list, from 0 */
    const char *name;
    bool usual; /* a plan or a tuning may take it; otherwise it is for other devices, and only asked for */
    tsr_check_outcome outcome;
    const char *text;     /* NULL where there is nothing to say; valid during the call */
    double share;         /* RIGHT, WRONG: the largest error as a share of the one that is allowed */
    double build_seconds; /* for compiling its kernels, or finding them compiled */
} tsr_implementation_check;

/* Runs every implementation of the list on a device, from number `from` on, each on a small case of its own against its
 * twin. `report` is called before and after each; when it returns false the rest is left out and the result is
 * TSR_INTERRUPTED. What an implementation does wrong is reported, and the next one follows; only a failure on the host
 * ends the check. */
TSR_API tsr_status tsr_check_implementations(tsr_device *device, int from,
                                             bool (*report)(void *context, const tsr_implementation_check *check),
                                             void *context);

/* How far what kernels computed is from double precision, over the values of a layer that lie in memory. */
typedef struct tsr_verified_error {
    bool known;   /* there are such values: not where kernels keep all of them to themselves */
    double error; /* the largest, absolute; infinite where one of the two is not finite alone */
    double share; /* the largest share of what is allowed for the element: at most 1 where it is right */
} tsr_verified_error;

typedef struct tsr_verified_layer {
    const char *name;            /* the model's; "loss" for the last row: loss, accuracy and their sums */
    tsr_verified_error value;    /* of what it gives */
    tsr_verified_error gradient; /* of the gradients by its input and its weights, or of the weights' new values */
    bool right;
} tsr_verified_layer;

/* A training step that was compared with its twins. */
typedef struct tsr_verification {
    bool right;              /* all layers are */
    int fault;               /* otherwise the row of `layers` that is wrong first, in the order of computation */
    char implementation[96]; /* and whose kernel it was */
    char text[256];          /* and which element */
    bool finite;             /* the loss; where it is not, device and twins agree in that if `right` */
    int32_t batch;           /* images that were compared */
    double seconds;          /* that the comparison took */
    int32_t step_batch;      /* images in a step that was timed */
    double step_seconds;     /* median of steps after warming up */
    tsr_verified_layer *layers;
    int layer_count;
} tsr_verification;

typedef struct tsr_verify_options {
    int32_t batch_size; /* of the step; 0: 32, or all samples where there are fewer */
    double budget;      /* seconds that the twins may take, as estimated; 0: 20. The batch that is compared is halved
                         * until they do; the step that is timed has the whole one */
} tsr_verify_options;

/* One training step of a compiled model on its device, with the kernels that training uses, against the twins of its
 * primitives in double precision. Each kernel's twin is given what the kernel was given, so that an error shows in the
 * layer where it is made. Gradients for which a twin has no finite number are not judged: sparse ones leave out zeros,
 * which times infinity would be not-a-number, and a step whose loss is not finite updates nothing. Afterwards the model
 * is as it was. The result is freed with tsr_verification_free, and its names are valid while the model lives.
 * TSR_UNSUPPORTED where the twins would take longer than the budget for a single image, or the model cannot be trained.
 */
TSR_API tsr_status tsr_model_verify(tsr_model *model, const tsr_data *data, const tsr_verify_options *options,
                                    tsr_verification **verification);
TSR_API void tsr_verification_free(tsr_verification *verification);

#ifdef __cplusplus
}
#endif
#endif
