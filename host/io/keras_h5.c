/* Models in files: saved as .h5, opened from .h5 or JSON. */
#include "io/keras_h5.h"

#include "base/file.h"
#include "base/status.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of a configuration as JSON. */
#define JSON_LIMIT ((size_t)64 << 20)

#ifdef TSR_WITH_HDF5

tsr_status tsr_model_save(tsr_model *model, const char *path, const tsr_save_options *options)
{
    void *image;
    size_t size = 0;
    tsr_status status = tsr_keras_h5_image(model, options && options->keras2, &image, &size);
    if (status != TSR_OK) return tsr_fail_in(status, "%s", path);
    status = tsr_file_write(path, image, size);
    free(image);
    return status;
}

tsr_status tsr_model_load(const char *path, tsr_model **model)
{
    tsr_status status = tsr_keras_h5_read(path, model);
    return status == TSR_OK ? TSR_OK : tsr_fail_in(status, "%s", path);
}

#else

static tsr_status fail_without(const char *path)
{
    return tsr_fail(TSR_UNSUPPORTED, "%s: this build of Tessera has no HDF5, which .h5 files need", path);
}

tsr_status tsr_model_save(tsr_model *model, const char *path, const tsr_save_options *options)
{
    (void)model, (void)options;
    return fail_without(path);
}

tsr_status tsr_model_load(const char *path, tsr_model **model)
{
    *model = NULL;
    return fail_without(path);
}

#endif

static tsr_status open_json(const char *path, tsr_model **model)
{
    char *text;
    size_t size;
    tsr_status status = tsr_file_read(path, JSON_LIMIT, &text, &size);
    if (status != TSR_OK) return status;
    status = tsr_model_from_json(text, model);
    free(text);
    return status == TSR_OK ? TSR_OK : tsr_fail_in(status, "%s", path);
}

tsr_status tsr_model_open(const char *path, tsr_model **model, bool *has_weights)
{
    char start[8] = {0};
    *model = NULL;
    if (has_weights) *has_weights = false;
    FILE *file = fopen(path, "rb");
    if (!file)
        return tsr_fail(errno == ENOENT ? TSR_NOT_FOUND : TSR_IO, "%s: cannot be opened: %s", path, strerror(errno));
    size_t got = fread(start, 1, sizeof start, file);
    fclose(file);
    if (got >= 4 && memcmp(start, "PK\3\4", 4) == 0) {
        return tsr_fail(TSR_UNSUPPORTED, "%s: .keras files are not read; save the model with model.save(\"x.h5\")",
                        path);
    }
    size_t blanks = strspn(start, " \t\r\n");
    if (blanks < sizeof start && start[blanks] == '{') return open_json(path, model);
    tsr_status status = tsr_model_load(path, model);
    if (has_weights) *has_weights = status == TSR_OK;
    return status;
}
