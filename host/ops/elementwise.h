/* The index space of elementwise kernels: an element a work-item on GPUs; on CPU-class devices a few dozen work-items
 * that take a chunk of elements each and go through it with vectors. */
#ifndef TSR_OPS_ELEMENTWISE_H
#define TSR_OPS_ELEMENTWISE_H

#include "ops/implementation.h"

/* Sets the kernel's next two arguments, uint count and uint chunk, and the index space. Work-item i has the elements
 * from i * chunk up to (i + 1) * chunk or count. On CPU-class devices a chunk has at least `least` elements, about what
 * repays a work-group. */
void tsr_launch_elementwise(tsr_step *step, tsr_launch *launch, size_t count, uint32_t least, tsr_status *status);

/* The option -DVW=... of the target's vectors, room for TSR_VECTOR_OPTION bytes. */
#define TSR_VECTOR_OPTION 16
void tsr_vector_option(const tsr_target *target, char *option);

#endif
