/* The cross-entropy of a softmax with integer labels, straight from the logits, and its gradient.
 *
 *   softmax_cross_entropy       losses[m] = log(sum of e^(z - max)) - (z[label] - max)
 *                               hits[m] = 1 if label is the first of the row's largest, else 0
 *   softmax_cross_entropy_grad  dlogits = (softmax - onehot) / rows
 *
 * A label outside the classes makes the loss not-a-number. Index space: a work-item a row of the dense (rows, classes)
 * logits; the rows are short and stay in the cache while they are read again.
 *
 * Macros: LOSSES, HITS  1 where the plan stores that output; an output that is not stored has no argument */
#ifndef LOSSES
#define LOSSES 1
#endif
#ifndef HITS
#define HITS 1
#endif

/* The largest of a row, and the first place where it stands. */
static inline float largest_of(const global float *restrict z, int classes, int *first)
{
    float largest = z[0];
    *first = 0;
    for (int c = 1; c < classes; c++)
        if (z[c] > largest) {
            largest = z[c];
            *first = c;
        }
    return largest;
}

kernel void softmax_cross_entropy(const global float *restrict logits, const global int *restrict labels,
#if LOSSES
                                  global float *restrict losses,
#endif
#if HITS
                                  global int *restrict hits,
#endif
                                  int rows, int classes)
{
    int m = (int)get_global_id(0);
    if (m >= rows) return;
    const global float *z = logits + (size_t)m * classes;
    int label = labels[m], first;
    float largest = largest_of(z, classes, &first);
#if LOSSES
    float sum = 0.0f;
    for (int c = 0; c < classes; c++) sum += exp(z[c] - largest);
    losses[m] = label >= 0 && label < classes ? log(sum) - (z[label] - largest) : NAN;
#endif
#if HITS
    hits[m] = label == first;
#endif
}

kernel void softmax_cross_entropy_grad(const global float *restrict logits, const global int *restrict labels,
                                       global float *restrict dlogits, int rows, int classes)
{
    int m = (int)get_global_id(0);
    if (m >= rows) return;
    const global float *z = logits + (size_t)m * classes;
    global float *d = dlogits + (size_t)m * classes;
    int label = labels[m], first;
    float largest = largest_of(z, classes, &first), sum = 0.0f;
    for (int c = 0; c < classes; c++) {
        float e = exp(z[c] - largest);
        d[c] = e;
        sum += e;
    }
    for (int c = 0; c < classes; c++) d[c] = (d[c] / sum - (c == label ? 1.0f : 0.0f)) / (float)rows;
}
