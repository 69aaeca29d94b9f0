#include "model/samples.h"

#include "base/memory.h"

#include <string.h>

/* Host memory that a set without pages goes through on its way to the device. */
enum { BLOCK_BYTES = 4 << 20 };

int64_t tsr_data_count(const tsr_data *data)
{
    return data->index ? data->index_count : data->count;
}

static tsr_status check_labels(const tsr_data *data, int32_t classes)
{
    if (!data->labels)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the data has no labels, which training and evaluation need");
    for (int64_t i = 0; i < tsr_data_count(data); i++) {
        int64_t number = data->index ? data->index[i] : i;
        if (data->labels[number] >= classes)
            return tsr_fail(TSR_INVALID_ARGUMENT,
                            "sample %lld has the label %d, but the model has %d classes (0 to %d)", (long long)number,
                            data->labels[number], (int)classes, (int)classes - 1);
    }
    return TSR_OK;
}

tsr_status tsr_data_check(const tsr_data *data, tsr_shape shape, int32_t classes)
{
    int64_t count = data ? tsr_data_count(data) : 0;
    if (!data || !data->images || count <= 0 || data->count <= 0)
        return tsr_fail(TSR_INVALID_ARGUMENT, "the data set is empty");
    if (count > INT32_MAX || data->count > INT32_MAX)
        return tsr_fail(TSR_UNSUPPORTED, "the data set has more than %d samples", INT32_MAX);
    if (data->height != shape.extent[0] || data->width != shape.extent[1] || data->channels != shape.extent[2])
        return tsr_fail(TSR_INVALID_ARGUMENT,
                        "the images have the size %dx%dx%d, but the model wants %dx%dx%d (height, width, channels)",
                        (int)data->height, (int)data->width, (int)data->channels, (int)shape.extent[0],
                        (int)shape.extent[1], (int)shape.extent[2]);
    for (int64_t i = 0; data->index && i < count; i++)
        if (data->index[i] < 0 || data->index[i] >= data->count)
            return tsr_fail(TSR_INVALID_ARGUMENT, "the index names sample %d, but there are only %lld (from 0)",
                            (int)data->index[i], (long long)data->count);
    return classes ? check_labels(data, classes) : TSR_OK;
}

/* Copies an image, channels last. */
static void copy_image(const tsr_samples *samples, int64_t number, char *to)
{
    const tsr_data *data = &samples->data;
    const char *from = (const char *)data->images + (size_t)number * samples->sample_bytes;
    size_t channels = (size_t)data->channels, pixels = (size_t)data->height * (size_t)data->width;
    if (!data->channels_first || channels == 1) {
        memcpy(to, from, samples->sample_bytes);
    } else if (data->real) {
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < pixels; i++) ((float *)to)[i * channels + c] = ((const float *)from)[c * pixels + i];
    } else {
        for (size_t c = 0; c < channels; c++)
            for (size_t i = 0; i < pixels; i++) to[i * channels + c] = from[c * pixels + i];
    }
}

/* Copies `count` samples, numbers[0 ...] among those used, to memory for images and, where it is not NULL, labels. */
static void copy_samples(const tsr_samples *samples, const int32_t *numbers, int32_t count, void *images,
                         int32_t *labels)
{
    const tsr_data *data = &samples->data;
    for (int32_t i = 0; i < count; i++) {
        int64_t number = data->index ? data->index[numbers[i]] : numbers[i];
        copy_image(samples, number, (char *)images + (size_t)i * samples->sample_bytes);
        if (labels) labels[i] = data->labels[number];
    }
}

/* Writes all samples, in their own order, to the only page. */
static tsr_status load_whole(tsr_samples *samples)
{
    tsr_page *page = &samples->pages[0];
    int32_t block = (int32_t)(BLOCK_BYTES / samples->sample_bytes) + 1;
    if (block > samples->count) block = samples->count;
    char *images = tsr_alloc((size_t)block, samples->sample_bytes);
    int32_t *labels = tsr_alloc((size_t)block, sizeof *labels), *numbers = tsr_alloc((size_t)block, sizeof *numbers);
    tsr_status status = TSR_OK;
    if (!images || !labels || !numbers) {
        status = tsr_fail_memory("a block of samples", (size_t)block * samples->sample_bytes);
        goto done;
    }
    for (int32_t first = 0; first < samples->count; first += block) {
        int32_t count = samples->count - first < block ? samples->count - first : block;
        for (int32_t i = 0; i < count; i++) numbers[i] = first + i;
        copy_samples(samples, numbers, count, images, page->labels ? labels : NULL);
        status = tsr_buffer_write(samples->device, page->images, (size_t)first * samples->sample_bytes, images,
                                  (size_t)count * samples->sample_bytes);
        if (status) goto done;
        if (page->labels && (status = tsr_buffer_write(samples->device, page->labels, (size_t)first * sizeof *labels,
                                                       labels, (size_t)count * sizeof *labels)))
            goto done;
        if (first > INT32_MAX - block) break; /* the last block ends at INT32_MAX */
    }
    samples->loaded = 0;

done:
    free(images);
    free(labels);
    free(numbers);
    return status;
}

