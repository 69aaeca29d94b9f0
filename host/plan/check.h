/* Checking against the twins: the steps of a plan one by one (check.c), a span by itself (check_span.c), on data that
 * its readers expect (check_data.c).
 *
 * A step is given to its twins with the operands that the device had, so that an error shows where it is made and
 * bounds are those of one span. */
#ifndef TSR_PLAN_CHECK_H
#define TSR_PLAN_CHECK_H

#include "plan/cover.h"
#include "plan/plan.h"

/* A value that a step has stored, compared with what its twins give. */
typedef struct tsr_checked {
    int step, value;
    bool right;
    bool finite;    /* it is right in every element for which the twins have a finite number */
    double error;   /* the largest of its elements; infinite where one of the two is not finite alone */
    double share;   /* the largest of what is allowed for the element: at most 1 where it is right */
    char text[256]; /* otherwise: which element is wrong, and by how much */
} tsr_checked;

/* Runs a plan once and compares all that its steps store with their twins, each step's in turn. The plan was made with
 * `guard`, so that everything is still there after the run, and its buffers are bound and filled. */
tsr_status tsr_check_plan(tsr_device *device, tsr_plan *plan, void (*report)(void *context, const tsr_checked *checked),
                          void *context);

/* A span by itself. */
typedef struct tsr_span_check {
    bool taken; /* the implementation takes the span by itself too: it was run */
    bool right;
    double share;         /* as above, of all values */
    double build_seconds; /* for the plan, in which kernels are compiled */
    char text[256];       /* what is wrong */
} tsr_span_check;

/* Runs the step's span in a graph of its own, by its implementation, and compares what it stores. */
tsr_status tsr_check_span(tsr_device *device, const tsr_covered *step, tsr_gemm gemm, tsr_span_check *check);

/* Seconds that the twins take for so many floating-point operations: an estimate. */
double tsr_check_seconds(double flops);

/* Data for a value that nobody makes, as its readers expect it. */
void tsr_check_fill(const tsr_graph *graph, int value, double *data);

#endif
