/* NumPy arrays in and out. */
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file of this version with this header and these elements. */
static const char *make(int version, const char *header, const void *data, size_t size)
{
    const char *path = test_path("x.npy");
    size_t length = strlen(header);
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    fprintf(file, "\x93NUMPY%c%c%c%c", version, 0, (int)(length & 255), (int)(length >> 8));
    if (version > 1) fprintf(file, "%c%c", 0, 0);
    fputs(header, file);
    fwrite(data, 1, size, file);
    fclose(file);
    return path;
}

static const unsigned char bytes[6] = {1, 2, 3, 4, 5, 255};
static const float reals[4] = {0.5f, -1, 1e-30f, 3e38f};

START_TEST(reads_every_version)
{
    for (int version = 1; version <= 3; version++) {
        tsr_npy array;
        check_ok(tsr_npy_read(
            make(version, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }  \n", bytes, 6), &array));
        ck_assert_int_eq(array.rank, 2);
        ck_assert_int_eq(array.extent[0], 2);
        ck_assert_int_eq(array.extent[1], 3);
        ck_assert(!array.real);
        ck_assert_mem_eq(array.data, bytes, 6);
        free(array.data);
    }
}
END_TEST

START_TEST(reads_floats_and_keys_in_any_order)
{
    tsr_npy array;
    check_ok(tsr_npy_read(make(1, "{'shape':(4,),'fortran_order':False,'descr':'<f4'}", reals, 16), &array));
    ck_assert_int_eq(array.rank, 1);
    ck_assert(array.real);
    ck_assert_mem_eq(array.data, reals, 16);
    free(array.data);
    check_ok(tsr_npy_read(make(1, "{'shape':(),'fortran_order':False,'descr':'<f4'}", reals, 4), &array));
    ck_assert_int_eq(array.rank, 0);
    free(array.data);
}
END_TEST

START_TEST(writes_what_it_reads)
{
    const char *path = test_path("y.npy");
    char start[10];
    tsr_npy array;
    check_ok(tsr_npy_write(path, 2, (int64_t[]){2, 2}, reals));
    check_ok(tsr_npy_read(path, &array));
    ck_assert_int_eq(array.rank, 2);
    ck_assert_int_eq(array.extent[1], 2);
    ck_assert_mem_eq(array.data, reals, 16);
    free(array.data);
    FILE *file = fopen(path, "rb");
    ck_assert_uint_eq(fread(start, 1, 10, file), 10);
    fclose(file);
    ck_assert_uint_eq((10u + (unsigned char)start[8] + 256u * (unsigned char)start[9]) % 64, 0);
    check_ok(tsr_npy_write(path, 1, (int64_t[]){4}, reals));
    check_ok(tsr_npy_read(path, &array));
    ck_assert_int_eq(array.rank, 1);
    ck_assert_int_eq(array.extent[0], 4);
    free(array.data);
}
END_TEST

static void check_refused(const char *path, const char *part)
{
    tsr_npy array;
    check_fails(tsr_npy_read(path, &array), TSR_FORMAT, part);
    check_fails(tsr_npy_read(path, &array), TSR_FORMAT, path);
    ck_assert_ptr_null(array.data);
}

START_TEST(refuses_what_it_cannot_read)
{
    check_refused(make(4, "{}", bytes, 0), "version 4");
    check_refused(make(1, "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }", reals, 8), "astype");
    check_refused(make(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", reals, 4), "astype");
    check_refused(make(1, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }", bytes, 6), "Fortran order");
    check_refused(make(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,6), }", bytes, 6),
                  "more than 4 dimensions");
    check_refused(make(1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }", bytes, 5),
                  "5 bytes of data are there where its shape needs 6");
    check_refused(make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4), }", reals, 16),
                  "16 bytes of data");
    check_refused(make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", reals, 16),
                  "malformed");
    check_refused(make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4 4), }", reals, 16), "malformed");
    check_refused(make(1, "{'descr': '<f4', 'fortran_order': False, }", reals, 16), "malformed");
    check_refused(make(1, "{'descr': '<f4'", reals, 0), "malformed");
    check_refused(make(1, "", reals, 0), "malformed");
}
END_TEST

START_TEST(refuses_truncated_headers)
{
    const char *path = test_path("short.npy");
    static const char start[12] = "\x93NUMPY\1\0\x40\0{";
    for (size_t size = 0; size <= sizeof start; size++) {
        FILE *file = fopen(path, "wb");
        fwrite(start, 1, size, file);
        fclose(file);
        check_refused(path, size < 10 ? "not an NPY file" : "truncated");
    }
    tsr_npy array;
    check_fails(tsr_npy_read(test_path("absent.npy"), &array), TSR_NOT_FOUND, "absent.npy");
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, reads_every_version);
    tcase_add_test(tests, reads_floats_and_keys_in_any_order);
    tcase_add_test(tests, writes_what_it_reads);
    tcase_add_test(tests, refuses_what_it_cannot_read);
    tcase_add_test(tests, refuses_truncated_headers);
}

int main(void)
{
    return test_run("npy", add_tests);
}
