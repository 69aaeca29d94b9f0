/* What is known of drivers: each row holds for the devices it is meant for and not for their neighbours, and what it
 * says is done. */
#include "device/profile.h"
#include "device/program.h"
#include "device/quirks.h"
#include "support/kernels.h"
#include "support/tester.h"

#include "base/random.h"
#include "base/time.h"
#include "ops/primitive.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AMD_PLATFORM "AMD Accelerated Parallel Processing"
#define POCL         "Portable Computing Language"
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A device as far as rows look at it. */
typedef struct said {
    const char *platform, *name, *driver;
    tsr_vendor vendor;
    tsr_device_type type;
} said;

static tsr_device_info info_of(const said *s)
{
    tsr_device_info info = {.vendor_kind = s->vendor, .type = s->type, .same_as = -1, .local_memory = 65536};
    snprintf(info.platform, sizeof info.platform, "%s", s->platform);
    snprintf(info.name, sizeof info.name, "%s", s->name);
    snprintf(info.driver, sizeof info.driver, "%s", s->driver);
    return info;
}

#define DISCRETE   TSR_DEVICE_DISCRETE_GPU
#define INTEGRATED TSR_DEVICE_INTEGRATED_GPU
#define CPU        TSR_DEVICE_CPU
#define SOFTWARE   TSR_DEVICE_SOFTWARE
#define AMD        TSR_VENDOR_AMD
#define INTEL      TSR_VENDOR_INTEL
#define NVIDIA     TSR_VENDOR_NVIDIA
#define OTHER      TSR_VENDOR_OTHER

