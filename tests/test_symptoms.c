/* The table of symptoms: each row sees what it is for and not its neighbours. */
#include "device/quirks.h"
#include "device/symptoms.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AMD = 0x1002, INTEL = 0x8086 };

/* Facts that a case may change: those of a machine with PoCL alone and nothing wrong. */
static struct {
    tsr_facts facts;
    tsr_loader loader;
    tsr_driver driver;
    tsr_platform platforms[2];
    tsr_device_trial trials[2];
    tsr_surroundings surroundings;
} now;

static const char *variable_name, *variable_value;

static const char *variable(const char *name)
{
    return variable_name && !strcmp(name, variable_name) ? variable_value : NULL;
}

static void set_variable(const char *name, const char *value)
{
    variable_name = name;
    variable_value = value;
}

static void set_trial(int i, const char *platform, const char *name, tsr_device_type type, tsr_vendor vendor)
{
    tsr_device_info *info = &now.trials[i].info;
    now.trials[i] = (tsr_device_trial){.complete = true, .right = 50, .flops = 1e11, .chosen = i == 0};
    *info = (tsr_device_info){.same_as = -1, .type = type, .vendor_kind = vendor, .memory = (uint64_t)8 << 30};
    snprintf(info->platform, sizeof info->platform, "%s", platform);
    snprintf(info->name, sizeof info->name, "%s", name);
    snprintf(info->driver, sizeof info->driver, "100");
    tsr_quirks_apply(info);
    if (now.facts.trial_count < (size_t)i + 1) now.facts.trial_count = (size_t)i + 1;
}

static void set_platform(int i, const char *name, uint32_t devices)
{
    now.platforms[i] = (tsr_platform){.devices = devices};
    snprintf(now.platforms[i].name, sizeof now.platforms[i].name, "%s", name);
    if (now.facts.platform_count < (size_t)i + 1) now.facts.platform_count = (size_t)i + 1;
}

static void add_node(const char *path, const char *group, bool usable, uint32_t vendor)
{
    tsr_node *node = &now.surroundings.nodes[now.surroundings.node_count++];
    *node = (tsr_node){.usable = usable, .vendor = vendor};
    snprintf(node->path, sizeof node->path, "%s", path);
    snprintf(node->group, sizeof node->group, "%s", group);
}

static void start_healthy(void)
{
    memset(&now, 0, sizeof now);
    set_variable(NULL, NULL);
    now.driver.outcome = TSR_DRIVER_WORKS;
    strcpy(now.driver.file, "/etc/OpenCL/vendors/acme.icd");
    now.loader.drivers = &now.driver;
    now.loader.driver_count = 1;
    strcpy(now.loader.vendors, "/etc/OpenCL/vendors");
    strcpy(now.surroundings.cache, "/home/me/.cache/tessera");
    now.surroundings.cache_there = now.surroundings.cache_private = now.surroundings.cache_writable = true;
    now.facts = (tsr_facts){.loader = &now.loader,
                            .platforms = now.platforms,
                            .trials = now.trials,
                            .surroundings = &now.surroundings,
                            .variable = variable};
    set_platform(0, "Portable Computing Language", 1);
    set_trial(0, "Portable Computing Language", "pthread", TSR_DEVICE_CPU, TSR_VENDOR_INTEL);
}

static void no_devices(void)
{
    now.facts.trial_count = 0;
}