static void forget_event(tsr_page *page)
{
    if (page->written) clReleaseEvent(page->written);
    page->written = NULL;
}

static tsr_status enqueue_write(tsr_samples *samples, cl_mem buffer, const void *from, size_t bytes, cl_event *written)
{
    tsr_status status = tsr_enqueue_barrier(samples->device);
    if (status) return status;
    return tsr_check(
        clEnqueueWriteBuffer(tsr_device_queue(samples->device), buffer, CL_FALSE, 0, bytes, from, 0, NULL, written),
        samples->device, "writing a page of samples");
}

/* Enqueues writing the staged samples. They go behind all that was enqueued before, so the buffer's last readers too;
 * and the images behind the labels, so that the event of the one stands for both. */
static tsr_status write_staged(tsr_samples *samples, tsr_page *page, int32_t count)
{
    tsr_status status = TSR_OK;
    if (page->labels)
        status = enqueue_write(samples, page->labels, page->staged_labels, (size_t)count * sizeof *page->staged_labels,
                               NULL);
    if (!status)
        status = enqueue_write(samples, page->images, page->staged_images, (size_t)count * samples->sample_bytes,
                               &page->written);
    if (!status) status = tsr_enqueue_barrier(samples->device);
    if (!status)
        status = tsr_check(clFlush(tsr_device_queue(samples->device)), samples->device, "writing a page of samples");
    if (status) clFinish(tsr_device_queue(samples->device)); /* the staged memory may still be read */
    return status;
}

static tsr_status load_page(tsr_samples *samples, int32_t number)
{
    tsr_page *page = &samples->pages[number % 2];
    int32_t first = number * samples->page_size;
    int32_t count = samples->count - first < samples->page_size ? samples->count - first : samples->page_size;
    samples->loaded = -1;
    if (page->written) {
        tsr_status status = tsr_check(clWaitForEvents(1, &page->written), samples->device, "writing a page of images");
        forget_event(page);
        if (status) return status;
    }
    copy_samples(samples, samples->permutation + first, count, page->staged_images, page->staged_labels);
    tsr_status status = write_staged(samples, page, count);
    if (!status) samples->loaded = number;
    return status;
}

tsr_status tsr_samples_page(tsr_samples *samples, int32_t position, const tsr_page **page)
{
    int32_t number = samples->paged ? position / samples->page_size : 0;
    *page = &samples->pages[number % 2];
    return samples->loaded == number ? TSR_OK : load_page(samples, number);
}

tsr_status tsr_samples_order(tsr_samples *samples, const int32_t *permutation)
{
    if (!permutation && samples->in_order && samples->page_size == samples->count) return TSR_OK;
    for (int32_t i = 0; i < samples->count; i++) samples->permutation[i] = permutation ? permutation[i] : i;
    samples->in_order = !permutation;
    if (!samples->paged)
        return tsr_buffer_write(samples->device, samples->order, 0, samples->permutation,
                                (size_t)samples->count * sizeof *samples->permutation);
    samples->loaded = -1; /* what the pages hold is in another order */
    return TSR_OK;
}

/* In a paged set samples lie in their order already: each is found at its place in the page. */
static tsr_status write_places(tsr_samples *samples)
{
    for (int32_t i = 0; i < samples->count; i++) samples->permutation[i] = i % samples->page_size;
    tsr_status status = tsr_buffer_write(samples->device, samples->order, 0, samples->permutation,
                                         (size_t)samples->count * sizeof *samples->permutation);
    return status ? status : tsr_samples_order(samples, NULL);
}

