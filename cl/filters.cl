/* Vectors of filters, lanes across them, where there may be fewer filters than lanes: those that are not there are read
 * as zeros and not written.
 *
 * Macros, besides those of common.cl: FILTERS */
#ifndef FILTERS_CL
#define FILTERS_CL

#include "common.cl"

/* The first filter of vector v; the last one is moved back so as not to stick out. */
#define FIRST_FILTER(v) ((v)*VW <= FILTERS - VW ? (v)*VW : FILTERS < VW ? 0 : FILTERS - VW)

#if FILTERS < VW
__attribute__((unused)) static inline vec filters_load(const __global float *restrict p)
{
    float lanes[VW];
#pragma unroll
    for (int f = 0; f < VW; f++) lanes[f] = f < FILTERS ? p[f] : 0.0f;
    return vec_load(lanes);
}

__attribute__((unused)) static inline void filters_store(vec v, __global float *restrict p)
{
    float lanes[VW];
    vec_store(v, lanes);
#pragma unroll
    for (int f = 0; f < FILTERS; f++) p[f] = lanes[f];
}

__attribute__((unused)) static inline ivec winners_load(const __global uchar *restrict p)
{
    int lanes[VW];
#pragma unroll
    for (int f = 0; f < VW; f++) lanes[f] = f < FILTERS ? p[f] : 0;
    return vec_load(lanes);
}

__attribute__((unused)) static inline void winners_store(ivec v, __global uchar *restrict p)
{
    int lanes[VW];
    vec_store(v, lanes);
#pragma unroll
    for (int f = 0; f < FILTERS; f++) p[f] = lanes[f];
}
#else
#define filters_load(p)     vec_load(p)
#define filters_store(v, p) vec_store(v, p)
#define winners_load(p)     ivec_from_uchar(vec_load(p))
#define winners_store(v, p) vec_store(uchar_from_ivec(v), p)
#endif

#endif
