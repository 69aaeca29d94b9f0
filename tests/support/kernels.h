/* Kernels that tests bring themselves, for the device floor. */
#ifndef TSR_TESTS_KERNELS_H
#define TSR_TESTS_KERNELS_H

#include "device/device.h"

/* Writes a kernel file into a directory of its own, and has the library read kernels from there. */
void test_kernel_file(const char *name, const char *text);
/* The library's own kernels again. */
void test_kernel_files_end(void);

/* A kernel of cl/`file`; the caller's. */
cl_kernel test_kernel(tsr_device *device, const char *file, const char *options, const char *name);

#endif