static tsr_status create_page(tsr_samples *samples, bool labels, tsr_page *page)
{
    size_t size = (size_t)samples->page_size, bytes = size * samples->sample_bytes;
    tsr_status status = tsr_buffer_create(samples->device, CL_MEM_READ_ONLY, bytes, "the images", &page->images);
    if (status) return status;
    if (labels) {
        status =
            tsr_buffer_create(samples->device, CL_MEM_READ_ONLY, size * sizeof(int32_t), "the labels", &page->labels);
        if (status) return status;
    }
    if (!samples->paged) return TSR_OK;
    page->staged_images = tsr_alloc(size, samples->sample_bytes);
    if (labels) page->staged_labels = tsr_alloc(size, sizeof(int32_t));
    return page->staged_images && (!labels || page->staged_labels) ? TSR_OK
                                                                   : tsr_fail_memory("a page of images", bytes);
}

size_t tsr_sample_bytes(const tsr_data *data)
{
    return (size_t)data->height * (size_t)data->width * (size_t)data->channels * (data->real ? sizeof(float) : 1);
}

size_t tsr_samples_limit(const tsr_device *device, size_t limit)
{
    const tsr_device_info *info = tsr_device_get_info(device);
    if (limit) return limit;
    /* The activations, and another data set for validation, need room as well. */
    uint64_t share = info->memory / 4;
    return (size_t)(share && share < info->max_allocation ? share : info->max_allocation);
}

/* Samples a page, so that a page's images stay within `limit` bytes. A small single batch is a page, too: it is written
 * while the host goes on, which a prediction of one image gains by. */
static tsr_status choose_page_size(tsr_samples *samples, int32_t batch, size_t limit)
{
    bool fits = (size_t)samples->count <= limit / samples->sample_bytes;
    samples->page_size = samples->count;
    bool small = (size_t)samples->count <= BLOCK_BYTES / samples->sample_bytes;
    samples->paged = !fits || (small && samples->count <= batch);
    if (fits) return TSR_OK;
    samples->page_size = (int32_t)(limit / samples->sample_bytes) / batch * batch;
    if (samples->page_size > 0) return TSR_OK;
    return tsr_fail(
        TSR_OUT_OF_MEMORY,
        "a batch of %d images of %zu bytes does not fit into a buffer of %zu bytes on %s; use a smaller batch "
        "size",
        (int)batch, samples->sample_bytes, limit, tsr_device_get_info(samples->device)->name);
}

tsr_status tsr_samples_create(tsr_device *device, const tsr_data *data, bool labels, int32_t batch, size_t limit,
                              tsr_samples **samples)
{
    tsr_samples *made = tsr_alloc(1, sizeof *made);
    if (!made) return tsr_fail_memory("the samples", sizeof *made);
    *made = (tsr_samples){.device = device, .data = *data, .count = (int32_t)tsr_data_count(data), .loaded = -1};
    made->sample_bytes = tsr_sample_bytes(data);
    tsr_status status = choose_page_size(made, batch, tsr_samples_limit(device, limit));
    if (status) goto done;
    size_t order_bytes = (size_t)made->count * sizeof *made->permutation;
    made->permutation = tsr_alloc((size_t)made->count, sizeof *made->permutation);
    if (!made->permutation) {
        status = tsr_fail_memory("the order of the samples", order_bytes);
        goto done;
    }
    if ((status = tsr_buffer_create(device, CL_MEM_READ_ONLY, order_bytes, "the order of the samples", &made->order)))
        goto done;
    for (int i = 0; i < (made->page_size < made->count ? 2 : 1); i++)
        if ((status = create_page(made, labels, &made->pages[i]))) goto done;
    status = made->paged ? write_places(made) : tsr_samples_replace(made, data);

done:
    if (status) {
        tsr_samples_free(made);
        made = NULL;
    }
    *samples = made;
    return status;
}

tsr_status tsr_samples_replace(tsr_samples *samples, const tsr_data *data)
{
    samples->data = *data;
    samples->loaded = -1;
    tsr_status status = samples->paged ? TSR_OK : load_whole(samples);
    return status ? status : tsr_samples_order(samples, NULL);
}

static void free_page(tsr_page *page)
{
    if (page->written) clWaitForEvents(1, &page->written); /* the staged memory is still read */
    forget_event(page);
    if (page->images) clReleaseMemObject(page->images);
    if (page->labels) clReleaseMemObject(page->labels);
    free(page->staged_images);
    free(page->staged_labels);
}

void tsr_samples_free(tsr_samples *samples)
{
    if (!samples) return;
    free_page(&samples->pages[0]);
    free_page(&samples->pages[1]);
    if (samples->order) clReleaseMemObject(samples->order);
    free(samples->permutation);
    free(samples);
}
