/* Data sets of four IDX files: where they are looked for and what must agree. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void write_idx(const char *directory, const char *name, int rank, const int *extent, unsigned char fill)
{
    char path[512];
    size_t count = 1;
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "%c%c%c%c", 0, 0, 8, rank);
    for (int axis = 0; axis < rank; axis++) {
        fprintf(file, "%c%c%c%c", 0, 0, extent[axis] >> 8, extent[axis] & 255);
        count *= (size_t)extent[axis];
    }
    for (size_t i = 0; i < count; i++) putc(fill, file);
    fclose(file);
}

/* A directory with 3 training and 2 test images of 4 x 5; the largest label is 6. */
static const char *make_dataset(const char *name)
{
    const char *directory = test_path(name);
    mkdir(directory, 0700);
    write_idx(directory, "train-images-idx3-ubyte", 3, (int[]){3, 4, 5}, 1);
    write_idx(directory, "train-labels-idx1-ubyte", 1, (int[]){3}, 2);
    write_idx(directory, "t10k-images-idx3-ubyte", 3, (int[]){2, 4, 5}, 3);
    write_idx(directory, "t10k-labels-idx1-ubyte", 1, (int[]){2}, 6);
    return directory;
}

START_TEST(reads_a_directory)
{
    tsr_dataset dataset;
    const char *directory = make_dataset("good");
    check_ok(tsr_dataset_read(directory, &dataset));
    ck_assert_str_eq(dataset.directory, directory);
    ck_assert_int_eq(dataset.classes, 7);
    tsr_data training = tsr_dataset_training(&dataset), test = tsr_dataset_test(&dataset);
    ck_assert_int_eq(training.count, 3);
    ck_assert_int_eq(training.height, 4);
    ck_assert_int_eq(training.width, 5);
    ck_assert_int_eq(training.channels, 1);
    ck_assert_int_eq(training.labels[2], 2);
    ck_assert(!training.real && !training.index);
    ck_assert_int_eq(test.count, 2);
    ck_assert_int_eq(((const uint8_t *)test.images)[39], 3);
    tsr_dataset_clear(&dataset);
}
END_TEST

START_TEST(reads_colour_images)
{
    tsr_dataset dataset;
    const char *directory = make_dataset("colour");
    write_idx(directory, "train-images-idx3-ubyte", 4, (int[]){3, 4, 5, 3}, 1);
    check_fails(tsr_dataset_read(directory, &dataset), TSR_FORMAT, "4 x 5 x 3 but its test images 4 x 5 x 1");
    write_idx(directory, "t10k-images-idx3-ubyte", 4, (int[]){2, 4, 5, 3}, 1);
    check_ok(tsr_dataset_read(directory, &dataset));
    ck_assert_int_eq(tsr_dataset_training(&dataset).channels, 3);
    tsr_dataset_clear(&dataset);
}
END_TEST

START_TEST(looks_in_the_environment)
{
    tsr_dataset dataset;
    char directory[512];
    setenv("TESSERA_DATA", make_dataset("variable"), 1);
    check_ok(tsr_dataset_read(NULL, &dataset));
    ck_assert_str_eq(dataset.directory, getenv("TESSERA_DATA"));
    tsr_dataset_clear(&dataset);
    setenv("TESSERA_DATA", test_path("absent"), 1);
    check_fails(tsr_dataset_read(NULL, &dataset), TSR_NOT_FOUND, "train-images-idx3-ubyte[.gz] is missing");
    unsetenv("TESSERA_DATA");

    snprintf(directory, sizeof directory, "%s/tessera", test_directory());
    mkdir(directory, 0700);
    make_dataset("tessera/fashion-mnist");
    setenv("XDG_DATA_HOME", test_directory(), 1);
    check_ok(tsr_dataset_read(NULL, &dataset));
    ck_assert_int_eq(dataset.train_images.extent[0], 3);
    tsr_dataset_clear(&dataset);
}
END_TEST

static void check_replaced(const char *name, int rank, const int *extent, const char *part)
{
    tsr_dataset dataset;
    const char *directory = make_dataset("bad");
    write_idx(directory, name, rank, extent, 1);
    check_fails(tsr_dataset_read(directory, &dataset), TSR_FORMAT, part);
    check_fails(tsr_dataset_read(directory, &dataset), TSR_FORMAT, directory);
    ck_assert_ptr_null(dataset.train_images.data);
    ck_assert_ptr_null(dataset.test_labels.data);
}

START_TEST(refuses_what_does_not_agree)
{
    check_replaced("train-labels-idx1-ubyte", 1, (int[]){4}, "holds 3 images but");
    check_replaced("train-labels-idx1-ubyte", 2, (int[]){3, 1}, "not the 1 of labels");
    check_replaced("t10k-images-idx3-ubyte", 1, (int[]){2}, "not the 3 or 4 of images");
    check_replaced("t10k-images-idx3-ubyte", 3, (int[]){2, 5, 5}, "but its test images 5 x 5 x 1");
    check_replaced("t10k-images-idx3-ubyte", 3, (int[]){2, 0, 5}, "holds no images");
    tsr_dataset dataset;
    const char *directory = make_dataset("bad");
    write_idx(directory, "train-labels-idx1-ubyte", 1, (int[]){0}, 0);
    write_idx(directory, "train-images-idx3-ubyte", 3, (int[]){0, 4, 5}, 0);
    check_fails(tsr_dataset_read(directory, &dataset), TSR_FORMAT, "holds no images");
}
END_TEST

START_TEST(names_a_missing_file)
{
    tsr_dataset dataset;
    const char *directory = make_dataset("partial");
    char path[512];
    snprintf(path, sizeof path, "%s/t10k-labels-idx1-ubyte", directory);
    remove(path);
    check_fails(tsr_dataset_read(directory, &dataset), TSR_NOT_FOUND, path);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, reads_a_directory);
    tcase_add_test(tests, reads_colour_images);
    tcase_add_test(tests, looks_in_the_environment);
    tcase_add_test(tests, refuses_what_does_not_agree);
    tcase_add_test(tests, names_a_missing_file);
}

int main(void)
{
    return test_run("dataset", add_tests);
}