/* What the cases do to the healthy machine: `ill` shows the symptom, `well` is close to it and does not. */
static void crashing(void)
{
    now.driver.outcome = TSR_DRIVER_CRASHES;
}
static void crashing_library(void)
{
    crashing();
    strcpy(now.driver.file, "libacme.so");
    strcpy(now.driver.library, "libacme.so");
}
static void hanging(void)
{
    now.driver.outcome = TSR_DRIVER_HANGS;
}
static void broken(void)
{
    now.driver.outcome = TSR_DRIVER_BROKEN;
    strcpy(now.driver.problem, "libacme.so: cannot open");
}
static void works(void)
{
    now.driver.outcome = TSR_DRIVER_WORKS;
}
static void clashing(void)
{
    now.facts.clash = true;
}
static void no_platform(void)
{
    now.facts.platform_count = now.loader.driver_count = 0;
    no_devices();
}
static void no_platform_but_a_device(void)
{
    now.facts.platform_count = now.loader.driver_count = 0;
}
static void no_platform_by_crash(void)
{
    now.facts.platform_count = 0;
    crashing();
}
static void hidden(void)
{
    set_variable("CUDA_VISIBLE_DEVICES", "");
}
static void not_hidden(void)
{
    set_variable("CUDA_VISIBLE_DEVICES", "0");
}
static void amd_kfd(void)
{
    set_platform(1, "AMD Accelerated Parallel Processing", 0);
    add_node("/dev/kfd", "render", false, AMD);
}
static void amd_works(void)
{
    set_platform(1, "AMD Accelerated Parallel Processing", 1);
    add_node("/dev/kfd", "render", true, AMD);
    set_trial(1, "AMD Accelerated Parallel Processing", "gfx1030", TSR_DEVICE_DISCRETE_GPU, TSR_VENDOR_AMD);
}
static void none_shows(void)
{
    set_platform(0, "Clover", 0);
    no_devices();
}
static void unchosen(void)
{
    now.trials[0].chosen = false;
    set_variable("TESSERA_DEVICE", "geforce");
}
static void unchosen_by_crash(void)
{
    unchosen();
    crashing();
}
static void apu_queue(void)
{
    set_trial(0, "AMD Accelerated Parallel Processing", "gfx90c", TSR_DEVICE_INTEGRATED_GPU, TSR_VENDOR_AMD);
    now.trials[0].errors = "making a command queue failed on gfx90c: CL_OUT_OF_HOST_MEMORY (-6)";
}
static void card_queue(void)
{
    apu_queue();
    now.trials[1] = now.trials[0];
    now.facts.trial_count = 2;
    now.trials[0].errors = NULL; /* it is another device's queue */
    now.trials[1].info.type = TSR_DEVICE_DISCRETE_GPU;
}
static void clover(void)
{
    set_trial(0, "Clover", "AMD Radeon", TSR_DEVICE_DISCRETE_GPU, TSR_VENDOR_AMD);
}
static void clover_unchosen(void)
{
    set_trial(1, "Clover", "AMD Radeon", TSR_DEVICE_DISCRETE_GPU, TSR_VENDOR_AMD);
}
static void llvmpipe(void)
{
    set_trial(0, "rusticl", "llvmpipe (LLVM 15)", TSR_DEVICE_SOFTWARE, TSR_VENDOR_OTHER);
}
static void oclgrind(void)
{
    set_trial(0, "Oclgrind", "Oclgrind Simulator", TSR_DEVICE_CPU, TSR_VENDOR_OTHER);
}
static void wrong(void)
{
    now.trials[0].wrong = 2;
}
static void failing(void)
{
    now.trials[0].failed = 1;
}
static void incomplete(void)
{
    now.trials[0].complete = false;
}
static void timed_out(void)
{
    now.trials[0].complete = false;
    now.trials[0].timed_out = true;
}
static void intel_hangs(void)
{
    set_trial(0, "Intel(R) OpenCL Graphics", "UHD", TSR_DEVICE_INTEGRATED_GPU, TSR_VENDOR_INTEL);
    timed_out();
}
static void intel_lost(void)
{
    intel_hangs();
    now.trials[0].timed_out = false;
    now.trials[0].failed = 1;
    now.trials[0].errors = "waiting for the device failed: CL_INVALID_COMMAND_QUEUE (-36)";
}
static void intel_fails(void)
{
    intel_lost();
    now.trials[0].errors = "does not build";
}
static void driver_ends_badly(void)
{
    now.driver.bad_end = true;
    now.trials[0].bad_end = true;
}
static void device_ends_badly(void)
{
    now.trials[0].bad_end = true;
}
static void rusticl(void)
{
    set_platform(1, "rusticl", 0);
    add_node("/dev/dri/renderD128", "render", true, AMD);
}
static void rusticl_enabled(void)
{
    rusticl();
    set_variable("RUSTICL_ENABLE", "radeonsi");
}
static void rusticl_without_card(void)
{
    set_platform(1, "rusticl", 0);
}
static void no_rights(void)
{
    add_node("/dev/dri/renderD128", "render", false, INTEL);
}
static void card_alone(void)
{
    add_node("/dev/dri/renderD128", "render", true, INTEL);
}
static void card_with_driver(void)
{
    card_alone();
    set_trial(1, "Intel(R) OpenCL Graphics", "UHD", TSR_DEVICE_INTEGRATED_GPU, TSR_VENDOR_INTEL);
}
static void wsl(void)
{
    now.surroundings.wsl = true;
}
static void wsl_with_gpu(void)
{
    wsl();
    card_with_driver();
}
static void open_cache(void)
{
    now.surroundings.cache_private = false;
}
static void no_cache_yet(void)
{
    now.surroundings.cache_there = now.surroundings.cache_private = now.surroundings.cache_writable = false;
}
static void carve_out(void)
{
    set_trial(0, "rusticl", "AMD Radeon Graphics", TSR_DEVICE_INTEGRATED_GPU, TSR_VENDOR_AMD);
    now.trials[0].info.memory = (uint64_t)256 << 20;
}
static void roomy_apu(void)
{
    carve_out();
    now.trials[0].info.memory = (uint64_t)2 << 30;
}
static void no_shader_cache(void)
{
    set_platform(1, "rusticl", 1);
    set_variable("MESA_SHADER_CACHE_DISABLE", "true");
}
static void no_shader_cache_or_rusticl(void)
{
    set_variable("MESA_SHADER_CACHE_DISABLE", "true");
}
static void layers(void)
{
    set_variable("OPENCL_LAYERS", "/tmp/layer.so");
}
static void faster(void)
{
    set_trial(1, "Acme", "GPU", TSR_DEVICE_INTEGRATED_GPU, TSR_VENDOR_OTHER);
    now.trials[1].flops = 2e11;
}
static void faster_but_wrong(void)
{
    faster();
    now.trials[1].wrong = 1;
}
static void faster_but_unfit(void)
{
    set_trial(1, "Clover", "GPU", TSR_DEVICE_DISCRETE_GPU, TSR_VENDOR_AMD);
    now.trials[1].flops = 2e11;
}
static void faster_but_to_avoid(void)
{
    set_trial(1, "Oclgrind", "GPU", TSR_DEVICE_DISCRETE_GPU, TSR_VENDOR_OTHER);
    now.trials[1].flops = 2e11;
}
static void faster_but_the_same(void)
{
    faster();
    now.trials[1].info.same_as = 0;
}
static void twice(void)
{
    set_trial(0, "AMD Accelerated Parallel Processing", "gfx1030", TSR_DEVICE_DISCRETE_GPU, TSR_VENDOR_AMD);
    set_trial(1, "rusticl", "AMD Radeon", TSR_DEVICE_DISCRETE_GPU, TSR_VENDOR_AMD);
    now.trials[1].info.same_as = 0;
}
static void two_cards(void)
{
    twice();
    now.trials[1].info.same_as = -1;
}

