/* A loader that finds no driver, though it knows a variable that Khronos's knows and Debian's does not. Preloaded, it
 * takes the place of the one that is installed. */
#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

const char other_loader_variable[] = "OCL_ICD_FILENAMES";

cl_int CL_API_CALL clGetPlatformIDs(cl_uint room, cl_platform_id *platforms, cl_uint *count)
{
    (void)room;
    (void)platforms;
    if (count) *count = 0;
    return CL_SUCCESS;
}
