/* Winograd's convolution F(2x2, 3x3) for CPUs (Lavin and Gray, "Fast algorithms for convolutional neural networks",
 * 2015), stride 1, with an optional 2x2 pool and activation as its epilogue:
 *   y = activation(pool(conv2d(x, w) + b)), winner = the place of the maximum in the window
 *
 * A window is 2x2 cells of the convolution, computed from 4x4 pixels d and filters u that were transformed before:
 *   A^T [sum over channels of u * (B^T d B)] A    (* elementwise): 16 multiplications where the direct way takes 36.
 * A window is also just what a 2x2 pool reduces to one cell. A work-item computes the same TILE_ROWS x TILE_COLUMNS
 * windows of up to IMAGES images, for a share of the filters: it transforms their pixels, channels across the lanes,
 * with zeros for what lies outside the image; then, for BLOCK_VECTORS vectors of filters at a time, it multiplies point
 * by point, filters across the lanes, BLOCK_WINDOWS windows in registers, and transforms the products back. Where all
 * filters do not stay in the second-level cache, many windows pay for reading them once; a block's filters at one point
 * lie together and stay in the first, and those of the next point are asked for meanwhile. Blocks and vectors that
 * would stick out are moved back and compute some results twice, all alike.
 *
 * Not-a-number reaches the same cells as in the direct sum: of d's 16 pixels, each enters just the transformed points
 * that its cells are made of. An infinite pixel gives not-a-number where the direct sum is infinite, as both signs of
 * it are added up.
 *
 * Index space: (tiles of an image, shares of the filters, groups of IMAGES images), work-groups of one.
 * Layout: x NHWC with any row and image stride, u [16][vector of filters][CHANNELS][VW], y NHWC with any strides but
 * the last, winner dense.
 *
 * Macros, besides those of common.cl and activation_functions.cl:
 *   VW at most FILTERS, CHANNEL_VW at most CHANNELS                      lanes for filters and for channels
 *   FILTERS, TILE_ROWS, TILE_COLUMNS, IMAGES                             as above
 *   BLOCK_WINDOWS at most TILE_ROWS * TILE_COLUMNS, BLOCK_VECTORS        as above
 *   POOL_MAX or POOL_AVERAGE                                             the pool's mode; neither: no pool
 *   PARTIAL                                                              some windows stick out of the image
 *   BIAS, WINNER                                                         whether b and winner are there */
#include "activation_functions.cl"
#include "conv2d_pool.cl"

#define TILE    (TILE_ROWS * TILE_COLUMNS)
#define WINDOWS (IMAGES * TILE)
#define VECTORS ((FILTERS + VW - 1) / VW)
#define BLOCKS  ((VECTORS + BLOCK_VECTORS - 1) / BLOCK_VECTORS)
#define PANEL   (CHANNELS * VW) /* floats of u for a vector of filters at one point */
/* Floats from one point to the next. The line between keeps points from falling on the same sets of a cache. */
#define POINT_PITCH   (WINDOWS * CHANNELS + 16)
#define PRODUCT_PITCH (WINDOWS * BLOCK_VECTORS * VW + 16)

#define channel_vec             JOIN(float, CHANNEL_VW)
#define channel_vec_load(p)     JOIN(load, CHANNEL_VW)(p)
#define channel_vec_store(v, p) JOIN(store, CHANNEL_VW)(v, p)

/* The 4x4 pixels, from channel c on, of a window whose first one is (row, column) of the image x, perhaps outside:
 * zeros for those that are outside. */
static inline void load_window(const __global float *restrict x, int x_row, int height, int width, int row, int column,
                               int c, channel_vec pixel[4][4])
{
    int at = row * x_row + column * CHANNELS + c;
    if (row >= 0 && row + 4 <= height && column >= 0 && column + 4 <= width) {
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
            for (int j = 0; j < 4; j++) pixel[i][j] = channel_vec_load(x + (at + i * x_row + j * CHANNELS));
        return;
    }
#pragma unroll
    for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) {
            pixel[i][j] = 0.0f;
            if (row + i >= 0 && row + i < height && column + j >= 0 && column + j < width)
                pixel[i][j] = channel_vec_load(x + (at + i * x_row + j * CHANNELS));
        }
}

