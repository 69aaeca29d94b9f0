/* The part of an image that a work-item's windows read, copied to private memory with zeros for what lies outside the
 * image, so that the loops over it need no tests of bounds. A copy costs little beside a convolution, and gathering the
 * image from a data set on the way costs nothing more.
 * The zeros are multiplied like pixels: in windows on the rim a weight that is not finite gives not-a-number.
 *
 * Macros: CHANNELS                     of the image
 *         PATCH_ROWS, PATCH_COLUMNS    extents of the patch, in pixels
 *         GATHER_UCHAR, GATHER_FLOAT   the image is a sample of a data set of bytes or floats, to be scaled */
#ifndef CONV2D_PATCH_CL
#define CONV2D_PATCH_CL

#define PATCH_PITCH (PATCH_COLUMNS * CHANNELS)
#define PATCH_SIZE  (PATCH_ROWS * PATCH_PITCH)

#if defined(GATHER_UCHAR)
#define pixel         uchar
#define read_pixel(p) (convert_float(p) * scale)
#elif defined(GATHER_FLOAT)
#define pixel         float
#define read_pixel(p) ((p)*scale)
#else
#define pixel         float
#define read_pixel(p) (p)
#endif

/* Fills the patch whose first pixel is (y, x) of the image, perhaps negative. */
static inline void fill_patch(float *restrict patch, __global const pixel *restrict image, int image_row, int height,
                              int width, int y, int x, float scale)
{
    int first = clamp(-x, 0, PATCH_COLUMNS) * CHANNELS;
    int last = clamp(width - x, 0, PATCH_COLUMNS) * CHANNELS;
    for (int row = 0; row < PATCH_ROWS; row++) {
        bool inside = y + row >= 0 && y + row < height && first < last;
        int from = inside ? first : PATCH_PITCH, to = inside ? last : PATCH_PITCH;
        float *line = patch + row * PATCH_PITCH;
        for (int i = 0; i < from; i++) line[i] = 0.0f;
        if (inside) {
            __global const pixel *source = image + (y + row) * image_row + (x * CHANNELS + from);
            for (int i = 0; i < to - from; i++) line[from + i] = read_pixel(source[i]);
        }
        for (int i = to; i < PATCH_PITCH; i++) line[i] = 0.0f;
    }
}

#endif
