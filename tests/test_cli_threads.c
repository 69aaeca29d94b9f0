/* The same weights, bit for bit, from run to run and whatever number of threads PoCL uses. A process each, since a
 * driver reads its number of threads once. */
#include "support/cli.h"
#include "support/support.h"
#include "support/tiny.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The kind of the reference network: two convolutions with pools, relu, dropout and two dense layers, over 8 x 8
 * images. */
static const char network[] = "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"threads\", \"layers\": ["
                              "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 8, 8, 1]}},"
                              "{\"class_name\": \"Conv2D\", \"config\": {\"filters\": 32, \"kernel_size\": [3, 3], "
                              "\"padding\": \"same\", \"activation\": \"relu\"}},"
                              "{\"class_name\": \"MaxPooling2D\", \"config\": {\"pool_size\": [2, 2]}},"
                              "{\"class_name\": \"Conv2D\", \"config\": {\"filters\": 64, \"kernel_size\": [3, 3], "
                              "\"padding\": \"same\", \"activation\": \"relu\"}},"
                              "{\"class_name\": \"MaxPooling2D\", \"config\": {\"pool_size\": [2, 2]}},"
                              "{\"class_name\": \"Flatten\", \"config\": {}},"
                              "{\"class_name\": \"Dense\", \"config\": {\"units\": 100, \"activation\": \"relu\"}},"
                              "{\"class_name\": \"Dropout\", \"config\": {\"rate\": 0.4}},"
                              "{\"class_name\": \"Dense\", \"config\": {\"units\": 4, \"activation\": \"softmax\"}}]}}";

/* Trains in a process with that many threads (0: the driver's own choice) and returns the weights, freed with free().
 */
static float *train(const char *name, int threads, const char *more, size_t *count)
{
    char output[256], model[256], variables[3][64];
    snprintf(output, sizeof output, "%s", test_path(name));
    snprintf(model, sizeof model, "%s", test_path("threads.json"));
    FILE *file = fopen(model, "w");
    ck_assert(file && fputs(network, file) >= 0 && fclose(file) == 0);
    /* 160 samples to train with: a last batch of 16. */
    /* Of PoCL, of Intel's runtime, and of Mesa's llvmpipe. */
    static const char *const names[] = {"POCL_MAX_PTHREAD_COUNT", "CL_CONFIG_CPU_TBB_NUM_WORKERS", "LP_NUM_THREADS"};
    for (int i = 0; i < 3; i++) snprintf(variables[i], sizeof variables[i], "%s=%d", names[i], threads);
    char command[1024];
    snprintf(command, sizeof command,
             "train --data %s --model %s --epochs 2 --batch-size 24 --output %s --history %s %s", tiny_dataset(), model,
             output, test_path("threads.csv"), more);
    const char *const set[] = {variables[0], variables[1], variables[2], NULL};
    const char *const unset[] = {names[0], names[1], names[2], NULL};
    test_execute(cli_arguments(command), threads ? set : unset, &cli_process);
    ck_assert_msg(cli_process.code == 0, "%s", cli_process.err);
    tsr_model *trained;
    check_ok(tsr_model_load(output, &trained));
    float *weights = malloc((size_t)tsr_model_parameters(trained) * sizeof *weights);
    ck_assert_ptr_nonnull(weights);
    *count = 0;
    for (int i = 0; i < tsr_model_weight_count(trained); i++) {
        check_ok(tsr_model_get_weight(trained, i, weights + *count));
        *count += tsr_model_weight(trained, i).count;
    }
    tsr_model_free(trained);
    return weights;
}

static void check_same(const char *more)
{
    size_t counts[4];
    float *runs[4] = {train("first.h5", 0, more, &counts[0]), train("again.h5", 0, more, &counts[1]),
                      train("one.h5", 1, more, &counts[2]), train("two.h5", 2, more, &counts[3])};
    for (int i = 1; i < 4; i++) {
        ck_assert_uint_eq(counts[i], counts[0]);
        ck_assert_msg(memcmp(runs[i], runs[0], counts[0] * sizeof(float)) == 0, "run %d differs from the first", i);
    }
    for (int i = 0; i < 4; i++) free(runs[i]);
}

START_TEST(threads_do_not_change_the_bits)
{
    check_same("--seed 7");
}
END_TEST

START_TEST(another_seed_does)
{
    size_t count, other_count;
    float *weights = train("first.h5", 0, "--seed 7", &count), *other = train("other.h5", 0, "--seed 8", &other_count);
    ck_assert_uint_eq(count, other_count);
    ck_assert(memcmp(weights, other, count * sizeof(float)) != 0);
    free(weights), free(other);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, threads_do_not_change_the_bits);
    tcase_add_test(tests, another_seed_does);
}

int main(void)
{
    return test_run("cli_threads", add_tests);
}
