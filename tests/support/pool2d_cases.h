/* What the tests of pooling's implementations share. */
#ifndef TSR_TESTS_POOL2D_CASES_H
#define TSR_TESTS_POOL2D_CASES_H

#include "support/tester.h"

/* Runs cases that cover all pairs of windows, modes, padding, extents, channels, batches, data and, forward, of
 * training and inference through the implementation `only`. The width of vectors is 4, 8 and 16 in turn where there are
 * any. */
void test_pool2d_forward(const char *only);
void test_pool2d_backward(const char *only);

/* Ties, infinities and what is not a number: the winner is the first. */
void test_pool2d_winners(const char *only);

/* The gradient reaches the cell that forward chose, in one plan. */
void test_pool2d_round_trip(const char *only);

#endif
