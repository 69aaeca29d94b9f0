#include "device/tuning.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/memory.h"
#include "device/program.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file: these lines, "KEY \t CHOICE \t BEFORE \t AFTER" a line for each entry, and the checksum of all before.
 * Times are whole picoseconds, which look the same in every locale. */
#define MAGIC    "tessera tuning 2\n"
#define CHECKSUM "checksum "
#define MAX_FILE ((size_t)4 << 20)

static const double picosecond = 1e-12;

void tsr_tuning_clear(tsr_tuning *tuning)
{
    for (size_t i = 0; i < tuning->count; i++) {
        free(tuning->entries[i].key);
        free(tuning->entries[i].choice);
    }
    free(tuning->entries);
    *tuning = (tsr_tuning){0};
}

const char *tsr_tuning_clblast_kernel(const tsr_tuning_entry *entry)
{
    size_t length = strlen(TSR_TUNING_CLBLAST);
    return strncmp(entry->key, TSR_TUNING_CLBLAST, length) == 0 ? entry->key + length : NULL;
}

bool tsr_tuning_is_choice(const tsr_tuning_entry *entry)
{
    return entry->before > 0;
}

bool tsr_tuning_by_clblast(const tsr_tuning_entry *entry)
{
    static const char suffix[] = "_clblast";
    size_t length = strlen(entry->choice);
    return tsr_tuning_clblast_kernel(entry) ||
           (length >= sizeof suffix && strcmp(entry->choice + length - (sizeof suffix - 1), suffix) == 0);
}

const tsr_tuning_entry *tsr_tuning_find(const tsr_tuning *tuning, const char *key)
{
    for (size_t i = 0; i < tuning->count; i++)
        if (strcmp(tuning->entries[i].key, key) == 0) return &tuning->entries[i];
    return NULL;
}

static void remove_entry(tsr_tuning *tuning, size_t i)
{
    free(tuning->entries[i].key);
    free(tuning->entries[i].choice);
    tuning->count--;
    memmove(&tuning->entries[i], &tuning->entries[i + 1], (tuning->count - i) * sizeof *tuning->entries);
}

void tsr_tuning_remove(tsr_tuning *tuning, const char *key)
{
    for (size_t i = 0; i < tuning->count; i++)
        if (strcmp(tuning->entries[i].key, key) == 0) {
            remove_entry(tuning, i);
            return;
        }
}

static bool is_text(const char *text)
{
    return text[0] && strlen(text) <= TSR_TUNING_TEXT && tsr_text_is_plain(text);
}

tsr_status tsr_tuning_put(tsr_tuning *tuning, const char *key, const char *choice, double before, double after)
{
    if (!is_text(key) || !is_text(choice))
        return tsr_fail(TSR_INVALID_ARGUMENT, "an entry of the tuning is longer than %d characters or no plain text",
                        TSR_TUNING_TEXT);
    tsr_tuning_entry entry = {tsr_copy_text(key), tsr_copy_text(choice), before, after};
    if (!entry.key || !entry.choice ||
        !tsr_grow((void **)&tuning->entries, &tuning->capacity, tuning->count + 1, sizeof *tuning->entries)) {
        free(entry.key);
        free(entry.choice);
        return tsr_fail_memory("the tuning", sizeof entry);
    }
    tsr_tuning_remove(tuning, key);
    if (tuning->count == TSR_TUNING_ENTRIES) remove_entry(tuning, 0);
    tuning->entries[tuning->count++] = entry;
    return TSR_OK;
}

tsr_status tsr_tuning_copy(const tsr_tuning *from, tsr_tuning *to)
{
    tsr_status status = TSR_OK;
    *to = (tsr_tuning){0};
    for (size_t i = 0; i < from->count && !status; i++) {
        const tsr_tuning_entry *e = &from->entries[i];
        status = tsr_tuning_put(to, e->key, e->choice, e->before, e->after);
    }
    if (status) tsr_tuning_clear(to);
    return status;
}

/* The device's name without versions, which change with the system: Mesa's is such as "AMD Radeon RX 6600 (navi23, LLVM
 * 15.0.6, DRM 3.49, 6.1.0)". */
static size_t lasting_length(const char *name)
{
    const char *llvm = strstr(name, "LLVM "), *drm = strstr(name, "DRM ");
    const char *versions = !llvm || (drm && drm < llvm) ? drm : llvm;
    return versions ? (size_t)(versions - name) : strlen(name);
}

