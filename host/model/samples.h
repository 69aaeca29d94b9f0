/* Samples brought to the device: as bytes or floats, as they came, with the order in which they are used. A set that is
 * larger than one allocation is brought page by page, in that order, into two buffers in turn; a small one of a single
 * batch is one page. */
#ifndef TSR_MODEL_SAMPLES_H
#define TSR_MODEL_SAMPLES_H

#include "device/device.h"
#include "model/layer.h"

/* One buffer of images and labels, and, of a paged set, the host memory that it is written from. */
typedef struct tsr_page {
    cl_mem images, labels; /* labels: NULL without them */
    void *staged_images;
    int32_t *staged_labels;
    cl_event written; /* of the last write from the staged memory; NULL when there was none */
} tsr_page;

typedef struct tsr_samples {
    tsr_device *device;
    tsr_data data;        /* the caller's, who keeps it alive */
    int32_t count;        /* samples used */
    size_t sample_bytes;  /* of one image */
    bool paged;           /* pages hold samples in the order of their use, and are written while the host goes on */
    int32_t page_size;    /* samples a page: all, or a multiple of the batch size */
    tsr_page pages[2];    /* the second one is there where there are several */
    int32_t loaded;       /* the page brought last; -1: none */
    int32_t *permutation; /* the samples in the order of their use */
    bool in_order;        /* it and the order on the device are the samples' own */
    cl_mem order;         /* place in the page of each sample, in the order of their use */
} tsr_samples;

/* Refuses data that does not fit images of `shape` (or, where `classes` is not 0, lacks labels or has some outside of
 * the classes) in one sentence. */
tsr_status tsr_data_check(const tsr_data *data, tsr_shape shape, int32_t classes);

/* Samples that the data stands for. */
int64_t tsr_data_count(const tsr_data *data);

/* Bytes that a buffer of images may have on the device, unless a limit is given that is not 0. */
size_t tsr_samples_limit(const tsr_device *device, size_t limit);
size_t tsr_sample_bytes(const tsr_data *data);

/* Brings checked data to the device, in its own order. `limit`: the bytes that a buffer of images may have, 0 for what
 * the device allows. The pages are multiples of `batch`. */
tsr_status tsr_samples_create(tsr_device *device, const tsr_data *data, bool labels, int32_t batch, size_t limit,
                              tsr_samples **samples);
void tsr_samples_free(tsr_samples *samples);

/* Replaces the samples by as many of the same kind. */
tsr_status tsr_samples_replace(tsr_samples *samples, const tsr_data *data);

/* Uses the samples in this order from now on; NULL: their own. The device must have finished. */
tsr_status tsr_samples_order(tsr_samples *samples, const int32_t *permutation);

/* Sees to it that work enqueued from now on finds the sample at `position` of the order; *page gets its buffers. */
tsr_status tsr_samples_page(tsr_samples *samples, int32_t position, const tsr_page **page);

#endif
