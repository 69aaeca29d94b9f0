/* What training prints while it runs: Keras's progress lines. */
#ifndef TESSERA_TOOLS_PROGRESS_H
#define TESSERA_TOOLS_PROGRESS_H

#include "tessera.h"

typedef struct progress_state {
    int32_t epochs;
    int verbose;   /* 0: nothing; 1: a bar; 2: a line an epoch */
    bool terminal; /* whether the bar is drawn in place, several times a second */
    int width;     /* characters of the line that is drawn in place */
    int32_t batches;
} progress_state;

/* The callback for fit; `state` must outlive it. */
tsr_callback progress_callback(progress_state *state);

/* Ends a line that was left half drawn, so that a message can follow. */
void progress_break(progress_state *state);

#endif
