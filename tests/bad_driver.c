/* A driver that does what a loader must not be made to wait for: TEST_DRIVER=aborts, sleeps, exits,
 * crashes-at-exit, or talks, which writes half a line to standard output. */
#define _GNU_SOURCE              /* dladdr, RTLD_NODELETE */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The loader closes what is no driver for it, and with it goes what it wants done at the exit. */
static void stay(void)
{
    void (*const here)(void) = stay;
    void *address;
    Dl_info found;
    memcpy(&address, &here, sizeof address);
    if (!dladdr(address, &found) || !dlopen(found.dli_fname, RTLD_NOW | RTLD_NODELETE)) abort();
}

void *CL_API_CALL clGetExtensionFunctionAddress(const char *name)
{
    const char *wanted = getenv("TEST_DRIVER");
    (void)name;
    if (wanted && strcmp(wanted, "sleeps") == 0)
        for (;;) sleep(60);
    if (wanted && strcmp(wanted, "exits") == 0) exit(3);
    if (wanted && strcmp(wanted, "talks") == 0) {
        ssize_t written = write(STDOUT_FILENO, "Acme OpenCL ", 12);
        (void)written;
        return NULL;
    }
    if (wanted && strcmp(wanted, "crashes-at-exit") == 0) {
        stay();
        atexit(abort);
        return NULL;
    }
    abort();
}
