/* Small networks that have, between them, a span for every implementation. */
#ifndef TSR_MODEL_CHECK_NETWORKS_H
#define TSR_MODEL_CHECK_NETWORKS_H

#include "ops/graph.h"

typedef struct tsr_check_graphs {
    tsr_graph *graphs;
    int count;
} tsr_check_graphs;

/* The networks lowered for training, evaluation and prediction, and what no network holds. Also after a failure they
 * are freed with tsr_check_graphs_clear. */
tsr_status tsr_check_graphs_create(tsr_check_graphs *graphs);
void tsr_check_graphs_clear(tsr_check_graphs *graphs);

#endif
