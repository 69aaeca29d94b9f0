#include "base/random.h"
#include "support/support.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

START_TEST(philox_gives_the_published_words)
{
    /* Random123's known answers for philox4x32-10: counter, key, words. */
    static const uint32_t known[3][10] = {
        {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
        {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
        {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
         0x24126ea1},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t words[4];
        tsr_philox(known[i], known[i] + 4, words);
        ck_assert(memcmp(words, known[i] + 6, sizeof words) == 0);
    }
}
END_TEST

START_TEST(uniform_takes_the_stated_word)
{
    const uint64_t seed = 0x123456789abcdef0u, element = 0x1234567890u;
    const uint32_t counter[4] = {(uint32_t)(element / 4), 7, 1001, (uint32_t)(element >> 34)};
    const uint32_t key[2] = {0x9abcdef0u, 0x12345678u};
    uint32_t words[4];
    tsr_philox(counter, key, words);
    for (int i = 0; i < 4; i++)
        ck_assert(tsr_uniform(seed, 1001, 7, element + (uint64_t)i) == (float)(words[i] >> 8) / 16777216.0f);
}
END_TEST

START_TEST(uniform_is_uniform)
{
    enum { N = 100000, CELLS = 50 };
    int count[CELLS] = {0};
    double chi = 0;
    for (uint64_t i = 0; i < N; i++) {
        float u = tsr_uniform(42, TSR_STREAM_WEIGHTS, 0, i);
        ck_assert(u >= 0 && u < 1);
        count[(int)(u * CELLS)]++;
    }
    for (int i = 0; i < CELLS; i++) chi += (count[i] - N / CELLS) * (double)(count[i] - N / CELLS) / (N / CELLS);
    ck_assert_msg(chi < 85.4, "chi-square %g", chi); /* the 99.9 % point with 49 degrees of freedom */
}
END_TEST

static void check_permutation(const int32_t *order, int n)
{
    char *seen = calloc((size_t)n, 1);
    ck_assert(seen != NULL);
    for (int i = 0; i < n; i++) {
        ck_assert(order[i] >= 0 && order[i] < n && !seen[order[i]]);
        seen[order[i]] = 1;
    }
    free(seen);
}

START_TEST(shuffle_depends_on_seed_stream_and_step_alone)
{
    enum { N = 1000 };
    static int32_t first[N], other[N];
    tsr_shuffle(42, TSR_STREAM_SHUFFLE, 3, first, N);
    check_permutation(first, N);
    tsr_shuffle(42, TSR_STREAM_SHUFFLE, 3, other, N);
    ck_assert(memcmp(first, other, sizeof first) == 0);
    for (int i = 0; i < 3; i++) {
        tsr_shuffle(i == 0 ? 43 : 42, i == 1 ? 9 : TSR_STREAM_SHUFFLE, i == 2 ? 4 : 3, other, N);
        check_permutation(other, N);
        ck_assert(memcmp(first, other, sizeof first) != 0);
    }
    tsr_shuffle(42, 1, 0, other, 0);
    tsr_shuffle(42, 1, 0, other, 1);
    ck_assert_int_eq(other[0], 0);
}
END_TEST

START_TEST(every_order_is_as_likely)
{
    enum { N = 24000 };
    int count[27] = {0};
    double chi = 0;
    for (uint32_t step = 0; step < N; step++) {
        int32_t order[3];
        tsr_shuffle(1, TSR_STREAM_SHUFFLE, step, order, 3);
        count[order[0] * 9 + order[1] * 3 + order[2]]++;
    }
    for (int i = 0; i < 27; i++)
        if (count[i]) chi += (count[i] - N / 6) * (double)(count[i] - N / 6) / (N / 6);
    ck_assert_msg(chi < 20.5, "chi-square %g", chi); /* the 99.9 % point with 5 degrees of freedom */
}
END_TEST

START_TEST(mt19937_draws_as_numpy_does)
{
    static const int32_t permutation[10] = {8, 1, 5, 0, 7, 2, 9, 4, 3, 6};
    int32_t drawn[10];
    tsr_mt19937 generator;
    tsr_mt19937_seed(&generator, 42);
    ck_assert_uint_eq(tsr_mt19937_next(&generator), 1608637542u);
    ck_assert_uint_eq(tsr_mt19937_next(&generator), 3421126067u);
    ck_assert_uint_eq(tsr_mt19937_next(&generator), 4083286876u);
    tsr_mt19937_seed(&generator, 42);
    tsr_mt19937_permutation(&generator, drawn, 10);
    ck_assert(memcmp(drawn, permutation, sizeof drawn) == 0);
}
END_TEST

START_TEST(a_long_permutation_is_numpys_to_the_bit)
{
    enum { N = 60000, TEST = 12000 };
    int32_t *drawn = malloc(N * sizeof *drawn);
    tsr_mt19937 generator;
    ck_assert(drawn != NULL);
    tsr_mt19937_seed(&generator, 42);
    tsr_mt19937_permutation(&generator, drawn, N);
    ck_assert_int_eq(drawn[0], 12628);
    ck_assert_int_eq(drawn[TEST], 48572);
    ck_assert_uint_eq(crc32(0, (const Bytef *)drawn, TEST * sizeof *drawn), 0x59ba792bu);
    ck_assert_uint_eq(crc32(0, (const Bytef *)(drawn + TEST), (N - TEST) * sizeof *drawn), 0x6ebd3b20u);
    free(drawn);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, philox_gives_the_published_words);
    tcase_add_test(tests, uniform_takes_the_stated_word);
    tcase_add_test(tests, uniform_is_uniform);
    tcase_add_test(tests, shuffle_depends_on_seed_stream_and_step_alone);
    tcase_add_test(tests, every_order_is_as_likely);
    tcase_add_test(tests, mt19937_draws_as_numpy_does);
    tcase_add_test(tests, a_long_permutation_is_numpys_to_the_bit);
}

int main(void)
{
    return test_run("random", add_tests);
}
