/* What goes with the dense layer's matrix products wherever those are computed. */
#include "ops/dense.h"

static size_t count_of(const tsr_dense_product *product)
{
    return (size_t)product->rows * (size_t)product->columns;
}

void tsr_dense_bias(tsr_step *step, const tsr_dense_product *product, tsr_status *status)
{
    tsr_launch *launch = tsr_step_launch(step, "dense_bias.cl", "", "dense_bias", status);
    tsr_launch_value(step, launch, product->bias, status);
    tsr_launch_value(step, launch, product->c, status);
    tsr_launch_int(launch, (int32_t)count_of(product), status);
    tsr_launch_int(launch, product->columns, status);
    tsr_launch_elements(step, launch, count_of(product), status);
}

void tsr_dense_sum(tsr_step *step, const tsr_dense_product *product, int32_t chunks, tsr_status *status)
{
    tsr_launch *launch = tsr_step_launch(step, "dense_bias.cl", "", "dense_sum", status);
    tsr_launch_workspace(step, launch, status);
    tsr_launch_value(step, launch, product->c, status);
    tsr_launch_int(launch, (int32_t)count_of(product), status);
    tsr_launch_int(launch, chunks, status);
    tsr_launch_elements(step, launch, count_of(product), status);
}

void tsr_dense_bias_gradient(tsr_step *step, const tsr_dense_product *product, tsr_status *status)
{
    tsr_launch *launch = tsr_step_launch(step, "dense_bias.cl", "", "dense_bias_gradient", status);
    tsr_launch_value(step, launch, product->b, status);
    tsr_launch_value(step, launch, product->bias_gradient, status);
    tsr_launch_int(launch, product->depth, status);
    tsr_launch_int(launch, product->columns, status);
    tsr_launch_elements(step, launch, (size_t)product->columns, status);
}
