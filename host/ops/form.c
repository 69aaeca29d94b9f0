/* Other forms of a convolution's filters, which some implementations read instead of the filters themselves. */
#include "ops/elementwise.h"

static size_t taps_of(const tsr_conv2d_descriptor *conv2d)
{
    return (size_t)conv2d->kernel_height * (size_t)conv2d->kernel_width;
}

size_t tsr_form_bytes(tsr_form form, const tsr_conv2d_descriptor *conv2d)
{
    size_t pairs = (size_t)conv2d->channels * (size_t)conv2d->filters;
    return (form == TSR_FORM_WINOGRAD ? 16 : taps_of(conv2d)) * pairs * sizeof(float);
}

tsr_status tsr_form_prepare(const tsr_target *target, tsr_form form, const tsr_conv2d_descriptor *conv2d,
                            cl_mem weights, cl_mem output, tsr_launch *launch)
{
    static const tsr_implementation filters = {.name = "filters"};
    tsr_status status = TSR_OK;
    tsr_step step = {.implementation = &filters, .target = target};
    bool winograd = form == TSR_FORM_WINOGRAD, cpu = tsr_is_cpu_class(target);
    char options[TSR_VECTOR_OPTION];
    tsr_vector_option(target, options);
    tsr_launch *l = tsr_step_launch(&step, "form.cl", options, winograd ? "winograd" : "transposed", &status);
    tsr_launch_buffer(l, weights, &status);
    tsr_launch_buffer(l, output, &status);
    if (winograd) {
        tsr_launch_elementwise(&step, l, (size_t)conv2d->channels * (size_t)conv2d->filters, 64, &status);
    } else {
        /* A filter a work-group on CPUs; a tap of it a work-item on GPUs. */
        int32_t taps = (int32_t)taps_of(conv2d), each = cpu ? taps : 1;
        tsr_launch_int(l, taps, &status);
        tsr_launch_int(l, conv2d->channels, &status);
        tsr_launch_int(l, conv2d->filters, &status);
        tsr_launch_int(l, each, &status);
        size_t global[2] = {(size_t)conv2d->filters, (size_t)(taps / each)}, local[2] = {cpu ? 1 : 64, 1};
        tsr_launch_over(&step, l, 2, global, local, true, &status);
    }
    if (status) {
        if (l) clReleaseKernel(l->kernel);
        return status;
    }
    *launch = *l;
    return TSR_OK;
}
