/* The small end of a network on CPU-class devices, in one launch of one work-item. */
#include "ops/dense_cpu.h"
#include "ops/optimizer.h"
#include "ops/tail.h"

#include <stdio.h>

/* What the one work-item may have to do: rows x inputs x (classes + PASSES), where the passes over the inputs count as
 * PASSES classes, and the rows are those that fill two vectors. The unit takes about 0.12 ns, so that this much takes
 * as long as the launches it saves do with the work-items of two cores; from there on, more cores would be better. */
#define PASSES    16
#define MOST_WORK (1 << 20)

static uint32_t width_of(const tsr_target *target, const tsr_tail *p)
{
    return tsr_dense_cpu_tile(target, p->inputs, INT32_MAX).width;
}

/* The workspace as the kernel lays it out, with everything that it may hold. */
static size_t workspace_floats(const tsr_tail *p, size_t width)
{
    size_t rows = (size_t)p->rows, inputs = (size_t)p->inputs, classes = (size_t)p->classes;
    size_t lanes = (size_t)tsr_round_up(p->rows, (int64_t)width);
    return 3 * rows * inputs + inputs * lanes + classes * lanes + 2 * lanes + 2 * classes * inputs + classes +
           4 * width;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (!tsr_dense_cpu_suits(target, needs)) return false;
    tsr_tail p = tsr_tail_of(span);
    if (p.update_w && !tsr_optimizer_suits(p.update_w, p.update_b, needs)) return false;
    if (tsr_round_up(p.rows, 2 * width_of(target, &p)) * p.inputs > MOST_WORK / (p.classes + PASSES))
        return tsr_refuse(needs,
                          "%d rows of %d inputs and %d classes are more than one work-item does in the time of the "
                          "launches saved",
                          (int)p.rows, (int)p.inputs, (int)p.classes);
    tsr_needs_stacked(needs, p.x);
    needs->workspace = workspace_floats(&p, width_of(target, &p)) * sizeof(float);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_tail p = tsr_tail_of(step->span);
    char options[TSR_TAIL_OPTIONS];
    int length = tsr_tail_options(&p, options);
    int32_t block = tsr_equal_parts(p.classes, 6);
    snprintf(options + length, sizeof options - (size_t)length, " -DVW=%u -DBLOCK=%d", width_of(step->target, &p),
             block < 4 ? 4 : block);
    tsr_launch *launch = tsr_step_launch(step, "tail_cpu.cl", options, "tail_cpu", &status);
    tsr_tail_arguments(step, launch, &p, &status);
    tsr_launch_over(step, launch, 1, (size_t[]){1}, (size_t[]){1}, false, &status);
    return status;
}

const tsr_implementation tsr_implementation_tail_cpu = {.name = "tail_cpu",
                                                        .anchor = TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD,
                                                        .match = tsr_tail_match_training,
                                                        .supports = supports,
                                                        .prepare = prepare};

const tsr_implementation tsr_implementation_tail_evaluation_cpu = {.name = "tail_evaluation_cpu",
                                                                   .anchor = TSR_KIND_ACCUMULATE,
                                                                   .match = tsr_tail_match_evaluation,
                                                                   .supports = supports,
                                                                   .prepare = prepare};

const tsr_implementation tsr_implementation_tail_prediction_cpu = {.name = "tail_prediction_cpu",
                                                                   .anchor = TSR_KIND_ACTIVATION,
                                                                   .match = tsr_tail_match_prediction,
                                                                   .supports = supports,
                                                                   .prepare = prepare};
