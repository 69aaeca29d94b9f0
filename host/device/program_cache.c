#include "device/program.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "device/quirks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A cache file: magic, size of the key, size of the binary, then the key, the binary, and the hash of all before. */
#define MAGIC     "tessera program 1\n"
#define MAX_ENTRY ((size_t)256 << 20)

typedef struct entry_header {
    char magic[24];
    uint64_t key_size, binary_size;
} entry_header;

bool tsr_program_cache_enabled(const tsr_device *device)
{
    const char *forced = getenv("TESSERA_PROGRAM_CACHE");
    if (forced && *forced) return strcmp(forced, "0") != 0;
    return !tsr_has_quirk(&device->info, TSR_QUIRK_NO_CACHE);
}

/* The entry's file in `directory`; the caller's. */
static char *entry_path(const char *directory, const char *key)
{
    char digits[33];
    tsr_text path = {0};
    tsr_hash_text(tsr_hash_bytes(key, strlen(key)), digits);
    tsr_text_add(&path, "%s/%s.program", directory, digits);
    return tsr_text_take(&path);
}

/* Finds the binary in an entry's bytes; false when they are torn or another's. */
static bool find_binary(const char *data, size_t size, const char *key, const unsigned char **binary, size_t *length)
{
    entry_header header;
    tsr_hash stored, hash;
    size_t key_size = strlen(key);
    if (size < sizeof header + sizeof stored) return false;
    memcpy(&header, data, sizeof header);
    size_t rest = size - sizeof header - sizeof stored;
    if (strncmp(header.magic, MAGIC, sizeof header.magic)) return false;
    if (header.key_size != key_size || header.key_size > rest || header.binary_size != rest - key_size) return false;
    if (header.binary_size == 0 || memcmp(data + sizeof header, key, key_size)) return false;
    memcpy(&stored, data + size - sizeof stored, sizeof stored);
    hash = tsr_hash_bytes(data, size - sizeof stored);
    if (hash.low != stored.low || hash.high != stored.high) return false;
    *binary = (const unsigned char *)data + sizeof header + key_size;
    *length = (size_t)header.binary_size;
    return true;
}

/* A binary as a built program; false when the driver does not take it. */
static bool build_binary(tsr_device *device, const unsigned char *binary, size_t length, const char *options,
                         cl_program *program)
{
    cl_int code, binary_code;
    *program = clCreateProgramWithBinary(device->context, 1, &device->id, &length, &binary, &binary_code, &code);
    if (code != CL_SUCCESS) {
        *program = NULL;
        return false;
    }
    if (binary_code == CL_SUCCESS && clBuildProgram(*program, 1, &device->id, options, NULL, NULL) == CL_SUCCESS)
        return true;
    clReleaseProgram(*program);
    *program = NULL;
    return false;
}

bool tsr_program_cache_load(tsr_device *device, const char *key, const char *options, cl_program *program)
{
    char *data = NULL, *directory = tsr_cache_directory(), *path = NULL;
    const unsigned char *binary;
    size_t size, length;
    bool loaded = false;
    if (directory && tsr_directory_is_private(directory) && (path = entry_path(directory, key)) &&
        access(path, R_OK) == 0 && tsr_file_read(path, MAX_ENTRY, &data, &size) == TSR_OK &&
        find_binary(data, size, key, &binary, &length))
        loaded = build_binary(device, binary, length, options, program);
    free(data);
    free(path);
    free(directory);
    return loaded;
}

/* Appends the program's binary; false when the driver has none. */
static bool add_binary(tsr_text *entry, cl_program program, size_t length)
{
    unsigned char *binary = tsr_alloc(length, 1);
    bool got = binary && clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof binary, &binary, NULL) == CL_SUCCESS;
    if (got) tsr_text_add_bytes(entry, (const char *)binary, length);
    free(binary);
    return got;
}

void tsr_program_cache_store(tsr_device *device, const char *key, cl_program program)
{
    cl_uint devices = 0;
    size_t length = 0;
    tsr_text entry = {0};
    char *directory = tsr_cache_directory(), *path = NULL;
    entry_header header = {.magic = MAGIC, .key_size = strlen(key)};
    (void)device;
    if (!directory || tsr_directory_make(directory) != TSR_OK || !tsr_directory_is_private(directory)) goto done;
    if (!(path = entry_path(directory, key))) goto done;
    /* A context of the caller's may have several devices, and then as many binaries. */
    if (clGetProgramInfo(program, CL_PROGRAM_NUM_DEVICES, sizeof devices, &devices, NULL) != CL_SUCCESS || devices != 1)
        goto done;
    if (clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof length, &length, NULL) != CL_SUCCESS) goto done;
    if (length == 0 || length > MAX_ENTRY / 2) goto done;
    header.binary_size = length;
    tsr_text_add_bytes(&entry, (const char *)&header, sizeof header);
    tsr_text_add_bytes(&entry, key, strlen(key));
    if (!add_binary(&entry, program, length) || entry.failed) goto done;
    tsr_hash hash = tsr_hash_bytes(entry.data, entry.length);
    tsr_text_add_bytes(&entry, (const char *)&hash, sizeof hash);
    if (!entry.failed) tsr_file_write(path, entry.data, entry.length);
done:
    tsr_text_clear(&entry);
    free(path);
    free(directory);
}
