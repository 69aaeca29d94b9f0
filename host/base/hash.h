/* A 128-bit hash that names cache entries. Entries hold their whole key, so a collision costs a rebuild, nothing more.
 */
#ifndef TSR_BASE_HASH_H
#define TSR_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct tsr_hash {
    uint64_t low, high;
} tsr_hash;

/* FNV-1a over the bytes, twice, with different offsets. */
tsr_hash tsr_hash_bytes(const void *data, size_t size);

/* The 32 hexadecimal digits of a hash. */
void tsr_hash_text(tsr_hash hash, char text[33]);

#endif
