#include "support/support.h"

#include "model/samples.h"

#include <string.h>

enum { COUNT = 7, HEIGHT = 2, WIDTH = 3, CHANNELS = 2, SAMPLE = HEIGHT * WIDTH * CHANNELS };

static uint8_t images[COUNT * SAMPLE];
static uint8_t labels[COUNT];

static tsr_data make_data(void)
{
    for (int i = 0; i < COUNT * SAMPLE; i++) images[i] = (uint8_t)i;
    for (int i = 0; i < COUNT; i++) labels[i] = (uint8_t)(i % 4);
    return (tsr_data){
        .images = images, .count = COUNT, .height = HEIGHT, .width = WIDTH, .channels = CHANNELS, .labels = labels};
}

static const tsr_shape shape = {3, {HEIGHT, WIDTH, CHANNELS}};

START_TEST(data_that_does_not_fit_is_refused)
{
    tsr_data data = make_data();
    check_ok(tsr_data_check(&data, shape, 4));
    check_fails(tsr_data_check(NULL, shape, 0), TSR_INVALID_ARGUMENT, "empty");
    data.count = 0;
    check_fails(tsr_data_check(&data, shape, 4), TSR_INVALID_ARGUMENT, "empty");
    data = make_data();
    data.images = NULL;
    check_fails(tsr_data_check(&data, shape, 4), TSR_INVALID_ARGUMENT, "empty");
    data = make_data();
    data.width = 4;
    check_fails(tsr_data_check(&data, shape, 4), TSR_INVALID_ARGUMENT, "2x4x2, but the model wants 2x3x2");
    data = make_data();
    data.labels = NULL;
    check_ok(tsr_data_check(&data, shape, 0));
    check_fails(tsr_data_check(&data, shape, 4), TSR_INVALID_ARGUMENT, "no labels");
    data = make_data();
    check_fails(tsr_data_check(&data, shape, 3), TSR_INVALID_ARGUMENT, "sample 3 has the label 3");
    data.index = (const int32_t[]){0, 2, 7};
    data.index_count = 3;
    check_fails(tsr_data_check(&data, shape, 4), TSR_INVALID_ARGUMENT, "sample 7");
    data.index_count = 2;
    check_ok(tsr_data_check(&data, shape, 3)); /* sample 3 is not used */
    ck_assert_int_eq(tsr_data_count(&data), 2);
    data.index_count = 0;
    check_fails(tsr_data_check(&data, shape, 4), TSR_INVALID_ARGUMENT, "empty");
}
END_TEST

/* What a gather would find: images and labels of the batch at `position`. */
static void read_batch(tsr_samples *samples, int32_t position, int32_t batch, char *found_images, int32_t *found_labels)
{
    const tsr_page *page;
    check_ok(tsr_samples_page(samples, position, &page));
    for (int32_t i = 0; i < batch; i++) {
        int32_t place;
        check_ok(tsr_buffer_read(samples->device, samples->order, (size_t)(position + i) * sizeof place, &place,
                                 sizeof place));
        ck_assert_int_ge(place, 0);
        ck_assert_int_lt(place, samples->page_size);
        check_ok(tsr_buffer_read(samples->device, page->images, (size_t)place * samples->sample_bytes,
                                 found_images + (size_t)i * samples->sample_bytes, samples->sample_bytes));
        check_ok(tsr_buffer_read(samples->device, page->labels, (size_t)place * sizeof place, &found_labels[i],
                                 sizeof place));
    }
}

static void check_pass(tsr_samples *samples, const int32_t *numbers, int32_t batch)
{
    uint8_t found[COUNT * SAMPLE];
    int32_t found_labels[COUNT];
    for (int32_t first = 0; first < samples->count; first += batch) {
        int32_t count = samples->count - first < batch ? samples->count - first : batch;
        read_batch(samples, first, count, (char *)found, found_labels);
        for (int32_t i = 0; i < count; i++) {
            ck_assert_mem_eq(found + i * SAMPLE, images + numbers[first + i] * SAMPLE, SAMPLE);
            ck_assert_int_eq(found_labels[i], labels[numbers[first + i]]);
        }
    }
}

