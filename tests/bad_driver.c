/* A driver that does what a loader must not be made to wait for: TEST_DRIVER=aborts, or sleeps. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *CL_API_CALL clGetExtensionFunctionAddress(const char *name)
{
    const char *wanted = getenv("TEST_DRIVER");
    (void)name;
    if (wanted && strcmp(wanted, "sleeps") == 0)
        for (;;) sleep(60);
    abort();
}
