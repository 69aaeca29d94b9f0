/* Where a convolution's images lie, for kernels that take them from a value or gather them from the data set. */
#ifndef TSR_OPS_CONV2D_IMAGES_H
#define TSR_OPS_CONV2D_IMAGES_H

#include "ops/implementation.h"

/* Where images lie: element of the first, from one to the next, from row to row. */
typedef struct tsr_conv2d_layout {
    int32_t origin, image, row;
} tsr_conv2d_layout;

/* Of a value, which is dense where it has no four extents. */
tsr_conv2d_layout tsr_conv2d_layout_of(const tsr_step *step, int value, int32_t rows, int32_t columns,
                                       int32_t channels);
/* As three arguments. */
void tsr_conv2d_launch_layout(tsr_launch *launch, tsr_conv2d_layout layout, tsr_status *status);

/* The arguments x, order, clock, layout of x and scale: of the value x, or of the data set that `gather` (NULL: none)
 * takes it from. Operands that are not there are not read: x stands in for them. */
void tsr_conv2d_launch_images(tsr_step *step, tsr_launch *launch, const tsr_primitive *gather, int x,
                              const tsr_conv2d_descriptor *conv2d, tsr_status *status);
/* The options for them: X_TYPE, the type of their elements; SCALED, whether they are multiplied by a scale; GATHERED.
 */
const char *tsr_conv2d_image_options(const tsr_primitive *gather);

#endif
