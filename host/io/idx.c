/* IDX files. The header is four bytes (0, 0, type, rank) and `rank` big-endian extents; then the elements. */
#include "tessera/io.h"

#include "base/memory.h"
#include "base/status.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

/* The most elements that a file may hold: 4 GiB. */
#define ELEMENT_LIMIT 4294967296ULL
/* Deflate never packs more than 1032 bytes into one. */
#define DEFLATE_RATIO 1032ULL

#define UNSIGNED_BYTE 0x08

/* The bytes of a file, unpacked where it is gzipped. */
typedef struct source {
    const char *path;
    FILE *file;
    unsigned long long size; /* of the file as it is stored */
    bool packed, ended;      /* ended: the gzip stream was read to its end and its checksum is right */
    z_stream stream;
    unsigned char buffer[65536];
} source;

static tsr_status source_open(const char *path, source *in)
{
    struct stat about;
    in->path = path;
    in->file = fopen(path, "rb");
    if (!in->file) {
        return tsr_fail(errno == ENOENT ? TSR_NOT_FOUND : TSR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    }
    if (fstat(fileno(in->file), &about) != 0) return tsr_fail(TSR_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (!S_ISREG(about.st_mode)) return tsr_fail(TSR_IO, "%s: is not a regular file", path);
    in->size = (unsigned long long)about.st_size;
    int first = getc(in->file), second = getc(in->file);
    rewind(in->file);
    if (first != 0x1f || second != 0x8b) return TSR_OK;
    if (inflateInit2(&in->stream, 15 + 16) != Z_OK) return tsr_fail_memory("unpacking a gzip file", 65536);
    in->packed = true;
    return TSR_OK;
}

static void source_close(source *in)
{
    if (in->packed) inflateEnd(&in->stream);
    if (in->file) fclose(in->file);
}

/* Gives inflate more to read; false at the end of the file. */
static bool refill(source *in)
{
    if (in->stream.avail_in == 0) {
        in->stream.next_in = in->buffer;
        in->stream.avail_in = (uInt)fread(in->buffer, 1, sizeof in->buffer, in->file);
    }
    return in->stream.avail_in > 0;
}

/* Unpacks up to `wanted` bytes; fewer at the end of the stream or of the file. Nothing may follow the gzip stream but
 * another one. */
static tsr_status unpack(source *in, uint8_t *data, size_t wanted, size_t *got)
{
    *got = 0;
    while (*got < wanted && refill(in)) {
        if (in->ended) {
            if (in->stream.next_in[0] != 0x1f) return tsr_fail(TSR_FORMAT, "%s: bytes follow the gzip data", in->path);
            inflateReset(&in->stream);
            in->ended = false;
        }
        size_t part = wanted - *got < (1u << 30) ? wanted - *got : 1u << 30;
        in->stream.next_out = data + *got;
        in->stream.avail_out = (uInt)part;
        int code = inflate(&in->stream, Z_NO_FLUSH);
        *got += part - in->stream.avail_out;
        in->ended = code == Z_STREAM_END;
        if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
            return tsr_fail(TSR_FORMAT, "%s: the gzip data is damaged (%s)", in->path,
                            in->stream.msg ? in->stream.msg : zError(code));
        }
    }
    return TSR_OK;
}

static tsr_status source_read(source *in, uint8_t *data, size_t wanted, size_t *got)
{
    tsr_status status = TSR_OK;
    if (in->packed)
        status = unpack(in, data, wanted, got);
    else
        *got = fread(data, 1, wanted, in->file);
    if (status == TSR_OK && ferror(in->file)) {
        return tsr_fail(TSR_IO, "%s: cannot be read: %s", in->path, strerror(errno));
    }
    return status;
}

static tsr_status read_header(source *in, tsr_idx *idx, size_t *count)
{
    uint8_t header[20];
    size_t got;
    tsr_status status = source_read(in, header, 4, &got);
    if (status != TSR_OK) return status;
    if (got < 4) return tsr_fail(TSR_FORMAT, "%s: too short for an IDX file", in->path);
    if (header[0] != 0 || header[1] != 0) {
        return tsr_fail(TSR_FORMAT, "%s: is not an IDX file (it starts with 0x%02x%02x instead of 0x0000)", in->path,
                        header[0], header[1]);
    }
    if (header[2] != UNSIGNED_BYTE) {
        return tsr_fail(TSR_FORMAT, "%s: its elements are of IDX type 0x%02x; only unsigned bytes (0x08) are read",
                        in->path, header[2]);
    }
    if (header[3] < 1 || header[3] > 4) {
        return tsr_fail(TSR_FORMAT, "%s: has %d dimensions; 1 to 4 are read", in->path, header[3]);
    }
    idx->rank = header[3];
    status = source_read(in, header, 4 * (size_t)idx->rank, &got);
    if (status != TSR_OK) return status;
    if (got < 4 * (size_t)idx->rank) return tsr_fail(TSR_FORMAT, "%s: is truncated within its header", in->path);
    unsigned long long elements = 1;
    for (int axis = 0; axis < idx->rank; axis++) {
        const uint8_t *byte = header + 4 * axis;
        uint32_t extent = (uint32_t)byte[0] << 24 | (uint32_t)byte[1] << 16 | (uint32_t)byte[2] << 8 | byte[3];
        if (extent > INT32_MAX || (extent != 0 && elements > ELEMENT_LIMIT / extent)) {
            return tsr_fail(TSR_FORMAT, "%s: says it holds more than the 4 GiB that are read from an IDX file",
                            in->path);
        }
        idx->extent[axis] = (int32_t)extent;
        elements *= extent;
    }
    *count = (size_t)elements;
    return TSR_OK;
}

static tsr_status fail_truncated(const source *in, unsigned long long got, size_t count)
{
    return tsr_fail(TSR_FORMAT, "%s: is truncated: %llu of %zu bytes of data are there", in->path, got, count);
}

static tsr_status read_elements(source *in, tsr_idx *idx, size_t count)
{
    /* A header that promises more than the file can hold costs no memory. */
    unsigned long long header = 4 + 4 * (unsigned long long)idx->rank;
    unsigned long long most = in->packed ? in->size * DEFLATE_RATIO : in->size - header;
    if (count > most) return fail_truncated(in, most, count);

    size_t got;
    uint8_t after;
    idx->data = tsr_alloc(count, 1);
    if (!idx->data) return tsr_fail_memory(in->path, count);
    tsr_status status = source_read(in, idx->data, count, &got);
    if (status != TSR_OK) return status;
    if (got < count) return fail_truncated(in, got, count);
    status = source_read(in, &after, 1, &got); /* also takes inflate past the checksum */
    if (status != TSR_OK) return status;
    if (got > 0) return tsr_fail(TSR_FORMAT, "%s: bytes follow the %zu that its header announces", in->path, count);
    if (in->packed && !in->ended) return tsr_fail(TSR_FORMAT, "%s: is truncated: its checksum is missing", in->path);
    return TSR_OK;
}

tsr_status tsr_idx_read(const char *path, tsr_idx *idx)
{
    size_t count = 0;
    *idx = (tsr_idx){0};
    source *in = tsr_alloc(1, sizeof *in);
    if (!in) return tsr_fail_memory(path, sizeof *in);
    tsr_status status = source_open(path, in);
    if (status == TSR_OK) status = read_header(in, idx, &count);
    if (status == TSR_OK) status = read_elements(in, idx, count);
    if (status != TSR_OK) tsr_idx_clear(idx);
    source_close(in);
    free(in);
    return status;
}

void tsr_idx_clear(tsr_idx *idx)
{
    free(idx->data);
    *idx = (tsr_idx){0};
}
