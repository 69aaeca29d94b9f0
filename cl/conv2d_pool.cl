/* Pooling in registers, cell after cell, as an epilogue of a convolution.
 *
 * The maximum is the first of the largest cells, or the first not-a-number; the mean is a sum that the caller divides.
 *
 * Macros, besides those of common.cl: POOL_AVERAGE  the mean; otherwise the maximum */
#ifndef CONV2D_POOL_CL
#define CONV2D_POOL_CL

#include "common.cl"

/* Takes in the window's cell at `place`; `first` says that it is the first one. */
static inline void pool_cell(vec *pooled, ivec *winner, vec cell, int place, bool first)
{
    if (first) {
        *pooled = cell;
        *winner = place;
        return;
    }
#ifdef POOL_AVERAGE
    *pooled += cell;
#else
    ivec wins = !(cell <= *pooled) & (*pooled == *pooled);
    *pooled = select(*pooled, cell, wins);
    *winner = select(*winner, (ivec)(place), wins);
#endif
}

#endif
