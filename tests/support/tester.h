/* The one tester of all implementations: a small graph, the values that come out of its twins, and the same values from
 * a plan on the device.
 *
 *   test_case t = {.fill = TEST_INTEGERS};
 *   int x = test_input(&t, "x", TSR_F32, 4, (int32_t[]){2, 5, 5, 3});
 *   int y = test_conv2d(&t, &conv2d, x);          adds the filters (and bias) as parameters
 *   y = test_activation(&t, TSR_RELU, 0, y);
 *   test_run_case(&t, &(test_options){.only = "conv2d_activation_tiled"});
 *
 * test_run_case fills what nobody makes, runs the twins in double precision, makes a guarded plan, checks that the
 * implementation under test computes the whole graph, runs it twice, compares, checks the guards, and clears the case.
 * With an odd seed every value that may have a halo gets one.
 * A difference fails the Check test with a sentence that describes the case.
 *
 * How close a value must be: ops/twin.h. */
#ifndef TSR_TESTS_TESTER_H
#define TSR_TESTS_TESTER_H

#include "ops/twin.h"
#include "plan/plan.h"
#include "support/support.h"

typedef enum test_fill {
    TEST_INTEGERS,      /* -3 ... 3 */
    TEST_RANDOM,        /* uniform in [-1, 1) */
    TEST_POSITIVE,      /* uniform in [0, 1) */
    TEST_SPARSE,        /* integers of which about two in three are zero */
    TEST_TIES,          /* 0 or 1 */
    TEST_NAN,           /* random, about one in eight not a number */
    TEST_INFINITE,      /* random, about one in eight infinite, of either sign */
    TEST_MINUS_INFINITE /* about nineteen in twenty are minus infinity: windows that hold nothing else */
} test_fill;

#define TEST_MAX_VALUES 64

typedef struct test_case {
    test_fill fill; /* of every input, parameter and state that has no fill or data of its own */
    uint32_t seed;
    tsr_graph graph;
    tsr_twins twins;
    struct {
        bool has_fill;
        test_fill fill;
        double *data; /* from test_set */
        cl_mem buffer, part;
        void *bytes;
    } values[TEST_MAX_VALUES];
    int slots;
    int wanted[TEST_MAX_VALUES], wanted_count; /* none: every value that is made and that nobody reads */
} test_case;

typedef struct test_options {
    const char *only;      /* the implementation under test */
    int fused;             /* primitives that it must claim together; 0: all of the graph */
    uint32_t vector_width; /* 0: the device's own */
    bool no_fusion;
    tsr_gemm gemm;
    double slack; /* multiplies every bound; 0 stands for 1. For algorithms that round more, such as Winograd's */
} test_options;

/* A value of role INPUT. */
int test_input(test_case *t, const char *name, tsr_dtype dtype, int rank, const int32_t *extent);
/* A value of another role; PARAMETER gets a slot of its own. */
int test_value(test_case *t, const char *name, tsr_role role, tsr_dtype dtype, int rank, const int32_t *extent);
/* How the value is filled. */
void test_fill_value(test_case *t, int value, test_fill fill);
/* The value's data, copied; as many as it has elements. */
void test_set(test_case *t, int value, const double *data);
/* Asks for a value that others read as well. The ones that nobody reads must then be asked for, too. */
void test_want(test_case *t, int value);
/* Asks for those that nobody reads, unless some values were asked for. */
void test_choose_wanted(test_case *t);

/* The value as a temporary, which may have a halo: through a pool of one cell by the portable implementation. It counts
 * as one primitive more than the implementation under test has. */
int test_relay(test_case *t, int value);

/* Whether CLBlast computes products on the device: not in a build without it, nor with small work-groups. */
bool test_has_clblast(void);

/* Each adds a primitive with the parameters it needs and returns its first output. Optional outputs and parameters are
 * left out where the pointer is NULL, otherwise their numbers are put there. */
int test_conv2d(test_case *t, const tsr_conv2d_descriptor *d, int x);
int test_conv2d_grad_data(test_case *t, const tsr_conv2d_descriptor *d, int dy);
int test_conv2d_grad_weights(test_case *t, const tsr_conv2d_descriptor *d, int dy, int x, int *db);
/* The winner is there with max pooling, unless `winner` is NULL. */
int test_pool2d(test_case *t, const tsr_pool2d_descriptor *d, int x, int *winner);
/* `winner` TSR_NONE with max pooling: an input with places inside the image. */
int test_pool2d_grad(test_case *t, const tsr_pool2d_descriptor *d, int dy, int winner);
int test_activation(test_case *t, tsr_activation function, float alpha, int x);
/* `from` is y or x, whichever the function's gradient is computed from. */
int test_activation_grad(test_case *t, tsr_activation function, float alpha, int dy, int from);
int test_dense(test_case *t, const tsr_dense_descriptor *d, int x);
int test_dense_grad_data(test_case *t, const tsr_dense_descriptor *d, int dy, int *w);
int test_dense_grad_weights(test_case *t, const tsr_dense_descriptor *d, int dy, int x, int *db);
/* The source, order and clock are inputs; a source of `samples` samples. extent: of one sample, rank - 1 of them. */
int test_gather(test_case *t, const tsr_gather_descriptor *d, int samples, int rank, const int32_t *extent);
/* Any primitive whose operands are there: `outputs` are made by it. Returns the first. */
int test_primitive(test_case *t, const tsr_primitive *primitive);

/* The extents of a descriptor's tensors. */
void test_conv2d_output(const tsr_conv2d_descriptor *d, int32_t extent[4]);
void test_pool2d_output(const tsr_pool2d_descriptor *d, int32_t extent[4]);

/* Lets the tests' device pass for a GPU, so that what GPUs would run is tested on it, and for itself again. */
void test_pretend_gpu(void);
void test_pretend_nothing(void);
/* The tests once as the device is, and once more as if it were a GPU; the program's exit code. */
int test_run_both_classes(const char *name, void (*add_tests)(TCase *));

void test_run_case(test_case *t, const test_options *options);
/* Frees what a case holds, without running it. */
void test_clear_case(test_case *t);

/* The implementation of this name; fails the test where there is none. */
const tsr_implementation *test_implementation(const char *name);
/* Whether it takes the graph's last primitive, with those before it that belong to its span. */
bool test_takes(const test_case *t, const char *name, uint32_t vector_width);
/* Fails unless it matches that but refuses it with a reason that contains `reason`. Clears the case. */
void test_refused(test_case *t, const char *name, const char *reason);

/* Cases that cover every pair of values of every two parameters. levels[p] is how many values parameter p has; case i
 * takes value cases[i * parameters + p] of it. Returns how many cases there are, at most `capacity`. The same each
 * time. */
int test_cover_pairs(const int *levels, int parameters, int *cases, int capacity);
/* The same where the first `set_parameters` parameters of each case are those of one of `set_count` sets, which cover
 * all pairs among themselves: sets that make a program each are so crossed with parameters that are arguments. */
int test_extend_pairs(const int *levels, int parameters, const int *sets, int set_count, int set_parameters, int *cases,
                      int capacity);

#endif