START_TEST(samples_are_found_in_the_order_of_their_use)
{
    static const int32_t own[COUNT] = {0, 1, 2, 3, 4, 5, 6}, other[COUNT] = {6, 2, 0, 1, 5, 3, 4};
    static const struct {
        size_t limit;
        int32_t batch, page; /* samples of a page; 0: not paged */
    } cases[] = {{0, 2, 0}, {4 * SAMPLE, 2, 4}, {2 * SAMPLE + 1, 2, 2}, {0, COUNT, COUNT}, {0, COUNT + 1, COUNT}};
    tsr_data data = make_data();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tsr_samples *samples;
        int32_t batch = cases[i].batch;
        check_ok(tsr_samples_create(test_device(), &data, true, batch, cases[i].limit, &samples));
        ck_assert(samples->paged == (cases[i].page != 0));
        if (samples->paged) ck_assert_int_eq(samples->page_size, cases[i].page);
        check_pass(samples, own, batch);
        check_ok(tsr_samples_order(samples, other));
        check_pass(samples, other, batch);
        check_ok(tsr_samples_order(samples, NULL));
        check_pass(samples, own, batch);
        tsr_samples_free(samples);
    }
}
END_TEST

START_TEST(an_index_chooses_samples)
{
    static const int32_t index[] = {5, 1, 3}, order[] = {2, 0, 1}, wanted[] = {3, 5, 1};
    tsr_data data = make_data();
    data.index = index;
    data.index_count = 3;
    for (size_t limit = 0; limit <= 2 * SAMPLE; limit += 2 * SAMPLE) {
        tsr_samples *samples;
        check_ok(tsr_samples_create(test_device(), &data, true, 1, limit, &samples));
        check_pass(samples, index, 1);
        check_ok(tsr_samples_order(samples, order));
        check_pass(samples, wanted, 1);
        tsr_samples_free(samples);
    }
}
END_TEST

START_TEST(samples_can_be_replaced)
{
    static uint8_t other[COUNT * SAMPLE], other_labels[COUNT];
    for (int i = 0; i < COUNT * SAMPLE; i++) other[i] = (uint8_t)(255 - i);
    for (int32_t batch = 2; batch <= COUNT; batch += COUNT - 2) { /* several batches, and one page */
        tsr_data data = make_data();
        tsr_samples *samples;
        uint8_t found[SAMPLE];
        int32_t label;
        check_ok(tsr_samples_create(test_device(), &data, true, batch, 0, &samples));
        read_batch(samples, 6, 1, (char *)found, &label);
        ck_assert_mem_eq(found, images + 6 * SAMPLE, SAMPLE);
        data.images = other;
        data.labels = other_labels;
        check_ok(tsr_samples_replace(samples, &data));
        read_batch(samples, 6, 1, (char *)found, &label);
        ck_assert_mem_eq(found, other + 6 * SAMPLE, SAMPLE);
        ck_assert_int_eq(label, 0);
        tsr_samples_free(samples);
    }
}
END_TEST

START_TEST(channels_first_images_are_transposed)
{
    tsr_data data = make_data();
    float reals[COUNT * SAMPLE];
    for (int i = 0; i < COUNT * SAMPLE; i++) reals[i] = (float)i;
    data.channels_first = true;
    for (int real = 0; real < 2; real++) {
        data.real = real;
        data.images = real ? (const void *)reals : images;
        tsr_samples *samples;
        check_ok(tsr_samples_create(test_device(), &data, false, 2, 0, &samples));
        uint8_t bytes[SAMPLE];
        float floats[SAMPLE];
        check_ok(tsr_buffer_read(test_device(), samples->pages[0].images, samples->sample_bytes,
                                 real ? (void *)floats : bytes, samples->sample_bytes));
        for (int i = 0; i < HEIGHT * WIDTH; i++)
            for (int c = 0; c < CHANNELS; c++) {
                int wanted = SAMPLE + c * HEIGHT * WIDTH + i;
                ck_assert_int_eq(real ? (int)floats[i * CHANNELS + c] : bytes[i * CHANNELS + c], wanted);
            }
        tsr_samples_free(samples);
    }
}
END_TEST

START_TEST(a_page_too_small_for_a_batch_is_refused)
{
    tsr_data data = make_data();
    tsr_samples *samples;
    check_fails(tsr_samples_create(test_device(), &data, true, 4, 3 * SAMPLE, &samples), TSR_OUT_OF_MEMORY,
                "a smaller batch size");
    ck_assert_ptr_null(samples);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, data_that_does_not_fit_is_refused);
    tcase_add_test(tests, samples_are_found_in_the_order_of_their_use);
    tcase_add_test(tests, an_index_chooses_samples);
    tcase_add_test(tests, samples_can_be_replaced);
    tcase_add_test(tests, channels_first_images_are_transposed);
    tcase_add_test(tests, a_page_too_small_for_a_batch_is_refused);
}

int main(void)
{
    return test_run("samples", add_tests);
}
