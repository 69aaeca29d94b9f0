/* How a work-group of a GPU and its work-items share a tile of a matrix product: the host's side of cl/tile.cl. */
#ifndef TSR_OPS_TILE_H
#define TSR_OPS_TILE_H

#include "ops/implementation.h"

/* The product of a kernel that includes tile.cl. */
typedef struct tsr_tile_product {
    int64_t rows, columns, depth;
    int64_t splits;                            /* products of this size side by side: of parts of the sums, say */
    int32_t row_unit;                          /* rows that a work-item must hold together; 1: any */
    bool left_along_depth, right_along_depth;  /* the factor is contiguous along the terms, not the rows or columns */
    int32_t left_contiguous, right_contiguous; /* numbers that are so, from a multiple of as many elements on */
} tsr_tile_product;

typedef struct tsr_tile {
    int32_t group_rows, group_columns; /* work-items */
    int32_t item_rows, item_columns;   /* sums of a work-item */
    int32_t row_unit;                  /* neighbouring rows of a work-item; divides item_rows */
    int32_t depth;                     /* terms in local memory */
} tsr_tile;

enum { TSR_TILE_SUMS = 64, TSR_TILE_OPTIONS = 1024 };

/* Whether the kernels suit the device: GPUs, and any device where a plan names them. */
bool tsr_tile_suits(const tsr_target *target, tsr_needs *needs);

/* Parts of the device that run work-groups of their own. Compute units are such, except with Intel's driver for GPUs,
 * which counts execution units: what has a local memory, a subslice or Xe core, is 8 or 16 of them. With 8, the smaller
 * number, no part is left without work. */
uint32_t tsr_tile_units(const tsr_device_info *info);

/* Work-items that a work-group along one side may have. */
size_t tsr_tile_most_items(const tsr_device_info *info);

/* A tile for the product on such a device: the vendor's starting parameters, smaller where there are few rows, columns
 * or tiles, and within the limits that the device states. It ends with one work-item, which needs no local memory.
 * False when row_unit is more than TSR_TILE_SUMS. How the sums are ordered does not depend on it. */
bool tsr_tile_choose(const tsr_device_info *info, const tsr_tile_product *product, tsr_tile *tile);

/* Begins a launch as tsr_step_launch does, where the kernel may have work-groups of so many work-items: registers and
 * local memory count only once it is built. Otherwise, or where it does not build for more than one, NULL with *status
 * as it was, and *allowed work-items; the launch is taken back. */
tsr_launch *tsr_tile_try(tsr_step *step, const char *file, const char *kernel, const char *options, int32_t items,
                         size_t *allowed, tsr_status *status);

/* Fails with what to say where even the smallest work-group was too much. */
tsr_status tsr_tile_too_large(const tsr_step *step, const char *kernel);

/* Chooses a tile, shrinks it until the kernel built with it fits the device, and begins the launch: `options` are the
 * kernel's besides the tile's. *status as with tsr_step_launch. */
tsr_launch *tsr_tile_launch(tsr_step *step, const char *file, const char *kernel, const char *options,
                            const tsr_tile_product *product, tsr_tile *tile, tsr_status *status);

/* Sets its index space: (rows, columns, splits) in tiles. */
void tsr_tile_launch_over(tsr_step *step, tsr_launch *launch, const tsr_tile_product *product, const tsr_tile *tile,
                          tsr_status *status);

#endif
