/* conv2d_grad_weights_cpu and conv2d_grad_weights_thin_cpu: the weight gradient of a convolution for CPU-class devices,
 * alone, with the gradients of a pool and an activation before it, and with the gather that makes its images. */
#include "support/conv2d_gradient.h"

#include <string.h>

static const char *const listed = "conv2d_grad_weights_cpu", *const thin = "conv2d_grad_weights_thin_cpu";

/* The images: an input, or gathered from `source`. */
typedef enum images { IMAGES_GIVEN, IMAGES_BYTES, IMAGES_FLOATS } images;

static int add_images(test_case *t, const tsr_conv2d_descriptor *d, images from)
{
    const int32_t extent[] = {d->batch, d->height, d->width, d->channels};
    if (from == IMAGES_GIVEN) return test_input(t, "x", TSR_F32, 4, extent);
    tsr_gather_descriptor gather = {.batch = d->batch,
                                    .sample = d->height * d->width * d->channels,
                                    .source = from == IMAGES_BYTES ? TSR_U8 : TSR_F32,
                                    .scale = from == IMAGES_BYTES ? 1 / 255.0f : 1};
    return test_gather(t, &gather, d->batch + 5, 4, extent + 1);
}

/* Whether the implementation takes the graph's last primitive with all before it. */
static bool takes(const char *only, const test_case *t, const gradient_case *c)
{
    size_t count;
    const tsr_implementation *const *all = tsr_implementations(&count);
    tsr_target target = {.device = test_device(), .fuse = true, .vector_width = c->vector_width};
    if (!target.vector_width) target.vector_width = target.device->info.vector_width;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(all[i]->name, only) != 0) continue;
        tsr_span span;
        tsr_needs needs = {0};
        return all[i]->match(&t->graph, (int)t->graph.primitive_count - 1, NULL, &span) &&
               all[i]->supports(&target, &span, &needs);
    }
    return false;
}

/* Returns false when the implementation leaves the case to the other one. */
static bool run(const char *only, const gradient_case *c, images from, uint32_t seed, test_fill dy_fill)
{
    test_case t = {.fill = c->fill, .seed = seed};
    int dy = test_gradient_source(&t, c), db;
    test_fill_value(&t, 0, dy_fill);
    int x = add_images(&t, &c->conv2d, from);
    test_conv2d_grad_weights(&t, &c->conv2d, dy, x, &db);
    if (!takes(only, &t, c)) {
        test_clear_case(&t);
        return false;
    }
    test_run_case(&t, &(test_options){.only = only,
                                      .fused = test_gradient_span(c) + (from != IMAGES_GIVEN),
                                      .vector_width = c->vector_width});
    return true;
}

START_TEST(listed_agrees_with_the_twin)
{
    static const int32_t channels[] = {1, 3, 15, 16, 17, 33};
    gradient_case cases[128];
    int count = test_gradient_cases(cases, 128, channels, 6);
    for (int i = 0; i < count; i++) ck_assert(run(listed, &cases[i], (images)(i % 4 % 3), (uint32_t)i, cases[i].fill));
}
END_TEST

START_TEST(thin_agrees_with_the_twin)
{
    static const int32_t channels[] = {1, 2, 3};
    gradient_case cases[128];
    int count = test_gradient_cases(cases, 128, channels, 3), taken = 0;
    for (int i = 0; i < count; i++) taken += run(thin, &cases[i], (images)(i % 3), (uint32_t)i, cases[i].fill);
    ck_assert_int_gt(taken, count / 5);
}
END_TEST

static gradient_case first_layer(int32_t batch)
{
    gradient_case c = {.activated = true, .function = TSR_RELU, .fill = TEST_INTEGERS};
    c.conv2d = (tsr_conv2d_descriptor){batch, 28, 28, 1, 32, 3, 3, 1, 1, TSR_PADDING_SAME, true};
    c.pool = (tsr_pool2d_descriptor){TSR_POOL_MAX, 0, 0, 0, 0, 2, 2, 2, 2, TSR_PADDING_VALID};
    test_gradient_fit(&c);
    return c;
}

/* The first layer of a network for grey images goes to the thin kernel, others do not. */
START_TEST(few_channels_are_thin)
{
    gradient_case c = first_layer(19);
    ck_assert(run(thin, &c, IMAGES_BYTES, 1, TEST_INTEGERS));
    c.conv2d.channels = 32;
    ck_assert(!run(thin, &c, IMAGES_GIVEN, 1, TEST_INTEGERS));
    ck_assert(run(listed, &c, IMAGES_GIVEN, 1, TEST_INTEGERS));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, listed_agrees_with_the_twin);
    tcase_add_test(tests, thin_agrees_with_the_twin);
    tcase_add_test(tests, few_channels_are_thin);
}

int main(void)
{
    return test_run("conv2d_grad_weights_cpu", add_tests);
}
