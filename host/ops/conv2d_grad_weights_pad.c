/* Images with a border as wide as the padding, for the kernels that compute a convolution's gradient by weights. */
#include "ops/conv2d_gradient.h"

#include <stdio.h>

typedef struct border {
    int32_t top, left, bottom, right;
} border;

static border border_of(const tsr_conv2d_gradient *g)
{
    return (border){.top = g->top,
                    .left = g->left,
                    .bottom = g->padded_rows - g->top - g->conv2d->height,
                    .right = g->padded_columns - g->left - g->conv2d->width};
}

static bool has_border(const tsr_conv2d_gradient *g)
{
    border b = border_of(g);
    return b.top || b.left || b.bottom || b.right;
}

static size_t padded_count(const tsr_conv2d_gradient *g)
{
    return (size_t)g->conv2d->batch * (size_t)g->padded_rows * (size_t)g->padded_columns * (size_t)g->conv2d->channels;
}

bool tsr_conv2d_gradient_padded_needs(const tsr_conv2d_gradient *gradient, tsr_needs *needs, size_t *copy)
{
    *copy = gradient->gather || has_border(gradient) ? padded_count(gradient) : 0;
    if (*copy > INT32_MAX) return tsr_refuse(needs, "images with a border take more than 2^31 elements");
    border b = border_of(gradient);
    if (!gradient->gather) tsr_needs_strided(needs, gradient->x, b.top, b.left, b.bottom, b.right);
    return true;
}

/* Whether x lies there as kernels read it: nothing beyond its edges is read, or its halo covers that. */
static bool is_padded(const tsr_step *step, const tsr_conv2d_gradient *g)
{
    if (g->gather) return false;
    if (!has_border(g)) return true;
    int x = g->x;
    const int32_t *halo = tsr_step_view(step, x)->halo;
    border b = border_of(g);
    return step->span->graph->values[x].rank == 4 && halo[0] >= b.top && halo[1] >= b.left && halo[2] >= b.bottom &&
           halo[3] >= b.right;
}

size_t tsr_conv2d_gradient_pad(tsr_step *step, const tsr_conv2d_gradient *gradient, tsr_status *status)
{
    const tsr_conv2d_gradient *g = gradient;
    if (is_padded(step, g)) return 0;
    char options[128];
    snprintf(options, sizeof options, "-D CHANNELS=%d%s", g->conv2d->channels, tsr_conv2d_image_options(g->gather));
    tsr_launch *launch =
        tsr_step_launch(step, "conv2d_grad_weights_pad.cl", options, "conv2d_grad_weights_pad", status);
    tsr_conv2d_launch_images(step, launch, g->gather, g->x, g->conv2d, status);
    tsr_launch_workspace(step, launch, status);
    const int32_t rest[] = {g->conv2d->height, g->conv2d->width, g->top, g->left, g->padded_rows, g->padded_columns};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++) tsr_launch_int(launch, rest[i], status);
    tsr_launch_over(step, launch, 1, (size_t[]){(size_t)g->conv2d->batch}, (size_t[]){1}, false, status);
    return padded_count(g);
}

void tsr_conv2d_gradient_padded(tsr_step *step, tsr_launch *launch, const tsr_conv2d_gradient *gradient, size_t copied,
                                tsr_status *status)
{
    const tsr_conv2d_descriptor *c = gradient->conv2d;
    tsr_conv2d_layout layout = {.image = gradient->padded_rows * gradient->padded_columns * c->channels,
                                .row = gradient->padded_columns * c->channels};
    if (copied) {
        tsr_launch_workspace(step, launch, status);
    } else {
        int x = gradient->x;
        layout = tsr_conv2d_layout_of(step, x, c->height, c->width, c->channels);
        layout.origin -= gradient->top * layout.row + gradient->left * c->channels;
        tsr_launch_value(step, launch, x, status);
    }
    tsr_conv2d_launch_layout(launch, layout, status);
}
