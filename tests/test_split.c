/* The split must be scikit-learn's, bit for bit; the expected values are from scikit-learn 1.3 with random_state=42. */
#include "support/support.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static uint32_t checksum(const int32_t *index, int64_t count)
{
    uLong crc = crc32(0, NULL, 0);
    for (int64_t i = 0; i < count; i++) {
        uint32_t word = (uint32_t)index[i];
        unsigned char bytes[4] = {(unsigned char)word, (unsigned char)(word >> 8), (unsigned char)(word >> 16),
                                  (unsigned char)(word >> 24)};
        crc = crc32(crc, bytes, 4);
    }
    return (uint32_t)crc;
}

START_TEST(splits_as_scikit_learn)
{
    static const int32_t first_test[5] = {12628, 37730, 39991, 8525, 8279};
    static const int32_t first_train[5] = {48572, 38696, 13611, 35213, 31766};
    int32_t *train, *test;
    int64_t train_count, test_count;
    check_ok(tsr_train_test_split(60000, 0.2, 42, &train, &train_count, &test, &test_count));
    ck_assert_int_eq(train_count, 48000);
    ck_assert_int_eq(test_count, 12000);
    ck_assert_mem_eq(test, first_test, sizeof first_test);
    ck_assert_mem_eq(train, first_train, sizeof first_train);
    ck_assert_uint_eq(checksum(test, test_count), 0x59ba792b);
    ck_assert_uint_eq(checksum(train, train_count), 0x6ebd3b20);
    free(train), free(test);
}
END_TEST

START_TEST(rounds_the_test_part_up)
{
    static const int32_t order[10] = {8, 1, 5, 0, 7, 2, 9, 4, 3, 6};
    int32_t *train, *test;
    int64_t train_count, test_count;
    check_ok(tsr_train_test_split(10, 0.25, 42, &train, &train_count, &test, &test_count));
    ck_assert_int_eq(test_count, 3);
    ck_assert_int_eq(train_count, 7);
    ck_assert_mem_eq(test, order, 3 * sizeof *order);
    ck_assert_mem_eq(train, order + 3, 7 * sizeof *order);
    free(train), free(test);
}
END_TEST

START_TEST(refuses_what_cannot_be_split)
{
    int32_t *train, *test;
    int64_t train_count, test_count;
    check_fails(tsr_train_test_split(10, 0, 42, &train, &train_count, &test, &test_count), TSR_INVALID_ARGUMENT,
                "between 0 and 1");
    check_fails(tsr_train_test_split(10, 1, 42, &train, &train_count, &test, &test_count), TSR_INVALID_ARGUMENT,
                "between 0 and 1");
    check_fails(tsr_train_test_split(1, 0.5, 42, &train, &train_count, &test, &test_count), TSR_INVALID_ARGUMENT,
                "1 samples");
    check_fails(tsr_train_test_split(3, 0.9, 42, &train, &train_count, &test, &test_count), TSR_INVALID_ARGUMENT,
                "none for training");
    ck_assert_ptr_null(train);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, splits_as_scikit_learn);
    tcase_add_test(tests, rounds_the_test_part_up);
    tcase_add_test(tests, refuses_what_cannot_be_split);
}

int main(void)
{
    return test_run("split", add_tests);
}
