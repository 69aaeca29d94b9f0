/* The convolutions that the tests of all their implementations go through. */
#ifndef TSR_TESTS_CONV2D_CASES_H
#define TSR_TESTS_CONV2D_CASES_H

#include "support/tester.h"

#define TEST_MAX_CONV2D_CASES 160

typedef struct test_conv2d_case {
    tsr_conv2d_descriptor conv2d;
    tsr_pool2d_descriptor pool; /* of the convolution's result; a max pool */
    tsr_activation function;
    test_fill fill; /* integers, random, sparse */
} test_conv2d_case;

/* What differs from test to test; the rest is fixed: kernels 1x1, 3x3, 11x11, 7x1, 2x5; strides 1, 2, 4,
 * (2,3); both paddings; batches 1, 2, 3, 53, 64; pools 2x2, 2x3 and two more; with and without bias. */
typedef struct test_conv2d_axes {
    int32_t tile;     /* channels and filters are 1, tile - 1, tile, tile + 1 */
    int32_t image[2]; /* an extent that is larger than a tile of pixels */
    bool overlapping; /* pools 3x3 with stride 2 and 3x2 with stride 1; otherwise 3x1, and 3x3 with stride (4,3) */
    bool unpooled;    /* one more: no pool, a descriptor of zeros */
    int activations;  /* of linear, relu, tanh, elu: the first so many */
} test_conv2d_axes;

/* Cases that cover every pair of values of two axes. Kernel, stride, channels, filters, bias, pool and activation,
 * which make programs, come in as few combinations as cover their pairs. An image grows to hold the kernel and the
 * pool's window; where a case would take long its image is a small one instead. Returns their number. */
int test_conv2d_cases(const test_conv2d_axes *axes, test_conv2d_case *cases);

#endif
