#include "images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum kind { KIND_PNG, KIND_IDX, KIND_NPY, KIND_UNKNOWN, KIND_UNREADABLE } kind;

/* What the file is by its first bytes: its name may say anything. */
static kind recognise(const char *path)
{
    unsigned char start[8] = {0};
    FILE *file = fopen(path, "rb");
    if (!file) return KIND_UNREADABLE;
    size_t got = fread(start, 1, sizeof start, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) return KIND_UNREADABLE;
    if (got >= 8 && !memcmp(start, "\x89PNG\r\n\x1a\n", 8)) return KIND_PNG;
    if (got >= 6 && !memcmp(start, "\x93NUMPY", 6)) return KIND_NPY;
    if (got >= 2 && start[0] == 0x1f && start[1] == 0x8b) return KIND_IDX; /* gzipped */
    if (got >= 4 && start[0] == 0 && start[1] == 0 && start[3] >= 1 && start[3] <= 4) return KIND_IDX;
    return KIND_UNKNOWN;
}

static const char *colour(int64_t channels)
{
    return channels == 1 ? "grey" : channels == 3 ? "colour" : "channels";
}

/* "28x28 grey" */
static void describe(char *text, size_t size, int64_t height, int64_t width, int64_t channels)
{
    if (channels == 1 || channels == 3)
        snprintf(text, size, "%lldx%lld %s", (long long)height, (long long)width, colour(channels));
    else
        snprintf(text, size, "%lldx%lld with %lld channels", (long long)height, (long long)width, (long long)channels);
}

/* Takes the images when they have the model's shape. */
static int accept(const command *self, const char *path, const int32_t shape[3], int64_t count, const int64_t found[3],
                  image_set *images)
{
    char got[64], wanted[64];
    if (found[0] == shape[0] && found[1] == shape[1] && found[2] == shape[2] && count > 0) {
        images->data.images = images->memory;
        images->data.count = count;
        images->data.height = shape[0];
        images->data.width = shape[1];
        images->data.channels = shape[2];
        return DONE;
    }
    describe(got, sizeof got, found[0], found[1], found[2]);
    describe(wanted, sizeof wanted, shape[0], shape[1], shape[2]);
    if (count <= 0)
        command_complain(self, "%s holds no images", path);
    else
        command_complain(self, "%s is %s; the model wants images of %s", path, got, wanted);
    return FAILED;
}

static int read_png(const command *self, const char *path, const int32_t shape[3], image_set *images)
{
    tsr_image image;
    tsr_status status = tsr_png_read(path, &image);
    if (status) return command_fail(self, status);
    images->memory = image.data;
    return accept(self, path, shape, 1, (const int64_t[]){image.height, image.width, image.channels}, images);
}

/* Takes an array of rank 2 (height, width), 3 or 4 (count, height, width, channels). Of rank 3 it is one image with
 * channels where that is the model's shape, and otherwise many without. */
static int accept_array(const command *self, const char *path, const int32_t shape[3], int rank, const int64_t *extent,
                        image_set *images)
{
    bool one = rank == 3 && extent[0] == shape[0] && extent[1] == shape[1] && extent[2] == shape[2];
    images->several = !(rank == 2 || one);
    if (rank == 2) return accept(self, path, shape, 1, (const int64_t[]){extent[0], extent[1], 1}, images);
    if (one) return accept(self, path, shape, 1, extent, images);
    if (rank == 3) return accept(self, path, shape, extent[0], (const int64_t[]){extent[1], extent[2], 1}, images);
    if (rank == 4) return accept(self, path, shape, extent[0], extent + 1, images);
    command_complain(self, "%s holds labels or other numbers (%d dimension%s), not images", path, rank,
                     rank == 1 ? "" : "s");
    return FAILED;
}

static int read_idx(const command *self, const char *path, const int32_t shape[3], image_set *images)
{
    tsr_idx idx;
    int64_t extent[4];
    tsr_status status = tsr_idx_read(path, &idx);
    if (status) return command_fail(self, status);
    for (int i = 0; i < 4; i++) extent[i] = idx.extent[i];
    images->memory = idx.data;
    return accept_array(self, path, shape, idx.rank, extent, images);
}

static int read_npy(const command *self, const char *path, const int32_t shape[3], image_set *images)
{
    tsr_npy array;
    tsr_status status = tsr_npy_read(path, &array);
    if (status) return command_fail(self, status);
    images->memory = array.data;
    images->data.real = array.real;
    return accept_array(self, path, shape, array.rank, array.extent, images);
}

int images_read(const command *self, const char *path, const int32_t shape[3], image_set *images)
{
    *images = (struct image_set){0};
    switch (recognise(path)) {
    case KIND_PNG:
        return read_png(self, path, shape, images);
    case KIND_IDX:
        return read_idx(self, path, shape, images);
    case KIND_NPY:
        return read_npy(self, path, shape, images);
    case KIND_UNREADABLE:
        command_complain(self, "cannot read %s: %s", path, strerror(errno));
        return FAILED;
    case KIND_UNKNOWN:
        break;
    }
    command_complain(self, "%s is not a PNG, IDX (also gzipped) or NPY file", path);
    return FAILED;
}

void images_clear(image_set *images)
{
    free(images->memory);
    *images = (struct image_set){0};
}
