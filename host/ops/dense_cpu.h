/* How the dense layer's kernels for CPU-class devices divide their work. */
#ifndef TSR_OPS_DENSE_CPU_H
#define TSR_OPS_DENSE_CPU_H

#include "ops/implementation.h"

typedef struct tsr_dense_tile {
    uint32_t width;  /* floats a vector: the target's, but no wider than there are units and inputs */
    int32_t vectors; /* of a block of sums */
} tsr_dense_tile;

/* Blocks of at most 7 vectors beside 4 rows where there are registers for 28 sums and more (vectors of 16), else 3;
 * the vectors of a row are divided evenly. */
tsr_dense_tile tsr_dense_cpu_tile(const tsr_target *target, int32_t units, int32_t inputs);

/* Whether the CPU-class kernels are the ones to use: refuses for other devices and where CLBlast is asked for. */
bool tsr_dense_cpu_suits(const tsr_target *target, tsr_needs *needs);

#endif
