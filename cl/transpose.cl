/* transpose(v): lane j of v[i] and lane i of v[j] change places, for a square of VW vectors; log2(VW) rounds, each of
 * which exchanges the off-diagonal quarters of all squares of one size.
 *
 * Macros: VW, see common.cl */
#include "common.cl"

/* QUARTERS_h: vectors i (lo) and i + h (hi) after the round for squares of 2h, a and b being what they were. */
#if VW == 16
#define QUARTERS_8_lo(a, b)    ((vec)((a).lo, (b).lo))
#define QUARTERS_8_hi(a, b)    ((vec)((a).hi, (b).hi))
#define QUARTERS_4_lo(a, b)    ((vec)((a).s0123, (b).s0123, (a).s89ab, (b).s89ab))
#define QUARTERS_4_hi(a, b)    ((vec)((a).s4567, (b).s4567, (a).scdef, (b).scdef))
#define QUARTERS_2_lo(a, b)                                                                                            \
    ((vec)((a).s01, (b).s01, (a).s45, (b).s45, (a).s89, (b).s89, (a).scd, (b).scd))
#define QUARTERS_2_hi(a, b)                                                                                            \
    ((vec)((a).s23, (b).s23, (a).s67, (b).s67, (a).sab, (b).sab, (a).sef, (b).sef))
#define QUARTERS_1_lo(a, b)                                                                                            \
    ((vec)((a).s0, (b).s0, (a).s2, (b).s2, (a).s4, (b).s4, (a).s6, (b).s6, (a).s8, (b).s8, (a).sa, (b).sa, (a).sc,     \
           (b).sc, (a).se, (b).se))
#define QUARTERS_1_hi(a, b)                                                                                            \
    ((vec)((a).s1, (b).s1, (a).s3, (b).s3, (a).s5, (b).s5, (a).s7, (b).s7, (a).s9, (b).s9, (a).sb, (b).sb, (a).sd,     \
           (b).sd, (a).sf, (b).sf))
#elif VW == 8
#define QUARTERS_4_lo(a, b) ((vec)((a).lo, (b).lo))
#define QUARTERS_4_hi(a, b) ((vec)((a).hi, (b).hi))
#define QUARTERS_2_lo(a, b) ((vec)((a).s01, (b).s01, (a).s45, (b).s45))
#define QUARTERS_2_hi(a, b) ((vec)((a).s23, (b).s23, (a).s67, (b).s67))
#define QUARTERS_1_lo(a, b) ((vec)((a).s0, (b).s0, (a).s2, (b).s2, (a).s4, (b).s4, (a).s6, (b).s6))
#define QUARTERS_1_hi(a, b) ((vec)((a).s1, (b).s1, (a).s3, (b).s3, (a).s5, (b).s5, (a).s7, (b).s7))
#elif VW == 4
#define QUARTERS_2_lo(a, b) ((vec)((a).lo, (b).lo))
#define QUARTERS_2_hi(a, b) ((vec)((a).hi, (b).hi))
#define QUARTERS_1_lo(a, b) ((vec)((a).s0, (b).s0, (a).s2, (b).s2))
#define QUARTERS_1_hi(a, b) ((vec)((a).s1, (b).s1, (a).s3, (b).s3))
#elif VW == 2
#define QUARTERS_1_lo(a, b) ((vec)((a).lo, (b).lo))
#define QUARTERS_1_hi(a, b) ((vec)((a).hi, (b).hi))
#endif

#define TRANSPOSE_ROUND(v, half)                                                                                       \
    _Pragma("unroll") for (int i = 0; i < VW; i++) if (!(i & half))                                                    \
    {                                                                                                                  \
        vec a = v[i], b = v[i + half];                                                                                 \
        v[i] = QUARTERS_##half##_lo(a, b);                                                                             \
        v[i + half] = QUARTERS_##half##_hi(a, b);                                                                      \
    }

static inline void transpose(vec v[VW])
{
#if VW >= 16
    TRANSPOSE_ROUND(v, 8)
#endif
#if VW >= 8
    TRANSPOSE_ROUND(v, 4)
#endif
#if VW >= 4
    TRANSPOSE_ROUND(v, 2)
#endif
#if VW >= 2
    TRANSPOSE_ROUND(v, 1)
#endif
}
