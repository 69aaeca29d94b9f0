/* tessera predict, summary, plot, explain and bench. */
#include "base/quantile.h"
#include "support/cli.h"
#include "support/support.h"
#include "support/tiny.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef TSR_WITH_PNG
#include <png.h>
#endif

enum { PIXELS = TINY_SIZE * TINY_SIZE, IMAGES = 8 };

static uint8_t images[IMAGES * PIXELS];
static float expected[IMAGES * TINY_CLASSES];

/* What the library says of the first images, for the program to agree with. */
static void predict_here(void)
{
    tsr_model *model;
    for (int i = 0; i < IMAGES; i++) tiny_image(i, images + i * PIXELS);
    check_ok(tsr_model_load(tiny_h5_file(), &model));
    check_ok(tsr_model_compile(model, test_device(), NULL));
    const tsr_data data = {.images = images, .count = IMAGES, .height = TINY_SIZE, .width = TINY_SIZE, .channels = 1};
    check_ok(tsr_model_predict(model, &data, 0, expected));
    tsr_model_free(model);
}

static int best_class(int image)
{
    int best = 0;
    for (int i = 1; i < TINY_CLASSES; i++)
        if (expected[image * TINY_CLASSES + i] > expected[image * TINY_CLASSES + best]) best = i;
    return best;
}

/* "PATH: class 2 0.3456\n" */
static void expected_line(char *text, size_t size, const char *input, int image)
{
    int best = best_class(image);
    snprintf(text, size, "%s: class %d %.4f\n", input, best, expected[image * TINY_CLASSES + best]);
}

static const char *idx_file(void)
{
    const char *path = test_path("images-idx3-ubyte");
    tiny_write_idx(path, 3, (const int32_t[]){IMAGES, TINY_SIZE, TINY_SIZE}, images);
    return path;
}

START_TEST(idx_images_are_numbered)
{
    char line[600], input[512];
    const char *path = idx_file();
    cli_run(0, "predict %s %s", tiny_h5_file(), path);
    ck_assert_int_eq(cli_lines(cli_process.out), IMAGES);
    const char *at = cli_process.out;
    for (int i = 0; i < IMAGES; i++) {
        snprintf(input, sizeof input, "%s[%d]", path, i);
        expected_line(line, sizeof line, input, i);
        ck_assert_msg(strncmp(at, line, strlen(line)) == 0, "wanted %s got %s", line, at);
        at += strlen(line);
    }
    cli_contains(cli_process.err, "Using ");
}
END_TEST

START_TEST(npy_arrays_are_bytes_or_reals)
{
    char line[600];
    float real[PIXELS];
    const char *path = test_path("image.npy");
    for (int i = 0; i < PIXELS; i++) real[i] = (float)images[3 * PIXELS + i] / 255.0f;
    check_ok(tsr_npy_write(path, 2, (const int64_t[]){TINY_SIZE, TINY_SIZE}, real));
    cli_run(0, "predict %s %s", tiny_h5_file(), path);
    expected_line(line, sizeof line, path, 3);
    ck_assert_str_eq(cli_process.out, line);
    check_ok(tsr_npy_write(path, 3, (const int64_t[]){TINY_SIZE, TINY_SIZE, 1}, real));
    cli_run(0, "predict %s %s", tiny_h5_file(), path);
    ck_assert_str_eq(cli_process.out, line);
    check_ok(tsr_npy_write(path, 4, (const int64_t[]){1, TINY_SIZE, TINY_SIZE, 1}, real));
    cli_run(0, "predict %s %s", tiny_h5_file(), path);
    cli_contains(cli_process.out, "image.npy[0]: class ");
}
END_TEST

#ifdef TSR_WITH_PNG
static const char *png_file(const char *name, int width, int height, png_uint_32 format, const void *pixels)
{
    const char *path = test_path(name);
    png_image image = {
        .version = PNG_IMAGE_VERSION, .width = (png_uint_32)width, .height = (png_uint_32)height, .format = format};
    ck_assert(png_image_write_to_file(&image, path, 0, pixels, 0, NULL));
    return path;
}

