/* Spans: what belongs to them, what they read, how chains are matched. */
#include "support/tester.h"

typedef struct chain {
    test_case t;
    int x, conv, pool, winner, relu;
} chain;

static void build(chain *c)
{
    *c = (chain){.t = {.fill = TEST_INTEGERS}};
    tsr_conv2d_descriptor conv = {1, 4, 4, 2, 3, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    tsr_pool2d_descriptor pool = {TSR_POOL_MAX, 1, 4, 4, 3, 2, 2, 2, 2, TSR_PADDING_VALID};
    c->x = test_input(&c->t, "x", TSR_F32, 4, (int32_t[]){1, 4, 4, 2});
    c->conv = test_conv2d(&c->t, &conv, c->x);
    c->pool = test_pool2d(&c->t, &pool, c->conv, &c->winner);
    c->relu = test_activation(&c->t, TSR_RELU, 0, c->pool);
}

START_TEST(primitives_stay_in_order_and_once)
{
    chain c;
    build(&c);
    tsr_span span = {.graph = &c.t.graph};
    ck_assert(tsr_span_add(&span, 2) && tsr_span_add(&span, 0) && tsr_span_add(&span, 1) && tsr_span_add(&span, 0));
    ck_assert_int_eq(span.count, 3);
    for (int i = 0; i < 3; i++) ck_assert_int_eq(span.primitives[i], i);
    test_clear_case(&c.t);
}
END_TEST

START_TEST(a_full_span_says_so)
{
    tsr_span span = {0};
    for (int i = 0; i < TSR_SPAN_PRIMITIVES; i++) ck_assert(tsr_span_add(&span, i));
    ck_assert(!tsr_span_add(&span, TSR_SPAN_PRIMITIVES));
    ck_assert(tsr_span_add(&span, 0));
}
END_TEST

START_TEST(a_chain_stores_its_end_and_the_winner)
{
    chain c;
    build(&c);
    tsr_span span;
    const int kinds[] = {TSR_KIND_ACTIVATION, TSR_KIND_POOL2D | TSR_OPTIONAL, TSR_KIND_CONV2D,
                         TSR_KIND_GATHER | TSR_OPTIONAL, TSR_KIND_COUNT};
    ck_assert(tsr_match_chain(&c.t.graph, tsr_graph_maker(&c.t.graph, c.relu), kinds, NULL, &span));
    ck_assert_int_eq(span.count, 3);
    ck_assert(tsr_span_stores(&span, c.relu) && tsr_span_stores(&span, c.winner));
    ck_assert(!tsr_span_stores(&span, c.pool) && !tsr_span_stores(&span, c.conv));
    ck_assert(tsr_span_reads(&span, c.x) && !tsr_span_reads(&span, c.conv));
    ck_assert_ptr_eq(tsr_span_primitive(&span, TSR_KIND_POOL2D),
                     &c.t.graph.primitives[tsr_graph_maker(&c.t.graph, c.pool)]);
    ck_assert_ptr_null(tsr_span_primitive(&span, TSR_KIND_DENSE));
    test_clear_case(&c.t);
}
END_TEST

START_TEST(a_chain_without_its_links_does_not_match)
{
    chain c;
    build(&c);
    tsr_span span;
    const int dense[] = {TSR_KIND_ACTIVATION, TSR_KIND_DENSE, TSR_KIND_COUNT};
    const int wrong_end[] = {TSR_KIND_POOL2D, TSR_KIND_CONV2D, TSR_KIND_COUNT};
    int end = tsr_graph_maker(&c.t.graph, c.relu);
    ck_assert(!tsr_match_chain(&c.t.graph, end, dense, NULL, &span));
    ck_assert(!tsr_match_chain(&c.t.graph, end, wrong_end, NULL, &span));
    test_clear_case(&c.t);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, primitives_stay_in_order_and_once);
    tcase_add_test(tests, a_full_span_says_so);
    tcase_add_test(tests, a_chain_stores_its_end_and_the_winner);
    tcase_add_test(tests, a_chain_without_its_links_does_not_match);
}

int main(void)
{
    return test_run("span", add_tests);
}