/* Devices that a row holds for, and their neighbours, which differ in as little as can be. */
static const struct {
    const char *row;
    said yes[4], no[5];
} cases[] = {
    {"clover",
     {{"Clover", "RENOIR (renoir, LLVM 15.0.7)", "22.3.7 - kisak-mesa PPA", AMD, INTEGRATED}},
     {{"rusticl", "RENOIR (renoir, LLVM 15.0.7)", "22.3.7", AMD, INTEGRATED}}},
    {"pocl before 1.5",
     {{POCL, "pthread-Intel Core", "1.4", INTEL, CPU}, {POCL, "pthread-Intel Core", "0.14", INTEL, CPU}},
     {{POCL, "pthread-Intel Core", "1.5", INTEL, CPU},
      {POCL, "pthread-Intel Core", "3.1+debian", INTEL, CPU},
      {POCL, "pthread-Intel Core", "1.10", INTEL, CPU},
      {POCL, "pthread-Intel Core", "", INTEL, CPU},
      {"Intel(R) OpenCL", "Intel Core", "1.4", INTEL, CPU}}},
    {"amdgpu-pro of 2016",
     {{AMD_PLATFORM, "Ellesmere", "2236.10", AMD, DISCRETE}, {AMD_PLATFORM, "Ellesmere", "2348.3", AMD, DISCRETE}},
     {{AMD_PLATFORM, "Ellesmere", "2117.14", AMD, DISCRETE},
      {AMD_PLATFORM, "Ellesmere", "2416.3", AMD, DISCRETE},
      {AMD_PLATFORM, "AMD FX-8350", "2264.10", AMD, CPU},
      {"rusticl", "Ellesmere", "2264.10", AMD, DISCRETE}}},
    {"rocm 5.6 and 5.7 on integrated GPUs",
     {{AMD_PLATFORM, "gfx90c:xnack-", "3590.0 (HSA1.1,LC)", AMD, INTEGRATED},
      {AMD_PLATFORM, "gfx90c:xnack-", "3570.0 (HSA1.1,LC)", AMD, INTEGRATED}},
     {{AMD_PLATFORM, "gfx1030", "3590.0 (HSA1.1,LC)", AMD, DISCRETE},
      {AMD_PLATFORM, "gfx90c:xnack-", "3513.0 (HSA1.1,LC)", AMD, INTEGRATED},
      {AMD_PLATFORM, "gfx90c:xnack-", "3602.0 (HSA1.1,LC)", AMD, INTEGRATED}}},
    {"navi 10 with drivers of 2019 and 2020",
     {{AMD_PLATFORM, "gfx1010", "3004.6 (PAL,HSAIL)", AMD, DISCRETE}},
     {{AMD_PLATFORM, "gfx1010:xnack-", "3590.0 (HSA1.1,LC)", AMD, DISCRETE},
      {AMD_PLATFORM, "gfx1030", "3004.6 (PAL,HSAIL)", AMD, DISCRETE}}},
    {"oclgrind",
     {{"Oclgrind", "Oclgrind Simulator", "Oclgrind 21.10", OTHER, CPU}},
     {{"Acme", "GPU", "21.10", OTHER, DISCRETE}}},
    {"intel's fpga emulation",
     {{"Intel(R) FPGA Emulation Platform for OpenCL(TM)", "Intel(R) FPGA Emulation Device", "2023.16.7", INTEL,
       TSR_DEVICE_ACCELERATOR}},
     {{"Intel(R) OpenCL", "Intel(R) Xeon(R)", "2023.16.7", INTEL, CPU}}},
    {"nvidia 470.57 to 515",
     {{"NVIDIA CUDA", "GeForce", "470.57.02", NVIDIA, DISCRETE},
      {"NVIDIA CUDA", "GeForce", "510.108.03", NVIDIA, DISCRETE}},
     {{"NVIDIA CUDA", "GeForce", "470.42.01", NVIDIA, DISCRETE},
      {"NVIDIA CUDA", "GeForce", "515.43.04", NVIDIA, DISCRETE},
      {"NVIDIA CUDA", "GeForce", "550.54.15", NVIDIA, DISCRETE},
      {"rusticl", "NV106", "470.57", NVIDIA, DISCRETE}}},
    {"intel's gpu compiler",
     {{"Intel(R) OpenCL Graphics", "Intel(R) Arc(TM) A380", "23.17.26241.33", INTEL, DISCRETE},
      {"Intel(R) OpenCL HD Graphics", "Intel(R) UHD Graphics 770", "22.43", INTEL, INTEGRATED}},
     {{"Intel(R) OpenCL", "Intel(R) Xeon(R)", "2026.22.10", INTEL, CPU},
      {"rusticl", "Mesa Intel(R) UHD", "23.1", INTEL, INTEGRATED}}},
    {"intel a770",
     {{"Intel(R) OpenCL Graphics", "Intel(R) Arc(TM) A770 Graphics", "23.17", INTEL, DISCRETE}},
     {{"Intel(R) OpenCL Graphics", "Intel(R) Arc(TM) A750 Graphics", "23.17", INTEL, DISCRETE},
      {"Acme", "A770", "1", OTHER, DISCRETE}}},
    {"clblast on nvidia's processors",
     {{POCL, "pthread-neoverse-v2", "5.0", NVIDIA, CPU}, {"rusticl", "llvmpipe", "23.1", NVIDIA, SOFTWARE}},
     {{"NVIDIA CUDA", "NVIDIA H100", "550.54", NVIDIA, DISCRETE}, {POCL, "pthread", "5.0", INTEL, CPU}}},
    {"pocl's cache",
     {{POCL, "pthread", "3.1+debian", INTEL, CPU}},
     {{"Intel(R) OpenCL", "Intel(R) Xeon(R)", "2026.22.10", INTEL, CPU}}},
    {"nvidia's cache",
     {{"NVIDIA CUDA", "NVIDIA H100", "550.54.15", NVIDIA, DISCRETE}},
     {{"rusticl", "NV106", "23.1", NVIDIA, DISCRETE}, {AMD_PLATFORM, "gfx1030", "3590.0", AMD, DISCRETE}}},
    {"rusticl on the processor",
     {{"rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", "22.3.6", OTHER, SOFTWARE}},
     {{"rusticl", "AMD Radeon RX 6600 (radeonsi)", "22.3.6", AMD, DISCRETE}, {POCL, "llvmpipe", "3", OTHER, SOFTWARE}}},
    {"llvmpipe's loops",
     {{"rusticl", "llvmpipe (LLVM 15.0.6, 256 bits)", "22.3.6", OTHER, SOFTWARE}},
     {{"rusticl", "AMD Radeon RX 6600 (radeonsi)", "22.3.6", AMD, DISCRETE}, {POCL, "pthread", "5.0", INTEL, CPU}}},
    {"rusticl's clock",
     {{"rusticl", "llvmpipe", "22.3.6", OTHER, SOFTWARE}, {"rusticl", "AMD", "22.3.6-1+deb12u1", AMD, DISCRETE}},
     {{"rusticl", "llvmpipe", "23.0.0", OTHER, SOFTWARE}, {"Clover", "AMD", "22.3.6", AMD, DISCRETE}}},
    {"rusticl's cache",
     {{"rusticl", "llvmpipe", "22.3.6", OTHER, SOFTWARE}, {"rusticl", "AMD Radeon", "23.1", AMD, DISCRETE}},
     {{"Clover", "AMD", "22.3.6", AMD, DISCRETE}}},
    {"apple's clock",
     {{"Apple", "Apple M1", "1.2 1.0", TSR_VENDOR_APPLE, INTEGRATED}},
     {{"Apple", "AMD Radeon Pro 5500M", "1.2", AMD, DISCRETE}, {"Apple", "Apple M1", "1.2", TSR_VENDOR_APPLE, CPU}}},
    {"apple with amd's cards",
     {{"Apple", "AMD Radeon Pro 5500M Compute Engine", "1.2 (Jan  5 2024)", AMD, DISCRETE}},
     {{AMD_PLATFORM, "AMD Radeon Pro 5500M", "3590.0", AMD, DISCRETE},
      {"Apple", "Intel UHD", "1.2", INTEL, INTEGRATED}}},
};