/* Rows that only look for words: what the errors say. */
#define ERRORS(name, text)                                                                                             \
    static void name(void)                                                                                             \
    {                                                                                                                  \
        now.facts.errors = text;                                                                                       \
    }
ERRORS(cannot_select, "fatal error: error in backend: Cannot select: t23: i64 = ...")
ERRORS(fcl, "the kernel file conv2d.cl does not build on HD 4400: CL_BUILD_PROGRAM_FAILURE (-11); its log:\nfcl build "
            "1 succeeded.\n")
ERRORS(fast_exp2, "error: undefined __nv_fast_exp2f")
ERRORS(illegal, "reading failed: illegal memory access (NVIDIA) (-9999)")
ERRORS(doubles, "<kernel>:1:2: error: Double type not supported")
ERRORS(language, "-cl-std=CL2.0 is not supported by this device")
ERRORS(lost_queue, "waiting for the device failed: CL_INVALID_COMMAND_QUEUE (-36)")
ERRORS(bad_address, "reading failed: CL_OUT_OF_RESOURCES (-5); launching failed: CL_INVALID_COMMAND_QUEUE (-36)")
ERRORS(screen, "Execution of the command buffer was aborted due to an error during execution. Impacting "
               "Interactivity (0000000e)")
ERRORS(group_size, "launching the kernel conv2d failed: CL_INVALID_WORK_GROUP_SIZE (-54)")
ERRORS(buffer_size, "making a buffer failed: CL_INVALID_BUFFER_SIZE (-61)")
ERRORS(full, "making a buffer failed: CL_MEM_OBJECT_ALLOCATION_FAILURE (-4)")
/* Two errors, of two devices. */
static void lost_and_short(void)
{
    now.trials[0].errors = "waiting for the device failed: CL_INVALID_COMMAND_QUEUE (-36)";
    set_trial(1, "Acme", "GPU", TSR_DEVICE_DISCRETE_GPU, TSR_VENDOR_OTHER);
    now.trials[1].errors = "reading failed: CL_OUT_OF_RESOURCES (-5)";
}
ERRORS(other_error, "making a buffer failed: CL_OUT_OF_RESOURCES (-5); CL_MISALIGNED (-14), (-46), -61, CL2.0")

