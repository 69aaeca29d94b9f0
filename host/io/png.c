/* PNG images as 8-bit grey or RGB. Sample values are taken as stored: no gamma is applied. */
#include "tessera/io.h"

#include "base/status.h"

#ifdef TSR_WITH_PNG

#include "base/memory.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#define EXTENT_LIMIT 16384
#define PIXEL_LIMIT  (1 << 26)

/* libpng reports errors through these; the jump leads back to read_pixels. */
typedef struct failure {
    jmp_buf back;
    char message[128];
} failure;

static void on_error(png_structp png, png_const_charp message)
{
    failure *failed = png_get_error_ptr(png);
    snprintf(failed->message, sizeof failed->message, "%s", message);
    longjmp(failed->back, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

/* Asks for 8-bit grey or RGB whatever the file has. */
static void set_transforms(png_structp png, png_infop info)
{
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

static tsr_status read_pixels(png_structp png, png_infop info, failure *failed, const char *path, FILE *file,
                              tsr_image *image)
{
    if (setjmp(failed->back)) return tsr_fail(TSR_FORMAT, "%s: is not a whole PNG image: %s", path, failed->message);
    png_init_io(png, file);
    png_set_user_limits(png, EXTENT_LIMIT, EXTENT_LIMIT);
    png_read_info(png, info);
    set_transforms(png, info);
    size_t height = png_get_image_height(png, info), width = png_get_image_width(png, info);
    size_t channels = png_get_channels(png, info), row_bytes = png_get_rowbytes(png, info);
    if (height * width > PIXEL_LIMIT) {
        return tsr_fail(TSR_FORMAT, "%s: %zu x %zu pixels are more than the %d that are read", path, width, height,
                        PIXEL_LIMIT);
    }
    if ((channels != 1 && channels != 3) || row_bytes != width * channels) {
        return tsr_fail(TSR_FORMAT, "%s: is neither grey nor RGB", path);
    }
    image->data = tsr_alloc(height, row_bytes);
    if (!image->data) return tsr_fail_memory(path, height * row_bytes);
    image->height = (int32_t)height;
    image->width = (int32_t)width;
    image->channels = (int32_t)channels;
    int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++) {
        for (size_t row = 0; row < height; row++) png_read_row(png, image->data + row * row_bytes, NULL);
    }
    png_read_end(png, NULL);
    return TSR_OK;
}

tsr_status tsr_png_read(const char *path, tsr_image *image)
{
    tsr_status status = TSR_OK;
    failure failed = {.message = ""};
    png_structp png = NULL;
    png_infop info = NULL;
    *image = (tsr_image){0};
    FILE *file = fopen(path, "rb");
    if (!file) {
        return tsr_fail(errno == ENOENT ? TSR_NOT_FOUND : TSR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    }
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failed, on_error, on_warning);
    if (png) info = png_create_info_struct(png);
    if (!info) {
        status = tsr_fail_memory(path, 0);
        goto done;
    }
    status = read_pixels(png, info, &failed, path, file, image);
    if (status != TSR_OK) {
        free(image->data);
        *image = (tsr_image){0};
    }
done:
    png_destroy_read_struct(&png, &info, NULL);
    fclose(file);
    return status;
}

#else

tsr_status tsr_png_read(const char *path, tsr_image *image)
{
    *image = (tsr_image){0};
    return tsr_fail(TSR_UNSUPPORTED, "%s: this build of Tessera has no libpng: give the image as IDX or NPY", path);
}

#endif