START_TEST(rows_hold_for_what_they_should_and_not_for_its_neighbours)
{
    size_t count;
    const tsr_quirk_row *rows = tsr_quirk_rows(&count);
    ck_assert_uint_eq(count, COUNT(cases));
    for (size_t r = 0; r < count; r++) {
        const tsr_quirk_row *row = &rows[r];
        size_t c = 0;
        while (c < COUNT(cases) && strcmp(cases[c].row, row->name) != 0) c++;
        ck_assert_msg(c < COUNT(cases), "the row %s has no case", row->name);
        ck_assert(cases[c].yes[0].platform && cases[c].no[0].platform);
        ck_assert_msg(row->reason[strlen(row->reason) - 1] != '.', "%s", row->name);
        for (size_t i = 0; i < COUNT(cases[c].yes) && cases[c].yes[i].platform; i++) {
            tsr_device_info info = info_of(&cases[c].yes[i]);
            ck_assert_msg(tsr_quirk_row_holds(row, &info), "%s: not for %s, driver %s", row->name, info.name,
                          info.driver);
            tsr_quirks_apply(&info);
            ck_assert(tsr_has_quirk(&info, row->quirk));
        }
        for (size_t i = 0; i < COUNT(cases[c].no) && cases[c].no[i].platform; i++) {
            tsr_device_info info = info_of(&cases[c].no[i]);
            ck_assert_msg(!tsr_quirk_row_holds(row, &info), "%s: holds for %s %s, driver %s", row->name, info.platform,
                          info.name, info.driver);
        }
    }
}
END_TEST

START_TEST(versions_are_compared_by_their_numbers)
{
    static const struct {
        const char *a, *b;
        int order;
    } pairs[] = {
        {"1.10", "1.9", 1},
        {"470.57.02", "470.57", 1},
        {"470.57", "470.57.0", 0},
        {"515", "515.0.0", 0},
        {"510.108.03", "515", -1},
        {"22.3.6-1+deb12u1", "22.3.6", 0},
        {"3590.0 (HSA1.1)", "3590", 0},
        {"OpenCL 1.2 pocl", "1.2", 0},
        {"", "0", 0},
        {"3.1+debian", "3.1.1", -1},
        {"2.", "2", 0},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        int forth = tsr_compare_versions(pairs[i].a, pairs[i].b), back = tsr_compare_versions(pairs[i].b, pairs[i].a);
        ck_assert_msg((forth > 0) - (forth < 0) == pairs[i].order && forth == -back, "%s and %s: %d, %d", pairs[i].a,
                      pairs[i].b, forth, back);
    }
}
END_TEST

