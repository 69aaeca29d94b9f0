#include "io/h5.h"

#ifdef TSR_WITH_HDF5

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Bytes and number of strings in an attribute. */
#define TEXT_LIMIT   (64u << 20)
#define STRING_LIMIT 1000000
/* Elements of one data set: 4 GiB of floats. */
#define ELEMENT_LIMIT (1ULL << 30)
/* Deflate never packs more than 1032 bytes into one. */
#define DEFLATE_RATIO 1032

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void tsr_h5_enter(tsr_h5_session *session)
{
    pthread_mutex_lock(&lock);
    H5Eget_auto2(H5E_DEFAULT, &session->print, &session->print_data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void tsr_h5_leave(const tsr_h5_session *session)
{
    H5Eset_auto2(H5E_DEFAULT, session->print, session->print_data);
    pthread_mutex_unlock(&lock);
}

tsr_status tsr_h5_open(const char *path, hid_t *file)
{
    struct stat about;
    *file = -1;
    if (stat(path, &about) != 0) {
        return tsr_fail(errno == ENOENT ? TSR_NOT_FOUND : TSR_IO, "cannot be opened: %s", strerror(errno));
    }
    if (!S_ISREG(about.st_mode)) return tsr_fail(TSR_IO, "is not a regular file");
    *file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (*file < 0) return tsr_fail(TSR_FORMAT, "is not an HDF5 file, or a damaged or unreadable one");
    return TSR_OK;
}

/* Opens one component of a path. */
static tsr_status open_component(hid_t parent, const char *where, const char *path, const char *name, hid_t *object)
{
    H5L_info_t link;
    if (H5Lexists(parent, name, H5P_DEFAULT) <= 0) {
        return tsr_fail(TSR_FORMAT, "%s/%s is missing (there is no \"%s\")", where, path, name);
    }
    if (H5Lget_info(parent, name, &link, H5P_DEFAULT) < 0) {
        return tsr_fail(TSR_FORMAT, "%s/%s: the link \"%s\" is damaged", where, path, name);
    }
    if (link.type != H5L_TYPE_HARD) {
        const char *kind = link.type == H5L_TYPE_SOFT       ? "a soft"
                           : link.type == H5L_TYPE_EXTERNAL ? "an external"
                                                            : "a user-defined";
        return tsr_fail(TSR_FORMAT, "%s/%s: \"%s\" is %s link, which is not followed", where, path, name, kind);
    }
    *object = H5Oopen(parent, name, H5P_DEFAULT);
    if (*object < 0) return tsr_fail(TSR_FORMAT, "%s/%s: \"%s\" is damaged", where, path, name);
    return TSR_OK;
}

tsr_status tsr_h5_open_object(hid_t parent, const char *where, const char *path, hid_t *object)
{
    tsr_status status = TSR_OK;
    *object = -1;
    char *names = tsr_copy_text(path), *rest = names;
    if (!names) return tsr_fail_memory("a path", strlen(path));
    hid_t at = parent;
    for (char *name = strtok_r(names, "/", &rest); name && status == TSR_OK; name = strtok_r(NULL, "/", &rest)) {
        hid_t next = -1;
        if (H5Iget_type(at) != H5I_GROUP && H5Iget_type(at) != H5I_FILE) {
            status = tsr_fail(TSR_FORMAT, "%s/%s: what holds \"%s\" is not a group", where, path, name);
        } else {
            status = open_component(at, where, path, name, &next);
        }
        if (at != parent) H5Oclose(at);
        at = next;
    }
    free(names);
    if (status == TSR_OK && at == parent) status = tsr_fail(TSR_FORMAT, "%s has an empty name in it", where);
    if (status == TSR_OK) *object = at;
    return status;
}

void tsr_h5_strings_clear(tsr_h5_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) free(strings->text[i]);
    free(strings->text);
    *strings = (tsr_h5_strings){0};
}

/* Adds a copy of at most `size` bytes, without the blanks that pad strings in Fortran's way. */
static tsr_status add_string(tsr_h5_strings *strings, const char *bytes, size_t size, bool blanks)
{
    size_t length = 0;
    while (length < size && bytes[length]) length++;
    while (blanks && length > 0 && bytes[length - 1] == ' ') length--;
    char *copy = tsr_alloc(length + 1, 1);
    if (!copy || !tsr_grow((void **)&strings->text, &strings->capacity, strings->count + 1, sizeof *strings->text)) {
        free(copy);
        return tsr_fail_memory("names", length);
    }
    memcpy(copy, bytes, length);
    strings->text[strings->count++] = copy;
    return TSR_OK;
}

static tsr_status read_variable(hid_t attribute, hid_t type, hid_t space, size_t count, const char *name,
                                tsr_h5_strings *strings)
{
    tsr_status status = TSR_OK;
    hid_t memory = H5Tcopy(H5T_C_S1);
    char **text = tsr_alloc(count, sizeof *text);
    H5Tset_size(memory, H5T_VARIABLE);
    H5Tset_cset(memory, H5Tget_cset(type));
    if (!text) {
        status = tsr_fail_memory(name, count * sizeof *text);
    } else if (H5Aread(attribute, memory, text) < 0) {
        status = tsr_fail(TSR_FORMAT, "the attribute %s is damaged", name);
    } else {
        for (size_t i = 0; i < count && status == TSR_OK; i++) {
            const char *one = text[i] ? text[i] : "";
            status = add_string(strings, one, strlen(one), false);
        }
        H5Dvlen_reclaim(memory, space, H5P_DEFAULT, text);
    }
    free(text);
    H5Tclose(memory);
    return status;
}

static tsr_status read_fixed(hid_t attribute, hid_t type, size_t count, const char *name, tsr_h5_strings *strings)
{
    size_t size = H5Tget_size(type), bytes;
    if (size == 0 || !tsr_multiply(count, size, &bytes) || bytes > TEXT_LIMIT) {
        return tsr_fail(TSR_FORMAT, "the attribute %s has more text than the %u bytes that are read", name, TEXT_LIMIT);
    }
    tsr_status status = TSR_OK;
    char *text = tsr_alloc(bytes, 1);
    if (!text) return tsr_fail_memory(name, bytes);
    if (H5Aread(attribute, type, text) < 0) status = tsr_fail(TSR_FORMAT, "the attribute %s is damaged", name);
    bool blanks = H5Tget_strpad(type) == H5T_STR_SPACEPAD;
    for (size_t i = 0; i < count && status == TSR_OK; i++) {
        status = add_string(strings, text + i * size, size, blanks);
    }
    free(text);
    return status;
}

static tsr_status read_attribute(hid_t object, const char *name, tsr_h5_strings *strings)
{
    tsr_status status = TSR_OK;
    hid_t attribute = H5Aopen(object, name, H5P_DEFAULT);
    if (attribute < 0) return tsr_fail(TSR_FORMAT, "the attribute %s is damaged", name);
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    if (type < 0 || count < 0)
        status = tsr_fail(TSR_FORMAT, "the attribute %s is damaged", name);
    else if (count == 0)
        status = TSR_OK;
    else if (H5Tget_class(type) != H5T_STRING)
        status = tsr_fail(TSR_FORMAT, "the attribute %s is not text", name);
    else if (count > STRING_LIMIT) {
        status =
            tsr_fail(TSR_FORMAT, "the attribute %s has more than the %d strings that are read", name, STRING_LIMIT);
    } else if (H5Tis_variable_str(type) > 0) {
        status = read_variable(attribute, type, space, (size_t)count, name, strings);
    } else {
        status = read_fixed(attribute, type, (size_t)count, name, strings);
    }
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return status;
}

bool tsr_h5_has_attribute(hid_t object, const char *name)
{
    return H5Aexists(object, name) > 0;
}

tsr_status tsr_h5_read_strings(hid_t object, const char *where, const char *name, tsr_h5_strings *strings)
{
    char part[64];
    tsr_status status = TSR_OK;
    *strings = (tsr_h5_strings){0};
    if (tsr_h5_has_attribute(object, name)) {
        status = read_attribute(object, name, strings);
    } else {
        snprintf(part, sizeof part, "%s0", name);
        if (!tsr_h5_has_attribute(object, part)) {
            return tsr_fail(TSR_FORMAT, "%s: the attribute %s is missing", where, name);
        }
        for (int i = 1; status == TSR_OK && tsr_h5_has_attribute(object, part); i++) {
            status = read_attribute(object, part, strings);
            snprintf(part, sizeof part, "%s%d", name, i);
        }
    }
    if (status == TSR_OK) return status;
    tsr_h5_strings_clear(strings);
    return tsr_fail_in(status, "%s", where);
}

static tsr_status check_shape(hid_t set, const char *where, int rank, const int32_t *extent)
{
    hsize_t found[H5S_MAX_RANK], count = 1;
    char wanted_text[64] = "", found_text[128] = "";
    hid_t space = H5Dget_space(set);
    int found_rank = H5Sget_simple_extent_ndims(space);
    bool same = found_rank == rank && H5Sget_simple_extent_type(space) != H5S_NULL;
    if (found_rank > 0) H5Sget_simple_extent_dims(space, found, NULL);
    H5Sclose(space);
    for (int axis = 0; axis < rank; axis++) {
        size_t length = strlen(wanted_text);
        snprintf(wanted_text + length, sizeof wanted_text - length, axis ? ", %d" : "%d", extent[axis]);
        same = same && found[axis] == (hsize_t)extent[axis];
        count = count > ELEMENT_LIMIT ? count : count * (hsize_t)extent[axis];
    }
    for (int axis = 0; axis < found_rank; axis++) {
        size_t length = strlen(found_text);
        snprintf(found_text + length, sizeof found_text - length, axis ? ", %llu" : "%llu",
                 (unsigned long long)found[axis]);
    }
    if (!same) {
        return tsr_fail(TSR_FORMAT, "%s: its shape is (%s) where the model's configuration needs (%s)", where,
                        found_text, wanted_text);
    }
    if (count > ELEMENT_LIMIT) {
        return tsr_fail(TSR_FORMAT, "%s: has more than the %llu elements that are read", where, ELEMENT_LIMIT);
    }
    return TSR_OK;
}

/* How the elements are stored: in this file, in chunks no larger than the data, packed by gzip and shuffle at most. */
static tsr_status check_storage(hid_t properties, const char *where, int rank, const int32_t *extent)
{
    H5D_layout_t layout = H5Pget_layout(properties);
    if (layout == H5D_VIRTUAL) return tsr_fail(TSR_FORMAT, "%s: is a virtual data set, which is not followed", where);
    if (H5Pget_external_count(properties) != 0) {
        return tsr_fail(TSR_FORMAT, "%s: lies in another file, which is not followed", where);
    }
    hsize_t chunk[H5S_MAX_RANK];
    if (layout == H5D_CHUNKED) {
        if (H5Pget_chunk(properties, rank, chunk) != rank) return tsr_fail(TSR_FORMAT, "%s: is damaged", where);
        for (int axis = 0; axis < rank; axis++) {
            if (chunk[axis] > (hsize_t)extent[axis]) {
                return tsr_fail(TSR_FORMAT, "%s: its chunks are larger than its shape", where);
            }
        }
    }
    int filters = H5Pget_nfilters(properties);
    for (int i = 0; i < filters; i++) {
        unsigned flags, settings;
        size_t values = 0;
        char name[64] = "";
        H5Z_filter_t filter =
            H5Pget_filter2(properties, (unsigned)i, &flags, &values, NULL, sizeof name, name, &settings);
        if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_SHUFFLE) {
            return tsr_fail(TSR_FORMAT, "%s: the filter %d (%s) is not supported; only gzip and shuffle are", where,
                            (int)filter, name);
        }
    }
    return TSR_OK;
}

