/* An OpenCL layer that writes down what a program compiles and launches, for the vendors' compilers.
 *
 *   OPENCL_LAYERS=libcapture.so TESSERA_CAPTURE=DIRECTORY PROGRAM
 *
 * In the directory, which must be there: HASH.cl, each source that was built, and `captured`, to which several programs
 * may write at a time, with the lines
 *
 *   program HASH OPTIONS
 *   launch HASH KERNEL X Y Z      its work-group; 0 0 0 when that was left to the driver
 *
 * A line may be there more than once.
 *
 * With TESSERA_CAPTURE_DRY=1 nothing is computed: launches only take their place in the queue, and buffers hold zeros.
 */
#undef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_layer.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A program with its source, or a kernel with its name. */
typedef struct entry {
    const void *object;
    char *text;
    uint64_t hash; /* of source and options; 0 before the program is built */
    size_t last[3];
    bool launched;
    struct entry *next;
} entry;

static const cl_icd_dispatch *next; /* the loader's table, or the next layer's */
static cl_icd_dispatch table;       /* the same with our functions in it */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static entry *programs, *kernels;
static const char *directory;
static int record = -1; /* of the file `captured` */
static bool dry;

static void fail(const char *what)
{
    fprintf(stderr, "the capture layer: %s: nothing more is written down\n", what);
    if (record >= 0) close(record);
    record = -1;
}

/* The object's entry, made where there is none; one that is left of a freed object of the same address is emptied. */
static entry *renew(entry **list, const void *object, char *text)
{
    entry *e = *list;
    while (e && e->object != object) e = e->next;
    if (!e) {
        e = calloc(1, sizeof *e);
        if (!e) {
            fail("out of memory");
            free(text);
            return NULL;
        }
        e->next = *list;
        *list = e;
    }
    free(e->text);
    *e = (entry){.object = object, .text = text, .next = e->next};
    return e;
}

static entry *find(entry *list, const void *object)
{
    while (list && list->object != object) list = list->next;
    return list;
}

/* One write, so that what other programs append does not come between. */
static void write_line(const char *format, uint64_t hash, const char *text, const size_t *group)
{
    if (record < 0) return;
    size_t room = strlen(text) + 128;
    char *line = malloc(room);
    if (!line) {
        fail("out of memory");
        return;
    }
    int length = group ? snprintf(line, room, format, (unsigned long long)hash, text, group[0], group[1], group[2])
                       : snprintf(line, room, format, (unsigned long long)hash, text);
    if (length < 0 || write(record, line, (size_t)length) != (ssize_t)length) fail("the record cannot be written");
    free(line);
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return hash;
}

/* Whole or not at all: another program may write the same. */
static void write_source(uint64_t hash, const char *text)
{
    char path[4096], temporary[4096];
    int a = snprintf(path, sizeof path, "%s/%016llx.cl", directory, (unsigned long long)hash);
    int b =
        snprintf(temporary, sizeof temporary, "%s/%016llx.%ld", directory, (unsigned long long)hash, (long)getpid());
    if (a < 0 || b < 0 || (size_t)a >= sizeof path || (size_t)b >= sizeof temporary) {
        fail("the directory's name is too long");
        return;
    }
    FILE *file = fopen(temporary, "w");
    bool good = file && fwrite(text, 1, strlen(text), file) == strlen(text);
    if (file && fclose(file) != 0) good = false;
    if (!good || rename(temporary, path) != 0) fail("a source cannot be written");
}

/* The texts joined. */
static char *join(cl_uint count, const char **texts, const size_t *lengths)
{
    size_t size = 1, at = 0;
    for (cl_uint i = 0; i < count; i++) size += lengths && lengths[i] ? lengths[i] : strlen(texts[i]);
    char *all = malloc(size);
    for (cl_uint i = 0; all && i < count; i++) {
        size_t length = lengths && lengths[i] ? lengths[i] : strlen(texts[i]);
        memcpy(all + at, texts[i], length);
        at += length;
    }
    if (all) all[at] = '\0';
    return all;
}

static cl_program CL_API_CALL create_program(cl_context context, cl_uint count, const char **texts,
                                             const size_t *lengths, cl_int *code)
{
    cl_program program = next->clCreateProgramWithSource(context, count, texts, lengths, code);
    if (!program) return NULL;
    char *text = join(count, texts, lengths);
    pthread_mutex_lock(&lock);
    if (text)
        renew(&programs, program, text);
    else
        fail("out of memory");
    pthread_mutex_unlock(&lock);
    return program;
}

static cl_program CL_API_CALL create_program_from_binary(cl_context context, cl_uint count, const cl_device_id *devices,
                                                         const size_t *lengths, const unsigned char **binaries,
                                                         cl_int *status, cl_int *code)
{
    cl_program program = next->clCreateProgramWithBinary(context, count, devices, lengths, binaries, status, code);
    pthread_mutex_lock(&lock);
    if (program) renew(&programs, program, NULL);
    pthread_mutex_unlock(&lock);
    return program;
}

