/* The small end of a network in one launch: the last dense layer with what lies below it, and the probabilities, or the
 * loss and its sums and, when training, the gradients and updates down to the layer below. What the implementations for
 * the classes of devices share: the host's side of cl/tail.cl. */
#ifndef TSR_OPS_TAIL_H
#define TSR_OPS_TAIL_H

#include "ops/implementation.h"

/* The primitives of a span; NULL where it has none, or where nobody wants what it makes. Either the softmax is there or
 * the loss and its sums. */
typedef struct tsr_tail {
    const tsr_primitive *softmax, *activation, *dropout, *dense, *gather, *loss, *accumulate;
    const tsr_primitive *weights, *data, *dropout_grad, *activation_grad, *update_w, *update_b;
    bool training;
    int x;    /* enters at the top */
    int dx;   /* leaves at the bottom, or TSR_NONE */
    bool db;  /* the gradient of the bias is stored or used */
    int mask; /* what the activation's gradient reads: the kernel's MASK */
    int32_t rows, inputs, classes;
} tsr_tail;

/* Describes a span that one of the following matched: softmax, dense, activation?; accumulate, softmax_cross_entropy,
 * dense, activation?; and activation?, dropout?, dense, loss and back to activation_grad?. */
tsr_tail tsr_tail_of(const tsr_span *span);
bool tsr_tail_match_prediction(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);
bool tsr_tail_match_evaluation(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);
bool tsr_tail_match_training(const tsr_graph *graph, int primitive, const bool *claimed, tsr_span *span);

/* The -D options of cl/tail.cl; `options` has room for TSR_TAIL_OPTIONS bytes, of which those after the returned length
 * are free for more. */
enum { TSR_TAIL_OPTIONS = 1024 };
int tsr_tail_options(const tsr_tail *tail, char *options);
/* All arguments of the kernel. */
void tsr_tail_arguments(tsr_step *step, tsr_launch *launch, const tsr_tail *tail, tsr_status *status);

#endif
