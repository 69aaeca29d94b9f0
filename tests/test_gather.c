/* gather against its twin. */
#include "support/tester.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

START_TEST(covers_pairs)
{
    /* A single element (labels), around vectors, an image, more than a chunk of the CPU's. */
    const int32_t samples[] = {1, 3, 16, 17, 65, 784, 20011};
    const int32_t batches[] = {1, 2, 53, 64};
    const tsr_dtype types[] = {TSR_U8, TSR_F32};
    const float scales[] = {1, 1 / 255.0f, -3};
    const uint32_t widths[] = {1, 4, 0};
    const int levels[] = {COUNT(samples), COUNT(batches), COUNT(types), COUNT(scales), COUNT(widths), 2};
    int cases[64 * 6], count = test_cover_pairs(levels, 6, cases, 64);
    for (int i = 0; i < count; i++) {
        const int *k = cases + 6 * i;
        tsr_gather_descriptor d = {batches[k[1]], samples[k[0]], types[k[2]], scales[k[3]]};
        test_case t = {.fill = k[5] ? TEST_NAN : TEST_RANDOM, .seed = (uint32_t)i};
        test_gather(&t, &d, d.batch + 6, 2, &d.sample);
        test_run_case(&t, &(test_options){.only = "gather", .vector_width = widths[k[4]]});
    }
}
END_TEST

START_TEST(labels_stay_integers)
{
    const int32_t samples[] = {1, 5, 33};
    for (int i = 0; i < COUNT(samples); i++) {
        tsr_gather_descriptor d = {37, samples[i], TSR_I32, 1};
        test_case t = {.fill = TEST_INTEGERS};
        test_gather(&t, &d, 41, 2, &d.sample);
        test_run_case(&t, &(test_options){.only = "gather"});
    }
}
END_TEST

START_TEST(images_keep_their_extents)
{
    tsr_gather_descriptor d = {3, 6 * 5 * 2, TSR_U8, 1 / 255.0f};
    test_case t = {0};
    test_gather(&t, &d, 9, 4, (int32_t[]){6, 5, 2});
    test_run_case(&t, &(test_options){.only = "gather"});
}
END_TEST

START_TEST(what_is_not_supported_is_refused)
{
    const struct {
        tsr_dtype type;
        float scale;
        const char *reason;
    } cases[] = {{TSR_U16, 1, "16 bits"}, {TSR_I32, 2, "without a scale"}};
    for (int i = 0; i < COUNT(cases); i++) {
        tsr_gather_descriptor d = {2, 3, cases[i].type, cases[i].scale};
        test_case t = {0};
        int y = test_gather(&t, &d, 4, 2, &d.sample);
        tsr_plan *plan = NULL;
        check_fails(tsr_plan_create(test_device(), &t.graph, &y, 1, NULL, NULL, &plan), TSR_UNSUPPORTED,
                    cases[i].reason);
        test_clear_case(&t);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, covers_pairs);
    tcase_add_test(tests, labels_stay_integers);
    tcase_add_test(tests, images_keep_their_extents);
    tcase_add_test(tests, what_is_not_supported_is_refused);
}

int main(void)
{
    return test_run_both_classes("gather", add_tests);
}
