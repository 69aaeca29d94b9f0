/* What a person can get wrong, as the program answers it: one sentence on stderr that names the file, the device or the
 * option, the exit code, and no file that was not there before. */
#include "support/cli.h"
#include "support/fixture.h"
#include "support/support.h"
#include "support/tiny.h"

#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A directory of its own for what a run writes: it has to stay empty. */
static const char *output_directory(void)
{
    static char path[256];
    if (path[0]) return path;
    snprintf(path, sizeof path, "%s", test_path("written"));
    ck_assert_int_eq(mkdir(path, 0700), 0);
    return path;
}

static int count_files(const char *directory)
{
    int count = 0;
    DIR *entries = opendir(directory);
    ck_assert_ptr_nonnull(entries);
    while (readdir(entries)) count++;
    closedir(entries);
    return count - 2; /* "." and ".." */
}

/* The arguments of a training whose files go to the output directory. */
static const char *train(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *train(const char *format, ...)
{
    static char text[1024];
    const char *directory = output_directory();
    int length = snprintf(text, sizeof text, "train --output %s/m.h5 --history %s/h.csv ", directory, directory);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof text - (size_t)length, format, arguments);
    va_end(arguments);
    return text;
}

/* Complaints: the lines that the program itself starts with its name. */
static int count_complaints(const char *text)
{
    int count = 0;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        count += !strncmp(line, "tessera ", 8);
    }
    return count;
}

/* Runs the program with a variable (or NULL) and fails unless it complains once, with every part that is named in
 * "part|part", exits with 1, prints nothing on stdout and writes no file. */
static void check_refused(const char *variable, const char *arguments, const char *parts)
{
    char copy[2048], part_copy[512];
    snprintf(copy, sizeof copy, "%s", arguments);
    snprintf(part_copy, sizeof part_copy, "%s", parts);
    const char *const environment[] = {variable, variable && !strncmp(variable, "POCL_", 5) ? TEST_POCL_ALONE : NULL,
                                       NULL};
    test_execute(cli_arguments(copy), environment, &cli_process);
    ck_assert_msg(cli_process.code == 1, "tessera %s: exit code %d\n%s", arguments, cli_process.code, cli_process.err);
    ck_assert_msg(count_complaints(cli_process.err) == 1, "tessera %s: not one complaint:\n%s", arguments,
                  cli_process.err);
    ck_assert_str_eq(cli_process.out, "");
    for (char *part = strtok(part_copy, "|"); part; part = strtok(NULL, "|")) cli_contains(cli_process.err, part);
    ck_assert_int_eq(count_files(output_directory()), 0);
}

START_TEST(no_usable_device)
{
    const char *arguments = train("--data %s", tiny_dataset());
    check_refused("OCL_ICD_VENDORS=/nonexistent", arguments,
                  "no OpenCL platform is installed|the package pocl-opencl-icd to run on the CPU");
    check_refused("POCL_DEVICES=no-such-driver", arguments,
                  "no OpenCL platform has a usable device (platforms: |install the package");
    check_refused("TESSERA_DEVICE=geforce", arguments, "no device matches \"geforce\"; there are: 0: ");
    check_refused("POCL_DEVICES=pthread pthread", train("--data %s --device pthread", tiny_dataset()),
                  "several devices match \"pthread\"; say which by its number or name: 0: |, 1: ");
    check_refused(NULL, train("--data %s --device 77", tiny_dataset()), "no device has the number \"77\"; there are: ");
}
END_TEST

/* Every kernel file with an error in its third line. */
static const char *broken_kernels(void)
{
    char path[512];
    const char *directory = test_path("kernels");
    ck_assert_int_eq(mkdir(directory, 0700), 0);
    DIR *entries = opendir(TEST_SOURCE_DIR "/cl");
    ck_assert_ptr_nonnull(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (!strstr(entry->d_name, ".cl")) continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        FILE *file = fopen(path, "w");
        ck_assert(file && fputs("\n\nint broken(;\n", file) >= 0 && fclose(file) == 0);
    }
    closedir(entries);
    return directory;
}

