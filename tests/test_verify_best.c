/* Which device tessera verify says to use: right and fit, not one to avoid where there is another, then the fastest. */
#include "../tools/verify.h"
#include "support/support.h"

/* Its number is its place. */
static void add(json_t *devices, bool right, bool fit, bool avoid, double seconds)
{
    json_array_append_new(devices, json_pack("{s:i, s:b, s:b, s:b, s:f}", "index", (int)json_array_size(devices),
                                             "right", right, "fit", fit, "avoid", avoid, "step_seconds", seconds));
}

START_TEST(the_fastest_of_those_that_serve)
{
    json_t *devices = json_array();
    ck_assert_int_eq(verify_best(devices), -1);
    add(devices, false, true, false, 0.001);
    add(devices, true, false, false, 0.002);
    ck_assert_int_eq(verify_best(devices), -1);
    add(devices, true, true, true, 0.003); /* 2: there is no other yet */
    ck_assert_int_eq(verify_best(devices), 2);
    add(devices, true, true, false, 0.005);
    ck_assert_int_eq(verify_best(devices), 3);
    add(devices, true, true, false, 0.004);
    add(devices, true, true, false, 0.006);
    ck_assert_int_eq(verify_best(devices), 4);
    json_object_set_new(json_array_get(devices, 4), "step_seconds", json_null()); /* not timed */
    ck_assert_int_eq(verify_best(devices), 3);
    json_decref(devices);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, the_fastest_of_those_that_serve);
}

int main(void)
{
    return test_run("verify_best", add_tests);
}