static const struct {
    const char *symptom;
    void (*ill)(void), (*well)(void);
    const char *says; /* a part of it */
} cases[] = {
    {"driver crashes", crashing, hanging, "the driver that /etc/OpenCL/vendors/acme.icd names crashes"},
    {"driver crashes", crashing_library, hanging, "the driver libacme.so crashes"},
    {"driver hangs", hanging, crashing, "does not answer when it is loaded"},
    {"drivers clash", clashing, works, "each of the drivers works alone"},
    {"no driver", no_platform, no_platform_by_crash, "/etc/OpenCL/vendors names no driver; install"},
    {"no driver", no_platform, no_platform_but_a_device, "no OpenCL platform"},
    {"hidden devices", hidden, not_hidden, "CUDA_VISIBLE_DEVICES= hides every GPU"},
    {"amd without rights", amd_kfd, amd_works,
     "may not use /dev/kfd (group render); as root, usermod -aG render,video"},
    {"no device", none_shows, works, "the drivers show no device (Clover); install the package pocl-opencl-icd"},
    {"nothing chosen", unchosen, unchosen_by_crash, "--device, or mend TESSERA_DEVICE"},
    {"queue on an APU", apu_queue, card_queue, "HSA_SCRATCH_SINGLE_LIMIT=0"},
    {"unfit driver", clover, clover_unchosen, "AMD Radeon: Mesa's Clover"},
    {"unfit driver", clover, llvmpipe, "install Mesa's rusticl"},
    {"cannot select", cannot_select, other_error, "use ROCm"},
    {"old intel compiler", fcl, other_error, "update the driver, or use the CPU"},
    {"nvidia's exp2", fast_exp2, other_error, "version 470"},
    {"illegal access", illegal, other_error, "(-9999)"},
    {"double", doubles, other_error, "please report it"},
    {"language version", language, other_error, "please report it"},
    {"bad address", bad_address, lost_queue, "not memory is short"},
    {"bad address", bad_address, lost_and_short, "not memory is short"},
    {"lost queue", lost_and_short, bad_address, "pthread: a kernel was stopped (-36)"},
    {"screen", screen, other_error, "let the display sleep"},
    {"lost queue", lost_queue, bad_address, "use a smaller batch, and if that does not help"},
    {"work-group size", group_size, other_error, "Apple's CPU driver"},
    {"buffer size", buffer_size, other_error, "use a smaller batch"},
    {"memory is full", full, other_error, "end other programs"},
    {"wrong results", wrong, works, "pthread computes 2 of the kernels wrongly"},
    {"failing kernels", failing, wrong, "pthread fails on some kernels: update"},
    {"failing kernels", incomplete, timed_out, "and did not come to the end"},
    {"too slow", timed_out, failing, "pthread did not come to the end in time: give more with --timeout"},
    {"intel's gpu hangs", intel_hangs, timed_out, "UHD may have been stopped"},
    {"intel's gpu hangs", intel_lost, intel_fails, "i915.request_timeout_ms"},
    {"doubtful driver", oclgrind, clover, "Oclgrind Simulator: Oclgrind is a simulator"},
    {"doubtful driver", oclgrind, llvmpipe, "slower than a processor"},
    {"bad end", driver_ends_badly, works, "acme.icd names does not let programs end well"},
    {"bad end", device_ends_badly, works, "programs that have used pthread do not end well"},
    {"driver cannot be loaded", broken, works, "cannot be loaded: libacme.so: cannot open; install"},
    {"rusticl not enabled", rusticl, rusticl_enabled, "set RUSTICL_ENABLE=radeonsi in"},
    {"rusticl not enabled", rusticl, rusticl_without_card, "rusticl shows no device"},
    {"card without rights", no_rights, card_alone, "may not use /dev/dri/renderD128"},
    {"card without driver", card_alone, card_with_driver, "install the package intel-opencl-icd"},
    {"wsl", wsl, wsl_with_gpu, "NVIDIA has no OpenCL driver"},
    {"cache", open_cache, no_cache_yet, "/home/me/.cache/tessera is not this user's own"},
    {"little memory", carve_out, roomy_apu, "has 256 MiB of memory"},
    {"shader cache off", no_shader_cache, no_shader_cache_or_rusticl, "unset it"},
    {"layers", layers, works, "puts /tmp/layer.so between"},
    {"another is faster", faster, faster_but_wrong, "pthread reaches 100 GFLOPS, GPU 200: try --device 1"},
    {"another is faster", faster, faster_but_unfit, "try --device 1"},
    {"another is faster", faster, faster_but_to_avoid, "try --device 1"},
    {"another is faster", faster, faster_but_the_same, "try --device 1"},
    {"listed twice", twice, two_cards, "offered twice, by rusticl and by AMD Accelerated Parallel Processing"},
};

