#include "base/file.h"

#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

tsr_status tsr_file_read(const char *path, size_t limit, char **data, size_t *size)
{
    tsr_status status = TSR_OK;
    tsr_text text = {0};
    char block[16384];
    *data = NULL;
    *size = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return tsr_fail(errno == ENOENT ? TSR_NOT_FOUND : TSR_IO, "cannot open %s: %s", path, strerror(errno));
    for (;;) {
        ssize_t got = read(file, block, sizeof block);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) {
            status = tsr_fail(TSR_IO, "cannot read %s: %s", path, strerror(errno));
            goto done;
        }
        if (got == 0) break;
        if ((size_t)got > limit - text.length) {
            status = tsr_fail(TSR_FORMAT, "%s is larger than the %zu bytes that are allowed", path, limit);
            goto done;
        }
        tsr_text_add_bytes(&text, block, (size_t)got);
    }
    *size = text.length;
    *data = tsr_text_take(&text);
    if (!*data) status = tsr_fail_memory(path, *size);
done:
    tsr_text_clear(&text);
    close(file);
    return status;
}

/* "DIRECTORY/" of a path, or "" without one; its length. */
static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

tsr_status tsr_file_begin(const char *path, char **temporary)
{
    static atomic_uint number;
    struct stat old;
    size_t prefix = directory_length(path);
    *temporary = NULL;
    /* A rename would replace a device or a directory by a file. */
    if (stat(path, &old) == 0 && !S_ISREG(old.st_mode))
        return tsr_fail(TSR_IO, "cannot write %s: it is not a regular file", path);
    for (int attempt = 0; attempt < 1000; attempt++) {
        tsr_text name = {0};
        tsr_text_add_bytes(&name, path, prefix);
        tsr_text_add(&name, ".%s.%ld-%u.tmp", path + prefix, (long)getpid(), atomic_fetch_add(&number, 1));
        char *candidate = tsr_text_take(&name);
        if (!candidate) return tsr_fail_memory("a file name", strlen(path) + 32);
        int file = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file >= 0) {
            close(file);
            *temporary = candidate;
            return TSR_OK;
        }
        int error = errno;
        free(candidate);
        if (error != EEXIST) return tsr_fail(TSR_IO, "cannot write %s: %s", path, strerror(error));
    }
    return tsr_fail(TSR_IO, "cannot write %s: no free name for a temporary file beside it", path);
}

/* Makes the renaming itself durable. Not every file system can, so a failure is none of ours. */
static void sync_directory(const char *path)
{
    size_t length = directory_length(path);
    char *name = tsr_copy_text(length ? path : ".");
    if (!name) return;
    if (length) name[length] = '\0';
    int directory = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    free(name);
    if (directory < 0) return;
    (void)fsync(directory);
    close(directory);
}

tsr_status tsr_file_commit(const char *path, char **temporary)
{
    tsr_status status = TSR_OK;
    int file = open(*temporary, O_RDWR | O_CLOEXEC);
    if (file < 0 || fsync(file) != 0) status = tsr_fail(TSR_IO, "cannot write %s: %s", path, strerror(errno));
    if (file >= 0 && close(file) != 0 && !status)
        status = tsr_fail(TSR_IO, "cannot write %s: %s", path, strerror(errno));
    if (!status && rename(*temporary, path) != 0)
        status = tsr_fail(TSR_IO, "cannot write %s: %s", path, strerror(errno));
    if (status) {
        tsr_file_abandon(temporary);
        return status;
    }
    free(*temporary);
    *temporary = NULL;
    sync_directory(path);
    return TSR_OK;
}

void tsr_file_abandon(char **temporary)
{
    if (!*temporary) return;
    unlink(*temporary);
    free(*temporary);
    *temporary = NULL;
}

tsr_status tsr_file_write(const char *path, const void *data, size_t size)
{
    char *temporary;
    const char *at = data;
    tsr_status status = tsr_file_begin(path, &temporary);
    if (status) return status;
    int file = open(temporary, O_WRONLY | O_CLOEXEC);
    if (file < 0) status = tsr_fail(TSR_IO, "cannot write %s: %s", path, strerror(errno));
    while (!status && size > 0) {
        ssize_t written = write(file, at, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            status = tsr_fail(TSR_IO, "cannot write %s: %s", path, strerror(written < 0 ? errno : ENOSPC));
            break;
        }
        at += written;
        size -= (size_t)written;
    }
    if (file >= 0 && close(file) != 0 && !status)
        status = tsr_fail(TSR_IO, "cannot write %s: %s", path, strerror(errno));
    if (!status) return tsr_file_commit(path, &temporary);
    tsr_file_abandon(&temporary);
    return status;
}

tsr_status tsr_directory_make(const char *path)
{
    tsr_status status = TSR_OK;
    struct stat found;
    char *part = tsr_copy_text(path);
    if (!part) return tsr_fail_memory("a file name", strlen(path));
    for (char *at = part + 1;; at++) {
        char saved = *at;
        if (saved != '/' && saved != '\0') continue;
        *at = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST && !(stat(part, &found) == 0 && S_ISDIR(found.st_mode))) {
            status = tsr_fail(TSR_IO, "cannot make the directory %s: %s", part, strerror(errno));
            break;
        }
        *at = saved;
        if (saved == '\0') break;
    }
    if (!status && (stat(path, &found) != 0 || !S_ISDIR(found.st_mode)))
        status = tsr_fail(TSR_IO, "cannot make the directory %s: a file of that name is in the way", path);
    free(part);
    return status;
}

bool tsr_directory_is_private(const char *path)
{
    struct stat status;
    return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
           !(status.st_mode & (S_IWGRP | S_IWOTH));
}

char *tsr_cache_directory(void)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    tsr_text path = {0};
    if (base && base[0] == '/')
        tsr_text_add(&path, "%s/tessera", base);
    else if (home && home[0] == '/')
        tsr_text_add(&path, "%s/.cache/tessera", home);
    else
        return NULL;
    return tsr_text_take(&path);
}
