/* The cross-entropy of a softmax with integer labels, and its gradient: definitions in plain C. */
#include "ops/primitive.h"

#include <math.h>

/* Sum over the row of e^(z - max); *max and the first column that holds it in *first. */
static double sum_of_row(const double *z, size_t classes, double *max, size_t *first)
{
    double sum = 0;
    *max = z[0];
    *first = 0;
    for (size_t c = 1; c < classes; c++)
        if (z[c] > *max) {
            *max = z[c];
            *first = c;
        }
    for (size_t c = 0; c < classes; c++) sum += exp(z[c] - *max);
    return sum;
}

/* losses[m] = log(sum of e^(z - max)) - (z[label] - max); hits[m] = 1 if label is the first largest, else 0. A label
 * outside the classes makes the loss not-a-number. */
static void softmax_cross_entropy(const tsr_primitive *primitive, const double *const *inputs, double *const *outputs)
{
    const tsr_loss_descriptor *d = &primitive->as.loss;
    size_t classes = (size_t)d->classes;
    for (size_t m = 0; m < (size_t)d->rows; m++) {
        const double *z = inputs[0] + m * classes, label = inputs[1][m];
        double max;
        size_t first;
        double sum = sum_of_row(z, classes, &max, &first);
        bool valid = label >= 0 && label < d->classes;
        outputs[0][m] = valid ? log(sum) - (z[(size_t)label] - max) : NAN;
        outputs[1][m] = label == (double)first;
    }
}

/* dlogits = (softmax - onehot) / rows. */
static void softmax_cross_entropy_grad(const tsr_primitive *primitive, const double *const *inputs,
                                       double *const *outputs)
{
    const tsr_loss_descriptor *d = &primitive->as.loss;
    size_t classes = (size_t)d->classes;
    for (size_t m = 0; m < (size_t)d->rows; m++) {
        const double *z = inputs[0] + m * classes, label = inputs[1][m];
        double max;
        size_t first;
        double sum = sum_of_row(z, classes, &max, &first);
        for (size_t c = 0; c < classes; c++)
            outputs[0][m * classes + c] = (exp(z[c] - max) / sum - (label == (double)c)) / d->rows;
    }
}

const tsr_primitive_row tsr_softmax_cross_entropy_row = {.reference = softmax_cross_entropy};
const tsr_primitive_row tsr_softmax_cross_entropy_grad_row = {.reference = softmax_cross_entropy_grad};
