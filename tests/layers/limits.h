/* Inside the layer of limits.c. */
#ifndef TSR_TESTS_LIMITS_H
#define TSR_TESTS_LIMITS_H

#undef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 300
#include "layers/profiles.h"

#include <CL/cl_layer.h>

extern const cl_icd_dispatch *limits_next; /* the loader's table, or the next layer's */
extern const limits_profile *limits;       /* the profile in force */

/* Answers a query as the specification says. */
cl_int limits_answer(const void *from, size_t bytes, size_t size, void *value, size_t *needed);

cl_ulong limits_lower(cl_ulong real, cl_ulong limit);
/* Work-items along a side of a work-group; 0: as the driver says. */
size_t limits_work_items(int side);

/* What the layer puts in place of the functions of these names. */
cl_int CL_API_CALL limits_get_platform_info(cl_platform_id platform, cl_platform_info name, size_t size, void *value,
                                            size_t *needed);
cl_int CL_API_CALL limits_get_device_info(cl_device_id device, cl_device_info name, size_t size, void *value,
                                          size_t *needed);

#endif
