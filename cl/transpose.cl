/* transpose(v): lane j of v[i] and lane i of v[j] change places, for a square of VW vectors; log2(VW) rounds, each of
 * which exchanges the off-diagonal quarters of all squares of one size.
 *
 * Macros: VW, see common.cl */
#include "common.cl"

/* Lanes of a vector, one by one: simulators check these where they stumble over parts of vectors, and compilers join
 * them. */
#define LANES_2(v, i, j)                   (v).s##i, (v).s##j
#define LANES_4(v, i, j, k, l)             LANES_2(v, i, j), LANES_2(v, k, l)
#define LANES_8(v, i, j, k, l, m, n, o, p) LANES_4(v, i, j, k, l), LANES_4(v, m, n, o, p)

/* QUARTERS_h: vectors i (lo) and i + h (hi) after the round for squares of 2h, v and w being what they were. */
#if VW == 16
#define QUARTERS_8_lo(v, w) ((vec)(LANES_8(v, 0, 1, 2, 3, 4, 5, 6, 7), LANES_8(w, 0, 1, 2, 3, 4, 5, 6, 7)))
#define QUARTERS_8_hi(v, w) ((vec)(LANES_8(v, 8, 9, a, b, c, d, e, f), LANES_8(w, 8, 9, a, b, c, d, e, f)))
#define QUARTERS_4_lo(v, w)                                                                                            \
    ((vec)(LANES_4(v, 0, 1, 2, 3), LANES_4(w, 0, 1, 2, 3), LANES_4(v, 8, 9, a, b), LANES_4(w, 8, 9, a, b)))
#define QUARTERS_4_hi(v, w)                                                                                            \
    ((vec)(LANES_4(v, 4, 5, 6, 7), LANES_4(w, 4, 5, 6, 7), LANES_4(v, c, d, e, f), LANES_4(w, c, d, e, f)))
#define QUARTERS_2_lo(v, w)                                                                                            \
    ((vec)(LANES_2(v, 0, 1), LANES_2(w, 0, 1), LANES_2(v, 4, 5), LANES_2(w, 4, 5), LANES_2(v, 8, 9), LANES_2(w, 8, 9), \
           LANES_2(v, c, d), LANES_2(w, c, d)))
#define QUARTERS_2_hi(v, w)                                                                                            \
    ((vec)(LANES_2(v, 2, 3), LANES_2(w, 2, 3), LANES_2(v, 6, 7), LANES_2(w, 6, 7), LANES_2(v, a, b), LANES_2(w, a, b), \
           LANES_2(v, e, f), LANES_2(w, e, f)))
#define QUARTERS_1_lo(v, w)                                                                                            \
    ((vec)((v).s0, (w).s0, (v).s2, (w).s2, (v).s4, (w).s4, (v).s6, (w).s6, (v).s8, (w).s8, (v).sa, (w).sa, (v).sc,     \
           (w).sc, (v).se, (w).se))
#define QUARTERS_1_hi(v, w)                                                                                            \
    ((vec)((v).s1, (w).s1, (v).s3, (w).s3, (v).s5, (w).s5, (v).s7, (w).s7, (v).s9, (w).s9, (v).sb, (w).sb, (v).sd,     \
           (w).sd, (v).sf, (w).sf))
#elif VW == 8
#define QUARTERS_4_lo(v, w) ((vec)(LANES_4(v, 0, 1, 2, 3), LANES_4(w, 0, 1, 2, 3)))
#define QUARTERS_4_hi(v, w) ((vec)(LANES_4(v, 4, 5, 6, 7), LANES_4(w, 4, 5, 6, 7)))
#define QUARTERS_2_lo(v, w) ((vec)(LANES_2(v, 0, 1), LANES_2(w, 0, 1), LANES_2(v, 4, 5), LANES_2(w, 4, 5)))
#define QUARTERS_2_hi(v, w) ((vec)(LANES_2(v, 2, 3), LANES_2(w, 2, 3), LANES_2(v, 6, 7), LANES_2(w, 6, 7)))
#define QUARTERS_1_lo(v, w) ((vec)((v).s0, (w).s0, (v).s2, (w).s2, (v).s4, (w).s4, (v).s6, (w).s6))
#define QUARTERS_1_hi(v, w) ((vec)((v).s1, (w).s1, (v).s3, (w).s3, (v).s5, (w).s5, (v).s7, (w).s7))
#elif VW == 4
#define QUARTERS_2_lo(v, w) ((vec)(LANES_2(v, 0, 1), LANES_2(w, 0, 1)))
#define QUARTERS_2_hi(v, w) ((vec)(LANES_2(v, 2, 3), LANES_2(w, 2, 3)))
#define QUARTERS_1_lo(v, w) ((vec)((v).s0, (w).s0, (v).s2, (w).s2))
#define QUARTERS_1_hi(v, w) ((vec)((v).s1, (w).s1, (v).s3, (w).s3))
#elif VW == 2
#define QUARTERS_1_lo(v, w) ((vec)((v).s0, (w).s0))
#define QUARTERS_1_hi(v, w) ((vec)((v).s1, (w).s1))
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
