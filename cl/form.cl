/* Other forms of a convolution's filters, w[tap][channel][filter] with tap = row * kernel_width + column. They are made
 * once for each change of the weights, so plain kernels do: one work-item an element of (tap or row of it, channel,
 * filter), filters innermost, so that neighbours read neighbouring addresses.
 *
 * No macros. */

/* out[filter][tap][channel] = w[tap][channel][filter] */
__kernel void transposed(__global const float *restrict w, __global float *restrict out, int taps, int channels,
                         int filters)
{
    int i = get_global_id(0);
    if (i >= taps * channels * filters) return;
    int f = i % filters, c = i / filters % channels, t = i / filters / channels;
    out[(f * taps + t) * channels + c] = w[i];
}

/* Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015):
 * out[4 i + j][channel][filter] = (G w G^T)[i][j], G = [1 0 0; 1/2 1/2 1/2; 1/2 -1/2 1/2; 0 0 1].
 * One work-item a (channel, filter). */
__kernel void winograd(__global const float *restrict w, __global float *restrict out, int channels, int filters)
{
    int i = get_global_id(0), count = channels * filters;
    if (i >= count) return;
    float rows[4][3];
    for (int k = 0; k < 3; k++) {
        float a = w[k * count + i], b = w[(3 + k) * count + i], c = w[(6 + k) * count + i];
        rows[0][k] = a;
        rows[1][k] = 0.5f * (a + b + c);
        rows[2][k] = 0.5f * (a - b + c);
        rows[3][k] = c;
    }
    for (int r = 0; r < 4; r++) {
        float a = rows[r][0], b = rows[r][1], c = rows[r][2];
        out[(4 * r + 0) * count + i] = a;
        out[(4 * r + 1) * count + i] = 0.5f * (a + b + c);
        out[(4 * r + 2) * count + i] = 0.5f * (a - b + c);
        out[(4 * r + 3) * count + i] = c;
    }
}
