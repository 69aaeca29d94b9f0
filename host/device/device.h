/* Inside the device floor: the device's fields, its programs, buffers and launches. */
#ifndef TSR_DEVICE_DEVICE_H
#define TSR_DEVICE_DEVICE_H

#include "base/status.h"
#include "tessera/device.h"

#include <pthread.h>

typedef struct tsr_program_entry tsr_program_entry; /* program.c */
typedef struct tsr_profile tsr_profile;             /* profile.c */
typedef struct tsr_tuning tsr_tuning;               /* tuning.h */

struct tsr_device {
    tsr_device_info info;
    cl_platform_id platform;
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    bool in_order;
    tsr_profile *profile; /* NULL: not measured */
    pthread_mutex_t program_lock;
    tsr_program_entry *programs; /* built ones, a list; guarded by program_lock */
    tsr_tuning *tuning;          /* the stored one, once somebody has asked: tsr_device_tuning */
    bool clblast_tuned;          /* CLBlast's stored parameters are in force: tsr_tune_apply */
};

/* Turns an OpenCL error into a status with a sentence: "WHAT failed on DEVICE: CL_OUT_OF_RESOURCES (-5)" and what to do
 * where that is known. CL_SUCCESS gives TSR_OK. `device` may be NULL. */
tsr_status tsr_check(cl_int code, const tsr_device *device, const char *what);

/* The name of an OpenCL error code, such as "CL_OUT_OF_RESOURCES". */
const char *tsr_opencl_error_name(cl_int code);

/* Makes a buffer. `what` names it in the error: "the data set". A size of 0 makes one of 1 byte; a size over the
 * device's largest allocation gives TSR_OUT_OF_MEMORY without a call. */
tsr_status tsr_buffer_create(tsr_device *device, cl_mem_flags flags, size_t bytes, const char *what, cl_mem *buffer);

/* A part of a buffer as a buffer of its own; offset must be a multiple of the device's alignment. */
tsr_status tsr_buffer_part(tsr_device *device, cl_mem whole, size_t offset, size_t bytes, cl_mem *part);

/* Blocking copies between host and device. */
tsr_status tsr_buffer_write(tsr_device *device, cl_mem buffer, size_t offset, const void *data, size_t bytes);
tsr_status tsr_buffer_read(tsr_device *device, cl_mem buffer, size_t offset, void *data, size_t bytes);

/* Fills with a repeated byte, in queue order. */
tsr_status tsr_buffer_fill(tsr_device *device, cl_mem buffer, size_t offset, unsigned char byte, size_t bytes);

/* The program of cl/`file` built with `options` for the device: from memory, the disk cache, or compiled. It is the
 * device's; callers make kernels of it and do not release it. Includes are resolved and lines are numbered as in the
 * kernel files. A kernel that does not build gives TSR_BUILD and the device's build log. */
tsr_status tsr_program_get(tsr_device *device, const char *file, const char *options, cl_program *program);

/* Work-items that a work-group of the kernel may have on the device. */
tsr_status tsr_kernel_limit(const tsr_device *device, cl_kernel kernel, size_t *limit);

/* Enqueues a kernel on the device's queue, with a barrier before it on an out-of-order queue, measured when the device
 * profiles. local may be NULL. `name` is what the profile calls it. */
tsr_status tsr_enqueue_kernel(tsr_device *device, cl_kernel kernel, const char *name, cl_uint dimensions,
                              const size_t *global, const size_t *local);

/* Before work enqueued by someone else (CLBlast): a barrier on an out-of-order queue. */
tsr_status tsr_enqueue_barrier(tsr_device *device);
/* Hands the event of such work, named `name`, to the profile, which releases it. Without a profile it is released at
 * once; NULL is allowed. */
void tsr_profile_event(tsr_device *device, const char *name, cl_event event);

/* Kernel text embedded at build time. */
typedef struct tsr_embedded_file {
    const char *name;
    const char *text;
} tsr_embedded_file;
extern const tsr_embedded_file tsr_embedded_files[]; /* ended by a NULL name */

#endif
