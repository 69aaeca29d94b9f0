/* IDX files: plain and gzipped, and everything that can be wrong with one. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Two images of 2 x 3. */
static const unsigned char good[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2,  0,  0,
                                     0, 3, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 255};

static const char *plain(const void *bytes, size_t size)
{
    const char *path = test_path("x-idx3-ubyte");
    FILE *file = fopen(path, "wb");
    ck_assert(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
    return path;
}

static const char *gzipped(const void *bytes, size_t size, const char *mode)
{
    const char *path = test_path("x-idx3-ubyte.gz");
    gzFile file = gzopen(path, mode);
    ck_assert(file && gzwrite(file, bytes, (unsigned)size) == (int)size && gzclose(file) == Z_OK);
    return path;
}

static void check_good(const char *path)
{
    tsr_idx idx;
    check_ok(tsr_idx_read(path, &idx));
    ck_assert_int_eq(idx.rank, 3);
    ck_assert_int_eq(idx.extent[0], 2);
    ck_assert_int_eq(idx.extent[1], 2);
    ck_assert_int_eq(idx.extent[2], 3);
    ck_assert_mem_eq(idx.data, good + 16, 12);
    tsr_idx_clear(&idx);
    ck_assert_ptr_null(idx.data);
}

static void check_refused(const char *path, tsr_status status, const char *part)
{
    tsr_idx idx;
    check_fails(tsr_idx_read(path, &idx), status, part);
    check_fails(tsr_idx_read(path, &idx), status, path);
    ck_assert_ptr_null(idx.data);
}

START_TEST(reads_plain_and_gzipped)
{
    check_good(plain(good, sizeof good));
    check_good(gzipped(good, sizeof good, "wb"));
    check_good(gzipped(good, sizeof good, "wb0")); /* stored, not deflated */
    gzipped(good, 10, "wb");
    check_good(gzipped(good + 10, sizeof good - 10, "ab")); /* a second gzip member */
}
END_TEST

START_TEST(reads_an_empty_set)
{
    static const unsigned char none[] = {0, 0, 8, 1, 0, 0, 0, 0};
    tsr_idx idx;
    check_ok(tsr_idx_read(plain(none, sizeof none), &idx));
    ck_assert_int_eq(idx.extent[0], 0);
    tsr_idx_clear(&idx);
}
END_TEST

START_TEST(refuses_what_is_not_there)
{
    check_refused(test_path("absent"), TSR_NOT_FOUND, "cannot be opened");
    check_refused(test_directory(), TSR_IO, "not a regular file");
}
END_TEST

START_TEST(refuses_truncated_files)
{
    for (size_t size = 0; size < sizeof good; size++) {
        check_refused(plain(good, size), TSR_FORMAT, size < 4 ? "too short" : "is truncated");
        check_refused(gzipped(good, size, "wb"), TSR_FORMAT, size < 4 ? "too short" : "is truncated");
    }
}
END_TEST

/* Every prefix of a gzipped file is refused, the one without its checksum too. */
START_TEST(refuses_truncated_gzip_data)
{
    unsigned char packed[256];
    FILE *file = fopen(gzipped(good, sizeof good, "wb"), "rb");
    size_t size = fread(packed, 1, sizeof packed, file);
    fclose(file);
    for (size_t part = 0; part < size; part++) check_refused(plain(packed, part), TSR_FORMAT, "");
    packed[size - 6] ^= 1; /* the checksum */
    check_refused(plain(packed, size), TSR_FORMAT, "damaged");
    packed[size - 6] ^= 1;
    packed[size] = 7;
    check_refused(plain(packed, size + 1), TSR_FORMAT, "bytes follow the gzip data");
}
END_TEST

START_TEST(refuses_trailing_bytes)
{
    unsigned char longer[sizeof good + 1] = {0};
    memcpy(longer, good, sizeof good);
    check_refused(plain(longer, sizeof longer), TSR_FORMAT, "bytes follow");
    check_refused(gzipped(longer, sizeof longer, "wb"), TSR_FORMAT, "bytes follow");
}
END_TEST

static void check_patched(size_t at, unsigned char byte, const char *part)
{
    unsigned char bytes[sizeof good];
    memcpy(bytes, good, sizeof good);
    bytes[at] = byte;
    check_refused(plain(bytes, sizeof bytes), TSR_FORMAT, part);
    check_refused(gzipped(bytes, sizeof bytes, "wb"), TSR_FORMAT, part);
}

START_TEST(refuses_mislabelled_files)
{
    check_patched(0, 'P', "not an IDX file");
    check_patched(2, 0x0d, "type 0x0d");
    check_patched(3, 0, "0 dimensions");
    check_patched(3, 5, "5 dimensions");
}
END_TEST

/* A small file that promises much is refused before any memory is taken for it. */
START_TEST(refuses_oversized_files)
{
    check_patched(4, 0xff, "4 GiB");
    check_patched(4, 0x7f, "4 GiB");
    check_patched(5, 0xff, "is truncated");
}
END_TEST

/* A gzip file that unpacks to far more than its header says is left as soon as that is seen. */
START_TEST(refuses_gzip_bombs)
{
    size_t size = 64 << 20;
    unsigned char *bytes = calloc(size, 1);
    memcpy(bytes, good, sizeof good);
    check_refused(gzipped(bytes, size, "wb9"), TSR_FORMAT, "bytes follow the 12");
    free(bytes);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, reads_plain_and_gzipped);
    tcase_add_test(tests, reads_an_empty_set);
    tcase_add_test(tests, refuses_what_is_not_there);
    tcase_add_test(tests, refuses_truncated_files);
    tcase_add_test(tests, refuses_truncated_gzip_data);
    tcase_add_test(tests, refuses_trailing_bytes);
    tcase_add_test(tests, refuses_mislabelled_files);
    tcase_add_test(tests, refuses_oversized_files);
    tcase_add_test(tests, refuses_gzip_bombs);
}

int main(void)
{
    return test_run("idx", add_tests);
}
