#include "base/random.h"

void tsr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

/* Block `block` of four words of (seed, stream, step). */
static void philox_block(uint64_t seed, uint32_t stream, uint32_t step, uint64_t block, uint32_t words[4])
{
    const uint32_t counter[4] = {(uint32_t)block, step, stream, (uint32_t)(block >> 32)};
    const uint32_t key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
    tsr_philox(counter, key, words);
}

float tsr_uniform(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element)
{
    uint32_t words[4];
    philox_block(seed, stream, step, element / 4, words);
    return (float)(words[element % 4] >> 8) * 0x1p-24f;
}

void tsr_shuffle(uint64_t seed, uint32_t stream, uint32_t step, int32_t *order, size_t n)
{
    uint32_t words[4];
    uint64_t drawn = 0;
    for (size_t i = 0; i < n; i++) order[i] = (int32_t)i;
    for (size_t i = n; i-- > 1;) {
        /* Words below the largest multiple of the bound are even over it; the few others are drawn again. */
        uint64_t bound = (uint64_t)i + 1, limit = ((uint64_t)1 << 32) / bound * bound;
        uint32_t word;
        do {
            if (drawn % 4 == 0) philox_block(seed, stream, step, drawn / 4, words);
            word = words[drawn++ % 4];
        } while (word >= limit);
        size_t j = (size_t)(word % bound);
        int32_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

void tsr_mt19937_seed(tsr_mt19937 *generator, uint32_t seed)
{
    for (uint32_t i = 0; i < 624; i++) {
        generator->state[i] = seed;
        seed = 1812433253u * (seed ^ (seed >> 30)) + i + 1;
    }
    generator->at = 624;
}

static void mt19937_refill(tsr_mt19937 *generator)
{
    uint32_t *state = generator->state;
    for (int i = 0; i < 624; i++) {
        uint32_t y = (state[i] & 0x80000000u) | (state[(i + 1) % 624] & 0x7fffffffu);
        state[i] = state[(i + 397) % 624] ^ (y >> 1) ^ (y & 1 ? 0x9908b0dfu : 0);
    }
    generator->at = 0;
}

uint32_t tsr_mt19937_next(tsr_mt19937 *generator)
{
    if (generator->at >= 624) mt19937_refill(generator);
    uint32_t y = generator->state[generator->at++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

void tsr_mt19937_permutation(tsr_mt19937 *generator, int32_t *permutation, size_t n)
{
    for (size_t i = 0; i < n; i++) permutation[i] = (int32_t)i;
    for (size_t i = n; i-- > 1;) {
        uint32_t mask = (uint32_t)i, j;
        for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
        do {
            j = tsr_mt19937_next(generator) & mask;
        } while (j > i);
        int32_t kept = permutation[i];
        permutation[i] = permutation[j];
        permutation[j] = kept;
    }
}
