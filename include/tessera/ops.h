/* The operations alone: descriptors that every floor shares, and operations on the caller's own buffers.
 *
 * Tensors are dense 32-bit floats in NHWC order; filters of a convolution are HWIO (kernel_height, kernel_width,
 * channels, filters), weights of a dense layer (inputs, units): Keras's own layouts. */
#ifndef TESSERA_OPS_H
#define TESSERA_OPS_H

#include "tessera/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Padding as Keras defines it. VALID adds nothing. SAME adds zeros (in max pooling: cells that never win; in average
 * pooling: cells that are not counted) so that the output has ceil(n / stride) cells:
 *   total = max((ceil(n / stride) - 1) * stride + kernel - n, 0), before = total / 2 rounded down, the rest after. */
typedef enum tsr_padding { TSR_PADDING_VALID, TSR_PADDING_SAME } tsr_padding;

/* Cells along an axis after a window of `kernel` cells moved by `stride` over `n` cells; 0 when the window does not
 * fit. */
TSR_API int32_t tsr_window_output(int32_t n, int32_t kernel, int32_t stride, tsr_padding padding);
/* Cells of padding before the first cell of the axis. */
TSR_API int32_t tsr_window_before(int32_t n, int32_t kernel, int32_t stride, tsr_padding padding);

/* y[n,i,j,f] = b[f] + sum over (p,q,c) of x[n, i*sh - top + p, j*sw - left + q, c] * w[p,q,c,f], x being 0 outside. */
typedef struct tsr_conv2d_descriptor {
    int32_t batch, height, width, channels; /* of x */
    int32_t filters;
    int32_t kernel_height, kernel_width;
    int32_t stride_height, stride_width;
    tsr_padding padding;
    bool bias; /* whether b is there */
} tsr_conv2d_descriptor;

typedef enum tsr_pool_mode { TSR_POOL_MAX, TSR_POOL_AVERAGE } tsr_pool_mode;

/* The maximum (ties: the first in row-major order; a NaN wins, the first of them) or the mean of the window's cells
 * that lie inside the image. Max pooling also yields the winner: the row-major position in the unclipped window, as a
 * byte, or as two bytes when the window has more than 255 cells; it may have TSR_POOL_CELLS. */
#define TSR_POOL_CELLS 65536
typedef struct tsr_pool2d_descriptor {
    tsr_pool_mode mode;
    int32_t batch, height, width, channels; /* of x */
    int32_t pool_height, pool_width;
    int32_t stride_height, stride_width;
    tsr_padding padding;
} tsr_pool2d_descriptor;

/* Elementwise functions, and softmax over the last axis.
 * X(name, Keras's name, monotone, what the gradient is computed from).
 *   linear x; relu max(x,0); sigmoid 1/(1+e^-x); tanh; elu x>0 ? x : alpha(e^x - 1); selu 1.0507009873554805 *
 *   elu(x, 1.6732632423543772); gelu x/2 (1 + erf(x/sqrt 2)); swish x*sigmoid(x); leaky_relu x>0 ? x : alpha*x;
 *   softplus log(1 + e^x); softmax e^(x-max) / sum.  Not-a-number passes through all of them. */
#define TSR_ACTIVATION_LIST(X)                                                                                         \
    X(LINEAR, "linear", true, OUTPUT)                                                                                  \
    X(RELU, "relu", true, OUTPUT)                                                                                      \
    X(SIGMOID, "sigmoid", true, OUTPUT)                                                                                \
    X(TANH, "tanh", true, OUTPUT)                                                                                      \
    X(ELU, "elu", true, OUTPUT)                                                                                        \
    X(SELU, "selu", true, OUTPUT)                                                                                      \
    X(GELU, "gelu", false, INPUT)                                                                                      \
    X(SWISH, "swish", false, INPUT)                                                                                    \
    X(LEAKY_RELU, "leaky_relu", true, OUTPUT)                                                                          \
    X(SOFTPLUS, "softplus", true, OUTPUT)                                                                              \
    X(SOFTMAX, "softmax", false, OUTPUT)

typedef enum tsr_activation {
#define TSR_ACTIVATION_ENUM(name, text, monotone, from) TSR_##name,
    TSR_ACTIVATION_LIST(TSR_ACTIVATION_ENUM)
#undef TSR_ACTIVATION_ENUM
} tsr_activation;

/* Keras's name of an activation, such as "leaky_relu". */
TSR_API const char *tsr_activation_name(tsr_activation function);

typedef struct tsr_activation_descriptor {
    tsr_activation function;
    float alpha;           /* elu (Keras: 1), leaky_relu (Keras 3: 0.2) */
    int32_t rows, columns; /* rows * columns elements; softmax is over each row */
} tsr_activation_descriptor;

/* y[m,u] = b[u] + sum over k of x[m,k] * w[k,u]. */
typedef struct tsr_dense_descriptor {
    int32_t rows, inputs, units;
    bool bias;
} tsr_dense_descriptor;

/* Which matrix product the dense layers use. AUTO: native kernels on CPU-class devices, where they were measured to be
 * several times faster; on others CLBlast, but native kernels for products with a side below 64 and where CLBlast is not
 * fit for the device; and what tuning has found (tune.h). */