START_TEST(png_images_must_have_the_models_size_and_no_colour)
{
    static uint8_t pixels[32 * 32 * 3];
    char line[600];
    const char *path = png_file("one.png", TINY_SIZE, TINY_SIZE, PNG_FORMAT_GRAY, images + 5 * PIXELS);
    cli_run(0, "predict %s %s", tiny_h5_file(), path);
    expected_line(line, sizeof line, path, 5);
    ck_assert_str_eq(cli_process.out, line);
    cli_run(1, "predict %s %s", tiny_h5_file(), png_file("large.png", 32, 24, PNG_FORMAT_GRAY, pixels));
    cli_contains(cli_process.err, "large.png is 24x32 grey; the model wants images of 8x8 grey");
    cli_run(1, "predict %s %s", tiny_h5_file(), png_file("colour.png", 8, 8, PNG_FORMAT_RGB, pixels));
    cli_contains(cli_process.err, "colour.png is 8x8 colour; the model wants images of 8x8 grey");
}
END_TEST
#endif

START_TEST(json_and_npy_hold_every_probability)
{
    tsr_npy array;
    const char *path = idx_file(), *output = test_path("probabilities.npy");
    cli_run(0, "predict %s %s --json --output %s", tiny_h5_file(), path, output);
    json_t *list = json_loads(cli_process.out, 0, NULL);
    ck_assert_uint_eq(json_array_size(list), IMAGES);
    for (int i = 0; i < IMAGES; i++) {
        json_t *row = json_array_get(list, (size_t)i), *all = json_object_get(row, "probabilities");
        ck_assert_str_eq(json_string_value(json_object_get(row, "input")), path);
        ck_assert_int_eq(json_integer_value(json_object_get(row, "image")), i);
        ck_assert_int_eq(json_integer_value(json_object_get(row, "class")), best_class(i));
        ck_assert_uint_eq(json_array_size(all), TINY_CLASSES);
        for (int j = 0; j < TINY_CLASSES; j++)
            ck_assert(fabs(json_real_value(json_array_get(all, (size_t)j)) - expected[i * TINY_CLASSES + j]) < 1e-6);
    }
    json_decref(list);
    check_ok(tsr_npy_read(output, &array));
    ck_assert(array.rank == 2 && array.real && array.extent[0] == IMAGES && array.extent[1] == TINY_CLASSES);
    ck_assert_mem_eq(array.data, expected, sizeof expected);
    free(array.data);
}
END_TEST

START_TEST(classes_can_be_named)
{
    FILE *file = fopen(test_path("names.txt"), "w");
    ck_assert(file && fputs("top left\ntop right\nbottom left\nbottom right\n", file) >= 0 && fclose(file) == 0);
    static const char *const names[] = {"top left", "top right", "bottom left", "bottom right"};
    cli_run(0, "predict %s %s --classes %s", tiny_h5_file(), idx_file(), test_path("names.txt"));
    cli_contains(cli_process.out, names[best_class(0)]);
    file = fopen(test_path("names.txt"), "w");
    ck_assert(file && fputs("one\ntwo\n", file) >= 0 && fclose(file) == 0);
    cli_run(1, "predict %s %s --classes %s", tiny_h5_file(), idx_file(), test_path("names.txt"));
    cli_contains(cli_process.err, "names.txt names 2 classes; the model has 4");
    cli_run(1, "predict %s %s --classes %s", tiny_h5_file(), idx_file(), test_path("nowhere.txt"));
    cli_contains(cli_process.err, "nowhere.txt");
}
END_TEST

START_TEST(what_are_no_images_is_refused)
{
    const char *path = test_path("other");
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs("a text", file) >= 0 && fclose(file) == 0);
    cli_run(1, "predict %s %s", tiny_h5_file(), path);
    cli_contains(cli_process.err, "other is not a PNG, IDX (also gzipped) or NPY file");
    cli_run(1, "predict %s %s", tiny_h5_file(), test_path("nowhere.png"));
    cli_contains(cli_process.err, "cannot read ");
    cli_contains(cli_process.err, "nowhere.png: No such file");
    cli_run(1, "predict %s %s", tiny_h5_file(), test_directory());
    cli_contains(cli_process.err, test_directory());
    tiny_write_idx(path, 1, (const int32_t[]){IMAGES}, images);
    cli_run(1, "predict %s %s", tiny_h5_file(), path);
    cli_contains(cli_process.err, "holds labels or other numbers (1 dimension), not images");
    tiny_write_idx(path, 3, (const int32_t[]){1, 4, 16}, images);
    cli_run(1, "predict %s %s", tiny_h5_file(), path);
    cli_contains(cli_process.err, "other is 4x16 grey; the model wants images of 8x8 grey");
    cli_run(1, "predict %s %s", tiny_json_file(), idx_file());
    cli_contains(cli_process.err, "tiny.json describes a network but holds no weights");
    /* What came before the bad file was printed; nothing is written. */
    cli_run(1, "predict %s %s %s --output %s", tiny_h5_file(), idx_file(), path, test_path("none.npy"));
    ck_assert_int_ne(access(test_path("none.npy"), F_OK), 0);
}
END_TEST

