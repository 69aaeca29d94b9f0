/* Placing: memory that is reused, kept apart, guarded, and refused when there is too little. */
#include "plan/internal.h"
#include "support/tester.h"

/* A chain of `length` activations over n floats; returns the last value. */
static int build_chain(test_case *t, int length, int32_t n)
{
    int value = test_input(t, "x", TSR_F32, 2, (int32_t[]){1, n});
    for (int i = 0; i < length; i++) value = test_activation(t, TSR_TANH, 0, value);
    return value;
}

static tsr_plan *make_plan(test_case *t, int wanted, const tsr_plan_options *options)
{
    tsr_plan *plan;
    check_ok(tsr_plan_create(test_device(), &t->graph, &wanted, 1, options, NULL, &plan));
    return plan;
}

START_TEST(dead_values_give_their_memory_to_later_ones)
{
    test_case t = {.fill = TEST_RANDOM};
    int last = build_chain(&t, 8, 10000);
    tsr_plan *plan = make_plan(&t, last, NULL);
    /* Two in flight and the result, which is kept. */
    ck_assert_uint_lt(tsr_plan_arena_bytes(plan), 4 * 10000 * sizeof(float));
    ck_assert_uint_ge(tsr_plan_arena_bytes(plan), 3 * 10000 * sizeof(float));
    tsr_plan_free(plan);
    test_clear_case(&t);
}
END_TEST

START_TEST(values_alive_together_do_not_overlap)
{
    test_case t = {.fill = TEST_RANDOM};
    int last = build_chain(&t, 6, 1000);
    tsr_plan *plan = make_plan(&t, last, NULL);
    for (size_t i = 0; i < plan->slot_count; i++)
        for (size_t k = 0; k < i; k++) {
            const tsr_slot *a = &plan->slots[i], *b = &plan->slots[k];
            bool together = a->alone || b->alone || (a->first <= b->last && b->first <= a->last);
            bool apart = a->arena != b->arena || a->offset + a->bytes <= b->offset || b->offset + b->bytes <= a->offset;
            ck_assert(!together || apart);
            ck_assert_uint_eq(a->offset % test_device()->info.alignment, 0);
        }
    tsr_plan_free(plan);
    test_clear_case(&t);
}
END_TEST

START_TEST(guards_tell_of_a_stray_write)
{
    test_case t = {.fill = TEST_RANDOM};
    int last = build_chain(&t, 2, 100);
    tsr_plan *plan = make_plan(&t, last, &(tsr_plan_options){.guard = true});
    check_ok(tsr_plan_check_guards(plan));
    const tsr_view *view = tsr_plan_view(plan, last);
    check_ok(tsr_buffer_fill(test_device(), view->whole, view->whole_offset + view->bytes + 4, 7, 1));
    check_fails(tsr_plan_check_guards(plan), TSR_INTERNAL, "out of bounds after");
    tsr_plan_free(plan);
    test_clear_case(&t);
}
END_TEST

START_TEST(a_value_larger_than_an_allocation_is_refused)
{
    test_case t = {.fill = TEST_RANDOM};
    /* The device claims little memory for the time of the test. */
    tsr_device_info *info = &test_device()->info;
    uint64_t before = info->max_allocation;
    info->max_allocation = 4096;
    int last = build_chain(&t, 2, 5000);
    tsr_plan *plan;
    check_fails(tsr_plan_create(test_device(), &t.graph, &last, 1, NULL, NULL, &plan), TSR_OUT_OF_MEMORY,
                "smaller batch size");
    info->max_allocation = before;
    test_clear_case(&t);
}
END_TEST

START_TEST(several_arenas_where_one_allocation_is_too_small)
{
    test_case t = {.fill = TEST_RANDOM};
    tsr_device_info *info = &test_device()->info;
    uint64_t before = info->max_allocation;
    int last = build_chain(&t, 4, 1000);
    info->max_allocation = 5000 + info->alignment;
    tsr_plan *plan = make_plan(&t, last, NULL);
    info->max_allocation = before;
    ck_assert_uint_gt(plan->arena_count, 1);
    tsr_plan_free(plan);
    test_clear_case(&t);
}
END_TEST

START_TEST(more_than_32_bits_of_elements_are_refused)
{
    test_case t = {.fill = TEST_RANDOM};
    int x = tsr_graph_value(&t.graph, "x", TSR_ROLE_INPUT, TSR_F32, 2, (int32_t[]){70000, 70000});
    int y = tsr_graph_value(&t.graph, "y", TSR_ROLE_TEMPORARY, TSR_F32, 2, (int32_t[]){70000, 70000});
    tsr_primitive p = {.kind = TSR_KIND_ACTIVATION,
                       .layer = TSR_NONE,
                       .input_count = 1,
                       .inputs = {x},
                       .output_count = 1,
                       .outputs = {y}};
    p.as.activation = (tsr_activation_descriptor){.function = TSR_RELU, .rows = 70000, .columns = 70000};
    ck_assert_int_ne(tsr_graph_primitive(&t.graph, &p), TSR_NONE);
    tsr_plan *plan;
    check_fails(tsr_plan_create(test_device(), &t.graph, &y, 1, NULL, NULL, &plan), TSR_UNSUPPORTED, "2^31");
    test_clear_case(&t);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, dead_values_give_their_memory_to_later_ones);
    tcase_add_test(tests, values_alive_together_do_not_overlap);
    tcase_add_test(tests, guards_tell_of_a_stray_write);
    tcase_add_test(tests, a_value_larger_than_an_allocation_is_refused);
    tcase_add_test(tests, several_arenas_where_one_allocation_is_too_small);
    tcase_add_test(tests, more_than_32_bits_of_elements_are_refused);
}

int main(void)
{
    return test_run("place", add_tests);
}