typedef enum tsr_gemm { TSR_GEMM_AUTO, TSR_GEMM_CLBLAST, TSR_GEMM_NATIVE } tsr_gemm;

/* One operation with its kernels, ready to be enqueued any number of times.
 *
 * Created on a device (which may wrap the caller's queue: tsr_device_from_queue) it builds its kernels once. Each
 * enqueue names the buffers to use and returns without waiting; the operation retains them until others take their
 * place or it is freed. Their memory begins at a multiple of 16 bytes, as that of all buffers does but those made with
 * CL_MEM_USE_HOST_PTR of memory that does not. An operation is used by one thread and one enqueue at a time, and freed with
 * tsr_operation_free. Buffers too small for their tensors give TSR_INVALID_ARGUMENT. */
typedef struct tsr_operation tsr_operation;

/* Operands: x, w, [b], y; and when `pool` is maximal: winner after y. activation and pool may be NULL; with them the
 * operation computes pool(activation(conv(x))) in as few kernels as the device's implementations allow; their own
 * extents may be left 0. A pool's strides of 0 stand for its size, an activation's alpha is taken as it is. */
TSR_API tsr_status tsr_conv2d_forward(tsr_device *device, const tsr_conv2d_descriptor *conv2d,
                                      const tsr_activation_descriptor *activation, const tsr_pool2d_descriptor *pool,
                                      tsr_operation **operation);
/* y = conv(x) by the implementation of this name (tsr_model_explain has the names), or by the portable one where that
 * does not support it: for measurements. */
TSR_API tsr_status tsr_conv2d_forward_by(tsr_device *device, const tsr_conv2d_descriptor *conv2d,
                                         const char *implementation, tsr_operation **operation);
/* Operands: dy, w, dx. */
TSR_API tsr_status tsr_conv2d_backward_data(tsr_device *device, const tsr_conv2d_descriptor *conv2d,
                                            tsr_operation **operation);
/* Operands: dy, x, dw, [db]. */
TSR_API tsr_status tsr_conv2d_backward_weights(tsr_device *device, const tsr_conv2d_descriptor *conv2d,
                                               tsr_operation **operation);
/* Operands: x, y, [winner]. */
TSR_API tsr_status tsr_pool2d_forward(tsr_device *device, const tsr_pool2d_descriptor *pool, tsr_operation **operation);
/* Operands: dy, [winner], dx. */
TSR_API tsr_status tsr_pool2d_backward(tsr_device *device, const tsr_pool2d_descriptor *pool,
                                       tsr_operation **operation);
/* Operands: x, y. */
TSR_API tsr_status tsr_activation_forward(tsr_device *device, const tsr_activation_descriptor *activation,
                                          tsr_operation **operation);
/* Operands: dy, y (or x, for functions whose gradient is computed from their input), dx. */
TSR_API tsr_status tsr_activation_backward(tsr_device *device, const tsr_activation_descriptor *activation,
                                           tsr_operation **operation);
/* Operands: x, w, [b], y. */
TSR_API tsr_status tsr_dense_forward(tsr_device *device, const tsr_dense_descriptor *dense, tsr_gemm gemm,
                                     tsr_operation **operation);
/* Operands: dy, w, dx. */
TSR_API tsr_status tsr_dense_backward_data(tsr_device *device, const tsr_dense_descriptor *dense, tsr_gemm gemm,
                                           tsr_operation **operation);
/* Operands: dy, x, dw, [db]. */
TSR_API tsr_status tsr_dense_backward_weights(tsr_device *device, const tsr_dense_descriptor *dense, tsr_gemm gemm,
                                              tsr_operation **operation);

/* Bytes of device memory that an enqueue needs besides its operands; 0 is common. */
TSR_API size_t tsr_operation_workspace(const tsr_operation *operation);

/* How many operands it takes, and the bytes of each. */
TSR_API int tsr_operation_operands(const tsr_operation *operation);
TSR_API size_t tsr_operation_operand_bytes(const tsr_operation *operation, int operand);

/* Enqueues it on the device's queue with the operands in the order stated at its creation, `count` of them. workspace
 * may be NULL: the operation then makes and keeps one of its own. On an out-of-order queue a barrier precedes each
 * kernel. */
TSR_API tsr_status tsr_operation_enqueue(tsr_operation *operation, const cl_mem *operands, int count, cl_mem workspace);

TSR_API void tsr_operation_free(tsr_operation *operation);

/* What a device reaches, measured on it in about a second, medians of many launches: the arithmetic by
 * multiply-adds of 32-bit floats in registers, the memory by STREAM's triad on arrays larger than caches (what a cache
 * reads before it writes is not counted), a launch by that of a kernel that does next to nothing, one after another. */
typedef struct tsr_peak {
    double flops;                   /* a second, a multiply-add counted as two */
    double bandwidth;               /* bytes read and written a second */
    double launch_seconds;          /* for a launch */
    double profiled_launch_seconds; /* of it, what the profile counts as the kernel's; 0 without a profile */
} tsr_peak;
TSR_API tsr_status tsr_measure_peak(tsr_device *device, tsr_peak *peak);

#ifdef __cplusplus
}
#endif
#endif
