#include "support/drivers.h"

#include "base/file.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *make_drivers(const char *directory, const char *name, const char *library, bool with_pocl)
{
    static char entry[600];
    char path[600], *pocl;
    size_t size;
    const char *place = test_path(directory);
    mkdir(place, 0700);
    if (name) {
        snprintf(path, sizeof path, "%s/%s.icd", place, name);
        check_ok(tsr_file_write(path, library, strlen(library)));
    }
    if (with_pocl) {
        check_ok(tsr_file_read(POCL_FILE, 4096, &pocl, &size));
        snprintf(path, sizeof path, "%s/pocl.icd", place);
        check_ok(tsr_file_write(path, pocl, size));
        free(pocl);
    }
    snprintf(entry, sizeof entry, "OCL_ICD_VENDORS=%s", place);
    return entry;
}
