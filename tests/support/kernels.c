#include "support/kernels.h"

#include "base/file.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void test_kernel_file(const char *name, const char *text)
{
    char path[512];
    check_ok(tsr_directory_make(test_path("kernels")));
    snprintf(path, sizeof path, "%s/%s", test_path("kernels"), name);
    check_ok(tsr_file_write(path, text, strlen(text)));
    setenv("TESSERA_KERNEL_PATH", test_path("kernels"), 1);
}

void test_kernel_files_end(void)
{
    unsetenv("TESSERA_KERNEL_PATH");
}

cl_kernel test_kernel(tsr_device *device, const char *file, const char *options, const char *name)
{
    cl_program program;
    cl_int code;
    check_ok(tsr_program_get(device, file, options, &program));
    cl_kernel kernel = clCreateKernel(program, name, &code);
    check_ok(tsr_check(code, device, name));
    return kernel;
}
