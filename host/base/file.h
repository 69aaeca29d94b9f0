/* Whole files: read with a limit, written all or nothing. */
#ifndef TSR_BASE_FILE_H
#define TSR_BASE_FILE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Reads a whole file of at most `limit` bytes. *data is the caller's (free()), with a NUL after the last byte. Errors
 * name the file. */
tsr_status tsr_file_read(const char *path, size_t limit, char **data, size_t *size);

/* Writing all or nothing. Begin makes an empty temporary file beside `path` (so that a rename is atomic) and puts its
 * name in *temporary, the caller's. The caller writes that file by any means; commit then makes it durable (fsync) and
 * renames it to `path`; abandon removes it. Both free *temporary's text and set it to NULL. */
tsr_status tsr_file_begin(const char *path, char **temporary);
tsr_status tsr_file_commit(const char *path, char **temporary);
void tsr_file_abandon(char **temporary);

/* Writes `size` bytes as the new contents of `path`, all or nothing. */
tsr_status tsr_file_write(const char *path, const void *data, size_t size);

/* Makes a directory and its parents, readable by the user alone. */
tsr_status tsr_directory_make(const char *path);

/* Whether it is a directory of the user's own, closed to writers of any other: what lies there may be trusted. */
bool tsr_directory_is_private(const char *path);

/* The directory of what can be made again: $XDG_CACHE_HOME/tessera or ~/.cache/tessera; it need not be there. NULL when
 * neither is known or memory is short. The caller's. */
char *tsr_cache_directory(void);

#endif