START_TEST(summaries)
{
    cli_run(0, "summary %s", tiny_h5_file());
    cli_contains(cli_process.out, "Model: \"tiny\"\n");
    cli_contains(cli_process.out, "conv2d (Conv2D)");
    cli_run(0, "summary %s", tiny_json_file());
    cli_contains(cli_process.out, "Total params: 300 ");
    cli_run(0, "summary");
    cli_contains(cli_process.out, "Total params: 333526 (1.27 MB)");
    static const struct {
        const char *name, *parameters;
    } networks[] = {{"reference", "333526 "}, {"vgg", "2196810 "}, {"strided", "483370 "}};
    for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
        char total[64];
        cli_run(0, "summary %s/data/networks/%s.json", TEST_SOURCE_DIR, networks[i].name);
        snprintf(total, sizeof total, "Total params: %s", networks[i].parameters);
        cli_contains(cli_process.out, total);
    }
    cli_run(1, "summary %s", test_path("nowhere.h5"));
    cli_contains(cli_process.err, "nowhere.h5");
}
END_TEST

START_TEST(pictures)
{
    cli_run(0, "plot %s --output %s --show-shapes", tiny_json_file(), test_path("net.dot"));
    cli_contains(cli_process.err, "Wrote ");
    ck_assert_int_eq(access(test_path("net.dot"), F_OK), 0);
    cli_run(1, "plot --output %s", test_path("net.jpeg"));
    cli_contains(cli_process.err, "net.jpeg");
    char text[512];
    snprintf(text, sizeof text, "plot --output %s", test_path("net.png"));
    test_execute(cli_arguments(text), (const char *[]){"PATH=/nonexistent", NULL}, &cli_process);
    ck_assert_int_eq(cli_process.code, 1);
    cli_contains(cli_process.err, "graphviz");
    ck_assert_int_ne(access(test_path("net.png"), F_OK), 0);
}
END_TEST

START_TEST(explanations)
{
    cli_run(0, "explain %s", tiny_json_file());
    cli_contains(cli_process.out, "conv2d_grad_weights");
    cli_contains(cli_process.out, "MFLOP");
    cli_run(0, "explain %s --inference --batch-size 5 --no-fusion --gemm native --json", tiny_json_file());
    ck_assert(strstr(cli_process.out, "conv2d_grad_weights") == NULL);
    json_t *json = json_loads(cli_process.out, 0, NULL);
    ck_assert(json_is_object(json));
    json_decref(json);
}
END_TEST

/* A number of the object that must be there and positive. */
static double positive(const json_t *object, const char *key)
{
    double value = json_number_value(json_object_get(object, key));
    ck_assert_msg(value > 0 && isfinite(value), "%s is %g", key, value);
    return value;
}

/* The medians over the rounds are the figures of the training. */
static void check_rounds(const json_t *training, double flops, double peak)
{
    enum { ROUNDS = 5 };
    double steps[ROUNDS], peaks[ROUNDS], ratios[ROUNDS], shares[ROUNDS];
    const json_t *rounds = json_object_get(training, "rounds"), *round;
    size_t i;
    ck_assert_uint_eq(json_array_size(rounds), ROUNDS);
    json_array_foreach(rounds, i, round)
    {
        steps[i] = positive(round, "step_seconds");
        peaks[i] = positive(json_object_get(round, "peak"), "flops_per_second");
        ratios[i] = steps[i] * peaks[i] / flops;
        shares[i] = positive(round, "kernel_seconds") / positive(round, "measured_step_seconds");
    }
    double *const columns[] = {steps, peaks, ratios, shares};
    const double figures[] = {positive(training, "step_seconds"), peak, positive(training, "dense_time_ratio"),
                              positive(training, "kernel_share")};
    for (size_t k = 0; k < sizeof figures / sizeof *figures; k++) {
        double median = tsr_quantile(columns[k], ROUNDS, 0.5);
        ck_assert_msg(fabs(figures[k] - median) < 1e-6 * figures[k], "figure %zu", k);
    }
}

