/* Images as a convolution's kernel for GPUs takes them: from a value, or gathered from the data set and scaled.
 *
 *   IMAGES_ARGUMENTS                  the kernel's arguments x, order, clock, layout of x (origin, image, row), scale
 *   image_number(n)                   which image of x is the batch's n-th
 *   image_fetch(count, from, there, to)   count numbers (1 or 4, these at a multiple of four) at `from`, or zeros
 *
 * Macros: X_TYPE  type of the elements of x
 *         SCALED, GATHERED  1: they are multiplied by scale; x is the data set, image n is order[clock[1] + n] */
#ifndef IMAGES_CL
#define IMAGES_CL

#include "common.cl"

#define IMAGES_ARGUMENTS                                                                                               \
    const __global X_TYPE *restrict x, const __global int *restrict order, const __global int *restrict clock,         \
        int x_origin, int x_image, int x_row, float scale

#if GATHERED
#define image_number(n) ((size_t)order[clock[1] + (n)])
#else
#define image_number(n) ((size_t)(n))
#endif

#if SCALED
#define IMAGE_VALUE(T, v) (convert_##T(v) * scale)
#else
#define IMAGE_VALUE(T, v) (v)
#endif

#define image_fetch1(from, there, to) ((to)[0] = (there) ? IMAGE_VALUE(float, (from)[0]) : 0.0f)
#define image_fetch4(from, there, to)                                                                                  \
    do {                                                                                                               \
        float4 four = (float4)(0.0f);                                                                                  \
        if (there) four = IMAGE_VALUE(float4, *(const __global JOIN(X_TYPE, 4) *)(from));                              \
        (to)[0] = four.x;                                                                                              \
        (to)[1] = four.y;                                                                                              \
        (to)[2] = four.z;                                                                                              \
        (to)[3] = four.w;                                                                                              \
    } while (0)
#define image_fetch(count, from, there, to) JOIN(image_fetch, count)(from, there, to)

#endif
