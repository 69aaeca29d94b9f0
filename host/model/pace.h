/* Keeps the host about a tenth of a second ahead of the device, and looks at the sums on the way without stopping it.
 */
#ifndef TSR_MODEL_PACE_H
#define TSR_MODEL_PACE_H

#include "model/runner.h"

enum { TSR_PACE_MARKS = 4 };

/* A place in the queue: when `event` is complete, `sums` are those after `batches` batches. */
typedef struct tsr_pace_mark {
    cl_event event; /* NULL: not enqueued */
    tsr_sums sums;
    int32_t batches;
} tsr_pace_mark;

typedef struct tsr_pace {
    tsr_runner *runner;
    tsr_pace_mark marks[TSR_PACE_MARKS]; /* a ring */
    int next;                            /* the mark to be used next, the oldest */
    int32_t chunk;                       /* batches from a mark to the next: about 25 ms of work */
    int32_t since;                       /* batches since the last mark */
    double last;                         /* when the last mark was reached */
} tsr_pace;

/* Begins an epoch. */
void tsr_pace_begin(tsr_pace *pace, tsr_runner *runner);

/* Counts one enqueued batch. Where it is time for a mark, waits for the oldest one; *reached is then that mark, valid
 * until the next call, and otherwise NULL. */
tsr_status tsr_pace_step(tsr_pace *pace, const tsr_pace_mark **reached);

/* Waits for all that was enqueued. */
tsr_status tsr_pace_end(tsr_pace *pace);

#endif
