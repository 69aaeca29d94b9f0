/* What the parts of `tessera doctor` share: what was found, and the processes that find it. */
#ifndef TESSERA_TOOLS_DOCTOR_H
#define TESSERA_TOOLS_DOCTOR_H

#include "command.h"

/* Hidden ways to run `tessera doctor`, in processes of their own: a driver's library, and the platforms behind it; the
 * list of all devices; and the trial of a device by its number, from an implementation of the list on. Each writes
 * lines of JSON, the last of which is {"done": true} where it came to the end. */
#define DOCTOR_PROBE "--probe"
#define DOCTOR_LIST  "--list"
#define DOCTOR_TRY   "--try"
int doctor_probe(const command *self, const char *library);
int doctor_list(const command *self);
int doctor_try(const command *self, const char *device, const char *from);

/* All that was found. */
typedef struct doctor_findings {
    tsr_loader loader;
    tsr_surroundings surroundings;
    tsr_platform *platforms;
    size_t *platform_driver; /* whose each of them is: a place in loader.drivers */
    size_t platform_count;
    tsr_device_info *offered; /* devices that each driver shows alone, in the order of their numbers there */
    size_t *offered_driver;   /* likewise */
    size_t offered_count;
    tsr_device_trial *trials; /* as many as `devices` has elements; their `errors` are freed with them */
    json_t *devices;          /* what the trials found, for people */
    json_t *errors;           /* sentences and logs that were met */
    tsr_finding *advice;
    size_t advice_count;
    bool clash; /* drivers that work alone do not work together */
    bool fit;   /* the chosen device is */
} doctor_findings;

void doctor_print(const doctor_findings *findings);
json_t *doctor_json(const doctor_findings *findings);

/* How a driver's trial ended, such as "works". */
const char *doctor_outcome(tsr_driver_outcome outcome);

/* Tries the device of this number in a process of its own, which crashes and hangs as it likes; `environment` as for
 * child_run. What is found comes into *device, a new object, and *trial, whose info is as it is; sentences are appended
 * to `errors`. */
void doctor_try_apart(int number, const char *const *environment, double seconds, tsr_device_trial *trial,
                      json_t **device, json_t *errors);

#endif
