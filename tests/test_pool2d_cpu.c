/* pool2d_cpu and pool2d_grad_cpu against their twins. */
#include "support/pool2d_cases.h"

START_TEST(forward_covers_pairs)
{
    test_pool2d_forward("pool2d_cpu");
}
END_TEST

START_TEST(backward_covers_pairs)
{
    test_pool2d_backward("pool2d_grad_cpu");
}
END_TEST

START_TEST(winner_is_the_first)
{
    test_pool2d_winners("pool2d_cpu");
}
END_TEST

START_TEST(backward_follows_forward)
{
    test_pool2d_round_trip("pool2d_grad_cpu");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, forward_covers_pairs);
    tcase_add_test(tests, backward_covers_pairs);
    tcase_add_test(tests, winner_is_the_first);
    tcase_add_test(tests, backward_follows_forward);
}

int main(void)
{
    return test_run_on_cpus("pool2d_cpu", add_tests);
}
