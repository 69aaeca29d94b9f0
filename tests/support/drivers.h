/* Directories of OpenCL drivers, for OCL_ICD_VENDORS. */
#ifndef TSR_TESTS_DRIVERS_H
#define TSR_TESTS_DRIVERS_H

#include <stdbool.h>

#define POCL_FILE "/etc/OpenCL/vendors/pocl.icd"

/* A directory in the test's own: `name` (NULL: none) is a file NAME.icd with the library's path; `with_pocl` adds
 * PoCL's. Returns "OCL_ICD_VENDORS=DIRECTORY", valid until the next call. */
const char *make_drivers(const char *directory, const char *name, const char *library, bool with_pocl);

#endif
