/* In the worker: a plan of the whole graph on data of its own, of which parts are timed. */
#ifndef TSR_PLAN_TUNE_SIDE_H
#define TSR_PLAN_TUNE_SIDE_H

#include "plan/internal.h"
#include "plan/tune.h"

typedef struct tsr_tune_side {
    tsr_device *device;
    tsr_plan *plan;
    tsr_variables *variables;
    cl_mem *buffers; /* by value: of inputs */
    size_t value_count;
    int clock;       /* value that advances, or TSR_NONE */
    bool *concerned; /* by step: whether it is timed; none at first */
} tsr_tune_side;

tsr_status tsr_tune_side_create(tsr_device *device, const tsr_tune_work *work, const tsr_plan_options *options,
                                tsr_tune_side *side);
/* Also after a failure. */
void tsr_tune_side_clear(tsr_tune_side *side);

/* Seconds of a run of the concerned steps, of `runs` one after another; whole: of the graph from its beginning, which
 * must have been run once before its steps are. */
tsr_status tsr_tune_side_time(tsr_tune_side *side, bool whole, int runs, double *seconds);

#endif
