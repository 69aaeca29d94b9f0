/* Other forms of a convolution's filters, w[tap][channel][filter] with tap = row * kernel_width + column.
 *
 * Index space: (filters, or vectors of them, and what the kernel says), so that neighbours read neighbouring addresses.
 * On CPU-class devices Winograd's transform takes a vector of filters a time, and a work-item has more to do.
 *
 * Macros: VW */
#include "common.cl"

/* out[filter][tap][channel] = w[tap][channel][filter]. Index space: (filters, groups of `each` taps). */
kernel void transposed(const global float *restrict w, global float *restrict out, int taps, int channels, int filters,
                       int each)
{
    int f = get_global_id(0), first = (int)get_global_id(1) * each, end = min(first + each, taps);
    if (f >= filters) return;
    for (int i = first * channels; i < end * channels; i++) out[f * taps * channels + i] = w[i * filters + f];
}

/* G applied to a column of three: the rows of G are (1 0 0), (1/2 1/2 1/2), (1/2 -1/2 1/2), (0 0 1). */
#define TRANSFORM(T, a, b, c, u)                                                                                       \
    T u[4];                                                                                                            \
    u[0] = a;                                                                                                          \
    u[1] = 0.5f * (a + b + c);                                                                                         \
    u[2] = 0.5f * (a - b + c);                                                                                         \
    u[3] = c

/* The transform for the (channel, filter) pairs that start at i. */
#define WINOGRAD(T, LOAD, STORE)                                                                                       \
    T rows[3][4];                                                                                                      \
    for (int q = 0; q < 3; q++) {                                                                                      \
        T a = LOAD(w + q * count + i), b = LOAD(w + (3 + q) * count + i), c = LOAD(w + (6 + q) * count + i);           \
        TRANSFORM(T, a, b, c, u);                                                                                      \
        for (int r = 0; r < 4; r++) rows[q][r] = u[r];                                                                 \
    }                                                                                                                  \
    for (int r = 0; r < 4; r++) {                                                                                      \
        TRANSFORM(T, rows[0][r], rows[1][r], rows[2][r], u);                                                           \
        for (int k = 0; k < 4; k++) STORE(u[k], out + (4 * r + k) * count + i);                                        \
    }

#define LOAD_ONE(p)     (*(p))
#define STORE_ONE(v, p) (*(p) = (v))

/* Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015):
 * out[4 i + j][channel][filter] = (G w G^T)[i][j]. Index space: chunks of the (channel, filter) pairs, `chunk` each. */
kernel void winograd(const global float *restrict w, global float *restrict out, uint count, uint chunk)
{
    uint i = (uint)get_global_id(0) * chunk, end = min(i + chunk, count);
    for (; i + VW <= end; i += VW) {
        WINOGRAD(vec, vec_load, vec_store)
    }
    for (; i < end; i++) {
        WINOGRAD(float, LOAD_ONE, STORE_ONE)
    }
}
