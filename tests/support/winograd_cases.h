/* The chains that the tests of Winograd's convolutions go through. */
#ifndef TSR_TESTS_WINOGRAD_CASES_H
#define TSR_TESTS_WINOGRAD_CASES_H

#include "support/tester.h"

/* What stands behind the convolution; a pool is of 2x2 cells. */
typedef struct test_epilogue {
    bool pool;
    tsr_pool_mode mode;
    tsr_padding padding;
    bool winner, activation;
    tsr_activation function;
} test_epilogue;

enum { TEST_EPILOGUES = 7 };
/* Nothing; relu; max pool with winners and relu; pools of both modes and paddings, with and without an activation. */
extern const test_epilogue test_epilogues[TEST_EPILOGUES];

/* Adds the convolution and what stands behind it; x is filled with `fill`. Returns the name of the implementation, for
 * `class` ("cpu", "tiled"), that claims them all, which stays until the next call. */
const char *test_winograd_chain(test_case *t, const tsr_conv2d_descriptor *d, const test_epilogue *e, test_fill fill,
                                const char *class);

/* The convolution of these extents, at least as large as the chain needs, with kernels of 3x3. */
tsr_conv2d_descriptor test_winograd_conv2d(const int32_t extent[2], int32_t channels, int32_t filters, int32_t batch,
                                           bool valid, bool bias, const test_epilogue *e);

#endif
