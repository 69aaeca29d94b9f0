#include "support/winograd_cases.h"

#include <stdio.h>

const test_epilogue test_epilogues[TEST_EPILOGUES] = {
    {.pool = false},
    {.activation = true, .function = TSR_RELU},
    {true, TSR_POOL_MAX, TSR_PADDING_VALID, .winner = true, .activation = true, .function = TSR_RELU},
    {true, TSR_POOL_MAX, TSR_PADDING_SAME, .winner = true, .activation = false},
    {true, TSR_POOL_MAX, TSR_PADDING_SAME, .activation = true, .function = TSR_TANH},
    {true, TSR_POOL_AVERAGE, TSR_PADDING_SAME, .activation = true, .function = TSR_RELU},
    {true, TSR_POOL_AVERAGE, TSR_PADDING_VALID, .winner = false},
};

const char *test_winograd_chain(test_case *t, const tsr_conv2d_descriptor *d, const test_epilogue *e, test_fill fill,
                                const char *class)
{
    static char name[64];
    int x = test_input(t, "x", TSR_F32, 4, (int32_t[]){d->batch, d->height, d->width, d->channels});
    test_fill_value(t, x, fill);
    int y = test_conv2d(t, d, x);
    if (e->pool) {
        int32_t extent[4];
        test_conv2d_output(d, extent);
        tsr_pool2d_descriptor pool = {e->mode, extent[0], extent[1], extent[2], extent[3], 2, 2, 2, 2, e->padding};
        int winner;
        y = test_pool2d(t, &pool, y, e->winner ? &winner : NULL);
    }
    if (e->activation) test_activation(t, e->function, 0, y);
    const char *span = e->activation ? "activation_" : e->pool ? "pool_" : "";
    snprintf(name, sizeof name, "conv2d_winograd_%s%s", span, class);
    return name;
}

tsr_conv2d_descriptor test_winograd_conv2d(const int32_t extent[2], int32_t channels, int32_t filters, int32_t batch,
                                           bool valid, bool bias, const test_epilogue *e)
{
    int32_t least = (valid ? 3 : 1) + (e->pool && e->padding == TSR_PADDING_VALID ? 1 : 0);
    return (tsr_conv2d_descriptor){.batch = batch,
                                   .height = extent[0] > least ? extent[0] : least,
                                   .width = extent[1] > least ? extent[1] : least,
                                   .channels = channels,
                                   .filters = filters,
                                   .kernel_height = 3,
                                   .kernel_width = 3,
                                   .stride_height = 1,
                                   .stride_width = 1,
                                   .padding = valid ? TSR_PADDING_VALID : TSR_PADDING_SAME,
                                   .bias = bias};
}
