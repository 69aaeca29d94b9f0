/* What kernels for CPU-class devices share: vectors of VW floats, `vec`, that are plain floats when VW is 1, so that
 * one text serves every width. Loads and stores need no alignment beyond the element's.
 *
 * Comparisons of floats give 1, those of vectors -1 (all bits set): feed them to select(a, b, a > b), which is right
 * for both, and do no arithmetic on them.
 *
 * Macros: VW  floats in a vector: 1, 2, 4, 8 or 16; 1 when it is not given */
#ifndef COMMON_CL
#define COMMON_CL

#ifndef VW
#define VW 1
#endif

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

#if VW == 1
#define vec                float
#define ivec               int
#define uvec               uint
#define vec_from_uchar(u)  convert_float(u)
#define ivec_from_uchar(u) convert_int(u)
#define uvec_from_ivec(i)  convert_uint(i)
#define uchar_from_ivec(i) convert_uchar(i)
#else
#define vec                JOIN(float, VW)
#define ivec               JOIN(int, VW)
#define uvec               JOIN(uint, VW)
#define vec_from_uchar(u)  JOIN(convert_float, VW)(u)
#define ivec_from_uchar(u) JOIN(convert_int, VW)(u)
#define uvec_from_ivec(i)  JOIN(convert_uint, VW)(i)
#define uchar_from_ivec(i) JOIN(convert_uchar, VW)(i)
#endif

/* For functions that ask for their work-item: PoCL calls one that is too large to be put into the kernel for every
 * work-item with the numbers of another. */
#define INLINED static inline __attribute__((always_inline))

/* load8(p), store8(v, p) and so on: a vector of so many elements at p, which needs an element's alignment alone. They
 * do what vload8 and vstore8 do, in one access: PoCL makes those of halves of halves, which the compiler does not
 * always join again. */
#ifdef __clang__
#define VECTOR_ACCESS(T, n, space)                                                                                     \
    __attribute__((overloadable, unused)) static inline T##n load##n(const space T *p)                                 \
    {                                                                                                                  \
        typedef T##n unaligned __attribute__((aligned(sizeof(T)), may_alias));                                         \
        return *(const space unaligned *)p;                                                                            \
    }                                                                                                                  \
    __attribute__((overloadable, unused)) static inline void store##n(T##n v, space T *p)                              \
    {                                                                                                                  \
        typedef T##n unaligned __attribute__((aligned(sizeof(T)), may_alias));                                         \
        *(space unaligned *)p = v;                                                                                     \
    }
#define VECTORS_OF(T, n) VECTOR_ACCESS(T, n, __global) VECTOR_ACCESS(T, n, __private)
#define VECTOR_LENGTH(n)                                                                                               \
    VECTORS_OF(float, n) VECTORS_OF(int, n) VECTORS_OF(uint, n) VECTORS_OF(uchar, n) VECTORS_OF(ushort, n)
VECTOR_LENGTH(2)
VECTOR_LENGTH(4)
VECTOR_LENGTH(8)
VECTOR_LENGTH(16)
#else
#define load2(p)      vload2(0, p)
#define load4(p)      vload4(0, p)
#define load8(p)      vload8(0, p)
#define load16(p)     vload16(0, p)
#define store2(v, p)  vstore2(v, 0, p)
#define store4(v, p)  vstore4(v, 0, p)
#define store8(v, p)  vstore8(v, 0, p)
#define store16(v, p) vstore16(v, 0, p)
#endif
#define load1(p)     (*(p))
#define store1(v, p) (*(p) = (v))

#define vec_load(p)     JOIN(load, VW)(p)
#define vec_store(v, p) JOIN(store, VW)(v, p)

/* Asks for the line `ahead` elements behind p in global memory, which is read soon; there need not be one. */
#ifdef __clang__
#define prefetch_line(p, ahead) __builtin_prefetch((const void *)((size_t)(p) + (ahead) * sizeof *(p)))
#else
#define prefetch_line(p, ahead)
#endif

/* 0, 1, ..., VW - 1 */
#if VW == 1
#define VEC_INDEX 0
#elif VW == 2
#define VEC_INDEX ((int2)(0, 1))
#elif VW == 4
#define VEC_INDEX ((int4)(0, 1, 2, 3))
#elif VW == 8
#define VEC_INDEX ((int8)(0, 1, 2, 3, 4, 5, 6, 7))
#else
#define VEC_INDEX ((int16)(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))
#endif

#endif
