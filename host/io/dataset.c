/* A data set of four IDX files in one directory. */
#include "tessera/io.h"

#include "base/status.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Where Debian's package dataset-fashion-mnist puts its files. */
#define PACKAGE_DIRECTORY "/usr/share/datasets/fashion-mnist"

const char *const tsr_fashion_mnist_classes[10] = {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
                                                   "Sandal",      "Shirt",   "Sneaker",  "Bag",   "Ankle boot"};

static const char *const file_names[4] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                          "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

/* Puts the path of file `name` of `directory`, plain or gzipped, in `path`; false when neither is there. */
static bool find_file(const char *directory, const char *name, char *path, size_t size)
{
    static const char *const endings[2] = {"", ".gz"};
    for (int i = 0; i < 2; i++) {
        int length = snprintf(path, size, "%s/%s%s", directory, name, endings[i]);
        if (length > 0 && (size_t)length < size && access(path, F_OK) == 0) return true;
    }
    return false;
}

/* The user's own directory, $XDG_DATA_HOME/tessera/fashion-mnist; empty when there is no home. */
static void user_directory(char *directory, size_t size)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    if (data && data[0] == '/')
        snprintf(directory, size, "%s/tessera/fashion-mnist", data);
    else if (home && home[0])
        snprintf(directory, size, "%s/.local/share/tessera/fashion-mnist", home);
    else
        directory[0] = '\0';
}

static tsr_status choose_directory(const char *wanted, char *directory, size_t size)
{
    char user[900], path[1200];
    const char *variable = getenv("TESSERA_DATA");
    if (!wanted && variable && variable[0]) wanted = variable;
    if (wanted) {
        if (strlen(wanted) >= size) return tsr_fail(TSR_INVALID_ARGUMENT, "the data directory's name is too long");
        strcpy(directory, wanted);
        return TSR_OK;
    }
    user_directory(user, sizeof user);
    const char *const places[2] = {user, PACKAGE_DIRECTORY};
    for (int i = 0; i < 2; i++) {
        if (places[i][0] && find_file(places[i], file_names[0], path, sizeof path)) {
            strcpy(directory, places[i]);
            return TSR_OK;
        }
    }
    return tsr_fail(TSR_NOT_FOUND,
                    "Fashion-MNIST was not found in %s%s%s: install the package dataset-fashion-mnist, or put "
                    "%s, %s, %s and %s (plain or .gz) there, or name their directory with --data or TESSERA_DATA",
                    user, user[0] ? " or " : "", PACKAGE_DIRECTORY, file_names[0], file_names[1], file_names[2],
                    file_names[3]);
}

/* Reads the images and the labels of a part and checks one against the other. */
static tsr_status read_part(const char *directory, int first, tsr_idx *images, tsr_idx *labels)
{
    char path[2][1200];
    for (int i = 0; i < 2; i++) {
        const char *name = file_names[first + i];
        if (!find_file(directory, name, path[i], sizeof path[i])) {
            if (errno == EACCES) return tsr_fail(TSR_IO, "%s/%s: %s", directory, name, strerror(errno));
            return tsr_fail(TSR_NOT_FOUND, "%s/%s[.gz] is missing: a data set is the files %s, %s, %s and %s",
                            directory, name, file_names[0], file_names[1], file_names[2], file_names[3]);
        }
        tsr_status status = tsr_idx_read(path[i], i ? labels : images);
        if (status != TSR_OK) return status;
    }
    if (images->rank < 3) {
        return tsr_fail(TSR_FORMAT, "%s: has %d dimensions, not the 3 or 4 of images", path[0], images->rank);
    }
    if (labels->rank != 1) {
        return tsr_fail(TSR_FORMAT, "%s: has %d dimensions, not the 1 of labels", path[1], labels->rank);
    }
    if (images->extent[0] != labels->extent[0]) {
        return tsr_fail(TSR_FORMAT, "%s holds %d images but %s holds %d labels", path[0], images->extent[0], path[1],
                        labels->extent[0]);
    }
    for (int axis = 0; axis < images->rank; axis++) {
        if (images->extent[axis] == 0) return tsr_fail(TSR_FORMAT, "%s: holds no images", path[0]);
    }
    return TSR_OK;
}

static int32_t channels_of(const tsr_idx *images)
{
    return images->rank == 4 ? images->extent[3] : 1;
}

static int32_t largest_label(const tsr_idx *labels)
{
    int32_t largest = 0;
    for (int32_t i = 0; i < labels->extent[0]; i++) {
        if (labels->data[i] > largest) largest = labels->data[i];
    }
    return largest;
}

tsr_status tsr_dataset_read(const char *directory, tsr_dataset *dataset)
{
    *dataset = (tsr_dataset){0};
    const tsr_idx *training = &dataset->train_images, *test = &dataset->test_images;
    tsr_status status = choose_directory(directory, dataset->directory, sizeof dataset->directory);
    if (status == TSR_OK) {
        status = read_part(dataset->directory, 0, &dataset->train_images, &dataset->train_labels);
    }
    if (status == TSR_OK) status = read_part(dataset->directory, 2, &dataset->test_images, &dataset->test_labels);
    if (status == TSR_OK && (training->extent[1] != test->extent[1] || training->extent[2] != test->extent[2] ||
                             channels_of(training) != channels_of(test))) {
        status = tsr_fail(TSR_FORMAT, "%s: its training images are %d x %d x %d but its test images %d x %d x %d",
                          dataset->directory, training->extent[1], training->extent[2], channels_of(training),
                          test->extent[1], test->extent[2], channels_of(test));
    }
    if (status != TSR_OK) {
        tsr_dataset_clear(dataset);
        return status;
    }
    int32_t largest[2] = {largest_label(&dataset->train_labels), largest_label(&dataset->test_labels)};
    dataset->classes = (largest[0] > largest[1] ? largest[0] : largest[1]) + 1;
    return TSR_OK;
}

void tsr_dataset_clear(tsr_dataset *dataset)
{
    tsr_idx_clear(&dataset->train_images);
    tsr_idx_clear(&dataset->train_labels);
    tsr_idx_clear(&dataset->test_images);
    tsr_idx_clear(&dataset->test_labels);
    *dataset = (tsr_dataset){0};
}

static tsr_data part_data(const tsr_idx *images, const tsr_idx *labels)
{
    return (tsr_data){.images = images->data,
                      .count = images->extent[0],
                      .height = images->extent[1],
                      .width = images->extent[2],
                      .channels = channels_of(images),
                      .labels = labels->data};
}

tsr_data tsr_dataset_training(const tsr_dataset *dataset)
{
    return part_data(&dataset->train_images, &dataset->train_labels);
}

tsr_data tsr_dataset_test(const tsr_dataset *dataset)
{
    return part_data(&dataset->test_images, &dataset->test_labels);
}
