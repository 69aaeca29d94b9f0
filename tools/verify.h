/* What the files of tessera verify share. Devices are JSON from the process that checked them to the report:
 *
 *   index, platform, name, type
 *   fit, avoid                     what the table of quirks says
 *   right                          and where nothing could be compared only `error` besides: a sentence
 *   finite, batch, seconds         of the step that was compared
 *   step_batch, step_seconds       of the steps that were timed
 *   fault                          null, or {layer, implementation, text}
 *   layers                         [{name, right, value, gradient}], the last two null or {error, share}
 *   ending                         where the process did not end well behind all that: how */
#ifndef TESSERA_TOOLS_VERIFY_H
#define TESSERA_TOOLS_VERIFY_H

#include "command.h"

typedef struct verify_settings {
    const char *model, *data, *device;
    int64_t batch_size, seed;
    int gemm;
    double budget, timeout;
    bool json;
} verify_settings;

/* What was compared, as JSON; NULL when memory is short. */
json_t *verify_device_json(const tsr_verification *verification);

/* The number of the fastest device that is right and fit, or -1: one to avoid where there is no other. */
int verify_best(const json_t *devices);

/* Prints the table of layers and devices, and what follows from it. */
void verify_print(const verify_settings *settings, const char *source, const json_t *devices);

#endif
