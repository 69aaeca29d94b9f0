/* softmax_cross_entropy and its gradient against their twins. */
#include "support/tester.h"

#include "ops/primitive.h"

#include <math.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

static const int32_t rows[] = {1, 2, 32, 53, 67}, classes[] = {1, 2, 10, 37, 1000};

typedef struct loss {
    int logits, labels, losses, hits, gradient;
} loss;

/* Logits of the case's fill and labels from the first to the last class. */
static loss add_loss(test_case *t, tsr_loss_descriptor d)
{
    loss l = {.logits = test_input(t, "logits", TSR_F32, 2, (int32_t[]){d.rows, d.classes}),
              .labels = test_input(t, "labels", TSR_I32, 1, &d.rows)};
    double labels[128];
    for (int32_t m = 0; m < d.rows; m++) labels[m] = (m * 5 + d.classes - 1) % d.classes;
    test_set(t, l.labels, labels);
    tsr_primitive p = {
        .kind = TSR_KIND_SOFTMAX_CROSS_ENTROPY, .input_count = 2, .inputs = {l.logits, l.labels}, .as.loss = d};
    p.output_count = 2;
    p.outputs[0] = l.losses = test_value(t, "losses", TSR_ROLE_TEMPORARY, TSR_F32, 1, &d.rows);
    p.outputs[1] = l.hits = test_value(t, "hits", TSR_ROLE_TEMPORARY, TSR_I32, 1, &d.rows);
    test_primitive(t, &p);
    p.kind = TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD;
    p.output_count = 1;
    p.outputs[0] = l.gradient =
        test_value(t, "dlogits", TSR_ROLE_TEMPORARY, TSR_F32, 2, (int32_t[]){d.rows, d.classes});
    test_primitive(t, &p);
    return l;
}

START_TEST(covers_pairs)
{
    const test_fill fills[] = {TEST_INTEGERS, TEST_RANDOM, TEST_TIES, TEST_NAN, TEST_INFINITE, TEST_MINUS_INFINITE};
    const int levels[] = {COUNT(rows), COUNT(classes), COUNT(fills)};
    int cases[64 * 3], count = test_cover_pairs(levels, 3, cases, 64);
    for (int i = 0; i < count; i++) {
        const int *k = cases + 3 * i;
        test_case t = {.fill = fills[k[2]], .seed = (uint32_t)i};
        add_loss(&t, (tsr_loss_descriptor){rows[k[0]], classes[k[1]]});
        /* A sum of many exponentials rounds more. */
        test_run_case(&t, &(test_options){.slack = 1 + classes[k[1]] / 16.0});
    }
}
END_TEST

START_TEST(either_output_alone)
{
    for (int which = 0; which < 2; which++) {
        test_case t = {.fill = TEST_RANDOM};
        loss l = add_loss(&t, (tsr_loss_descriptor){13, 10});
        test_want(&t, which ? l.hits : l.losses);
        test_run_case(&t, &(test_options){.only = "softmax_cross_entropy", .fused = 1});
    }
}
END_TEST

START_TEST(large_logits_do_not_overflow)
{
    test_case t = {0};
    loss l = add_loss(&t, (tsr_loss_descriptor){4, 3});
    test_set(&t, l.logits, (double[]){1e4, -1e4, 9e3, 3e38, 0, 0, -1e30, -2e30, -1e30, 90, 89, -104});
    test_run_case(&t, &(test_options){.slack = 1});
}
END_TEST

START_TEST(labels_outside_make_the_loss_not_a_number)
{
    test_case t = {.fill = TEST_RANDOM};
    loss l = add_loss(&t, (tsr_loss_descriptor){5, 3});
    test_set(&t, l.labels, (double[]){-1, 0, 3, 2, 2147483647});
    test_run_case(&t, &(test_options){.slack = 1});

    /* So says the twin itself. */
    const double logits[6] = {0}, labels[] = {3, 1};
    double losses[2], hits[2];
    tsr_primitive p = {.kind = TSR_KIND_SOFTMAX_CROSS_ENTROPY, .as.loss = {2, 3}};
    tsr_primitive_row_of(p.kind)->reference(&p, (const double *[]){logits, labels}, (double *[]){losses, hits});
    ck_assert(isnan(losses[0]));
    ck_assert_double_eq_tol(losses[1], log(3), 1e-15);
}
END_TEST

/* The sum of losses / rows, moved by one logit, against the gradient's twin. */
START_TEST(twins_agree_with_finite_differences)
{
    const tsr_loss_descriptor d = {2, 4};
    const double labels[] = {3, 0}, h = 1e-5;
    double logits[8] = {0.3, -1.2, 2.5, 0.1, -0.7, 0.9, 1.1, -2.2}, gradient[8];
    tsr_primitive p = {.kind = TSR_KIND_SOFTMAX_CROSS_ENTROPY, .as.loss = d};
    const double *inputs[] = {logits, labels};
    tsr_primitive_row_of(TSR_KIND_SOFTMAX_CROSS_ENTROPY_GRAD)->reference(&p, inputs, (double *[]){gradient});
    for (int e = 0; e < 8; e++) {
        double mean[2], losses[2], hits[2], at = logits[e];
        for (int way = 0; way < 2; way++) {
            logits[e] = way ? at + h : at - h;
            tsr_primitive_row_of(p.kind)->reference(&p, inputs, (double *[]){losses, hits});
            mean[way] = (losses[0] + losses[1]) / 2;
        }
        logits[e] = at;
        ck_assert_double_eq_tol((mean[1] - mean[0]) / (2 * h), gradient[e], 1e-9);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, either_output_alone);
    tcase_add_test(tests, large_logits_do_not_overflow);
    tcase_add_test(tests, labels_outside_make_the_loss_not_a_number);
    tcase_add_test(tests, twins_agree_with_finite_differences);
}

int main(void)
{
    return test_run_both_classes("softmax_cross_entropy", add_tests);
}
