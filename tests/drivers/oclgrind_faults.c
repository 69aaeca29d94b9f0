/* Launches a kernel with each kind of fault that oclgrind must report, for the lane beside it: an access outside of a
 * buffer, a race, a use of what was never written, and a barrier that not all work-items reach. */
#include <CL/cl.h>
#include <stdio.h>
#include <stdlib.h>

enum { ITEMS = 4 };

static const char *const source =
    "kernel void outside(global int *x) { size_t i = get_global_id(0); x[i] = x[i + 4]; }\n" /* of ITEMS */
    "kernel void race(global int *x) { x[0] = (int)get_global_id(0); }\n"
    "kernel void unwritten(global int *x)\n"
    "{ local int y[4]; size_t i = get_local_id(0); if (y[i] > 0) x[i] = y[i]; }\n"
    "kernel void divergent(global int *x)\n"
    "{ size_t i = get_local_id(0); if (i == 0) barrier(CLK_GLOBAL_MEM_FENCE); x[i] = (int)i; }\n";
static const char *const names[] = {"outside", "race", "unwritten", "divergent"};

static cl_int launch(cl_command_queue queue, cl_context context, cl_program program, const char *name)
{
    static const int zeros[ITEMS];
    const size_t items = ITEMS;
    cl_int code;
    cl_kernel kernel = clCreateKernel(program, name, &code);
    if (code) return code;
    cl_mem buffer = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof zeros, NULL, &code);
    if (!code) code = clEnqueueWriteBuffer(queue, buffer, CL_TRUE, 0, sizeof zeros, zeros, 0, NULL, NULL);
    if (!code) code = clSetKernelArg(kernel, 0, sizeof buffer, &buffer);
    if (!code) code = clEnqueueNDRangeKernel(queue, kernel, 1, NULL, &items, &items, 0, NULL, NULL);
    if (!code) code = clFinish(queue);
    if (buffer) clReleaseMemObject(buffer);
    clReleaseKernel(kernel);
    return code;
}

int main(void)
{
    cl_platform_id platform;
    cl_device_id device;
    cl_context context = NULL;
    cl_command_queue queue = NULL;
    cl_program program = NULL;
    cl_int code = clGetPlatformIDs(1, &platform, NULL);
    if (!code) code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL);
    if (!code) context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
    if (!code) queue = clCreateCommandQueue(context, device, 0, &code);
    if (!code) program = clCreateProgramWithSource(context, 1, (const char **)&source, NULL, &code);
    if (!code) code = clBuildProgram(program, 1, &device, "-cl-std=CL1.2", NULL, NULL);
    for (size_t i = 0; !code && i < sizeof names / sizeof *names; i++) code = launch(queue, context, program, names[i]);
    if (code) fprintf(stderr, "oclgrind_faults: OpenCL gives the error %d\n", (int)code);
    if (program) clReleaseProgram(program);
    if (queue) clReleaseCommandQueue(queue);
    if (context) clReleaseContext(context);
    return code ? EXIT_FAILURE : EXIT_SUCCESS;
}