char *tsr_tuning_path(const tsr_device *device)
{
    char *directory = tsr_cache_directory(), digits[33];
    tsr_text names = {0}, path = {0};
    tsr_text_add(&names, "%s\n%.*s", device->info.platform, (int)lasting_length(device->info.name), device->info.name);
    bool known = directory && names.data;
    if (known) {
        tsr_hash_text(tsr_hash_bytes(names.data, names.length), digits);
        tsr_text_add(&path, "%s/%s.tuning", directory, digits);
    }
    tsr_text_clear(&names);
    free(directory);
    return known ? tsr_text_take(&path) : NULL;
}

/* The hash of all kernels' text. */
static tsr_status hash_kernels(char digits[33])
{
    tsr_text all = {0};
    for (const tsr_embedded_file *file = tsr_embedded_files; file->name; file++) {
        char *source;
        tsr_status status = tsr_program_source(file->name, &source);
        if (status) {
            tsr_text_clear(&all);
            return status;
        }
        tsr_text_add(&all, "%s", source);
        free(source);
    }
    tsr_status status = all.failed || !all.data ? tsr_fail_memory("the kernels' text", all.length) : TSR_OK;
    if (!status) tsr_hash_text(tsr_hash_bytes(all.data, all.length), digits);
    tsr_text_clear(&all);
    return status;
}

/* What the file starts with: all that its entries depend on. */
static tsr_status add_identity(const tsr_device *device, tsr_text *text)
{
    const tsr_device_info *info = &device->info;
    char digits[33];
    tsr_status status = hash_kernels(digits);
    if (status) return status;
    tsr_text_add(text, MAGIC "platform %s, %s\ndevice %s, %s, %u compute units\ndriver %s\nlibrary %s\nkernels %s\n",
                 info->platform, info->platform_version, info->name, info->version, (unsigned)info->compute_units,
                 info->driver, TSR_VERSION_STRING, digits);
    return text->failed ? tsr_fail_memory("the tuning", text->length) : TSR_OK;
}

/* Cuts the last field off a line, which is a time; false when it is not. */
static bool take_time(char *line, double *seconds)
{
    char *tab = strrchr(line, '\t'), *end;
    if (!tab || !tab[1]) return false;
    *seconds = strtod(tab + 1, &end) * picosecond;
    *tab = '\0';
    return *end == '\0' && isfinite(*seconds) && *seconds >= 0;
}

static bool parse_line(char *line, tsr_tuning *tuning)
{
    double before, after;
    if (!take_time(line, &after) || !take_time(line, &before)) return false;
    char *tab = strchr(line, '\t');
    if (!tab || tuning->count == TSR_TUNING_ENTRIES) return false;
    *tab = '\0';
    return tsr_tuning_put(tuning, line, tab + 1, before, after) == TSR_OK;
}

/* The part of the file that the checksum, its last line, is of; 0 when it does not agree. */
static size_t checked_length(const char *data, size_t size)
{
    enum { LENGTH = sizeof CHECKSUM - 1 + 32 + 1 };
    char line[LENGTH + 1] = CHECKSUM;
    if (size < LENGTH || memchr(data, '\0', size)) return 0;
    tsr_hash_text(tsr_hash_bytes(data, size - LENGTH), line + sizeof CHECKSUM - 1);
    line[LENGTH - 1] = '\n';
    return memcmp(data + size - LENGTH, line, LENGTH) == 0 ? size - LENGTH : 0;
}

static tsr_status parse(const char *path, char *data, size_t size, const tsr_text *identity, tsr_tuning *tuning)
{
    size_t length = checked_length(data, size);
    if (length == 0) return tsr_fail(TSR_FORMAT, "%s is damaged; tessera tune makes it anew", path);
    if (length < identity->length || memcmp(data, identity->data, identity->length) != 0)
        return tsr_fail(TSR_FORMAT,
                        "%s was made for another driver or version of the device or the library; tessera tune makes it "
                        "anew",
                        path);
    data[length] = '\0';
    for (char *line = data + identity->length; *line;) {
        char *end = strchr(line, '\n');
        if (end) *end = '\0';
        if (!end || !parse_line(line, tuning)) {
            tsr_tuning_clear(tuning);
            return tsr_fail(TSR_FORMAT, "%s holds a line that is no entry; tessera tune makes it anew", path);
        }
        line = end + 1;
    }
    return TSR_OK;
}

/* The file's directory is to be the user's own, and the file an ordinary one: it decides what is run. */
static tsr_status check_place(const char *path)
{
    struct stat file;
    char *directory = tsr_cache_directory();
    bool trusted = directory && tsr_directory_is_private(directory);
    free(directory);
    if (lstat(path, &file) != 0) return tsr_fail(TSR_NOT_FOUND, "there is no tuning yet: %s is not there", path);
    if (!trusted || !S_ISREG(file.st_mode))
        return tsr_fail(TSR_FORMAT,
                        "%s is no ordinary file in a directory that only its owner can write; remove it, or close the "
                        "directory with chmod go-w",
                        path);
    return TSR_OK;
}

