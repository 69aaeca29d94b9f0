#include "support/fixture.h"

#include "support/support.h"

#include <stdio.h>
#include <zlib.h>

/* zlib reads files that are not gzipped as they are. */
const char *test_copy(const char *from, const char *name)
{
    char block[16384];
    int got;
    const char *path = test_path(name);
    gzFile in = gzopen(from, "rb");
    FILE *out = fopen(path, "wb");
    ck_assert_msg(in && out, "%s or %s cannot be opened", from, path);
    while ((got = gzread(in, block, sizeof block)) > 0)
        ck_assert_uint_eq(fwrite(block, 1, (size_t)got, out), (size_t)got);
    ck_assert_int_eq(got, 0);
    gzclose(in);
    ck_assert_int_eq(fclose(out), 0);
    return path;
}

const char *test_fixture(const char *name)
{
    char from[1024];
    snprintf(from, sizeof from, "%s/data/%s.gz", TEST_SOURCE_DIR, name);
    return test_copy(from, name);
}

json_t *test_json(const char *name)
{
    char path[1024];
    json_error_t error;
    snprintf(path, sizeof path, "%s/data/%s", TEST_SOURCE_DIR, name);
    json_t *value = json_load_file(path, 0, &error);
    ck_assert_msg(value != NULL, "%s: %s", path, error.text);
    return value;
}
