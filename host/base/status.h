/* How the library reports failures: one function makes every error. */
#ifndef TSR_BASE_STATUS_H
#define TSR_BASE_STATUS_H

#include "tessera/status.h"

/* Records a sentence for the person (printf-style, no trailing newline) as this thread's last error and returns
 * `code`, so that callers write `return tsr_fail(TSR_IO, "...")`. Longer sentences are cut at 4096 bytes. */
tsr_status tsr_fail(tsr_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "CONTEXT: " before this thread's last error and returns `code`. For callers that know the file or device. */
tsr_status tsr_fail_in(tsr_status code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The failure of an allocation of `bytes` for `what`. */
tsr_status tsr_fail_memory(const char *what, unsigned long long bytes);

#endif
