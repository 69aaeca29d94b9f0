/* Other forms of a convolution's filters, which some implementations read instead of the filters themselves. */
#include "ops/elementwise.h"

#include <stdio.h>

static size_t taps_of(const tsr_conv2d_descriptor *conv2d)
{
    return (size_t)conv2d->kernel_height * (size_t)conv2d->kernel_width;
}

int32_t tsr_form_vector(const tsr_target *target, int32_t filters)
{
    int32_t vector = (int32_t)tsr_vector_width(target);
    while (vector > filters) vector /= 2;
    return vector;
}

/* Vectors of filters, of which the last may overlap with the one before. */
static size_t vectors_of(const tsr_conv2d_descriptor *conv2d, int32_t vector)
{
    return ((size_t)conv2d->filters + (size_t)vector - 1) / (size_t)vector;
}

size_t tsr_form_bytes(const tsr_target *target, tsr_form form, const tsr_conv2d_descriptor *conv2d)
{
    size_t channels = (size_t)conv2d->channels;
    if (form == TSR_FORM_TRANSPOSED) return taps_of(conv2d) * channels * (size_t)conv2d->filters * sizeof(float);
    int32_t vector = tsr_form_vector(target, conv2d->filters);
    return 16 * channels * vectors_of(conv2d, vector) * (size_t)vector * sizeof(float);
}

static void launch_winograd(tsr_step *step, tsr_launch *launch, const tsr_conv2d_descriptor *conv2d, int32_t vector,
                            tsr_status *status)
{
    tsr_launch_int(launch, conv2d->channels, status);
    tsr_launch_int(launch, conv2d->filters, status);
    tsr_launch_elementwise(step, launch, (size_t)conv2d->channels * vectors_of(conv2d, vector), 16, status);
}

/* A vector of filters a work-group on CPUs; a tap of a filter a work-item on GPUs. */
static void launch_transposed(tsr_step *step, tsr_launch *launch, const tsr_conv2d_descriptor *conv2d, int32_t vector,
                              tsr_status *status)
{
    bool cpu = tsr_is_cpu_class(step->target);
    size_t count = taps_of(conv2d) * (size_t)conv2d->channels;
    size_t each = cpu ? count : (size_t)conv2d->channels;
    tsr_launch_int(launch, (int32_t)count, status);
    tsr_launch_int(launch, conv2d->filters, status);
    tsr_launch_int(launch, (int32_t)each, status);
    size_t global[2] = {vectors_of(conv2d, vector), count / each}, local[2] = {cpu ? 1 : 64, 1};
    tsr_launch_over(step, launch, 2, global, local, true, status);
}

tsr_status tsr_form_prepare(const tsr_target *target, tsr_form form, const tsr_conv2d_descriptor *conv2d,
                            cl_mem weights, cl_mem output, tsr_launch *launch)
{
    static const tsr_implementation filters = {.name = "filters"};
    tsr_status status = TSR_OK;
    tsr_step step = {.implementation = &filters, .target = target};
    bool winograd = form == TSR_FORM_WINOGRAD;
    int32_t vector = tsr_form_vector(target, conv2d->filters);
    if (!winograd)
        while ((size_t)vector > taps_of(conv2d) * (size_t)conv2d->channels) vector /= 2;
    char options[32];
    snprintf(options, sizeof options, "-DVW=%d", (int)vector);
    tsr_launch *l = tsr_step_launch(&step, "form.cl", options, winograd ? "winograd" : "transposed", &status);
    tsr_launch_buffer(l, weights, &status);
    tsr_launch_buffer(l, output, &status);
    if (winograd)
        launch_winograd(&step, l, conv2d, vector, &status);
    else
        launch_transposed(&step, l, conv2d, vector, &status);
    if (status) {
        if (l) clReleaseKernel(l->kernel);
        return status;
    }
    *launch = *l;
    return TSR_OK;
}
