/* What surrounds the library: rights, caches, environment. */
#include "device/surroundings.h"

#include "base/file.h"
#include "base/text.h"

#include <dirent.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *const *tsr_environment_names(size_t *count)
{
    static const char *const names[] = {
        "TESSERA_DEVICE",        "TESSERA_TUNING",
        "TESSERA_PROGRAM_CACHE", "TESSERA_KERNEL_PATH",
        "XDG_CACHE_HOME",        "OCL_ICD_VENDORS",
        "OCL_ICD_FILENAMES",     "OPENCL_LAYERS",
        "POCL_DEVICES",          "POCL_MAX_WORK_GROUP_SIZE",
        "POCL_MEMORY_LIMIT",     "POCL_MAX_PTHREAD_COUNT",
        "POCL_CACHE_DIR",        "POCL_KERNEL_CACHE",
        "RUSTICL_ENABLE",        "MESA_SHADER_CACHE_DISABLE",
        "LIBGL_ALWAYS_SOFTWARE", "CL_CONFIG_CPU_TBB_NUM_WORKERS",
        "CUDA_VISIBLE_DEVICES",  "CUDA_CACHE_DISABLE",
        "ROCR_VISIBLE_DEVICES",  "HIP_VISIBLE_DEVICES",
        "GPU_DEVICE_ORDINAL",    "HSA_OVERRIDE_GFX_VERSION",
        "HSA_ENABLE_SDMA",       "ZE_AFFINITY_MASK",
        "LD_LIBRARY_PATH",
    };
    *count = sizeof names / sizeof names[0];
    return names;
}

/* The names of this process's groups. */
static void describe_groups(char *text, size_t size)
{
    enum { MOST = 64 };
    gid_t groups[MOST + 1];
    int count = getgroups(MOST, groups + 1);
    size_t length = 0;
    groups[0] = getegid();
    if (count < 0) count = 0;
    for (int i = 0; i <= count; i++) {
        struct group *group = getgrgid(groups[i]);
        char number[24];
        if (i && groups[i] == groups[0]) continue; /* getgroups may name it as well */
        snprintf(number, sizeof number, "%ld", (long)groups[i]);
        int added = snprintf(text + length, size - length, "%s%s", i ? ", " : "", group ? group->gr_name : number);
        if (added < 0 || (size_t)added >= size - length) return;
        length += (size_t)added;
    }
}

/* The number in a small file such as /sys/class/drm/renderD128/device/vendor. */
static uint32_t read_vendor(const char *root, const char *node)
{
    char path[512], *text;
    size_t size;
    snprintf(path, sizeof path, "%s/sys/class/drm/%s/device/vendor", root, node);
    if (tsr_file_read(path, 64, &text, &size) != TSR_OK) return 0;
    uint32_t vendor = (uint32_t)strtoul(text, NULL, 16);
    free(text);
    return vendor;
}

static void add_node(const char *root, const char *path, uint32_t vendor, tsr_surroundings *s)
{
    char whole[512];
    struct stat state;
    snprintf(whole, sizeof whole, "%s%s", root, path);
    if (s->node_count == TSR_NODES || stat(whole, &state) != 0) return;
    tsr_node *node = &s->nodes[s->node_count++];
    struct group *group = getgrgid(state.st_gid);
    *node = (tsr_node){.usable = access(whole, R_OK | W_OK) == 0, .vendor = vendor};
    snprintf(node->path, sizeof node->path, "%s", path);
    if (group)
        snprintf(node->group, sizeof node->group, "%s", group->gr_name);
    else
        snprintf(node->group, sizeof node->group, "%ld", (long)state.st_gid);
}

void tsr_surroundings_nodes(const char *root, tsr_surroundings *s)
{
    enum { AMD = 0x1002, NVIDIA = 0x10de, FIRST = 128, LAST = 144 };
    char path[64];
    s->node_count = 0;
    for (int i = FIRST; i < LAST; i++) {
        snprintf(path, sizeof path, "/dev/dri/renderD%d", i);
        add_node(root, path, read_vendor(root, path + strlen("/dev/dri/")), s);
    }
    add_node(root, "/dev/kfd", AMD, s);
    add_node(root, "/dev/nvidiactl", NVIDIA, s);
    add_node(root, "/dev/nvidia0", NVIDIA, s);
    add_node(root, "/dev/dxg", 0, s);
}

static bool is_wsl(void)
{
    char *text;
    size_t size;
    if (tsr_file_read("/proc/sys/kernel/osrelease", 4096, &text, &size) != TSR_OK) return false;
    bool wsl = strstr(text, "icrosoft") != NULL;
    free(text);
    return wsl;
}

static void count_files(const char *path, tsr_surroundings *s)
{
    DIR *directory = opendir(path);
    if (!directory) return;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char file[1024];
        struct stat state;
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        if (lstat(file, &state) != 0 || !S_ISREG(state.st_mode)) continue;
        s->cache_programs += tsr_text_ends_with(entry->d_name, ".program");
        s->cache_tunings += tsr_text_ends_with(entry->d_name, ".tuning");
        s->cache_leftovers += tsr_text_ends_with(entry->d_name, ".tmp");
        s->cache_bytes += (uint64_t)state.st_size;
    }
    closedir(directory);
}

static void describe_cache(tsr_surroundings *s)
{
    struct stat state;
    char *path = tsr_cache_directory();
    if (!path) return;
    snprintf(s->cache, sizeof s->cache, "%s", path);
    if (stat(path, &state) == 0) {
        s->cache_there = true;
        s->cache_mode = state.st_mode & 07777;
        s->cache_private = tsr_directory_is_private(path);
        s->cache_writable = S_ISDIR(state.st_mode) && access(path, W_OK | X_OK) == 0;
        count_files(path, s);
    }
    free(path);
}

void tsr_surroundings_describe(tsr_surroundings *surroundings)
{
    *surroundings = (tsr_surroundings){.wsl = is_wsl()};
    describe_groups(surroundings->groups, sizeof surroundings->groups);
    tsr_surroundings_nodes("", surroundings);
    describe_cache(surroundings);
}
