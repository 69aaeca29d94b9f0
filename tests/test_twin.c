/* The twins of a graph: exact values, bounds, and what they let pass. */
#include "support/tester.h"

#include <math.h>

typedef struct product {
    test_case t;
    int x, w, y;
} product;

/* y = x w of 1 row, 3 inputs and 2 units. */
static void evaluate(product *p, const double x[3], const double w[6])
{
    *p = (product){0};
    p->x = test_input(&p->t, "x", TSR_F32, 2, (int32_t[]){1, 3});
    p->y = test_dense(&p->t, &(tsr_dense_descriptor){1, 3, 2, false}, p->x);
    p->w = p->t.graph.primitives[0].inputs[1];
    check_ok(tsr_twins_create(&p->t.graph, &p->t.twins));
    check_ok(tsr_twins_set(&p->t.twins, p->x, x));
    check_ok(tsr_twins_set(&p->t.twins, p->w, w));
    check_ok(tsr_twins_evaluate(&p->t.twins, &p->t.graph.primitives[0]));
}

START_TEST(integers_are_exact)
{
    product p;
    evaluate(&p, (double[]){1, -2, 3}, (double[]){4, 0, 5, 1, 6, 2});
    const tsr_twin_value *y = &p.t.twins.values[p.y];
    ck_assert(y->integer && y->exact[0] == 12 && y->exact[1] == 4 && y->bound[0] == 0 && y->bound[1] == 0);
    ck_assert(tsr_twins_agree(&p.t.twins, p.y, 0, 12, 1));
    ck_assert(!tsr_twins_agree(&p.t.twins, p.y, 0, nextafterf(12, 13), 100));
    ck_assert(!tsr_twins_agree(&p.t.twins, p.y, 0, (double)NAN, 1));
    test_clear_case(&p.t);
}
END_TEST

START_TEST(sums_have_a_bound_by_their_terms)
{
    product p;
    evaluate(&p, (double[]){0.5, -0.25, 0.1}, (double[]){1, 1, 2, 1, -0.3, 1});
    const tsr_twin_value *y = &p.t.twins.values[p.y];
    /* 3 terms and 8 more, times the magnitudes 0.5 + 0.5 + 0.03. */
    double bound = 11 * 0x1p-24 * 1.03;
    ck_assert(!y->integer && fabs(y->bound[0] - bound) < 1e-3 * bound);
    ck_assert(tsr_twins_agree(&p.t.twins, p.y, 0, y->exact[0] + 0.99 * bound, 1));
    ck_assert(!tsr_twins_agree(&p.t.twins, p.y, 0, y->exact[0] + 1.01 * bound, 1));
    ck_assert(tsr_twins_agree(&p.t.twins, p.y, 0, y->exact[0] - 1.9 * bound, 2));
    test_clear_case(&p.t);
}
END_TEST

START_TEST(products_below_the_smallest_normal_number_may_be_zero)
{
    product p;
    evaluate(&p, (double[]){1e-20f, 0.5, 2e-20f}, (double[]){1e-20f, 1, 0, 1, 1e-20f, 1});
    ck_assert_double_gt(p.t.twins.values[p.y].exact[0], 0);
    ck_assert(tsr_twins_agree(&p.t.twins, p.y, 0, 0, 1));
    ck_assert(!tsr_twins_agree(&p.t.twins, p.y, 1, 0, 1));
    test_clear_case(&p.t);
}
END_TEST

START_TEST(what_is_not_finite_must_be_met)
{
    product p;
    evaluate(&p, (double[]){INFINITY, 1, 1}, (double[]){1, 0, 1, 1, 1, 1});
    ck_assert(tsr_twins_agree(&p.t.twins, p.y, 0, INFINITY, 1) && !tsr_twins_agree(&p.t.twins, p.y, 0, 1e38, 1e30));
    ck_assert(tsr_twins_agree(&p.t.twins, p.y, 1, (double)NAN, 1) && !tsr_twins_agree(&p.t.twins, p.y, 1, 2, 1e30));
    test_clear_case(&p.t);
}
END_TEST

START_TEST(data_are_rounded_to_the_type)
{
    test_case t = {0};
    int f = test_input(&t, "f", TSR_F32, 1, (int32_t[]){1}), u = test_input(&t, "u", TSR_U8, 1, (int32_t[]){1});
    check_ok(tsr_twins_create(&t.graph, &t.twins));
    check_ok(tsr_twins_set(&t.twins, f, (double[]){0.1}));
    check_ok(tsr_twins_set(&t.twins, u, (double[]){7.9}));
    ck_assert(t.twins.values[f].exact[0] == (double)0.1f && t.twins.values[u].exact[0] == 7);
    test_clear_case(&t);
}
END_TEST

/* Cells that are as large within their bounds may both win; others may not. */
START_TEST(winners_of_near_ties)
{
    test_case t = {0};
    int x = test_input(&t, "x", TSR_F32, 4, (int32_t[]){1, 1, 3, 1}), winner;
    tsr_pool2d_descriptor pool = {TSR_POOL_MAX, 1, 1, 3, 1, 1, 3, 1, 3, TSR_PADDING_VALID};
    test_pool2d(&t, &pool, x, &winner);
    check_ok(tsr_twins_create(&t.graph, &t.twins));
    check_ok(tsr_twins_set(&t.twins, x, (double[]){1, 1.001, 0.5}));
    t.twins.values[x].bound[0] = t.twins.values[x].bound[1] = 0.0006;
    check_ok(tsr_twins_evaluate(&t.twins, &t.graph.primitives[0]));
    ck_assert(tsr_twins_agree(&t.twins, winner, 0, 1, 1) && tsr_twins_agree(&t.twins, winner, 0, 0, 1));
    ck_assert(!tsr_twins_agree(&t.twins, winner, 0, 0, 0.5));
    ck_assert(!tsr_twins_agree(&t.twins, winner, 0, 2, 1) && !tsr_twins_agree(&t.twins, winner, 0, 3, 1));
    test_clear_case(&t);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, integers_are_exact);
    tcase_add_test(tests, sums_have_a_bound_by_their_terms);
    tcase_add_test(tests, products_below_the_smallest_normal_number_may_be_zero);
    tcase_add_test(tests, what_is_not_finite_must_be_met);
    tcase_add_test(tests, data_are_rounded_to_the_type);
    tcase_add_test(tests, winners_of_near_ties);
}

int main(void)
{
    return test_run("twin", add_tests);
}
