/* What goes with the dense layer's matrix products wherever those are computed, a work-item an element.
 *
 *   dense_sum             c[i] = the sum of a stack of partial sums in order
 *   dense_bias            c[i] = bias[i % columns]: for a product that adds to it
 *   dense_bias_gradient   db[u] = sum over m of dy[m,u] */
__kernel void dense_sum(__global const float *restrict partials, __global float *restrict c, int count, int chunks)
{
    int i = (int)get_global_id(0);
    if (i >= count) return;
    float sum = 0.0f;
    for (int part = 0; part < chunks; part++) sum += partials[(size_t)part * count + i];
    c[i] = sum;
}

__kernel void dense_bias(__global const float *restrict bias, __global float *restrict c, int count, int columns)
{
    int i = (int)get_global_id(0);
    if (i < count) c[i] = bias[i % columns];
}

__kernel void dense_bias_gradient(__global const float *restrict dy, __global float *restrict db, int rows, int units)
{
    int u = (int)get_global_id(0);
    if (u >= units) return;
    float sum = 0.0f;
    for (int m = 0; m < rows; m++) sum += dy[(size_t)m * units + u];
    db[u] = sum;
}