START_TEST(kernels_that_do_not_build)
{
    char variable[512];
    snprintf(variable, sizeof variable, "TESSERA_KERNEL_PATH=%s", broken_kernels());
    check_refused(variable, train("--data %s --model %s", tiny_dataset(), tiny_json_file()),
                  "the kernel file |.cl (options |does not build on |.cl:3");
    check_refused("TESSERA_KERNEL_PATH=/nonexistent", train("--data %s", tiny_dataset()),
                  "TESSERA_KERNEL_PATH: cannot open /nonexistent/");
}
END_TEST

/* Writes a network to a file: an input of 8 x 8 and these layers. */
static const char *network(const char *name, const char *layers)
{
    const char *path = test_path(name);
    FILE *file = fopen(path, "w");
    ck_assert(file != NULL);
    fprintf(file,
            "{\"class_name\": \"Sequential\", \"config\": {\"name\": \"s\", \"layers\": [{\"class_name\": "
            "\"InputLayer\", \"config\": {\"batch_shape\": [null, 8, 8, 1]}}, %s]}}",
            layers);
    ck_assert_int_eq(fclose(file), 0);
    return path;
}

#define FLATTEN      "{\"class_name\": \"Flatten\", \"config\": {}}, "
#define DENSE(units) "{\"class_name\": \"Dense\", \"config\": {\"units\": " units ", \"activation\": \"softmax\"}}"
#define CONV2D(more) "{\"class_name\": \"Conv2D\", \"config\": {\"name\": \"c\", \"filters\": 2, " more "}}, "
#define ENDING       FLATTEN DENSE("4")

START_TEST(too_little_memory)
{
    check_refused("POCL_MEMORY_LIMIT=1",
                  train("--data %s --model %s", tiny_dataset(), network("large.json", FLATTEN DENSE("9000000"))),
                  "the weights: |bytes are needed|largest allocation of |use a smaller batch or model");
}
END_TEST

START_TEST(networks_that_are_not_supported)
{
    static const struct {
        const char *layers, *parts;
    } cases[] = {
        {"{\"class_name\": \"LSTM\", \"config\": {\"units\": 3}}, " ENDING,
         "bad.json: layer 1: layers of class LSTM are not supported"},
        {CONV2D("\"kernel_size\": 3, \"dilation_rate\": 2") ENDING,
         "bad.json: layer \"c\": dilation_rate = 2 is not supported; it must be [1, 1]"},
        {CONV2D("\"kernel_size\": 3, \"sparkle\": true") ENDING, "bad.json: layer \"c\": the option sparkle of Conv2D"},
        {CONV2D("\"kernel_size\": 3, \"activation\": \"mish\"") ENDING,
         "bad.json: layer \"c\": activation = \"mish\" is not supported; it must be linear, relu, "},
        {CONV2D("\"kernel_size\": 9") ENDING, "bad.json: layer c: its output would be empty|9x9 does not fit into 8x8"},
        {"{\"class_name\": \"MaxPooling2D\", \"config\": {\"name\": \"p\", \"pool_size\": 9}}, " ENDING,
         "bad.json: layer p: its output would be empty"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = network("bad.json", cases[i].layers);
        check_refused(NULL, train("--data %s --model %s", tiny_dataset(), path), cases[i].parts);
    }
}
END_TEST

/* The tiny data set in a directory of its own, to be spoilt. */
static const char *copy_dataset(void)
{
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte",
                                        "t10k-labels-idx1-ubyte"};
    static char directory[256];
    char from[512], to[512], gz[512], block[65536];
    snprintf(directory, sizeof directory, "%s", test_path("spoilt"));
    if (mkdir(directory, 0700) != 0) ck_assert(access(directory, F_OK) == 0);
    for (int i = 0; i < 4; i++) {
        snprintf(from, sizeof from, "%s/%s", tiny_dataset(), names[i]);
        snprintf(to, sizeof to, "%s/%s", directory, names[i]);
        snprintf(gz, sizeof gz, "%s/%s.gz", directory, names[i]);
        unlink(gz);
        FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
        ck_assert(in && out);
        for (size_t got; (got = fread(block, 1, sizeof block, in)) > 0;)
            ck_assert_uint_eq(fwrite(block, 1, got, out), got);
        fclose(in);
        ck_assert_int_eq(fclose(out), 0);
    }
    return directory;
}

