/* Random numbers: counter-based Philox for everything of our own, and NumPy's legacy generator for its split. */
#ifndef TSR_BASE_RANDOM_H
#define TSR_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): four words from a counter and a
 * key, the same on host and device. */
void tsr_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t words[4]);

/* Streams of the one seed; each dropout layer has TSR_STREAM_DROPOUT + its number among them. */
enum { TSR_STREAM_SHUFFLE = 1, TSR_STREAM_WEIGHTS = 2, TSR_STREAM_DROPOUT = 1000 };

/* u in [0, 1) with 24 bits: element `element` of (seed, stream, step): word element % 4 of the block with counter
 * (element / 4, step, stream, element >> 34), key = (seed low, seed high); u = (word >> 8) * 2^-24. */
float tsr_uniform(uint64_t seed, uint32_t stream, uint32_t step, uint64_t element);

/* Puts 0 ... n-1 into `order`, shuffled (Fisher-Yates from the end; bounded draws by rejection) with the words of
 * (seed, stream, step). */
void tsr_shuffle(uint64_t seed, uint32_t stream, uint32_t step, int32_t *order, size_t n);

/* MT19937 as NumPy's RandomState seeds and draws it. */
typedef struct tsr_mt19937 {
    uint32_t state[624];
    int at;
} tsr_mt19937;
void tsr_mt19937_seed(tsr_mt19937 *generator, uint32_t seed);
uint32_t tsr_mt19937_next(tsr_mt19937 *generator);
/* RandomState.permutation(n). */
void tsr_mt19937_permutation(tsr_mt19937 *generator, int32_t *permutation, size_t n);

#endif
