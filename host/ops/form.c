/* Other forms of a convolution's filters, which some implementations read instead of the filters themselves. */
#include "ops/elementwise.h"

#include <stdio.h>

static size_t taps_of(const tsr_conv2d_descriptor *conv2d)
{
    return (size_t)conv2d->kernel_height * (size_t)conv2d->kernel_width;
}

/* Winograd's form whose vectors run over all numbers of a point. */
static bool has_planes(tsr_form form)
{
    return form == TSR_FORM_WINOGRAD_PLANES || form == TSR_FORM_WINOGRAD_PLANES_REVERSED;
}

static bool is_winograd(tsr_form form)
{
    return form == TSR_FORM_WINOGRAD || form == TSR_FORM_WINOGRAD_REVERSED || has_planes(form);
}

/* What vectors of Winograd's form run over, and what the panels do. */
static int32_t lanes_of(tsr_form form, const tsr_conv2d_descriptor *conv2d)
{
    if (has_planes(form)) return conv2d->channels * conv2d->filters;
    return form == TSR_FORM_WINOGRAD ? conv2d->filters : conv2d->channels;
}

static int32_t depth_of(tsr_form form, const tsr_conv2d_descriptor *conv2d)
{
    if (has_planes(form)) return 1;
    return form == TSR_FORM_WINOGRAD ? conv2d->channels : conv2d->filters;
}

size_t tsr_form_bytes(const tsr_target *target, tsr_form form, const tsr_conv2d_descriptor *conv2d)
{
    if (!is_winograd(form)) return taps_of(conv2d) * (size_t)conv2d->channels * (size_t)conv2d->filters * sizeof(float);
    int32_t lanes = lanes_of(form, conv2d), vector = has_planes(form) ? 1 : tsr_vector_within(target, lanes);
    return 16 * (size_t)depth_of(form, conv2d) * (size_t)tsr_round_up(lanes, vector) * sizeof(float);
}

/* Floats of a vector, at most what there is to turn. */
static int32_t vector_of(const tsr_target *target, tsr_form form, const tsr_conv2d_descriptor *conv2d)
{
    if (is_winograd(form)) return tsr_vector_within(target, lanes_of(form, conv2d));
    size_t count = (size_t)conv2d->channels * (form == TSR_FORM_TRANSPOSED ? taps_of(conv2d) : 1);
    int32_t vector = tsr_vector_within(target, conv2d->filters);
    while ((size_t)vector > count) vector /= 2;
    return vector;
}

static void launch_winograd(tsr_step *step, tsr_launch *launch, tsr_form form, const tsr_conv2d_descriptor *conv2d,
                            int32_t vector, tsr_status *status)
{
    size_t pairs = (size_t)depth_of(form, conv2d) * (size_t)tsr_divide_up(lanes_of(form, conv2d), vector);
    tsr_launch_int(launch, conv2d->channels, status);
    tsr_launch_int(launch, conv2d->filters, status);
    tsr_launch_elementwise(step, launch, pairs, 16, status);
}

/* A vector of filters a work-group on CPUs, or with one tap; a tap of a filter a work-item on GPUs. */
static void launch_turned(tsr_step *step, tsr_launch *launch, tsr_form form, const tsr_conv2d_descriptor *conv2d,
                          int32_t vector, tsr_status *status)
{
    bool cpu = tsr_is_cpu_class(step->target), whole = cpu && form == TSR_FORM_TRANSPOSED;
    size_t taps = taps_of(conv2d), count = taps * (size_t)conv2d->channels;
    tsr_launch_int(launch, form == TSR_FORM_TRANSPOSED ? (int32_t)count : conv2d->channels, status);
    tsr_launch_int(launch, conv2d->filters, status);
    tsr_launch_int(launch, form == TSR_FORM_TRANSPOSED ? (int32_t)(whole ? count : count / taps) : (int32_t)taps,
                   status);
    size_t global[2] = {(size_t)tsr_divide_up(conv2d->filters, vector), whole ? 1 : taps}, local[2] = {cpu ? 1 : 64, 1};
    tsr_launch_over(step, launch, 2, global, local, true, status);
}

tsr_status tsr_form_prepare(const tsr_target *target, tsr_form form, const tsr_conv2d_descriptor *conv2d,
                            cl_mem weights, cl_mem output, tsr_launch *launch)
{
    static const tsr_implementation filters = {.name = "filters"};
    static const char *const kernels[] = {
#define KERNEL(name, stem) #stem,
        TSR_FORM_LIST(KERNEL)
#undef KERNEL
    };
    tsr_status status = TSR_OK;
    tsr_step step = {.implementation = &filters, .target = target};
    int32_t vector = vector_of(target, form, conv2d);
    char options[32];
    snprintf(options, sizeof options, "-DVW=%d", (int)vector);
    tsr_launch *l = tsr_step_launch(&step, "form.cl", options, kernels[form], &status);
    tsr_launch_buffer(l, weights, &status);
    tsr_launch_buffer(l, output, &status);
    if (is_winograd(form))
        launch_winograd(&step, l, form, conv2d, vector, &status);
    else
        launch_turned(&step, l, form, conv2d, vector, &status);
    if (status) {
        if (l) clReleaseKernel(l->kernel);
        return status;
    }
    *launch = *l;
    return TSR_OK;
}
