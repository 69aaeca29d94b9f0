/* Other forms of filters, against their formulas. */
#include "support/tester.h"

#include "device/device.h"

#include <math.h>

enum { LARGEST = 7 * 33 * 67 * 16 };

static const tsr_conv2d_descriptor shapes[] = {
    {.channels = 1, .filters = 1, .kernel_height = 3, .kernel_width = 3},
    {.channels = 3, .filters = 5, .kernel_height = 3, .kernel_width = 3},
    {.channels = 32, .filters = 64, .kernel_height = 3, .kernel_width = 3},
    {.channels = 33, .filters = 67, .kernel_height = 3, .kernel_width = 3},
    {.channels = 17, .filters = 16, .kernel_height = 1, .kernel_width = 1},
    {.channels = 4, .filters = 31, .kernel_height = 7, .kernel_width = 1},
    {.channels = 5, .filters = 2, .kernel_height = 3, .kernel_width = 5},
};

static float w[LARGEST], form[LARGEST + 64];

static size_t filter_count(const tsr_conv2d_descriptor *d)
{
    return (size_t)d->kernel_height * (size_t)d->kernel_width * (size_t)d->channels * (size_t)d->filters;
}

/* Makes the form on the device, and returns its bytes; what lies behind it must stay as it is. */
static size_t make_form(tsr_form which, const tsr_conv2d_descriptor *d, uint32_t width)
{
    tsr_device *device = test_device();
    tsr_target target = {.device = device, .vector_width = width};
    size_t count = filter_count(d), bytes = tsr_form_bytes(&target, which, d), guarded = bytes + 64 * sizeof(float);
    ck_assert_uint_le(guarded, sizeof form);
    for (size_t i = 0; i < count; i++) w[i] = (float)((i * 2654435761u >> 7) % 1999) / 1000 - 1;
    cl_mem weights, output;
    check_ok(tsr_buffer_create(device, CL_MEM_READ_ONLY, count * sizeof *w, "filters", &weights));
    check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, guarded, "their form", &output));
    check_ok(tsr_buffer_write(device, weights, 0, w, count * sizeof *w));
    check_ok(tsr_buffer_fill(device, output, 0, 0xA5, guarded));
    tsr_launch launch;
    check_ok(tsr_form_prepare(&target, which, d, weights, output, &launch));
    check_ok(tsr_enqueue_kernel(device, launch.kernel, launch.name, launch.dimensions, launch.global,
                                launch.local[0] ? launch.local : NULL));
    check_ok(tsr_buffer_read(device, output, 0, form, guarded));
    const unsigned char *after = (const unsigned char *)form + bytes;
    for (size_t i = 0; i < 64 * sizeof(float); i++)
        if (after[i] != 0xA5) ck_abort_msg("byte %zu behind the form was overwritten", i);
    clReleaseKernel(launch.kernel);
    clReleaseMemObject(weights);
    clReleaseMemObject(output);
    return bytes;
}

START_TEST(transposed)
{
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (uint32_t width = 1; width <= 16; width *= 4) {
            const tsr_conv2d_descriptor *d = &shapes[s];
            if (test_left_out((double)filter_count(d))) continue;
            ck_assert_uint_eq(make_form(TSR_FORM_TRANSPOSED, d, width), filter_count(d) * sizeof(float));
            size_t filters = (size_t)d->filters, inner = filter_count(d) / filters; /* taps and channels */
            for (size_t f = 0; f < filters; f++)
                for (size_t i = 0; i < inner; i++)
                    if (form[f * inner + i] != w[i * filters + f])
                        ck_abort_msg("shape %zu: element %zu of filter %zu differs", s, i, f);
        }
}
END_TEST

