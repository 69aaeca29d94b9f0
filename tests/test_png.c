/* PNG images; the test writes them with libpng. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef TSR_WITH_PNG

#include <png.h>

/* Writes rows of 2 x 3 pixels as they are given. */
static const char *make(int color, int bits, int interlace, const unsigned char *rows, size_t row_bytes)
{
    const char *path = test_path("x.png");
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, file);
    png_set_IHDR(png, info, 3, 2, bits, color, interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_color palette[2] = {{10, 20, 30}, {40, 50, 60}};
    if (color == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 2);
    png_set_gAMA(png, info, 1.0); /* must not change what is read */
    png_write_info(png, info);
    unsigned char copy[2][32];
    memcpy(copy[0], rows, row_bytes);
    memcpy(copy[1], rows + row_bytes, row_bytes);
    png_write_image(png, (png_bytep[]){copy[0], copy[1]});
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(file);
    return path;
}

static void check_image(const char *path, int channels, const unsigned char *wanted)
{
    tsr_image image;
    check_ok(tsr_png_read(path, &image));
    ck_assert_int_eq(image.height, 2);
    ck_assert_int_eq(image.width, 3);
    ck_assert_int_eq(image.channels, channels);
    ck_assert_mem_eq(image.data, wanted, 6 * (size_t)channels);
    free(image.data);
}

static const unsigned char grey[6] = {0, 1, 127, 128, 254, 255};

START_TEST(reads_grey_and_colour)
{
    static const unsigned char colour[18] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 255};
    check_image(make(PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_NONE, grey, 3), 1, grey);
    check_image(make(PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_ADAM7, grey, 3), 1, grey);
    check_image(make(PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, colour, 9), 3, colour);
}
END_TEST

START_TEST(drops_alpha_and_resolves_depths_and_palettes)
{
    static const unsigned char alpha[12] = {0, 9, 1, 0, 127, 255, 128, 0, 254, 1, 255, 7};
    static const unsigned char deep[12] = {0, 0, 1, 1, 127, 127, 128, 128, 254, 254, 255, 255};
    static const unsigned char bits[2] = {0xa0, 0x40};
    static const unsigned char from_bits[6] = {255, 0, 255, 0, 255, 0};
    static const unsigned char from_palette[18] = {40, 50, 60, 10, 20, 30, 40, 50, 60,
                                                   10, 20, 30, 40, 50, 60, 10, 20, 30};
    check_image(make(PNG_COLOR_TYPE_GRAY_ALPHA, 8, PNG_INTERLACE_NONE, alpha, 6), 1, grey);
    check_image(make(PNG_COLOR_TYPE_GRAY, 16, PNG_INTERLACE_NONE, deep, 6), 1, grey);
    check_image(make(PNG_COLOR_TYPE_GRAY, 1, PNG_INTERLACE_NONE, bits, 1), 1, from_bits);
    check_image(make(PNG_COLOR_TYPE_PALETTE, 1, PNG_INTERLACE_NONE, bits, 1), 3, from_palette);
}
END_TEST

START_TEST(refuses_broken_files)
{
    unsigned char bytes[4096];
    tsr_image image;
    const char *path = make(PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_NONE, grey, 3);
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    for (size_t part = 0; part < size - 12; part++) { /* the last 12 bytes are the IEND chunk */
        file = fopen(path, "wb");
        fwrite(bytes, 1, part, file);
        fclose(file);
        check_fails(tsr_png_read(path, &image), TSR_FORMAT, path);
        ck_assert_ptr_null(image.data);
    }
    check_fails(tsr_png_read(test_path("absent.png"), &image), TSR_NOT_FOUND, "absent.png");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, reads_grey_and_colour);
    tcase_add_test(tests, drops_alpha_and_resolves_depths_and_palettes);
    tcase_add_test(tests, refuses_broken_files);
}

#else

START_TEST(says_that_it_is_left_out)
{
    tsr_image image;
    check_fails(tsr_png_read("x.png", &image), TSR_UNSUPPORTED, "libpng");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, says_that_it_is_left_out);
}

#endif

int main(void)
{
    return test_run("png", add_tests);
}
