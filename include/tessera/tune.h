/* Tuning: which implementations are the fastest for a model's shapes on a device, measured once and kept.
 *
 * Without tuning every network runs with the choices that suit its class of device. Tuning measures the others, each in
 * a worker process, since drivers crash and hang; one is taken only if its result is within the error that the tests
 * allow and if it is faster by more than the noise. What was found lies in one file a device, in
 * ${XDG_CACHE_HOME:-~/.cache}/tessera, and every later plan on the device uses it. The same file gives the same bits.
 * A file that is damaged, or was made with another driver, another version of the library or other kernels, is ignored;
 * so is any where the environment variable TESSERA_TUNING is 0. */
#ifndef TESSERA_TUNE_H
#define TESSERA_TUNE_H

#include "tessera/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tsr_model tsr_model; /* model.h */

/* What is told while tuning. */
typedef enum tsr_tune_news {
    TSR_TUNE_PASS,    /* `what` begins: "training, batch 32" */
    TSR_TUNE_SPAN,    /* so does `what`, a span of it, with the implementation `name` */
    TSR_TUNE_SLOWER,  /* `name` is not faster in its place; times are known */
    TSR_TUNE_FASTER,  /* it is; whether it is right is checked before it is chosen, or else refused */
    TSR_TUNE_REFUSED, /* it is not used, for the `reason` */
    TSR_TUNE_CHOSEN,  /* `name` is used from now on */
    TSR_TUNE_PASSED   /* `what` is done: times of all of it, without tuning and with it */
} tsr_tune_news;

typedef struct tsr_tune_event {
    tsr_tune_news news;
    const char *what, *name, *reason; /* valid during the call; NULL where there is none */
    double before, after;             /* seconds; 0 where they are not known */
    double elapsed;                   /* seconds since tuning began */
} tsr_tune_event;

typedef struct tsr_tune_options {
    /* The command line of a worker, ended by NULL: a program that calls tsr_tune_worker for the same device with
     * nothing else on its standard input and output. */
    const char *const *worker;
    double budget;      /* seconds; 0: 60 */
    double timeout;     /* seconds for a candidate; 0: a third of the budget, from 1 to 30 */
    int32_t batch_size; /* of training; 0: 32. Inference is tuned for the batch sizes that are used without being told
                         * another, and for one image */
    void (*report)(void *context, const tsr_tune_event *event); /* may be NULL */
    void *context;
    const volatile int *interrupted; /* becomes nonzero to stop; what was found by then is kept. May be NULL */
} tsr_tune_options;

typedef struct tsr_tune_result {
    int spans, candidates; /* that were tried */
    int chosen, refused;   /* candidates */
    bool complete;         /* nothing was left when the budget ended */
    double seconds;
} tsr_tune_result;

/* Tunes a device for a model and stores what it finds, each choice at once. TSR_INTERRUPTED after *interrupted. The
 * device's plans that exist already stay as they are. `result` may be NULL. */
TSR_API tsr_status tsr_model_tune(tsr_model *model, tsr_device *device, const tsr_tune_options *options,
                                  tsr_tune_result *result);

/* The worker's part: measures on the device (chosen as by tsr_device_open) what it is told to on standard input, until
 * that ends. Standard output and error are not to be used by anybody else. */
TSR_API tsr_status tsr_tune_worker(const char *device);

/* Puts CLBlast's stored parameters in force on the device. They hold for the whole process, so the library does not do
 * it by itself: a program that wants them calls this before it makes plans or operations. Without it the stored choices
 * that count on them are left aside. TSR_OK where nothing is stored. */
TSR_API tsr_status tsr_tune_apply(tsr_device *device);

/* Seconds of a matrix product: by the library's own kernels, by CLBlast as it is, and by CLBlast with the best of the
 * parameters that are tried; 0 where there is no time (a build without CLBlast, kernels that fail). */
typedef struct tsr_product_times {
    double native, clblast, tuned;
    const char *kernel, *set; /* CLBlast's kernel that took `tuned`, and its parameters; NULL: as CLBlast has them */
} tsr_product_times;

/* Times the products of dense layers (x w) of `count` shapes, 64 at most, in worker processes. Nothing is stored. */
TSR_API tsr_status tsr_tune_measure_products(tsr_device *device, const tsr_dense_descriptor *shapes, int count,
                                             const tsr_tune_options *options, tsr_product_times *times);

/* What is stored for the device, a line each, as text, freed with free(): the choice, milliseconds without it and with
 * it, and what it is for. TSR_NOT_FOUND where there is no file, TSR_FORMAT where it is not used, with the reason. */
TSR_API tsr_status tsr_tune_list(tsr_device *device, char **text);

/* How many of what is stored are choices, rather than what was measured and left as it is. Fails as tsr_tune_list. */
TSR_API tsr_status tsr_tune_count(tsr_device *device, size_t *choices);

/* The file of the device, freed with free(); NULL where neither XDG_CACHE_HOME nor HOME is set. */
TSR_API char *tsr_tune_path(const tsr_device *device);

/* Removes the device's file, whatever is in it; *removed (may be NULL) says whether there was one. */
TSR_API tsr_status tsr_tune_clear(tsr_device *device, bool *removed);

#ifdef __cplusplus
}
#endif
#endif