static cl_int CL_API_CALL build_program(cl_program program, cl_uint count, const cl_device_id *devices,
                                        const char *options, void(CL_CALLBACK *notify)(cl_program program, void *data),
                                        void *data)
{
    cl_int code = next->clBuildProgram(program, count, devices, options, notify, data);
    pthread_mutex_lock(&lock);
    entry *e = find(programs, program);
    if (code == CL_SUCCESS && e && e->text && record >= 0) {
        e->hash = hash_text(hash_text(hash_text(0xcbf29ce484222325u, e->text), "\n"), options ? options : "");
        write_source(e->hash, e->text);
        write_line("program %016llx %s\n", e->hash, options ? options : "", NULL);
    }
    pthread_mutex_unlock(&lock);
    return code;
}

static cl_kernel CL_API_CALL create_kernel(cl_program program, const char *name, cl_int *code)
{
    cl_kernel kernel = next->clCreateKernel(program, name, code);
    if (!kernel) return NULL;
    char *text = strdup(name);
    pthread_mutex_lock(&lock);
    const entry *made = find(programs, program);
    entry *e = renew(&kernels, kernel, text);
    if (e && made) e->hash = made->hash;
    pthread_mutex_unlock(&lock);
    return kernel;
}

static cl_int CL_API_CALL enqueue_kernel(cl_command_queue queue, cl_kernel kernel, cl_uint dimensions,
                                         const size_t *offset, const size_t *global, const size_t *local,
                                         cl_uint wait_count, const cl_event *wait, cl_event *event)
{
    cl_int code =
        dry ? next->clEnqueueMarkerWithWaitList(queue, wait_count, wait, event)
            : next->clEnqueueNDRangeKernel(queue, kernel, dimensions, offset, global, local, wait_count, wait, event);
    size_t group[3] = {0};
    for (cl_uint d = 0; local && d < 3; d++) group[d] = d < dimensions ? local[d] : 1;
    pthread_mutex_lock(&lock);
    entry *e = find(kernels, kernel);
    if (code == CL_SUCCESS && e && e->hash && e->text && (!e->launched || memcmp(group, e->last, sizeof group) != 0)) {
        memcpy(e->last, group, sizeof group);
        e->launched = true;
        write_line("launch %016llx %s %zu %zu %zu\n", e->hash, e->text, group);
    }
    pthread_mutex_unlock(&lock);
    return code;
}

static cl_mem CL_API_CALL create_buffer(cl_context context, cl_mem_flags flags, size_t bytes, void *host, cl_int *code)
{
    void *zeros = dry && !host ? calloc(bytes ? bytes : 1, 1) : NULL;
    cl_mem buffer =
        next->clCreateBuffer(context, zeros ? flags | CL_MEM_COPY_HOST_PTR : flags, bytes, zeros ? zeros : host, code);
    free(zeros);
    return buffer;
}

static bool open_record(void)
{
    char path[4096];
    const char *asked = getenv("TESSERA_CAPTURE_DRY");
    dry = asked && *asked == '1';
    directory = getenv("TESSERA_CAPTURE");
    int length = snprintf(path, sizeof path, "%s/captured", directory ? directory : "");
    if (directory && length > 0 && (size_t)length < sizeof path)
        record = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (record < 0)
        fprintf(stderr, "the capture layer: set TESSERA_CAPTURE to a directory; %s cannot be written\n", path);
    return record >= 0;
}

/* Answers a query as the specification says. */
static cl_int answer(const void *from, size_t bytes, size_t size, void *value, size_t *needed)
{
    if (needed) *needed = bytes;
    if (!value) return CL_SUCCESS;
    if (size < bytes) return CL_INVALID_VALUE;
    memcpy(value, from, bytes);
    return CL_SUCCESS;
}

#define EXPORTED __attribute__((visibility("default")))

EXPORTED cl_int CL_API_CALL clGetLayerInfo(cl_layer_info name, size_t size, void *value, size_t *needed)
{
    static const cl_layer_api_version version = CL_LAYER_API_VERSION_100;
    static const char own_name[] = "Tessera's capture";
    if (name == CL_LAYER_API_VERSION) return answer(&version, sizeof version, size, value, needed);
    if (name == CL_LAYER_NAME) return answer(own_name, sizeof own_name, size, value, needed);
    return CL_INVALID_VALUE;
}

EXPORTED cl_int CL_API_CALL clInitLayer(cl_uint entries, const cl_icd_dispatch *target, cl_uint *made,
                                        const cl_icd_dispatch **layer)
{
    if (!target || !made || !layer || entries < sizeof table / sizeof(void *) || !open_record())
        return CL_INVALID_VALUE;
    next = target;
    table = *target;
    table.clCreateProgramWithSource = create_program;
    table.clCreateProgramWithBinary = create_program_from_binary;
    table.clBuildProgram = build_program;
    table.clCreateKernel = create_kernel;
    table.clEnqueueNDRangeKernel = enqueue_kernel;
    table.clCreateBuffer = create_buffer;
    *layer = &table;
    *made = sizeof table / sizeof(void *);
    return CL_SUCCESS;
}
