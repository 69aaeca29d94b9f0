/* The shapes on which every implementation of the dense layer is tested. */
#ifndef TSR_TESTS_DENSE_CASES_H
#define TSR_TESTS_DENSE_CASES_H

#include "support/tester.h"

typedef struct dense_case {
    tsr_dense_descriptor dense;
    test_fill fill;
    uint32_t vector_width;
    uint32_t seed;
} dense_case;

#define DENSE_CASES 64

/* Every pair of rows 1 to 55, inputs 1 to 1009, units 1 to 129, with and without bias, integers, random numbers, NaN
 * and infinities, vectors of 4, 8 and 16; and the reference network's larger layer. Returns how many cases there are.
 */
int test_dense_cases(dense_case cases[DENSE_CASES]);

/* Runs one primitive of the case: y, or the gradient of x, or those of w and b. */
void test_dense_forward(const dense_case *c, const test_options *options);
void test_dense_backward_data(const dense_case *c, const test_options *options);
void test_dense_backward_weights(const dense_case *c, const test_options *options);

/* All three of every so many cases, with the implementations `only`[0 ... 2]. */
void test_dense_all(const char *const only[3], tsr_gemm gemm, int every);

/* A plan of all three primitives, of matrices with sides of `side`; each step's implementation must end in `suffix`,
 * or, when that is NULL, be the portable one. */
void test_dense_chooses(int32_t side, tsr_gemm gemm, const char *suffix);

/* A graph of the three primitives for plans of the caller's own; wanted has room for 4. Returns how many are wanted. */
int test_dense_graph(test_case *t, const tsr_dense_descriptor *d, int *wanted);

#endif