/* Overwrites a byte of a file of the copy. */
static void patch(const char *name, long at, int byte)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", copy_dataset(), name);
    FILE *file = fopen(path, "r+b");
    ck_assert(file && fseek(file, at, SEEK_SET) == 0 && putc(byte, file) == byte && fclose(file) == 0);
}

static void check_spoilt(const char *parts)
{
    check_refused(NULL, train("--data %s --model %s", test_path("spoilt"), tiny_json_file()), parts);
}

START_TEST(data_sets_that_are_damaged)
{
    char path[512], gz[520];
    snprintf(path, sizeof path, "%s/t10k-images-idx3-ubyte", copy_dataset());
    snprintf(gz, sizeof gz, "%s.gz", path);
    unlink(path);
    check_spoilt("spoilt/t10k-images-idx3-ubyte[.gz] is missing");

    gzFile packed = gzopen(gz, "wb");
    ck_assert(packed && gzwrite(packed, "\0\0\10\3\0\0\0\50", 8) == 8 && gzclose(packed) == Z_OK);
    check_spoilt("spoilt/t10k-images-idx3-ubyte.gz: is truncated");
    ck_assert_int_eq(truncate(gz, 15), 0);
    check_spoilt("spoilt/t10k-images-idx3-ubyte.gz: ");

    copy_dataset();
    ck_assert_int_eq(truncate(path, 1000), 0);
    check_spoilt("spoilt/t10k-images-idx3-ubyte: is truncated: 984 of 2560 bytes");
    patch("train-images-idx3-ubyte", 0, 'P');
    check_spoilt("spoilt/train-images-idx3-ubyte: is not an IDX file");
    patch("train-images-idx3-ubyte", 2, 0x0d);
    check_spoilt("spoilt/train-images-idx3-ubyte: its elements are of IDX type 0x0d");
    patch("train-images-idx3-ubyte", 3, 1);
    check_spoilt("spoilt/train-images-idx3-ubyte: ");
    patch("train-images-idx3-ubyte", 4, 0x7f);
    check_spoilt("spoilt/train-images-idx3-ubyte: says it holds more than the 4 GiB");
    patch("train-labels-idx1-ubyte", 8 + 5, TINY_CLASSES);
    check_spoilt("the labels in |spoilt go up to 4, but the model has 4 classes (0 to 3)");
}
END_TEST

/* Writes `count` images of 8 x `width` and `labels` labels as both parts of the copy. */
static void write_counts(int count, int width, int labels)
{
    static const char *const parts[] = {"train", "t10k"};
    char path[512];
    uint8_t zeros[3 * 8 * 9] = {0};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", test_path("spoilt"), parts[i]);
        tiny_write_idx(path, 3, (const int32_t[]){count, 8, width}, zeros);
        snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", test_path("spoilt"), parts[i]);
        tiny_write_idx(path, 1, (const int32_t[]){labels}, zeros);
    }
}

START_TEST(data_sets_that_do_not_fit)
{
    char arguments[1024];
    copy_dataset();
    write_counts(3, 8, 2);
    check_spoilt("spoilt/train-images-idx3-ubyte holds 3 images but |spoilt/train-labels-idx1-ubyte holds 2 labels");
    write_counts(0, 8, 0);
    check_spoilt("spoilt/train-images-idx3-ubyte: holds no images");
    write_counts(1, 8, 1);
    check_spoilt("spoilt holds one training image; at least two are needed");
    write_counts(3, 9, 3);
    check_spoilt("the images in |spoilt have the size 8x9x1, but the model wants 8x8x1");
    snprintf(arguments, sizeof arguments, "evaluate %s --data %s", tiny_h5_file(), test_path("spoilt"));
    check_refused(NULL, arguments, "the images in |spoilt have the size 8x9x1, but the model wants 8x8x1");
    check_refused(NULL, train("--data %s --batch-size 161 --model %s", tiny_dataset(), tiny_json_file()),
                  "the batch size is 161, but there are only 160 samples");
}
END_TEST

