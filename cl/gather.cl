/* Takes a batch of samples out of the data set: y[i] = source[order[position + i]] * scale, position = clock[1].
 *
 * Index space: (chunks of a sample, samples of the batch); a work-item copies up to `chunk` neighbouring elements.
 * Samples lie dense one after another in both arrays; the data set may be larger than 32 bits can address. Reads and
 * writes are contiguous, and on CPU-class devices whole vectors.
 *
 * Macros: VW      floats in a vector
 *         SOURCE  type of the data set: uchar, float or int
 *         TARGET  type of the batch: float, or int for int */
#include "common.cl"

#define uchar_source 1
#define float_source 2
#define int_source   3
#define KIND         JOIN(SOURCE, _source)

#if KIND == uchar_source
#define CONVERT(s)     convert_float(s)
#define CONVERT_VEC(s) vec_from_uchar(s)
#else
#define CONVERT(s)     (s)
#define CONVERT_VEC(s) (s)
#endif
#if KIND == int_source
#define SCALED(s) (s)
#else
#define SCALED(s) ((s)*scale)
#endif

kernel void gather(const global SOURCE *restrict source, const global int *restrict order,
                   const global int *restrict clock, global TARGET *restrict y, float scale, int batch, int sample,
                   int chunk)
{
    int i = get_global_id(1);
    if (i >= batch) return;
    int e = (int)get_global_id(0) * chunk, end = min(e + chunk, sample);
    source += (ulong)order[clock[1] + i] * (ulong)sample;
    y += (ulong)i * (ulong)sample;
    for (; e + VW <= end; e += VW) vec_store(SCALED(CONVERT_VEC(vec_load(source + e))), y + e);
    for (; e < end; e++) y[e] = SCALED(CONVERT(source[e]));
}
