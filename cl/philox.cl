/* Philox4x32-10, the counter-based generator of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011),
 * for VW neighbouring counters at once; host/base/random.c is the same for one. */
#ifndef PHILOX_CL
#define PHILOX_CL

#include "common.cl"

/* The upper 32 bits of products. Some drivers' mul_hi() is wrong: with NO_MUL_HI they are made of products of halves. */
#ifdef NO_MUL_HI
static inline uvec high_product(uint factor, uvec c)
{
    uint low = factor & 0xFFFFu, high = factor >> 16;
    uvec c_low = c & (uvec)(0xFFFFu), c_high = c >> (uvec)(16u);
    uvec first = c_low * (uvec)(high) + (c_low * (uvec)(low) >> (uvec)(16u));
    uvec second = c_high * (uvec)(low) + (first & (uvec)(0xFFFFu));
    return c_high * (uvec)(high) + (first >> (uvec)(16u)) + (second >> (uvec)(16u));
}
#else
static inline uvec high_product(uint factor, uvec c)
{
    return mul_hi((uvec)(factor), c);
}
#endif

/* The words of the counters (c0, c1, c2, c3), a counter a lane, under the key (k0, k1): word w of lane l is put into
 * words[w * VW + l]. */
static inline void philox(uvec c0, uvec c1, uvec c2, uvec c3, uint k0, uint k1, uint *words)
{
    for (int round = 0; round < 10; round++) {
        uvec high0 = high_product(0xD2511F53u, c0), low0 = (uvec)(0xD2511F53u) * c0;
        uvec high1 = high_product(0xCD9E8D57u, c2), low1 = (uvec)(0xCD9E8D57u) * c2;
        c0 = high1 ^ c1 ^ (uvec)(k0);
        c2 = high0 ^ c3 ^ (uvec)(k1);
        c1 = low1;
        c3 = low0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    vec_store(c0, words);
    vec_store(c1, words + VW);
    vec_store(c2, words + 2 * VW);
    vec_store(c3, words + 3 * VW);
}

#endif
