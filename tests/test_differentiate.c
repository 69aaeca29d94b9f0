/* The gradients that a graph is given: which primitives, in which order, for which parameters. */
#include "support/tester.h"

/* conv2d, pool2d, activation, dense, the loss's gradient: what the tests differentiate. */
typedef struct network {
    test_case t;
    int conv, pool, winner, relu, logits, dlogits;
} network;

static void build(network *n)
{
    *n = (network){.t = {.fill = TEST_INTEGERS}};
    tsr_conv2d_descriptor conv = {2, 6, 6, 1, 3, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    tsr_pool2d_descriptor pool = {TSR_POOL_MAX, 2, 6, 6, 3, 2, 2, 2, 2, TSR_PADDING_VALID};
    tsr_dense_descriptor dense = {2, 27, 4, true};
    int x = test_input(&n->t, "x", TSR_F32, 4, (int32_t[]){2, 6, 6, 1});
    n->conv = test_conv2d(&n->t, &conv, x);
    n->pool = test_pool2d(&n->t, &pool, n->conv, &n->winner);
    n->relu = test_activation(&n->t, TSR_RELU, 0, n->pool);
    n->logits = test_dense(&n->t, &dense, n->relu);
    n->dlogits = test_input(&n->t, "dlogits", TSR_F32, 2, (int32_t[]){2, 4});
}

/* The number of primitives of the kind. */
static int count_kind(const tsr_graph *graph, tsr_kind kind)
{
    int count = 0;
    for (size_t i = 0; i < graph->primitive_count; i++) count += graph->primitives[i].kind == kind;
    return count;
}

START_TEST(every_parameter_gets_its_gradient)
{
    network n;
    build(&n);
    int gradients[4];
    check_ok(tsr_differentiate_graph(&n.t.graph, &n.logits, &n.dlogits, 1, gradients, 4));
    const tsr_graph *graph = &n.t.graph;
    for (size_t v = 0; v < graph->value_count; v++) {
        const tsr_value *parameter = &graph->values[v];
        if (parameter->role != TSR_ROLE_PARAMETER) continue;
        ck_assert_int_ne(gradients[parameter->slot], TSR_NONE);
        const tsr_value *gradient = &graph->values[gradients[parameter->slot]];
        ck_assert_int_eq(gradient->role, TSR_ROLE_GRADIENT);
        ck_assert_int_eq(gradient->slot, parameter->slot);
        ck_assert_uint_eq(tsr_value_count(gradient), tsr_value_count(parameter));
    }
    test_clear_case(&n.t);
}
END_TEST

START_TEST(the_chain_runs_backwards)
{
    network n;
    build(&n);
    int gradients[4];
    check_ok(tsr_differentiate_graph(&n.t.graph, &n.logits, &n.dlogits, 1, gradients, 4));
    const tsr_graph *graph = &n.t.graph;
    /* dw of the convolution reads the pool's gradient, that the activation's, that the dense layer's. */
    const int kinds[] = {TSR_KIND_CONV2D_GRAD_WEIGHTS, TSR_KIND_POOL2D_GRAD, TSR_KIND_ACTIVATION_GRAD,
                         TSR_KIND_DENSE_GRAD_DATA, TSR_KIND_COUNT};
    int dw = TSR_NONE;
    for (size_t i = 0; i < graph->primitive_count; i++)
        if (graph->primitives[i].kind == TSR_KIND_CONV2D_GRAD_WEIGHTS) dw = (int)i;
    tsr_span span;
    ck_assert(tsr_match_chain(graph, dw, kinds, NULL, &span));
    ck_assert_int_eq(span.count, 4);
    ck_assert(tsr_span_reads(&span, n.dlogits));
    ck_assert(tsr_span_reads(&span, n.winner));
    test_clear_case(&n.t);
}
END_TEST

START_TEST(nothing_is_computed_for_the_data)
{
    network n;
    build(&n);
    int gradients[4];
    check_ok(tsr_differentiate_graph(&n.t.graph, &n.logits, &n.dlogits, 1, gradients, 4));
    ck_assert_int_eq(count_kind(&n.t.graph, TSR_KIND_CONV2D_GRAD_DATA), 0);
    ck_assert_int_eq(count_kind(&n.t.graph, TSR_KIND_DENSE_GRAD_DATA), 1);
    test_clear_case(&n.t);
}
END_TEST

START_TEST(a_value_with_two_readers_is_refused)
{
    network n;
    build(&n);
    tsr_dense_descriptor second = {2, 27, 4, false};
    int other = test_dense(&n.t, &second, n.relu);
    int outputs[] = {n.logits, other}, given[] = {n.dlogits, n.dlogits}, gradients[8];
    check_fails(tsr_differentiate_graph(&n.t.graph, outputs, given, 2, gradients, 8), TSR_UNSUPPORTED,
                "more than one layer");
    test_clear_case(&n.t);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, every_parameter_gets_its_gradient);
    tcase_add_test(tests, the_chain_runs_backwards);
    tcase_add_test(tests, nothing_is_computed_for_the_data);
    tcase_add_test(tests, a_value_with_two_readers_is_refused);
}

int main(void)
{
    return test_run("differentiate", add_tests);
}
