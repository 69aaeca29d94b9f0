/* scikit-learn's train_test_split: the first ceil(fraction * n) of NumPy's permutation are for testing. */
#include "tessera/io.h"

#include "base/memory.h"
#include "base/random.h"
#include "base/status.h"

#include <math.h>
#include <string.h>

tsr_status tsr_train_test_split(int64_t n, double test_fraction, uint32_t seed, int32_t **train, int64_t *train_count,
                                int32_t **test, int64_t *test_count)
{
    *train = *test = NULL;
    *train_count = *test_count = 0;
    if (!(test_fraction > 0 && test_fraction < 1)) {
        return tsr_fail(TSR_INVALID_ARGUMENT, "a test fraction of %g: it must lie between 0 and 1", test_fraction);
    }
    if (n < 2 || n > INT32_MAX) {
        return tsr_fail(TSR_INVALID_ARGUMENT, "%lld samples cannot be split: 2 to %d are needed", (long long)n,
                        INT32_MAX);
    }
    int64_t tested = (int64_t)ceil(test_fraction * (double)n), trained = n - tested;
    if (trained < 1) {
        return tsr_fail(TSR_INVALID_ARGUMENT, "a test fraction of %g of %lld samples leaves none for training",
                        test_fraction, (long long)n);
    }
    int32_t *order = tsr_alloc((size_t)n, sizeof *order);
    *train = tsr_alloc((size_t)trained, sizeof **train);
    *test = tsr_alloc((size_t)tested, sizeof **test);
    if (!order || !*train || !*test) {
        free(order), free(*train), free(*test);
        *train = *test = NULL;
        return tsr_fail_memory("the split's indices", 8ULL * (unsigned long long)n);
    }
    tsr_mt19937 generator;
    tsr_mt19937_seed(&generator, seed);
    tsr_mt19937_permutation(&generator, order, (size_t)n);
    memcpy(*test, order, (size_t)tested * sizeof *order);
    memcpy(*train, order + tested, (size_t)trained * sizeof *order);
    *train_count = trained;
    *test_count = tested;
    free(order);
    return TSR_OK;
}
