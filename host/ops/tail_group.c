/* The small end of a network on GPUs, in one launch of one work-group. */
#include "ops/optimizer.h"
#include "ops/tail.h"

/* Work-items of the group, and what it may have to do: rows x inputs x (classes + PASSES) in all, where the passes over
 * the inputs count as PASSES classes, and so many terms one after another in its longest sums. Beyond that many groups
 * gain more than the launches cost. */
#define GROUP      256
#define PASSES     16
#define MOST_WORK  (1 << 19)
#define MOST_TERMS 1024

/* The workspace as the kernel lays it out, with everything that it may hold. */
static size_t workspace_floats(const tsr_tail *p)
{
    size_t rows = (size_t)p->rows, inputs = (size_t)p->inputs, classes = (size_t)p->classes;
    return 3 * rows * inputs + classes * rows + 2 * rows;
}

static bool supports(const tsr_target *target, const tsr_span *span, tsr_needs *needs)
{
    if (tsr_is_cpu_class(target)) return tsr_refuse(needs, "its kernel is for GPUs");
    if (target->gemm == TSR_GEMM_CLBLAST) return tsr_refuse(needs, "CLBlast was asked for");
    tsr_tail p = tsr_tail_of(span);
    if (p.update_w && !tsr_optimizer_suits(p.update_w, p.update_b, needs)) return false;
    int64_t terms = p.inputs * tsr_divide_up((int64_t)p.rows * p.classes, GROUP);
    if ((int64_t)p.rows * p.inputs > MOST_WORK / (p.classes + PASSES) || terms > MOST_TERMS || p.rows > MOST_TERMS)
        return tsr_refuse(needs,
                          "%d rows of %d inputs and %d classes are more than one work-group does in the time of the "
                          "launches saved",
                          (int)p.rows, (int)p.inputs, (int)p.classes);
    tsr_needs_stacked(needs, p.x);
    needs->workspace = workspace_floats(&p) * sizeof(float);
    return true;
}

static tsr_status prepare(tsr_step *step)
{
    tsr_status status = TSR_OK;
    tsr_tail p = tsr_tail_of(step->span);
    char options[TSR_TAIL_OPTIONS];
    size_t group = GROUP;
    tsr_tail_options(&p, options);
    tsr_launch *launch = tsr_step_launch(step, "tail_group.cl", options, "tail_group", &status);
    tsr_tail_arguments(step, launch, &p, &status);
    tsr_launch_over(step, launch, 1, &group, &group, true, &status);
    if (!status) launch->global[0] = launch->local[0]; /* one group, whatever size it has shrunk to */
    return status;
}

const tsr_implementation tsr_implementation_tail_group = {.name = "tail_group",
                                                          .anchor = TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD,
                                                          .match = tsr_tail_match_training,
                                                          .supports = supports,
                                                          .prepare = prepare};

const tsr_implementation tsr_implementation_tail_evaluation_group = {.name = "tail_evaluation_group",
                                                                     .anchor = TSR_KIND_ACCUMULATE,
                                                                     .match = tsr_tail_match_evaluation,
                                                                     .supports = supports,
                                                                     .prepare = prepare};

const tsr_implementation tsr_implementation_tail_prediction_group = {.name = "tail_prediction_group",
                                                                     .anchor = TSR_KIND_ACTIVATION,
                                                                     .match = tsr_tail_match_prediction,
                                                                     .supports = supports,
                                                                     .prepare = prepare};