/* points[4 i + j][window][channel] = (B^T d B)[i][j] for the windows of a tile whose first pixel is (row, column) of
 * the image x, B^T = [1 0 -1 0; 0 1 1 0; 0 -1 1 0; 0 1 0 -1] */
static inline void transform_pixels(const __global float *restrict x, int x_row, int height, int width, int row,
                                    int column, float *restrict points)
{
    for (int window = 0; window < TILE; window++) {
        int i = row + window / TILE_COLUMNS * 2, j = column + window % TILE_COLUMNS * 2;
        for (int begin = 0; begin < CHANNELS; begin += CHANNEL_VW) {
            int c = min(begin, CHANNELS - CHANNEL_VW);
            channel_vec a[4][4], d[4][4];
            load_window(x, x_row, height, width, i, j, c, a);
#pragma unroll
            for (int k = 0; k < 4; k++) {
                d[k][0] = a[k][0] - a[k][2];
                d[k][1] = a[k][1] + a[k][2];
                d[k][2] = a[k][2] - a[k][1];
                d[k][3] = a[k][1] - a[k][3];
            }
            float *to = points + window * CHANNELS + c;
#pragma unroll
            for (int k = 0; k < 4; k++) {
                channel_vec_store(d[0][k] - d[2][k], to + (0 + k) * POINT_PITCH);
                channel_vec_store(d[1][k] + d[2][k], to + (4 + k) * POINT_PITCH);
                channel_vec_store(d[2][k] - d[1][k], to + (8 + k) * POINT_PITCH);
                channel_vec_store(d[1][k] - d[3][k], to + (12 + k) * POINT_PITCH);
            }
        }
    }
}

/* products[point][window][filter of the block] = sum over channels of points * u */
static inline void multiply(const float *restrict points, int windows, __global const float *restrict u,
                            float *restrict products)
{
    for (int point = 0; point < 16; point++)
        for (int begin = 0; begin < windows; begin += BLOCK_WINDOWS) {
            int window = min(begin, windows - BLOCK_WINDOWS);
            const float *p = points + point * POINT_PITCH + window * CHANNELS;
            __global const float *weights = u + point * VECTORS * PANEL;
            vec sum[BLOCK_WINDOWS][BLOCK_VECTORS];
#pragma unroll
            for (int i = 0; i < BLOCK_WINDOWS; i++)
#pragma unroll
                for (int v = 0; v < BLOCK_VECTORS; v++) sum[i][v] = 0.0f;
#pragma unroll 4
            for (int c = 0; c < CHANNELS; c++) {
                vec weight[BLOCK_VECTORS];
#pragma unroll
                for (int v = 0; v < BLOCK_VECTORS; v++) {
                    weight[v] = vec_load(weights + v * PANEL + c * VW);
#if PANEL * BLOCK_VECTORS <= 4096 /* two points' filters fit into the first-level cache */
                    prefetch_line(weights, (VECTORS + v) * PANEL + c * VW);
#endif
                }
#pragma unroll
                for (int i = 0; i < BLOCK_WINDOWS; i++) {
                    float x = p[i * CHANNELS + c];
#pragma unroll
                    for (int v = 0; v < BLOCK_VECTORS; v++) sum[i][v] += x * weight[v];
                }
            }
            float *to = products + point * PRODUCT_PITCH + window * (BLOCK_VECTORS * VW);
#pragma unroll
            for (int i = 0; i < BLOCK_WINDOWS; i++)
#pragma unroll
                for (int v = 0; v < BLOCK_VECTORS; v++) vec_store(sum[i][v], to + (i * BLOCK_VECTORS + v) * VW);
        }
}

/* cell[2 i + j] = (A^T m A)[i][j] + bias, A^T = [1 1 1 0; 0 1 -1 -1]; m are the products of one window and vector. */
static inline void transform_products(const float *restrict products, vec bias, vec cell[4])
{
    vec row[2][4];
#pragma unroll
    for (int j = 0; j < 4; j++) {
        vec m[4];
#pragma unroll
        for (int i = 0; i < 4; i++) m[i] = vec_load(products + (4 * i + j) * PRODUCT_PITCH);
        row[0][j] = m[0] + m[1] + m[2];
        row[1][j] = m[1] - m[2] - m[3];
    }
#pragma unroll
    for (int i = 0; i < 2; i++) {
        cell[2 * i] = row[i][0] + row[i][1] + row[i][2] + bias;
        cell[2 * i + 1] = row[i][1] - row[i][2] - row[i][3] + bias;
    }
}

