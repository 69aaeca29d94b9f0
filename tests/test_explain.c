/* The description of a plan: what a person and what a script finds in it. */
#include "support/support.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static tsr_model *make_model(void)
{
    tsr_model *model;
    check_ok(tsr_model_create_reference(12, 12, 1, 10, &model));
    return model;
}

static json_t *explain(tsr_model *model, const tsr_explain_options *options)
{
    tsr_explain_options as_json = *options;
    as_json.json = true;
    char *text;
    check_ok(tsr_model_explain(model, test_device(), &as_json, &text));
    json_t *facts = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(facts);
    free(text);
    return facts;
}

static size_t count_primitives(const json_t *facts, const char *kind)
{
    size_t i, count = 0;
    json_t *p;
    json_array_foreach(json_object_get(facts, "primitives"), i, p)
    {
        count += strcmp(json_string_value(json_object_get(p, "kind")), kind) == 0;
    }
    return count;
}

START_TEST(training_has_gradients_and_inference_has_none)
{
    tsr_model *model = make_model();
    json_t *training = explain(model, &(tsr_explain_options){.batch_size = 4});
    json_t *inference = explain(model, &(tsr_explain_options){.batch_size = 4, .inference = true});
    ck_assert_uint_eq(count_primitives(training, "conv2d_grad_weights"), 2);
    ck_assert_uint_eq(count_primitives(training, "update"), 8);
    ck_assert_uint_eq(count_primitives(training, "dropout"), 1);
    ck_assert_uint_eq(count_primitives(inference, "conv2d"), 2);
    ck_assert_uint_eq(count_primitives(inference, "conv2d_grad_weights"), 0);
    ck_assert_uint_eq(count_primitives(inference, "dropout"), 0);
    json_decref(training), json_decref(inference);
    tsr_model_free(model);
}
END_TEST

START_TEST(the_sums_add_up)
{
    tsr_model *model = make_model();
    json_t *facts = explain(model, &(tsr_explain_options){.batch_size = 4}), *step;
    size_t i, launches = 0;
    double flops = 0;
    json_array_foreach(json_object_get(facts, "steps"), i, step)
    {
        launches +=
            json_array_size(json_object_get(step, "launches")) + json_is_true(json_object_get(step, "library_call"));
        flops += json_number_value(json_object_get(step, "flops"));
        ck_assert_uint_ge(json_array_size(json_object_get(step, "primitives")), 1);
        ck_assert_uint_ge(json_array_size(json_object_get(step, "stores")), 1);
    }
    ck_assert_int_eq(json_integer_value(json_object_get(facts, "launches")), (json_int_t)launches);
    ck_assert_double_eq(json_number_value(json_object_get(facts, "flops")), flops);
    /* The two convolutions forward, their weight gradients and one data gradient, at 2 operations a multiply-add. */
    double conv = 2.0 * 4 * 12 * 12 * 9 * 32, conv_1 = 2.0 * 4 * 6 * 6 * 9 * 32 * 64;
    ck_assert_double_gt(flops, 2 * conv + 3 * conv_1);
    ck_assert_double_lt(flops, 2 * (2 * conv + 3 * conv_1));
    json_decref(facts);
    tsr_model_free(model);
}
END_TEST

START_TEST(without_fusion_there_are_more_steps)
{
    tsr_model *model = make_model();
    json_t *fused = explain(model, &(tsr_explain_options){.batch_size = 4});
    json_t *plain = explain(model, &(tsr_explain_options){.batch_size = 4, .no_fusion = true});
    ck_assert_uint_lt(json_array_size(json_object_get(fused, "steps")),
                      json_array_size(json_object_get(plain, "steps")));
    json_decref(fused), json_decref(plain);
    tsr_model_free(model);
}
END_TEST

START_TEST(a_person_reads_layers_implementations_and_refusals)
{
    tsr_model *model = make_model();
    char *text;
    check_ok(tsr_model_explain(model, test_device(), &(tsr_explain_options){.batch_size = 4}, &text));
    const char *const parts[] = {
        "Primitives", "Steps, in the order", "Values in memory", "conv2d_1", "not taken", "MFLOP", "launches",
        "weights"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ck_assert_msg(strstr(text, parts[i]) != NULL, "\"%s\" is missing from:\n%s", parts[i], text);
    free(text);
    tsr_model_free(model);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, training_has_gradients_and_inference_has_none);
    tcase_add_test(tests, the_sums_add_up);
    tcase_add_test(tests, without_fusion_there_are_more_steps);
    tcase_add_test(tests, a_person_reads_layers_implementations_and_refusals);
}

int main(void)
{
    return test_run("explain", add_tests);
}
