#include "base/hash.h"
#include "support/support.h"

#include <string.h>

START_TEST(the_low_half_is_fnv_1a)
{
    /* Landon Curt Noll's test vectors. */
    ck_assert_uint_eq(tsr_hash_bytes("", 0).low, 0xcbf29ce484222325u);
    ck_assert_uint_eq(tsr_hash_bytes("a", 1).low, 0xaf63dc4c8601ec8cu);
    ck_assert_uint_eq(tsr_hash_bytes("foobar", 6).low, 0x85944171f73967e8u);
}
END_TEST

START_TEST(both_halves_depend_on_every_byte)
{
    char text[64] = {0};
    tsr_hash before = tsr_hash_bytes(text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = 1;
        tsr_hash hash = tsr_hash_bytes(text, sizeof text);
        ck_assert(hash.low != before.low && hash.high != before.high && hash.low != hash.high);
        text[i] = 0;
    }
}
END_TEST

START_TEST(the_text_has_32_digits)
{
    char text[33];
    tsr_hash_text((tsr_hash){.low = 0xabc, .high = 0x1}, text);
    ck_assert_str_eq(text, "00000000000000010000000000000abc");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, the_low_half_is_fnv_1a);
    tcase_add_test(tests, both_halves_depend_on_every_byte);
    tcase_add_test(tests, the_text_has_32_digits);
}

int main(void)
{
    return test_run("hash", add_tests);
}
