/* Cases for the gradients of a convolution with the gradients of a max pool and an activation before them: what the
 * tests of their implementations share. */
#ifndef TSR_TESTS_CONV2D_GRADIENT_H
#define TSR_TESTS_CONV2D_GRADIENT_H

#include "support/tester.h"

typedef struct gradient_case {
    tsr_conv2d_descriptor conv2d;
    tsr_pool2d_descriptor pool; /* of a size of 0: none */
    bool activated;
    tsr_activation function;
    test_fill fill;
    uint32_t vector_width;
} gradient_case;

/* A covering set over kernel sizes, strides, padding, channels, filters, extents, pools, activations, batches and
 * widths, the channels being one of the list; of each, the first `most` values. Returns how many; at most `capacity`.
 */
int test_gradient_cases(gradient_case *cases, int capacity, const int32_t *channels, int channel_count, int most);

/* Sets the pool's extents to the convolution's output, and enlarges the image until every window fits. */
void test_gradient_fit(gradient_case *c);

/* Adds dy, y and the primitives up to the gradient at the convolution's output, and returns that. */
int test_gradient_source(test_case *t, const gradient_case *c);

/* Primitives of the span: the convolution's gradient and those that test_gradient_source adds. */
int test_gradient_span(const gradient_case *c);

#endif
