/* Covering: which spans are taken, what is dropped, and the order of the steps. */
#include "plan/cover.h"
#include "support/tester.h"

typedef struct chain {
    test_case t;
    int conv, pool, winner, relu;
} chain;

static void build(chain *c)
{
    *c = (chain){.t = {.fill = TEST_INTEGERS}};
    tsr_conv2d_descriptor conv = {1, 4, 4, 2, 3, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    tsr_pool2d_descriptor pool = {TSR_POOL_MAX, 1, 4, 4, 3, 2, 2, 2, 2, TSR_PADDING_VALID};
    int x = test_input(&c->t, "x", TSR_F32, 4, (int32_t[]){1, 4, 4, 2});
    c->conv = test_conv2d(&c->t, &conv, x);
    c->pool = test_pool2d(&c->t, &pool, c->conv, &c->winner);
    c->relu = test_activation(&c->t, TSR_RELU, 0, c->pool);
}

static tsr_target target(bool fuse)
{
    return (tsr_target){.device = test_device(), .fuse = fuse, .vector_width = 4};
}

static const char fused[] = "conv2d_activation_tiled"; /* for devices of any class, where a test asks for it */

START_TEST(the_longest_span_is_taken)
{
    chain c;
    build(&c);
    tsr_target to = target(true);
    tsr_cover cover;
    to.only = fused;
    check_ok(tsr_cover_graph(&c.t.graph, (int[]){c.relu, c.winner}, 2, &to, fused, &cover));
    ck_assert_uint_eq(cover.count, 1);
    ck_assert_str_eq(cover.steps[0]->implementation->name, fused);
    ck_assert_int_eq(cover.steps[0]->span.count, 3);
    tsr_cover_clear(&cover);
    test_clear_case(&c.t);
}
END_TEST

START_TEST(what_nobody_reads_is_dropped)
{
    chain c;
    build(&c);
    tsr_target to = target(true);
    tsr_cover cover;
    to.only = fused;
    check_ok(tsr_cover_graph(&c.t.graph, &c.relu, 1, &to, fused, &cover));
    ck_assert_uint_eq(cover.count, 1);
    ck_assert(tsr_span_stores(&cover.steps[0]->span, c.relu));
    ck_assert(!tsr_span_stores(&cover.steps[0]->span, c.winner));
    tsr_cover_clear(&cover);
    check_ok(tsr_cover_graph(&c.t.graph, &c.conv, 1, &to, NULL, &cover));
    ck_assert_uint_eq(cover.count, 1);
    ck_assert(tsr_span_stores(&cover.steps[0]->span, c.conv));
    tsr_cover_clear(&cover);
    test_clear_case(&c.t);
}
END_TEST

START_TEST(a_span_that_hides_a_wanted_value_is_banned)
{
    chain c;
    build(&c);
    tsr_target to = target(true);
    tsr_cover cover;
    to.only = fused;
    check_ok(tsr_cover_graph(&c.t.graph, (int[]){c.relu, c.conv}, 2, &to, fused, &cover));
    bool said = false;
    for (size_t i = 0; i < cover.note_count; i++)
        said |=
            strcmp(cover.notes[i].implementation->name, fused) == 0 && strstr(cover.notes[i].reason, "hide") != NULL;
    ck_assert(said);
    for (size_t s = 0; s < cover.count; s++) ck_assert_str_ne(cover.steps[s]->implementation->name, fused);
    tsr_cover_clear(&cover);
    test_clear_case(&c.t);
}
END_TEST

START_TEST(without_fusion_every_primitive_stands_alone)
{
    chain c;
    build(&c);
    tsr_target to = target(false);
    tsr_cover cover;
    check_ok(tsr_cover_graph(&c.t.graph, &c.relu, 1, &to, NULL, &cover));
    ck_assert_uint_eq(cover.count, 3);
    for (size_t s = 0; s < cover.count; s++) ck_assert_int_eq(cover.steps[s]->span.count, 1);
    tsr_cover_clear(&cover);
    test_clear_case(&c.t);
}
END_TEST

START_TEST(an_update_comes_after_the_last_reader_of_its_weights)
{
    /* The update is added before the data gradient, which reads the same weights. */
    test_case t = {.fill = TEST_INTEGERS};
    tsr_dense_descriptor dense = {2, 3, 4, false};
    int x = test_input(&t, "x", TSR_F32, 2, (int32_t[]){2, 3}),
        dy = test_input(&t, "dy", TSR_F32, 2, (int32_t[]){2, 4});
    int dw = test_dense_grad_weights(&t, &dense, dy, x, NULL), w = TSR_NONE;
    int rate = test_input(&t, "learning_rate", TSR_F32, 1, (int32_t[]){1});
    int clock = test_input(&t, "clock", TSR_I32, 1, (int32_t[]){4}),
        counts = test_input(&t, "counts", TSR_I32, 1, (int32_t[]){4});
    w = test_value(&t, "w", TSR_ROLE_PARAMETER, TSR_F32, 2, (int32_t[]){3, 4});
    int updated = test_value(&t, "w'", TSR_ROLE_PARAMETER, TSR_F32, 2, (int32_t[]){3, 4});
    t.graph.values[updated].replaces = w;
    tsr_primitive update = {.kind = TSR_KIND_UPDATE,
                            .layer = TSR_NONE,
                            .input_count = 5,
                            .inputs = {w, dw, rate, clock, counts},
                            .output_count = 1,
                            .outputs = {updated}};
    update.as.update.optimizer = TSR_OPTIMIZER_SGD;
    ck_assert_int_ne(tsr_graph_primitive(&t.graph, &update), TSR_NONE);
    int dx = tsr_graph_value(&t.graph, "dx", TSR_ROLE_TEMPORARY, TSR_F32, 2, (int32_t[]){2, 3});
    tsr_primitive data = {.kind = TSR_KIND_DENSE_GRAD_DATA,
                          .layer = TSR_NONE,
                          .input_count = 2,
                          .inputs = {dy, w},
                          .output_count = 1,
                          .outputs = {dx}};
    data.as.dense = dense;
    ck_assert_int_ne(tsr_graph_primitive(&t.graph, &data), TSR_NONE);
    for (int fuse = 0; fuse < 2; fuse++) {
        tsr_target to = target(fuse);
        tsr_cover cover;
        check_ok(tsr_cover_graph(&t.graph, (int[]){updated, dx}, 2, &to, NULL, &cover));
        int wrote = TSR_NONE, read = TSR_NONE;
        for (size_t s = 0; s < cover.count; s++) {
            if (tsr_span_stores(&cover.steps[s]->span, updated)) wrote = (int)s;
            if (tsr_span_stores(&cover.steps[s]->span, dx)) read = (int)s;
        }
        ck_assert_int_ne(wrote, TSR_NONE);
        ck_assert_int_ne(read, TSR_NONE);
        ck_assert_int_le(read, wrote); /* the same step where one span does both */
        tsr_cover_clear(&cover);
    }
    test_clear_case(&t);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, the_longest_span_is_taken);
    tcase_add_test(tests, what_nobody_reads_is_dropped);
    tcase_add_test(tests, a_span_that_hides_a_wanted_value_is_banned);
    tcase_add_test(tests, without_fusion_every_primitive_stands_alone);
    tcase_add_test(tests, an_update_comes_after_the_last_reader_of_its_weights);
}

int main(void)
{
    return test_run("cover", add_tests);
}