START_TEST(reversed)
{
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        for (uint32_t width = 1; width <= 16; width *= 4) {
            const tsr_conv2d_descriptor *d = &shapes[s];
            if (test_left_out((double)filter_count(d))) continue;
            ck_assert_uint_eq(make_form(TSR_FORM_REVERSED, d, width), filter_count(d) * sizeof(float));
            size_t filters = (size_t)d->filters, channels = (size_t)d->channels, count = filter_count(d);
            for (size_t i = 0; i < count; i++) {
                size_t tap = count / filters / channels - 1 - i / channels / filters;
                float expected = w[(tap * channels + i % channels) * filters + i / channels % filters];
                if (form[i] != expected) ck_abort_msg("shape %zu: element %zu differs", s, i);
            }
        }
}
END_TEST

/* Element e of Winograd's form with `lanes` lanes over the filters, or over the channels of the reversed ones. */
static double winograd_of(const tsr_conv2d_descriptor *d, bool turned, size_t lanes, size_t e)
{
    static const double g[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
    size_t channels = (size_t)d->channels, filters = (size_t)d->filters;
    size_t across = turned ? channels : filters, depth = turned ? filters : channels;
    size_t vectors = (across + lanes - 1) / lanes, panel = depth * lanes;
    size_t point = e / (vectors * panel), vector = e / panel % vectors, at = e / lanes % depth;
    size_t last = across - lanes, lane = (vector * lanes < last ? vector * lanes : last) + e % lanes;
    size_t c = turned ? lane : at, f = turned ? at : lane;
    double u = 0;
    for (size_t tap = 0; tap < 9; tap++)
        u += g[point / 4][tap / 3] * g[point % 4][tap % 3] *
             (double)w[((turned ? 8 - tap : tap) * channels + c) * filters + f];
    return u;
}

START_TEST(winograd)
{
    for (int i = 0; i < 4 * 3 * 2; i++) {
        const tsr_conv2d_descriptor *d = &shapes[i % 4];
        if (test_left_out(32.0 * (double)filter_count(d))) continue;
        uint32_t width = 1u << i / 4 % 3 * 2;
        bool turned = i >= 12;
        tsr_target target = {.device = test_device(), .vector_width = width};
        size_t bytes = make_form(turned ? TSR_FORM_WINOGRAD_REVERSED : TSR_FORM_WINOGRAD, d, width);
        size_t across = (size_t)(turned ? d->channels : d->filters), lanes = tsr_vector_width(&target);
        while (lanes > across) lanes /= 2;
        size_t count = 16 * (size_t)(turned ? d->filters : d->channels) * ((across + lanes - 1) / lanes) * lanes;
        ck_assert_uint_eq(bytes, count * sizeof(float));
        for (size_t e = 0; e < count; e++)
            if (!(fabs((double)form[e] - winograd_of(d, turned, lanes, e)) <= 4e-7))
                ck_abort_msg("case %d: element %zu is %g", i, e, (double)form[e]);
    }
}
END_TEST

/* By points: of channels and filters, or of filters and channels turned round. */
START_TEST(winograd_by_points)
{
    for (int i = 0; i < 4 * 3 * 2; i++) {
        const tsr_conv2d_descriptor *d = &shapes[i % 4];
        if (test_left_out(32.0 * (double)filter_count(d))) continue;
        uint32_t width = 1u << i / 4 % 3 * 2;
        bool turned = i >= 12;
        size_t bytes = make_form(turned ? TSR_FORM_WINOGRAD_PLANES_REVERSED : TSR_FORM_WINOGRAD_PLANES, d, width);
        size_t across = (size_t)(turned ? d->channels : d->filters),
               depth = (size_t)(turned ? d->filters : d->channels);
        ck_assert_uint_eq(bytes, 16 * across * depth * sizeof(float));
        for (size_t e = 0; e < 16 * across * depth; e++)
            if (!(fabs((double)form[e] - winograd_of(d, turned, across, e)) <= 4e-7))
                ck_abort_msg("case %d: element %zu is %g", i, e, (double)form[e]);
    }
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, transposed);
    tcase_add_test(tests, reversed);
    tcase_add_test(tests, winograd);
    tcase_add_test(tests, winograd_by_points);
}

int main(void)
{
    return test_run_both_classes("form", add_tests);
}
