/* Adds a batch's losses and hits to the epoch's, in order, by one work-item: a batch is short, and so the sum does not
 * depend on how it is split.
 *
 * loss_sum holds the sum and its compensation (Kahan's summation: the exact sum is close to loss_sum[0] - loss_sum[1]);
 * counts is hits, samples, stop mark, the step at which that was set. While the mark is set nothing changes; a loss
 * that is not finite sets it, and nothing else changes. */
kernel void accumulate(const global float *restrict losses, const global int *restrict hits,
                       global float *restrict loss_sum, global int *restrict counts, const global int *restrict clock,
                       int rows)
{
    if (get_global_id(0) > 0 || counts[2] != 0) return;
    int finite = 1;
    for (int m = 0; m < rows; m++) finite &= isfinite(losses[m]);
    if (!finite) {
        counts[2] = 1;
        counts[3] = clock[0];
        return;
    }
    float sum = loss_sum[0], excess = loss_sum[1];
    int hit = 0;
    for (int m = 0; m < rows; m++) {
        float term = losses[m] - excess, next = sum + term;
        excess = (next - sum) - term;
        sum = next;
        hit += hits[m];
    }
    loss_sum[0] = sum;
    loss_sum[1] = excess;
    counts[0] += hit;
    counts[1] += rows;
}
