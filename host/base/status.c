#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char last_error[4096];

const char *tsr_status_name(tsr_status status)
{
    switch (status) {
#define TSR_STATUS_CASE(name, meaning)                                                                                 \
    case TSR_##name:                                                                                                   \
        return #name;
        TSR_STATUS_LIST(TSR_STATUS_CASE)
#undef TSR_STATUS_CASE
    }
    return "UNKNOWN";
}

const char *tsr_last_error(void)
{
    return last_error;
}

const char *tsr_version(void)
{
    return TSR_VERSION_STRING;
}

tsr_status tsr_fail(tsr_status code, const char *format, ...)
{
    /* An argument may be the last error itself, so the sentence is made aside. */
    char sentence[sizeof last_error];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    memcpy(last_error, sentence, sizeof last_error);
    return code;
}

tsr_status tsr_fail_in(tsr_status code, const char *format, ...)
{
    char context[1024], before[sizeof last_error];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    memcpy(before, last_error, sizeof before);
    return tsr_fail(code, "%s: %s", context, before);
}

tsr_status tsr_fail_memory(const char *what, unsigned long long bytes)
{
    return tsr_fail(TSR_OUT_OF_MEMORY, "not enough memory for %s (%llu bytes)", what, bytes);
}