tsr_status tsr_tuning_load(tsr_device *device, tsr_tuning *tuning)
{
    char *path = tsr_tuning_path(device), *data = NULL;
    size_t size;
    tsr_text identity = {0};
    *tuning = (tsr_tuning){0};
    if (!path) return tsr_fail(TSR_NOT_FOUND, "neither XDG_CACHE_HOME nor HOME is set: there is no place for tuning");
    tsr_status status = check_place(path);
    if (!status) status = tsr_file_read(path, MAX_FILE, &data, &size);
    if (!status) status = add_identity(device, &identity);
    if (!status) status = parse(path, data, size, &identity, tuning);
    tsr_text_clear(&identity);
    free(data);
    free(path);
    return status;
}

tsr_status tsr_tuning_lock(int *lock)
{
    char *directory = tsr_cache_directory();
    tsr_status status = TSR_OK;
    *lock = -1;
    if (directory && tsr_directory_make(directory) == TSR_OK) *lock = open(directory, O_RDONLY | O_CLOEXEC);
    if (*lock >= 0 && flock(*lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            status = tsr_fail(TSR_IO, "another process tunes into %s: wait for it to end, or stop it", directory);
        close(*lock);
        *lock = -1;
    }
    free(directory);
    return status;
}

void tsr_tuning_unlock(int lock)
{
    if (lock >= 0) close(lock);
}

tsr_status tsr_tuning_store(tsr_device *device, const tsr_tuning *tuning)
{
    char *directory = tsr_cache_directory(), *path = tsr_tuning_path(device), digits[33];
    tsr_text text = {0};
    tsr_status status;
    if (!directory || !path) {
        status = tsr_fail(TSR_NOT_FOUND, "neither XDG_CACHE_HOME nor HOME is set: there is no place for tuning");
        goto done;
    }
    if ((status = tsr_directory_make(directory)) || (status = add_identity(device, &text))) goto done;
    if (!tsr_directory_is_private(directory)) {
        status = tsr_fail(TSR_IO,
                          "%s is no directory of your own that others cannot write to; chown and chmod go-w "
                          "make it one",
                          directory);
        goto done;
    }
    for (size_t i = 0; i < tuning->count; i++) {
        const tsr_tuning_entry *e = &tuning->entries[i];
        tsr_text_add(&text, "%s\t%s\t%.0f\t%.0f\n", e->key, e->choice, e->before / picosecond, e->after / picosecond);
    }
    if (text.failed) {
        status = tsr_fail_memory("the tuning", text.length);
        goto done;
    }
    tsr_hash_text(tsr_hash_bytes(text.data, text.length), digits);
    tsr_text_add(&text, CHECKSUM "%s\n", digits);
    status = text.failed              ? tsr_fail_memory("the tuning", text.length)
             : text.length > MAX_FILE ? tsr_fail(TSR_IO, "the tuning is larger than the %zu bytes of a file", MAX_FILE)
                                      : tsr_file_write(path, text.data, text.length);
done:
    tsr_text_clear(&text);
    free(directory);
    free(path);
    return status;
}

/* Without CLBlast's parameters in force the choices that count on them are no choices. */
static void drop_clblast(tsr_tuning *tuning)
{
    bool any = false;
    for (size_t i = 0; i < tuning->count; i++) any |= tsr_tuning_clblast_kernel(&tuning->entries[i]) != NULL;
    for (size_t i = tuning->count; any && i-- > 0;)
        if (tsr_tuning_by_clblast(&tuning->entries[i])) remove_entry(tuning, i);
}

const tsr_tuning *tsr_device_tuning(tsr_device *device)
{
    const char *asked = getenv("TESSERA_TUNING");
    if (device->tuning) return device->tuning;
    if (!(device->tuning = tsr_alloc(1, sizeof *device->tuning))) {
        static const tsr_tuning none = {0};
        return &none;
    }
    if (!asked || strcmp(asked, "0") != 0) (void)tsr_tuning_load(device, device->tuning);
    if (!device->clblast_tuned) drop_clblast(device->tuning);
    return device->tuning;
}

void tsr_device_forget_tuning(tsr_device *device)
{
    if (device->tuning) tsr_tuning_clear(device->tuning);
    free(device->tuning);
    device->tuning = NULL;
}
