/* NumPy's .npy: "\x93NUMPY", version, length of the header, the header (a Python dict as text), the elements. */
#include "tessera/io.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/status.h"
#include "base/text.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FILE_LIMIT ((size_t)1 << 32)
#define MAGIC      "\x93NUMPY"

/* The header's text, read from left to right. */
typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_blanks(cursor *text)
{
    while (text->at < text->end && (*text->at == ' ' || *text->at == '\n')) text->at++;
}

static bool take(cursor *text, const char *token)
{
    size_t length = strlen(token);
    skip_blanks(text);
    if ((size_t)(text->end - text->at) < length || memcmp(text->at, token, length) != 0) return false;
    text->at += length;
    return true;
}

static bool take_extent(cursor *text, int64_t *extent)
{
    skip_blanks(text);
    if (text->at == text->end || *text->at < '0' || *text->at > '9') return false;
    *extent = 0;
    for (; text->at < text->end && *text->at >= '0' && *text->at <= '9'; text->at++) {
        if (*extent > (INT64_MAX - 9) / 10) return false;
        *extent = *extent * 10 + (*text->at - '0');
    }
    return true;
}

static tsr_status fail_malformed(const char *path)
{
    return tsr_fail(TSR_FORMAT, "%s: its NPY header is malformed", path);
}

/* (2, 3) or (2,) or (). */
static tsr_status take_shape(cursor *text, const char *path, tsr_npy *array)
{
    if (!take(text, "(")) return fail_malformed(path);
    for (array->rank = 0; !take(text, ")"); array->rank++) {
        if (array->rank == 4) return tsr_fail(TSR_FORMAT, "%s: has more than 4 dimensions", path);
        if (!take_extent(text, &array->extent[array->rank])) return fail_malformed(path);
        if (!take(text, ",") && !(text->at < text->end && *text->at == ')')) return fail_malformed(path);
    }
    return TSR_OK;
}

static tsr_status take_element_type(cursor *text, const char *path, tsr_npy *array)
{
    if (take(text, "'|u1'") || take(text, "'u1'")) return TSR_OK;
    array->real = take(text, "'<f4'");
    if (array->real) return TSR_OK;
    return tsr_fail(TSR_FORMAT,
                    "%s: its elements are neither uint8 nor little-endian float32: convert it with numpy's "
                    "astype(\"uint8\") or astype(\"<f4\")",
                    path);
}

static tsr_status take_order(cursor *text, const char *path)
{
    if (take(text, "False")) return TSR_OK;
    if (!take(text, "True")) return fail_malformed(path);
    return tsr_fail(TSR_FORMAT, "%s: is in Fortran order: save numpy.ascontiguousarray of it", path);
}

/* The dict with the keys descr, fortran_order and shape, in any order. */
static tsr_status parse_header(const char *path, cursor text, tsr_npy *array)
{
    enum { TYPE = 1, ORDER = 2, SHAPE = 4 };
    int seen = 0;
    if (!take(&text, "{")) return fail_malformed(path);
    while (!take(&text, "}")) {
        tsr_status status;
        if (take(&text, "'descr'") && take(&text, ":")) {
            status = take_element_type(&text, path, array);
            seen |= TYPE;
        } else if (take(&text, "'fortran_order'") && take(&text, ":")) {
            status = take_order(&text, path);
            seen |= ORDER;
        } else if (take(&text, "'shape'") && take(&text, ":")) {
            status = take_shape(&text, path, array);
            seen |= SHAPE;
        } else {
            status = fail_malformed(path);
        }
        if (status != TSR_OK) return status;
        if (!take(&text, ",") && !(text.at < text.end && *text.at == '}')) return fail_malformed(path);
    }
    return seen == (TYPE | ORDER | SHAPE) ? TSR_OK : fail_malformed(path);
}

/* Finds the header's text and where the elements start. */
static tsr_status find_header(const char *path, const char *data, size_t size, cursor *text, size_t *start)
{
    const unsigned char *bytes = (const unsigned char *)data;
    if (size < 10 || memcmp(data, MAGIC, 6) != 0) return tsr_fail(TSR_FORMAT, "%s: is not an NPY file", path);
    if (bytes[6] < 1 || bytes[6] > 3) {
        return tsr_fail(TSR_FORMAT, "%s: is of NPY version %d; 1 to 3 are read", path, bytes[6]);
    }
    size_t prefix = bytes[6] == 1 ? 10 : 12;
    size_t length = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (prefix == 12 && size >= 12) length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (size < prefix || size - prefix < length) {
        return tsr_fail(TSR_FORMAT, "%s: is truncated within its header", path);
    }
    *text = (cursor){data + prefix, data + prefix + length};
    *start = prefix + length;
    return TSR_OK;
}

tsr_status tsr_npy_read(const char *path, tsr_npy *array)
{
    char *data;
    size_t size, start = 0, bytes;
    cursor text = {0};
    *array = (tsr_npy){0};
    tsr_status status = tsr_file_read(path, FILE_LIMIT, &data, &size);
    if (status != TSR_OK) return status;
    status = find_header(path, data, size, &text, &start);
    if (status == TSR_OK) status = parse_header(path, text, array);
    if (status != TSR_OK) goto done;
    bytes = array->real ? sizeof(float) : 1;
    for (int axis = 0; axis < array->rank; axis++) {
        if (!tsr_multiply(bytes, (size_t)array->extent[axis], &bytes)) bytes = SIZE_MAX;
    }
    if (bytes != size - start) {
        status = tsr_fail(TSR_FORMAT, "%s: %zu bytes of data are there where its shape needs %zu", path, size - start,
                          bytes);
        goto done;
    }
    memmove(data, data + start, bytes);
    array->data = data;
    data = NULL;
done:
    free(data);
    if (status != TSR_OK) *array = (tsr_npy){0};
    return status;
}

tsr_status tsr_npy_write(const char *path, int rank, const int64_t *extent, const float *data)
{
    tsr_text text = {0}, header = {0};
    size_t count = 1;
    tsr_text_add(&header, "{'descr': '<f4', 'fortran_order': False, 'shape': (");
    for (int axis = 0; axis < rank; axis++) {
        tsr_text_add(&header, axis ? " %lld," : "%lld,", (long long)extent[axis]);
        count *= (size_t)extent[axis];
    }
    if (rank > 1 && !header.failed) header.length--; /* the comma after the last extent stands only in "(n,)" */
    tsr_text_add(&header, "), }");
    while (!header.failed && (10 + header.length + 1) % 64) tsr_text_add(&header, " ");
    tsr_text_add(&header, "\n");
    const char prefix[4] = {1, 0, (char)(header.length & 255), (char)(header.length >> 8)};
    tsr_text_add_bytes(&text, MAGIC, 6);
    tsr_text_add_bytes(&text, prefix, 4);
    if (!header.failed) tsr_text_add_bytes(&text, header.data, header.length);
    tsr_text_add_bytes(&text, (const char *)data, count * sizeof *data);
    tsr_status status = text.failed || header.failed ? tsr_fail_memory(path, count * sizeof *data)
                                                     : tsr_file_write(path, text.data, text.length);
    tsr_text_clear(&text);
    tsr_text_clear(&header);
    return status;
}