START_TEST(models_that_are_none)
{
    static const char *const commands[] = {"evaluate %s --data %s", "summary %s", "explain %s", "bench --model %s",
                                           "verify %s"};
    char path[256], arguments[1024];
    snprintf(path, sizeof path, "%s", test_path("none.h5"));
    FILE *file = fopen(path, "w");
    ck_assert(file && fputs("no model", file) >= 0 && fclose(file) == 0);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        snprintf(arguments, sizeof arguments, commands[i], path, tiny_dataset());
        check_refused(NULL, arguments, "none.h5: is not an HDF5 file");
    }
    snprintf(arguments, sizeof arguments, "evaluate %s --data %s", test_path("absent.h5"), tiny_dataset());
    check_refused(NULL, arguments, "absent.h5: cannot be opened: No such file or directory");
    snprintf(arguments, sizeof arguments, "plot %s --output %s/p.png", path, output_directory());
    check_refused(NULL, arguments, "none.h5: is not an HDF5 file");
    snprintf(arguments, sizeof arguments, "predict %s %s/t10k-images-idx3-ubyte --output %s/p.npy", path,
             tiny_dataset(), output_directory());
    check_refused(NULL, arguments, "none.h5: is not an HDF5 file");
}
END_TEST

#ifdef TSR_WITH_HDF5
/* The length of a string in the file says that it goes on far beyond its end: some versions of HDF5 believe it. */
START_TEST(a_file_that_hdf5_crashes_on)
{
    static const char *const commands[] = {
        "evaluate %s --data %s", "summary %s", "explain %s",
        "bench --model %s",      "verify %s",  "train --model %s --data %s --output %s/m.h5 --history %s/h.csv"};
    char bytes[65536], arguments[1024];
    const char *path = test_fixture("keras2_small.h5");
    FILE *file = fopen(path, "r+b");
    size_t size = fread(bytes, 1, sizeof bytes, file), heap = 0;
    while (heap + 32 < size && memcmp(bytes + heap, "GCOL", 4) != 0) heap++;
    ck_assert_uint_lt(heap + 32, size);
    fseek(file, (long)heap + 29, SEEK_SET); /* the upper bytes of the first object's size */
    ck_assert_uint_eq(fwrite("\xff\xff\xff", 1, 3, file), 3);
    fclose(file);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        snprintf(arguments, sizeof arguments, commands[i], path, tiny_dataset(), output_directory(),
                 output_directory());
        check_refused(NULL, arguments, "keras2_small.h5|damaged");
    }
}
END_TEST
#endif

/* The kernels come from pipes that nobody writes to, so that the program stays in its set-up. */
START_TEST(an_interrupt_during_the_set_up)
{
    char directory[256], variable[300], arguments[1024], path[512];
    snprintf(directory, sizeof directory, "%s", test_path("pipes"));
    snprintf(variable, sizeof variable, "TESSERA_KERNEL_PATH=%s", directory);
    ck_assert_int_eq(mkdir(directory, 0700), 0);
    DIR *entries = opendir(TEST_SOURCE_DIR "/cl");
    ck_assert_ptr_nonnull(entries);
    for (struct dirent *entry; (entry = readdir(entries));) {
        if (!strstr(entry->d_name, ".cl")) continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
    }
    closedir(entries);
    strcpy(arguments, train("--data %s --model %s", tiny_dataset(), tiny_json_file()));
    test_start(cli_arguments(arguments), (const char *[]){variable, NULL}, false, &cli_process);
    test_wait_for_output(&cli_process, "child.err", "Using ");
    ck_assert_int_eq(kill(cli_process.child, SIGINT), 0);
    test_finish(&cli_process);
    ck_assert_int_eq(cli_process.code, 130);
    cli_contains(cli_process.err, "tessera train: interrupted before the first step; no model was written\n");
    ck_assert_int_eq(count_complaints(cli_process.err), 1);
    ck_assert_int_eq(count_files(output_directory()), 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, no_usable_device);
    tcase_add_test(tests, kernels_that_do_not_build);
    tcase_add_test(tests, too_little_memory);
    tcase_add_test(tests, networks_that_are_not_supported);
    tcase_add_test(tests, data_sets_that_are_damaged);
    tcase_add_test(tests, data_sets_that_do_not_fit);
    tcase_add_test(tests, models_that_are_none);
#ifdef TSR_WITH_HDF5
    tcase_add_test(tests, a_file_that_hdf5_crashes_on);
#endif
    tcase_add_test(tests, an_interrupt_during_the_set_up);
}

int main(void)
{
    return test_run("cli_bad_input", add_tests);
}
