/* Vectors of filters, lanes across them, of which only some may be there: the others are read as zeros and not written.
 *
 * Macros, besides those of common.cl: FILTERS */
#ifndef FILTERS_CL
#define FILTERS_CL

#include "common.cl"

/* The first filter of vector v; the last one is moved back so as not to stick out. */
#define FIRST_FILTER(v) ((v)*VW <= FILTERS - VW ? (v)*VW : FILTERS < VW ? 0 : FILTERS - VW)

/* floats_load8(p, present), winners_load8(p, present) and so on: `present` of the filters are there, or more than all.
 * Winners are bytes in memory. */
#define FILTERS_ACCESS(n, T, whole, lane, lanes_type, load_whole, store_whole)                                         \
    __attribute__((unused)) static inline lanes_type whole##_load##n(const __global T *restrict p, int present)        \
    {                                                                                                                  \
        if (present >= n) return load_whole(load##n(p));                                                               \
        lane lanes[n];                                                                                                 \
        _Pragma("unroll") for (int f = 0; f < n; f++) lanes[f] = f < present ? p[f] : 0;                               \
        return load##n(lanes);                                                                                         \
    }                                                                                                                  \
    __attribute__((unused)) static inline void whole##_store##n(lanes_type v, __global T *restrict p, int present)     \
    {                                                                                                                  \
        if (present >= n) {                                                                                            \
            store##n(store_whole(v), p);                                                                               \
            return;                                                                                                    \
        }                                                                                                              \
        lane lanes[n];                                                                                                 \
        store##n(v, lanes);                                                                                            \
        _Pragma("unroll") for (int f = 0; f < n; f++) if (f < present) p[f] = lanes[f];                                \
    }
#define FILTERS_LENGTH(n)                                                                                              \
    FILTERS_ACCESS(n, float, floats, float, float##n, , )                                                              \
    FILTERS_ACCESS(n, uchar, winners, int, int##n, convert_int##n, convert_uchar##n)
FILTERS_LENGTH(2)
FILTERS_LENGTH(4)
FILTERS_LENGTH(8)
FILTERS_LENGTH(16)
#define floats_load1(p, present)      (*(p))
#define floats_store1(v, p, present)  (*(p) = (v))
#define winners_load1(p, present)     convert_int(*(p))
#define winners_store1(v, p, present) (*(p) = convert_uchar(v))

/* A vector of VW filters. */
#define filters_load(p)     JOIN(floats_load, VW)(p, FILTERS)
#define filters_store(v, p) JOIN(floats_store, VW)(v, p, FILTERS)
#define winners_load(p)     JOIN(winners_load, VW)(p, FILTERS)
#define winners_store(v, p) JOIN(winners_store, VW)(v, p, FILTERS)

#endif