START_TEST(notes_tell_the_reasons)
{
    tsr_device_note note;
    tsr_device_info info = info_of(&(said){"rusticl", "llvmpipe", "22.3.6", OTHER, SOFTWARE});
    ck_assert(tsr_device_quirk(&info, 0, &note) && note.quirk == TSR_QUIRK_GROUP_LIMIT && !note.serious);
    ck_assert(tsr_device_quirk(&info, 1, &note) && note.quirk == TSR_QUIRK_SHORT_LOOPS && note.serious);
    ck_assert(tsr_device_quirk(&info, 2, &note) && note.quirk == TSR_QUIRK_HOST_CLOCK);
    ck_assert(tsr_device_quirk(&info, 3, &note) && note.quirk == TSR_QUIRK_NO_CACHE);
    ck_assert(!tsr_device_quirk(&info, 4, &note));
    info = info_of(&(said){"Clover", "AMD", "22", AMD, DISCRETE});
    ck_assert(tsr_device_quirk(&info, 0, &note) && note.serious && strstr(note.reason, "Clover"));
    ck_assert_str_eq(tsr_quirk_text(TSR_QUIRK_UNUSABLE), "it is used only where it is asked for by its number or name");
}
END_TEST

START_TEST(local_memory_is_bounded)
{
    tsr_device_info info = info_of(&(said){"Apple", "AMD Radeon Pro 5500M", "1.2", AMD, DISCRETE});
    tsr_quirks_apply(&info);
    ck_assert_uint_eq(info.local_memory, 32768);
    info.local_memory = 16384;
    tsr_quirks_apply(&info);
    ck_assert_uint_eq(info.local_memory, 16384);
}
END_TEST

/* Puts a quirk on the tests' device; returns what was there. */
static uint32_t put(tsr_quirk quirk)
{
    tsr_device_info *info = &test_device()->info;
    uint32_t before = info->quirks;
    info->quirks |= 1u << quirk;
    return before;
}

static const char simple_text[] = "__kernel void simple(__global int *restrict x) { x[get_global_id(0)] = 1; }\n";

START_TEST(a_kernels_limit_is_the_devices)
{
    tsr_device *device = test_device();
    size_t limit, own = device->info.max_work_group;
    test_kernel_file("simple.cl", simple_text);
    cl_kernel kernel = test_kernel(device, "simple.cl", "", "simple");
    device->info.max_work_group = 7; /* what no kernel's limit is */
    uint32_t before = device->info.quirks;
    device->info.quirks &= ~(1u << TSR_QUIRK_GROUP_LIMIT);
    check_ok(tsr_kernel_limit(device, kernel, &limit));
    ck_assert_uint_ne(limit, 7);
    put(TSR_QUIRK_GROUP_LIMIT);
    check_ok(tsr_kernel_limit(device, kernel, &limit));
    ck_assert_uint_eq(limit, 7);
    device->info.quirks = before;
    device->info.max_work_group = own;
    clReleaseKernel(kernel);
    test_kernel_files_end();
}
END_TEST

/* What a program sees of NO_MUL_HI: 1 without it, 2 with it. */
static int seen_by_a_program(void)
{
    const size_t one = 1;
    cl_int seen = 0;
    cl_mem buffer;
    tsr_device *device = test_device();
    cl_kernel kernel = test_kernel(device, "options.cl", "", "see");
    check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, sizeof seen, "a test", &buffer));
    ck_assert(clSetKernelArg(kernel, 0, sizeof buffer, &buffer) == CL_SUCCESS);
    check_ok(tsr_enqueue_kernel(device, kernel, "see", 1, &one, NULL));
    check_ok(tsr_buffer_read(device, buffer, 0, &seen, sizeof seen));
    clReleaseKernel(kernel);
    clReleaseMemObject(buffer);
    return seen;
}

