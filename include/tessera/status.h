/* Status codes, the last error's sentence, and the library's version. */
#ifndef TESSERA_STATUS_H
#define TESSERA_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

#define TSR_VERSION_STRING "0.1.0"

/* Marks what the shared library exports. */
#if defined(__GNUC__)
#define TSR_API __attribute__((visibility("default")))
#else
#define TSR_API
#endif

/* Every status: X(name, what it means). */
#define TSR_STATUS_LIST(X)                                                                                             \
    X(OK, "success")                                                                                                   \
    X(INVALID_ARGUMENT, "an argument or option is not valid")                                                          \
    X(NOT_FOUND, "a file, device or name was not found")                                                               \
    X(UNSUPPORTED, "not supported by this version or by this device")                                                  \
    X(OUT_OF_MEMORY, "not enough memory on the host or the device")                                                    \
    X(DEVICE, "an OpenCL call failed")                                                                                 \
    X(BUILD, "a kernel did not build")                                                                                 \
    X(IO, "a file could not be read or written")                                                                       \
    X(FORMAT, "a file's contents are not what was expected")                                                           \
    X(NOT_FINITE, "a value became infinite or not a number")                                                           \
    X(INTERRUPTED, "stopped on request")                                                                               \
    X(INTERNAL, "a defect in the library")

typedef enum tsr_status {
#define TSR_STATUS_ENUM(name, meaning) TSR_##name,
    TSR_STATUS_LIST(TSR_STATUS_ENUM)
#undef TSR_STATUS_ENUM
} tsr_status;

/* The name of a status, such as "INVALID_ARGUMENT". Never NULL. */
TSR_API const char *tsr_status_name(tsr_status status);

/* One sentence for a person about the last failure on this thread: what failed, on which file, device or option, and
 * what to do. Empty when nothing has failed yet. The text is valid until the next failure on the same thread. */
TSR_API const char *tsr_last_error(void);

/* The library's version, "major.minor.patch". */
TSR_API const char *tsr_version(void);

#ifdef __cplusplus
}
#endif
#endif