START_TEST(benchmarks)
{
    cli_run(0, "bench --model %s --data %s --steps 3 --images 40 --batch-size 16 --json", tiny_json_file(),
            tiny_dataset());
    json_t *json = json_loads(cli_process.out, 0, NULL), *row;
    ck_assert(json_is_object(json));
    const json_t *training = json_object_get(json, "training"), *prediction = json_object_get(json, "prediction");
    double step = positive(training, "step_seconds"),
           peak = positive(json_object_get(json, "peak"), "flops_per_second");
    double launches = 0, flops = 0, seconds = 0;
    size_t i;
    ck_assert(fabs(step * positive(training, "images_per_second") - 16) < 0.01);
    ck_assert_int_eq(json_integer_value(json_object_get(training, "steps")), 3);
    json_array_foreach(json_object_get(json, "kernels"), i, row)
    {
        launches += positive(row, "launches");
        seconds += json_number_value(json_object_get(row, "seconds"));
        flops += json_number_value(json_object_get(row, "flops"));
        ck_assert(strstr(json_string_value(json_object_get(row, "name")), "conv2d_grad_weights") == NULL ||
                  strstr(json_string_value(json_object_get(row, "layers")), "conv2d") != NULL);
    }
    ck_assert(i >= 3 && seconds > 0);
    ck_assert(fabs(launches - positive(training, "launches")) < 1e-6);
    ck_assert(fabs(flops - positive(training, "flops")) < 1e-3 * flops);
    check_rounds(training, flops, peak);
    ck_assert_uint_eq(json_array_size(prediction), 4);
    json_array_foreach(prediction, i, row)
    {
        ck_assert_int_eq(json_integer_value(json_object_get(row, "images")), 40);
        positive(row, "images_per_second");
    }
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(prediction, 3), "batch_size")), "auto");
    ck_assert_str_eq(json_string_value(json_object_get(json, "images")), tiny_dataset());
    positive(json, "one_image_seconds");
    json_decref(json);
    cli_run(0, "bench --model %s --steps 2 --images 10", tiny_json_file());
    cli_contains(cli_process.out, "Images: made up images"); /* Fashion-MNIST's do not fit the network */
    cli_contains(cli_process.out, "Training, batch 32: ");
    cli_contains(cli_process.out, "Prediction, batch 256: ");
    cli_contains(cli_process.out, "launches a step");
}
END_TEST

START_TEST(sweeps)
{
    cli_run(0, "bench --sweep --shapes 1 --json");
    json_t *json = json_loads(cli_process.out, 0, NULL);
    const json_t *shapes = json_object_get(json, "shapes"), *shape = json_array_get(shapes, 0);
    ck_assert_uint_eq(json_array_size(shapes), 1);
    ck_assert(fabs(positive(shape, "flops") - 2.0 * 32 * 14 * 14 * 9 * 32 * 64) < 1);
    ck_assert_uint_gt(json_string_length(json_object_get(json, "direct_kernel")), 0);
    static const char *const directions[] = {"forward", "backward_data", "backward_weights"};
    for (size_t i = 0; i < sizeof directions / sizeof directions[0]; i++) {
        const json_t *outcome = json_object_get(shape, directions[i]);
        positive(outcome, "flops_per_second");
        positive(outcome, "bound_flops_per_second");
        ck_assert(json_is_true(json_object_get(outcome, "held_to_bound")));
        ck_assert_int_eq(json_is_true(json_object_get(outcome, "slow")), positive(outcome, "bound_share") < 1.0 / 3);
        ck_assert_uint_gt(json_string_length(json_object_get(outcome, "kernel")), 0);
    }
    json_decref(json);
    cli_run(0, "bench --sweep --shapes 1");
    cli_contains(cli_process.out, "32x14x14x32 to 64, 3x3/1x1 same");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_unchecked_fixture(tests, predict_here, NULL);
    tcase_add_test(tests, idx_images_are_numbered);
    tcase_add_test(tests, npy_arrays_are_bytes_or_reals);
#ifdef TSR_WITH_PNG
    tcase_add_test(tests, png_images_must_have_the_models_size_and_no_colour);
#endif
    tcase_add_test(tests, json_and_npy_hold_every_probability);
    tcase_add_test(tests, classes_can_be_named);
    tcase_add_test(tests, what_are_no_images_is_refused);
    tcase_add_test(tests, summaries);
    tcase_add_test(tests, pictures);
    tcase_add_test(tests, explanations);
    tcase_add_test(tests, benchmarks);
    tcase_add_test(tests, sweeps);
}

int main(void)
{
    return test_run("cli_predict", add_tests);
}