/* A shape that promises more than the file can hold costs no memory: what was never written would read as zeros. */
static tsr_status check_bytes(hid_t set, hid_t properties, size_t element, const char *where)
{
    hsize_t size = 0;
    hid_t file = H5Iget_file_id(set), space = H5Dget_space(set);
    hssize_t count = H5Sget_simple_extent_npoints(space);
    bool known = H5Fget_filesize(file, &size) >= 0 && count >= 0;
    H5Sclose(space);
    H5Fclose(file);
    if (!known) return tsr_fail(TSR_FORMAT, "%s: is damaged", where);
    hsize_t most = H5Pget_nfilters(properties) > 0 ? size * DEFLATE_RATIO : size;
    if ((hsize_t)count * element <= most) return TSR_OK;
    return tsr_fail(TSR_FORMAT, "%s: is larger than what the file holds", where);
}

tsr_status tsr_h5_check_floats(hid_t set, const char *where, int rank, const int32_t *extent)
{
    if (H5Iget_type(set) != H5I_DATASET) return tsr_fail(TSR_FORMAT, "%s: is not a data set", where);
    hid_t type = H5Dget_type(set);
    size_t element = H5Tget_size(type);
    bool floats = H5Tget_class(type) == H5T_FLOAT && element <= 8;
    H5Tclose(type);
    if (!floats) return tsr_fail(TSR_FORMAT, "%s: its elements are not floats", where);
    tsr_status status = check_shape(set, where, rank, extent);
    if (status != TSR_OK) return status;
    hid_t properties = H5Dget_create_plist(set);
    status =
        properties < 0 ? tsr_fail(TSR_FORMAT, "%s: is damaged", where) : check_storage(properties, where, rank, extent);
    if (status == TSR_OK) status = check_bytes(set, properties, element, where);
    H5Pclose(properties);
    return status;
}

tsr_status tsr_h5_read_floats(hid_t set, const char *where, float *data)
{
    if (H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0) return TSR_OK;
    return tsr_fail(TSR_FORMAT, "%s: is truncated or damaged", where);
}

#endif