/* The finding of a symptom, or NULL. */
static const tsr_finding *find(const tsr_finding *findings, size_t count, const char *symptom)
{
    for (size_t i = 0; i < count; i++)
        if (!strcmp(findings[i].symptom, symptom)) return &findings[i];
    return NULL;
}

START_TEST(each_row_sees_its_symptom)
{
    for (size_t i = 0; tsr_symptom_name(i); i++) {
        size_t c = 0;
        while (c < sizeof cases / sizeof cases[0] && strcmp(cases[c].symptom, tsr_symptom_name(i)) != 0) c++;
        ck_assert_msg(c < sizeof cases / sizeof cases[0], "the symptom %s has no case", tsr_symptom_name(i));
    }
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        tsr_finding *findings;
        size_t count;
        start_healthy();
        cases[c].ill();
        check_ok(tsr_diagnose(&now.facts, &findings, &count));
        const tsr_finding *finding = find(findings, count, cases[c].symptom);
        ck_assert_msg(finding != NULL, "%s is not seen", cases[c].symptom);
        ck_assert_msg(strstr(finding->text, cases[c].says) != NULL, "%s: \"%s\" does not contain \"%s\"",
                      cases[c].symptom, finding->text, cases[c].says);
        free(findings);
        start_healthy();
        cases[c].well();
        check_ok(tsr_diagnose(&now.facts, &findings, &count));
        finding = find(findings, count, cases[c].symptom);
        ck_assert_msg(!finding, "%s is seen where it is not: %s", cases[c].symptom, finding ? finding->text : "");
        free(findings);
    }
}
END_TEST

START_TEST(a_healthy_machine_has_none)
{
    tsr_finding *findings;
    size_t count;
    start_healthy();
    check_ok(tsr_diagnose(&now.facts, &findings, &count));
    ck_assert_msg(count == 0, "%s", findings[0].text);
    free(findings);
    check_ok(tsr_diagnose(&(tsr_facts){0}, &findings, &count)); /* nothing is known */
    ck_assert_uint_eq(count, 0);
    free(findings);
}
END_TEST

START_TEST(the_most_important_comes_first)
{
    tsr_finding *findings;
    size_t count;
    start_healthy();
    layers();
    crashing();
    open_cache();
    wrong();
    check_ok(tsr_diagnose(&now.facts, &findings, &count));
    ck_assert_uint_eq(count, 4);
    ck_assert_str_eq(findings[0].symptom, "driver crashes");
    ck_assert_str_eq(findings[1].symptom, "wrong results");
    ck_assert(!findings[1].hint && findings[2].hint && findings[3].hint);
    free(findings);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, each_row_sees_its_symptom);
    tcase_add_test(tests, a_healthy_machine_has_none);
    tcase_add_test(tests, the_most_important_comes_first);
}

int main(void)
{
    return test_run("symptoms", add_tests);
}
