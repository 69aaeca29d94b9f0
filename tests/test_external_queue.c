/* One convolution, alone and with activation and pooling, on a queue and buffers of the caller's own: the whole of what
 * another framework has to do. Exits with 0 when both results are right. */
#include "tessera.h"

#include <stdio.h>

#define CHECK(call)                                                                                                    \
    if ((call) != TSR_OK) return fprintf(stderr, "%s\n", tsr_last_error()), 1

int main(void)
{
    /* The caller's own OpenCL: the device that Tessera would choose, but a context and a queue made here. */
    tsr_device *chosen, *device;
    CHECK(tsr_device_open(NULL, false, &chosen));
    cl_device_id id;
    clGetCommandQueueInfo(tsr_device_queue(chosen), CL_QUEUE_DEVICE, sizeof id, &id, NULL);
    cl_context context = clCreateContext(NULL, 1, &id, NULL, NULL, NULL);
    cl_command_queue queue = clCreateCommandQueue(context, id, 0, NULL);

    /* A 4 x 4 image of ones, one 3 x 3 filter of ones, bias -5: a cell is the number of its neighbours, less 4. */
    float x[16], w[9], b[1] = {-5}, y[16], pooled[4];
    unsigned char winner[4];
    for (int i = 0; i < 16; i++) x[i] = 1;
    for (int i = 0; i < 9; i++) w[i] = 1;
    cl_mem_flags copy = CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR;
    cl_mem image = clCreateBuffer(context, copy, sizeof x, x, NULL),
           filter = clCreateBuffer(context, copy, sizeof w, w, NULL);
    cl_mem bias = clCreateBuffer(context, copy, sizeof b, b, NULL);
    cl_mem result = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof y, NULL, NULL);
    cl_mem winners = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof winner, NULL, NULL);

    CHECK(tsr_device_from_queue(queue, &device));
    tsr_conv2d_descriptor conv = {.batch = 1,
                                  .height = 4,
                                  .width = 4,
                                  .channels = 1,
                                  .filters = 1,
                                  .kernel_height = 3,
                                  .kernel_width = 3,
                                  .stride_height = 1,
                                  .stride_width = 1,
                                  .padding = TSR_PADDING_SAME,
                                  .bias = true};
    tsr_operation *alone, *fused;
    CHECK(tsr_conv2d_forward(device, &conv, NULL, NULL, &alone));
    CHECK(tsr_operation_enqueue(alone, (cl_mem[]){image, filter, bias, result}, 4, NULL));
    clEnqueueReadBuffer(queue, result, CL_TRUE, 0, sizeof y, y, 0, NULL, NULL);

    CHECK(tsr_conv2d_forward(device, &conv, &(tsr_activation_descriptor){.function = TSR_RELU},
                             &(tsr_pool2d_descriptor){.pool_height = 2, .pool_width = 2}, &fused));
    CHECK(tsr_operation_enqueue(fused, (cl_mem[]){image, filter, bias, result, winners}, 5, NULL));
    clEnqueueReadBuffer(queue, result, CL_TRUE, 0, sizeof pooled, pooled, 0, NULL, NULL);
    clEnqueueReadBuffer(queue, winners, CL_TRUE, 0, sizeof winner, winner, 0, NULL, NULL);

    int right =
        y[0] == -1 && y[1] == 1 && y[5] == 4 && pooled[0] == 4 && pooled[3] == 4 && winner[0] == 3 && winner[3] == 0;
    printf("convolution %g %g %g, fused %g with winner %d: %s\n", y[0], y[1], y[5], pooled[0], winner[0],
           right ? "right" : "wrong");
    tsr_operation_free(alone), tsr_operation_free(fused), tsr_device_close(device), tsr_device_close(chosen);
    cl_mem buffers[] = {image, filter, bias, result, winners};
    for (int i = 0; i < 5; i++) clReleaseMemObject(buffers[i]);
    clReleaseCommandQueue(queue), clReleaseContext(context);
    return !right;
}