/* Where the windows of a tile are, and what lies there. */
typedef struct place {
    int image, row, column;      /* of the window in y */
    int rows, columns;           /* of y, in windows */
    int conv_rows, conv_columns; /* of the convolution's result */
} place;

/* Pools, activates and stores the cells of one window and vector of filters. */
static inline void store_window(const vec cell[4], place at, int filter, __global float *restrict y, int y_row,
                                int y_column, __global uchar *restrict winner)
{
#ifdef PARTIAL
    bool right = 2 * at.column + 1 < at.conv_columns, below = 2 * at.row + 1 < at.conv_rows;
    bool inside[] = {true, right, below, right && below};
#else
    const bool inside[] = {true, true, true, true};
#endif
#if defined(POOL_MAX) || defined(POOL_AVERAGE)
    vec pooled;
    ivec won;
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (inside[i]) pool_cell(&pooled, &won, cell[i], i, i == 0);
#ifdef POOL_AVERAGE
    pooled /= (float)(inside[0] + inside[1] + inside[2] + inside[3]);
#endif
    vec_store(activate_vec(pooled), y + at.row * y_row + at.column * y_column + filter);
#ifdef WINNER
    vec_store(uchar_from_ivec(won),
              winner + ((at.image * at.rows + at.row) * at.columns + at.column) * FILTERS + filter);
#endif
#else
#pragma unroll
    for (int i = 0; i < 4; i++)
        if (inside[i])
            vec_store(activate_vec(cell[i]),
                      y + (2 * at.row + i / 2) * y_row + (2 * at.column + i % 2) * y_column + filter);
#endif
}

__attribute__((reqd_work_group_size(1, 1, 1))) __kernel void
conv2d_winograd_cpu(__global const float *restrict x, int x_origin, int x_image, int x_row,
                    __global const float *restrict u,
#ifdef BIAS
                    __global const float *restrict b,
#endif
                    __global float *restrict y, int y_origin, int y_image, int y_row, int y_column,
#ifdef WINNER
                    __global uchar *restrict winner,
#endif
                    int height, int width, int top, int left, int conv_rows, int conv_columns, int rows, int columns,
                    int tiles_across, int share, int batch)
{
    float points[16 * POINT_PITCH] __attribute__((aligned(64)));
    float products[16 * PRODUCT_PITCH] __attribute__((aligned(64)));
    int tile = get_global_id(0), image = get_global_id(2) * IMAGES, images = min(IMAGES, batch - image);
    int tile_row = min(tile / tiles_across * TILE_ROWS, rows - TILE_ROWS);
    int tile_column = min(tile % tiles_across * TILE_COLUMNS, columns - TILE_COLUMNS);
    for (int i = 0; i < images; i++)
        transform_pixels(x + (x_origin + (image + i) * x_image), x_row, height, width, 2 * tile_row - top,
                         2 * tile_column - left, points + i * TILE * CHANNELS);

    int block = get_global_id(1) * share, block_end = min(block + share, BLOCKS);
    for (; block < block_end; block++) {
        int vector = min(block * BLOCK_VECTORS, VECTORS - BLOCK_VECTORS);
        multiply(points, images * TILE, u + vector * PANEL, products);
#pragma unroll
        for (int v = 0; v < BLOCK_VECTORS; v++) {
            int filter = min((vector + v) * VW, FILTERS - VW);
            vec bias = 0.0f;
#ifdef BIAS
            bias = vec_load(b + filter);
#endif
            for (int i = 0; i < images; i++)
                for (int r = 0; r < TILE_ROWS; r++)
                    for (int c = 0; c < TILE_COLUMNS; c++) {
                        vec cell[4];
                        place at = {image + i, tile_row + r, tile_column + c, rows, columns, conv_rows, conv_columns};
                        int window = (i * TILE_ROWS + r) * TILE_COLUMNS + c;
                        transform_products(products + (window * BLOCK_VECTORS + v) * VW, bias, cell);
                        store_window(cell, at, filter, y + y_origin + (image + i) * y_image, y_row, y_column,
#ifdef WINNER
                                     winner
#else
                                     0
#endif
                        );
                    }
        }
    }
}
