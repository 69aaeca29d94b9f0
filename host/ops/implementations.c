/* The list of implementations, in order of preference: each in turn claims every span that it supports. Longer spans
 * stand before shorter ones, kernels for a class of device before portable ones; the portable implementation of every
 * primitive alone ends the list. A kernel file with several spans has an entry for each. */
#include "ops/implementation.h"

#ifdef TSR_WITH_CLBLAST
#define TSR_CLBLAST_LIST(X) X(dense_clblast) X(dense_grad_data_clblast) X(dense_grad_weights_clblast)
#else
#define TSR_CLBLAST_LIST(X)
#endif

#define TSR_IMPLEMENTATION_LIST(X)                                                                                     \
    X(tail_cpu)            /* activation?, dropout?, dense, loss and back to activation_grad? */                       \
    X(tail_evaluation_cpu) /* activation?, dense, softmax_cross_entropy, accumulate */                                 \
    X(tail_prediction_cpu) /* activation (softmax), dense, activation? */                                              \
    X(tail_group)          /* the same three for GPUs */                                                               \
    X(tail_evaluation_group)                                                                                           \
    X(tail_prediction_group)                                                                                           \
    X(dense_grad_update_cpu)          /* dense_grad_weights, dense_grad_data?, activation_grad?, update */             \
    X(conv2d_winograd_activation_cpu) /* activation, pool2d?, conv2d */                                                \
    X(conv2d_winograd_pool_cpu)       /* pool2d, conv2d */                                                             \
    X(conv2d_activation_cpu)          /* activation, pool2d?, conv2d, gather? */                                       \
    X(conv2d_pool_cpu)                /* pool2d, conv2d, gather? */                                                    \
    X(conv2d_winograd_cpu)            /* conv2d */                                                                     \
    X(conv2d_gather_cpu)              /* conv2d, gather */                                                             \
    X(conv2d_cpu)                                                                                                      \
    X(conv2d_winograd_activation_tiled) /* activation, pool2d?, conv2d */                                              \
    X(conv2d_winograd_pool_tiled)       /* pool2d, conv2d */                                                           \
    X(conv2d_activation_tiled)          /* activation, pool2d?, conv2d, gather? */                                     \
    X(conv2d_pool_tiled)                /* pool2d, conv2d, gather? */                                                  \
    X(conv2d_winograd_tiled)            /* conv2d */                                                                   \
    X(conv2d_tiled)                     /* conv2d, gather? */                                                          \
    X(conv2d_winograd_backward_cpu)     /* conv2d_grad_data */                                                         \
    X(conv2d_backward_cpu)              /* conv2d_grad_data */                                                         \
    X(conv2d_grad_data_cpu)             /* conv2d_grad_data, pool2d_grad?, activation_grad? */                         \
    X(conv2d_grad_weights_thin_cpu)     /* conv2d_grad_weights, pool2d_grad?, activation_grad?; gather? */             \
    X(conv2d_grad_weights_product_cpu)  /* conv2d_grad_weights, activation_grad?; gather? */                           \
    X(conv2d_grad_weights_cpu)          /* conv2d_grad_weights, pool2d_grad?, activation_grad?; gather? */             \
    X(conv2d_winograd_backward_tiled)   /* conv2d_grad_data */                                                         \
    X(conv2d_grad_data_tiled)           /* conv2d_grad_data, pool2d_grad?, activation_grad? */                         \
    X(conv2d_grad_weights_tiled)        /* conv2d_grad_weights, pool2d_grad?, activation_grad?; gather? */             \
    X(conv2d_grad_data_pool)            /* portable: conv2d_grad_data, pool2d_grad, activation_grad? */                \
    X(conv2d_grad_weights_pool)         /* portable: conv2d_grad_weights, pool2d_grad, activation_grad? */             \
    X(pool2d_cpu)                                                                                                      \
    X(pool2d_grad_cpu)                                                                                                 \
    X(dense_activation_cpu) /* activation, dense */                                                                    \
    X(dense_cpu)                                                                                                       \
    X(dense_grad_data_cpu)                                                                                             \
    X(dense_grad_weights_cpu)                                                                                          \
    TSR_CLBLAST_LIST(X)                                                                                                \
    X(advance)                                                                                                         \
    X(gather)                                                                                                          \
    X(conv2d)                                                                                                          \
    X(conv2d_grad_data)                                                                                                \
    X(conv2d_grad_weights)                                                                                             \
    X(pool2d)                                                                                                          \
    X(pool2d_grad)                                                                                                     \
    X(activation)                                                                                                      \
    X(activation_grad)                                                                                                 \
    X(dense)                                                                                                           \
    X(dense_grad_data)                                                                                                 \
    X(dense_grad_weights)                                                                                              \
    X(dropout)                                                                                                         \
    X(dropout_grad)                                                                                                    \
    X(softmax_cross_entropy)                                                                                           \
    X(softmax_cross_entropy_grad)                                                                                      \
    X(accumulate)                                                                                                      \
    X(update) /* every update that nobody else claimed: one launch */                                                  \
    X(sum_partials)

#define TSR_IMPLEMENTATION_EXTERN(name) extern const tsr_implementation tsr_implementation_##name;
TSR_IMPLEMENTATION_LIST(TSR_IMPLEMENTATION_EXTERN)
#undef TSR_IMPLEMENTATION_EXTERN

const tsr_implementation *const *tsr_implementations(size_t *count)
{
    static const tsr_implementation *const all[] = {
#define TSR_IMPLEMENTATION_ADDRESS(name) &tsr_implementation_##name,
        TSR_IMPLEMENTATION_LIST(TSR_IMPLEMENTATION_ADDRESS)
#undef TSR_IMPLEMENTATION_ADDRESS
    };
    *count = sizeof all / sizeof *all;
    return all;
}
