#include "base/hash.h"

#include <inttypes.h>
#include <stdio.h>

tsr_hash tsr_hash_bytes(const void *data, size_t size)
{
    const uint64_t prime = 0x100000001b3u;
    const unsigned char *bytes = data;
    tsr_hash hash = {0xcbf29ce484222325u, 0x9e3779b97f4a7c15u};
    for (size_t i = 0; i < size; i++) {
        hash.low = (hash.low ^ bytes[i]) * prime;
        hash.high = (hash.high ^ bytes[i]) * prime;
    }
    return hash;
}

void tsr_hash_text(tsr_hash hash, char text[33])
{
    snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, hash.high, hash.low);
}
