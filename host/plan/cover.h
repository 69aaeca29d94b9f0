/* Covering a graph with implementations: which spans are run, and in what order. */
#ifndef TSR_PLAN_COVER_H
#define TSR_PLAN_COVER_H

#include "ops/implementation.h"

/* A span that was chosen. */
typedef struct tsr_covered {
    const tsr_implementation *implementation;
    int anchor; /* the primitive it was looked for at */
    bool tuned; /* it has the span in the place of the first one in the list that claims it */
    tsr_span span;
    tsr_needs needs;
} tsr_covered;

/* Why an implementation that matched was not taken. */
typedef struct tsr_cover_note {
    const tsr_implementation *implementation;
    int anchor;
    char reason[192];
} tsr_cover_note;

typedef struct tsr_cover {
    tsr_covered **steps; /* in the order in which they run */
    size_t count;
    tsr_cover_note *notes;
    size_t note_count, note_capacity;
} tsr_cover;

/* Covers what the `wanted` values need. `only`: see tsr_plan_options. Where the target's tuning names another
 * implementation for a span, that takes the place of the first one in the list that claims it. */
tsr_status tsr_cover_graph(const tsr_graph *graph, const int *wanted, int wanted_count, const tsr_target *target,
                           const char *only, tsr_cover *cover);
void tsr_cover_clear(tsr_cover *cover);

/* The names of the implementations that could take a step's span in the place of the one that has it, in the list's
 * order, at most `capacity`; and TSR_TUNING_APART (span_key.h) where shorter spans could. Returns how many. */
int tsr_cover_alternatives(const tsr_graph *graph, const tsr_target *target, const tsr_covered *step,
                           const char **names, int capacity);

/* Whether the step reads the value from outside, operands that its kernels leave unread not counted. */
bool tsr_covered_reads(const tsr_covered *step, int value);

#endif
