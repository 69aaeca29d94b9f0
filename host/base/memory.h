/* Host memory with checked sizes. */
#ifndef TSR_BASE_MEMORY_H
#define TSR_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

/* count * size bytes, zeroed; NULL when the product overflows or memory is short. A count of zero gives one element,
 * so NULL always means failure. Free with free(). */
void *tsr_alloc(size_t count, size_t size);

/* Grows *array, an array of elements of `size` bytes with room for *capacity of them, to hold at least `needed`.
 * Returns false and leaves the array alone when memory is short. */
bool tsr_grow(void **array, size_t *capacity, size_t needed, size_t size);

/* a * b in *product; false on overflow. */
bool tsr_multiply(size_t a, size_t b, size_t *product);

/* A copy of `text`, or NULL. Free with free(). */
char *tsr_copy_text(const char *text);

#endif