START_TEST(options_are_left_out_and_added)
{
    tsr_device *device = test_device();
    uint32_t before = device->info.quirks;
    test_kernel_file("options.cl", "#ifdef NO_MUL_HI\n#define SEEN 2\n#else\n#define SEEN 1\n#endif\n"
                                   "__kernel void see(__global int *restrict x) { x[0] = SEEN; }\n");
    device->info.quirks = 0;
    ck_assert_str_eq(tsr_program_options(device), "-cl-std=CL1.2 -cl-mad-enable -cl-denorms-are-zero");
    ck_assert_int_eq(seen_by_a_program(), 1);
    put(TSR_QUIRK_NO_MAD_ENABLE);
    ck_assert_str_eq(tsr_program_options(device), "-cl-std=CL1.2 -cl-denorms-are-zero");
    ck_assert_int_eq(seen_by_a_program(), 1);
    put(TSR_QUIRK_NO_MUL_HI);
    ck_assert_str_eq(tsr_program_options(device), "-cl-std=CL1.2 -cl-denorms-are-zero -DNO_MUL_HI");
    ck_assert_int_eq(seen_by_a_program(), 2);
    device->info.quirks = 1u << TSR_QUIRK_NO_MUL_HI;
    ck_assert_str_eq(tsr_program_options(device), "-cl-std=CL1.2 -cl-mad-enable -cl-denorms-are-zero -DNO_MUL_HI");
    ck_assert_int_eq(seen_by_a_program(), 2);
    device->info.quirks = before;
    test_kernel_files_end();
}
END_TEST

/* The masks are the twin's, element for element, without mul_hi() too. */
START_TEST(random_numbers_do_without_mul_hi)
{
    static const int32_t count = 70001;
    uint32_t before = put(TSR_QUIRK_NO_MUL_HI);
    for (uint32_t width = 1; width <= 16; width *= 4) {
        test_case t = {.fill = TEST_RANDOM};
        tsr_primitive p = {.kind = TSR_KIND_DROPOUT, .input_count = 2, .output_count = 1};
        p.as.dropout = (tsr_dropout_descriptor){count, 0.3f, 0xFEDCBA9876543210u, TSR_STREAM_DROPOUT};
        p.inputs[0] = test_input(&t, "x", TSR_F32, 1, &count);
        p.inputs[1] = test_input(&t, "clock", TSR_I32, 1, (int32_t[]){4});
        test_set(&t, p.inputs[1], (double[]){INT32_MAX, 0, 0, 0});
        p.outputs[0] = test_value(&t, "y", TSR_ROLE_TEMPORARY, TSR_F32, 1, &count);
        test_primitive(&t, &p);
        test_run_case(&t, &(test_options){.only = "dropout", .vector_width = width});
    }
    test_device()->info.quirks = before;
}
END_TEST

/* The same speed, if it is measured with shorter launches; a loop that is cut short makes it hundreds of times higher.
 */
START_TEST(speed_is_measured_with_short_loops)
{
    tsr_peak peak, with_short_loops;
    check_ok(tsr_measure_peak(test_device(), &peak));
    uint32_t before = put(TSR_QUIRK_SHORT_LOOPS);
    check_ok(tsr_measure_peak(test_device(), &with_short_loops));
    test_device()->info.quirks = before;
    ck_assert_msg(with_short_loops.flops > peak.flops / 20 && with_short_loops.flops < peak.flops * 20,
                  "%g flops, %g with short loops", peak.flops, with_short_loops.flops);
}
END_TEST

START_TEST(compiled_kernels_are_left_to_the_driver)
{
    tsr_device *device = test_device();
    uint32_t before = device->info.quirks;
    unsetenv("TESSERA_PROGRAM_CACHE");
    device->info.quirks = 0;
    ck_assert(tsr_program_cache_enabled(device));
    put(TSR_QUIRK_NO_CACHE);
    ck_assert(!tsr_program_cache_enabled(device));
    device->info.quirks = before;
}
END_TEST

