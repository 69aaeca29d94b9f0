/* Other forms of a convolution's filters, w[tap][channel][filter] with tap = row * kernel_width + column.
 *
 * Macros: VW  floats of a vector of filters, at most as many as there are; where `transposed` is used, also at most
 *             taps * channels */
#include "transpose.cl"

/* out[j][i] = w[i][j] for a square of VW, the rows of w and out `w_pitch` and `out_pitch` floats apart. */
static inline void turn_square(const global float *restrict w, int w_pitch, global float *restrict out, int out_pitch)
{
    vec square[VW];
    for (int r = 0; r < VW; r++) square[r] = vec_load(w + r * w_pitch);
    transpose(square);
    for (int r = 0; r < VW; r++) vec_store(square[r], out + r * out_pitch);
}

/* out[filter][i] = w[i][filter], where i = tap * channels + channel is below `count`.
 *
 * Index space: (vectors of filters, chunks of `each` i). On CPU-class devices VW filters are turned for VW values of i
 * at a time, so that lines of the cache are read and written whole; what would stick out is moved back. */
kernel void transposed(const global float *restrict w, global float *restrict out, int count, int filters, int each)
{
    int f = (int)get_global_id(0) * VW, first = (int)get_global_id(1) * each, end = min(first + each, count);
    if (f >= filters) return;
    f = min(f, filters - VW);
    for (int begin = first; begin < end; begin += VW) {
        int i = min(begin, count - VW);
        turn_square(w + i * filters + f, filters, out + f * count + i, count);
    }
}

/* out[taps - 1 - tap][filter][channel] = w[tap][channel][filter]. Index space: (vectors of filters, taps). */
kernel void reversed(const global float *restrict w, global float *restrict out, int channels, int filters, int taps)
{
    int f = (int)get_global_id(0) * VW, tap = get_global_id(1);
    if (f >= filters) return;
    f = min(f, filters - VW);
    w += tap * channels * filters;
    out += (taps - 1 - tap) * channels * filters;
    for (int begin = 0; begin < channels; begin += VW) {
        int c = min(begin, channels - VW);
        turn_square(w + c * filters + f, filters, out + f * channels + c, channels);
    }
}

/* G applied to a column of three: the rows of G are (1 0 0), (1/2 1/2 1/2), (1/2 -1/2 1/2), (0 0 1). */
static inline void transform(const vec in[3], vec out[4])
{
    out[0] = in[0];
    out[1] = 0.5f * (in[0] + in[1] + in[2]);
    out[2] = 0.5f * (in[0] - in[1] + in[2]);
    out[3] = in[2];
}

/* out[(4 i + j) * pitch] = (G w G^T)[i][j] */
static inline void transform_filter(const vec w[9], global float *restrict out, uint pitch)
{
    vec rows[3][4];
    for (int q = 0; q < 3; q++) {
        vec column[3] = {w[q], w[3 + q], w[6 + q]};
        transform(column, rows[q]);
    }
    for (int i = 0; i < 4; i++) {
        vec row[3] = {rows[0][i], rows[1][i], rows[2][i]}, u[4];
        transform(row, u);
        for (int j = 0; j < 4; j++) vec_store(u[j], out + (4 * i + j) * pitch);
    }
}

/* Winograd's F(2x2, 3x3) (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015), in panels:
 * out[4 i + j][vector of filters][channel][lane] = (G w G^T)[i][j]. The last vector ends with the last filter.
 *
 * Index space: chunks of the (vector, channel) pairs, `chunk` of `count` each. */
kernel void winograd(const global float *restrict w, global float *restrict out, int channels, int filters, uint count,
                     uint chunk)
{
    uint first = (uint)get_global_id(0) * chunk, end = min(first + chunk, count);
    for (uint pair = first; pair < end; pair++) {
        int f = min((int)(pair / channels) * VW, filters - VW), c = pair % channels;
        vec taps[9];
        for (int tap = 0; tap < 9; tap++) taps[tap] = vec_load(w + (tap * channels + c) * filters + f);
        transform_filter(taps, out + pair * VW, count * VW);
    }
}

/* The same of the filters turned round: out[4 i + j][vector of channels][filter][lane], of w[8 - tap]. */
kernel void winograd_reversed(const global float *restrict w, global float *restrict out, int channels, int filters,
                              uint count, uint chunk)
{
    uint first = (uint)get_global_id(0) * chunk, end = min(first + chunk, count);
    for (uint pair = first; pair < end; pair++) {
        int c = min((int)(pair / filters) * VW, channels - VW), f = pair % filters;
        vec taps[9];
        for (int tap = 0; tap < 9; tap++) {
            float lanes[VW];
            for (int k = 0; k < VW; k++) lanes[k] = w[((8 - tap) * channels + c + k) * filters + f];
            taps[tap] = vec_load(lanes);
        }
        transform_filter(taps, out + pair * VW, count * VW);
    }
}

/* The same, for kernels that share them out by points: out[4 i + j][channel][filter] = (G w G^T)[i][j].
 *
 * Index space: chunks of the vectors of (channel, filter) pairs, `chunk` of `count` each. The last one is moved back. */
kernel void winograd_planes(const global float *restrict w, global float *restrict out, int channels, int filters,
                            uint count, uint chunk)
{
    uint first = (uint)get_global_id(0) * chunk, end = min(first + chunk, count), plane = channels * filters;
    for (uint i = first; i < end; i++) {
        uint pair = min(i * VW, plane - VW);
        vec taps[9];
        for (int tap = 0; tap < 9; tap++) taps[tap] = vec_load(w + tap * plane + pair);
        transform_filter(taps, out + pair, plane);
    }
}

/* Of the filters turned round: out[4 i + j][filter][channel], of w[8 - tap]. The same index space. */
kernel void winograd_planes_reversed(const global float *restrict w, global float *restrict out, int channels,
                                     int filters, uint count, uint chunk)
{
    uint first = (uint)get_global_id(0) * chunk, end = min(first + chunk, count), plane = channels * filters;
    for (uint i = first; i < end; i++) {
        uint pair = min(i * VW, plane - VW);
        vec taps[9];
        for (int tap = 0; tap < 9; tap++) {
            float lanes[VW];
            for (uint k = 0; k < VW; k++) {
                uint f = (pair + k) / channels, c = (pair + k) % channels;
                lanes[k] = w[(8 - tap) * plane + c * filters + f];
            }
            taps[tap] = vec_load(lanes);
        }
        transform_filter(taps, out + pair, plane);
    }
}
