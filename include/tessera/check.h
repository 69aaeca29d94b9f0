/* Checking: whether a device computes what it should. */
#ifndef TESSERA_CHECK_H
#define TESSERA_CHECK_H

#include "tessera/model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tsr_check_outcome {
    TSR_CHECK_BEGINS,      /* it is about to be compiled and run: what crashes or hangs from here on is this one */
    TSR_CHECK_RIGHT,       /* every element is within the error that its twin in double precision allows */
    TSR_CHECK_UNSUPPORTED, /* it does not run on this device, for the reason in `text` */
    TSR_CHECK_WRONG,       /* `text` names an element that is wrong */
    TSR_CHECK_FAILED       /* `text` is the error's sentence: of a build failure with the compiler's log */
} tsr_check_outcome;

/* An implementation of a span of operations, run on a small case. */
typedef struct tsr_implementation_check {
    int number, count; /* which of how many in the library's list, from 0 */
    const char *name;
    tsr_check_outcome outcome;
    const char *text;     /* NULL where there is nothing to say; valid during the call */
    double share;         /* RIGHT, WRONG: the largest error as a share of the one that is allowed */
    double build_seconds; /* for compiling its kernels, or finding them compiled */
} tsr_implementation_check;

/* Runs every implementation of the list on a device, from number `from` on, each on a small case of its own against its
 * twin. `report` is called before and after each; when it returns false the rest is left out and the result is
 * TSR_INTERRUPTED. What an implementation does wrong is reported, and the next one follows; only a failure on the host
 * ends the check. */
TSR_API tsr_status tsr_check_implementations(tsr_device *device, int from,
                                             bool (*report)(void *context, const tsr_implementation_check *check),
                                             void *context);

#ifdef __cplusplus
}
#endif
#endif