/* An enqueue then waits, and what it took by the host's clock is the kernel's time. */
START_TEST(kernels_are_timed_by_the_host)
{
    static const char text[] = "__kernel void work(__global float *restrict x)\n"
                               "{\n"
                               "    float sum = x[0];\n"
                               "    for (int i = 0; i < 20000000; i++) sum = sum * 0.5f + 1.0f;\n"
                               "    x[0] = sum;\n"
                               "}\n";
    const size_t one = 1;
    tsr_device *device;
    tsr_profile_row *rows;
    size_t count;
    cl_mem buffer;
    check_ok(tsr_device_open(NULL, true, &device));
    device->info.quirks |= 1u << TSR_QUIRK_HOST_CLOCK;
    test_kernel_file("work.cl", text);
    cl_kernel kernel = test_kernel(device, "work.cl", "", "work");
    check_ok(tsr_buffer_create(device, CL_MEM_READ_WRITE, sizeof(float), "a test", &buffer));
    check_ok(tsr_buffer_fill(device, buffer, 0, 0, sizeof(float)));
    ck_assert(clSetKernelArg(kernel, 0, sizeof buffer, &buffer) == CL_SUCCESS);
    check_ok(tsr_enqueue_kernel(device, kernel, "warm", 1, &one, NULL));
    bool waited = false; /* it waits for each launch and counts that; the machine may hold up a try, but not all */
    for (int i = 0; i < 20 && !waited; i++) {
        tsr_device_profile_reset(device);
        double start = tsr_seconds();
        for (int k = 0; k < 2; k++) check_ok(tsr_enqueue_kernel(device, kernel, "work", 1, &one, NULL));
        double enqueued = tsr_seconds() - start;
        check_ok(tsr_device_finish(device));
        double finished = tsr_seconds() - start;
        check_ok(tsr_device_profile(device, &rows, &count));
        ck_assert_uint_eq(count, 1);
        ck_assert_str_eq(rows[0].name, "work");
        ck_assert_uint_eq(rows[0].launches, 2);
        ck_assert_double_le(rows[0].seconds, enqueued);
        waited = rows[0].seconds > 0.5 * enqueued && enqueued > 0.5 * finished;
        free(rows);
    }
    ck_assert(waited);
    clReleaseKernel(kernel);
    clReleaseMemObject(buffer);
    tsr_device_close(device);
    test_kernel_files_end();
}
END_TEST

START_TEST(clblast_is_not_called)
{
    tsr_device_info info = test_device()->info;
    tsr_plan *plan = NULL;
    int y = 0;
    test_device()->info.quirks &= ~(1u << TSR_QUIRK_NO_CLBLAST);
    bool has = test_has_clblast();
    for (int k = 0; k < 2 && has; k++) {
        test_case t = {.fill = TEST_INTEGERS};
        int x = test_input(&t, "x", TSR_F32, 2, (int32_t[]){8, 20});
        y = test_dense(&t, &(tsr_dense_descriptor){8, 20, 12, true}, x);
        tsr_status status =
            tsr_plan_create(test_device(), &t.graph, &y, 1, &(tsr_plan_options){.gemm = TSR_GEMM_CLBLAST}, NULL, &plan);
        if (k)
            check_fails(status, TSR_UNSUPPORTED, "no implementation of dense fits device ");
        else
            check_ok(status);
        tsr_plan_free(plan);
        plan = NULL;
        test_clear_case(&t);
        put(TSR_QUIRK_NO_CLBLAST);
    }
    test_device()->info = info;
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, rows_hold_for_what_they_should_and_not_for_its_neighbours);
    tcase_add_test(tests, versions_are_compared_by_their_numbers);
    tcase_add_test(tests, notes_tell_the_reasons);
    tcase_add_test(tests, local_memory_is_bounded);
    tcase_add_test(tests, a_kernels_limit_is_the_devices);
    tcase_add_test(tests, options_are_left_out_and_added);
    tcase_add_test(tests, random_numbers_do_without_mul_hi);
    tcase_add_test(tests, speed_is_measured_with_short_loops);
    tcase_add_test(tests, compiled_kernels_are_left_to_the_driver);
    tcase_add_test(tests, kernels_are_timed_by_the_host);
    tcase_add_test(tests, clblast_is_not_called);
}

int main(void)
{
    return test_run("quirks", add_tests);
}
