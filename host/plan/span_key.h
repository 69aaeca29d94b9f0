/* The key under which tuning knows a span: what it computes, in which shapes, and which of its values leave it. */
#ifndef TSR_PLAN_SPAN_KEY_H
#define TSR_PLAN_SPAN_KEY_H

#include "base/text.h"
#include "ops/implementation.h"

/* In the place of an implementation's name: shorter spans, each as it is best. */
#define TSR_TUNING_APART "apart"

/* Appends the span's key: each primitive with its descriptor, the operands by letter (from outside) or number (the
 * primitive in the span that makes it) and "!" with the numbers of the outputs that are `wanted` or read outside; then
 * what the plan is made for. Seeds, scales and rates are left out: time does not depend on them. */
void tsr_span_key(const tsr_span *span, const int *wanted, int wanted_count, const tsr_target *target, tsr_text *key);

#endif
