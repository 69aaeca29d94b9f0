#include "device/quirks.h"

#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define GPU       (TSR_TYPE_BIT(DISCRETE_GPU) | TSR_TYPE_BIT(INTEGRATED_GPU))
#define PROCESSOR (TSR_TYPE_BIT(CPU) | TSR_TYPE_BIT(SOFTWARE))
#define VENDOR(v) (1u << TSR_VENDOR_##v)

#define AMD_PLATFORM "AMD Accelerated Parallel Processing"
#define POCL         "Portable Computing Language"

static const tsr_quirk_row rows[] = {
    {.name = "clover",
     .platform = "Clover",
     .quirk = TSR_QUIRK_UNUSABLE,
     .reason =
         "Mesa's Clover does nothing, and says nothing, where a kernel has 65536 work-groups or more (reported to "
         "CLBlast); install Mesa's rusticl, or the vendor's driver"},
    {.name = "pocl before 1.5",
     .platform = POCL,
     .below = "1.5",
     .quirk = TSR_QUIRK_UNUSABLE,
     .reason = "PoCL computes wrongly before version 1.5 (hashcat refuses it); install a newer one"},
    {.name = "amdgpu-pro of 2016",
     .platform = AMD_PLATFORM,
     .types = GPU,
     .from = "2236",
     .below = "2349",
     .quirk = TSR_QUIRK_UNUSABLE,
     .reason = "AMDGPU-PRO 16.50 to 17.10 computes wrongly (hashcat refuses it); install a newer driver"},
    {.name = "rocm 5.6 and 5.7 on integrated GPUs",
     .platform = AMD_PLATFORM,
     .types = TSR_TYPE_BIT(INTEGRATED_GPU),
     .from = "3570",
     .below = "3602",
     .quirk = TSR_QUIRK_AVOID,
     .reason = "on integrated GPUs ROCm 5.6 and 5.7 make no command queues (-6) or hang when buffers are copied "
               "(reported to ROCm); install another version, or try HSA_SCRATCH_SINGLE_LIMIT=0 and HSA_ENABLE_SDMA=0"},
    {.name = "navi 10 with drivers of 2019 and 2020",
     .platform = AMD_PLATFORM,
     .device = "gfx1010",
     .from = "2841",
     .below = "3224",
     .quirk = TSR_QUIRK_WARN,
     .reason =
         "AMD's drivers of 2019 and 2020 computed wrong sums on the RX 5700 (KataGo's manual); install a newer one"},
    {.name = "oclgrind",
     .platform = "Oclgrind",
     .quirk = TSR_QUIRK_AVOID,
     .reason =
         "Oclgrind is a simulator that looks for errors in kernels, about a thousand times slower than a processor"},
    {.name = "intel's fpga emulation",
     .device = "FPGA Emulation",
     .vendors = VENDOR(INTEL),
     .quirk = TSR_QUIRK_AVOID,
     .reason = "Intel's FPGA emulation runs on the processor, slowly, though it calls itself an accelerator"},
    {.name = "nvidia 470.57 to 515",
     .platform = "NVIDIA",
     .from = "470.57",
     .below = "515",
     .quirk = TSR_QUIRK_NO_MUL_HI,
     .reason = "mul_hi() gives wrong results with NVIDIA's drivers from 470.57 up to 515 (reported to "
               "rust-fil-proofs)"},
    {.name = "intel's gpu compiler",
     .platform = "Intel(R) OpenCL",
     .types = GPU,
     .vendors = VENDOR(INTEL),
     .quirk = TSR_QUIRK_NO_MAD_ENABLE,
     .reason = "OpenMM builds its kernels without this option on Intel's GPUs, and with it on others"},
    {.name = "intel a770",
     .device = "A770",
     .vendors = VENDOR(INTEL),
     .types = GPU,
     .quirk = TSR_QUIRK_NO_CLBLAST,
     .reason = "CLBlast's parameters for the Arc A770 gave wrong products (reported to CLBlast twice)"},
    {.name = "clblast on nvidia's processors",
     .vendors = VENDOR(NVIDIA),
     .types = PROCESSOR,
     .quirk = TSR_QUIRK_NO_CLBLAST,
     .reason = "CLBlast puts the GPU's assembly into the kernels of every device of this vendor"},
    {.name = "pocl's cache",
     .platform = POCL,
     .quirk = TSR_QUIRK_NO_CACHE,
     .reason = "PoCL keeps compiled kernels itself"},
    {.name = "nvidia's cache",
     .platform = "NVIDIA",
     .quirk = TSR_QUIRK_NO_CACHE,
     .reason = "NVIDIA's driver keeps compiled kernels itself, and its binaries are text that it compiles again "
               "(measured for dlprimitives)"},
    {.name = "rusticl on the processor",
     .platform = "rusticl",
     .types = TSR_TYPE_BIT(SOFTWARE),
     .quirk = TSR_QUIRK_GROUP_LIMIT,
     .reason = "rusticl gives 32 work-items as the limit of every kernel on llvmpipe, and runs as many as the device "
               "allows (seen with Mesa 22.3.6)"},
    {.name = "llvmpipe's loops",
     .device = "llvmpipe",
     .types = TSR_TYPE_BIT(SOFTWARE),
     .quirk = TSR_QUIRK_SHORT_LOOPS,
     .reason = "llvmpipe leaves the loops of a kernel after 65535 rounds in all (seen with Mesa 22.3.6)"},
    {.name = "rusticl's clock",
     .platform = "rusticl",
     .below = "23",
     .quirk = TSR_QUIRK_HOST_CLOCK,
     .reason = "rusticl says of every kernel that it took a nanosecond (seen with Mesa 22.3.6)"},
    {.name = "rusticl's cache",
     .platform = "rusticl",
     .quirk = TSR_QUIRK_NO_CACHE,
     .reason =
         "Mesa keeps compiled kernels itself, and rusticl ends the process over a binary that it does not know (seen "
         "with Mesa 22.3.6)"},
    {.name = "apple's clock",
     .platform = "Apple",
     .types = GPU,
     .vendors = VENDOR(APPLE),
     .quirk = TSR_QUIRK_HOST_CLOCK,
     .reason = "Apple's GPUs count ticks where nanoseconds are asked for (tinygrad corrects them)"},
    {.name = "apple with amd's cards",
     .platform = "Apple",
     .types = GPU,
     .vendors = VENDOR(AMD),
     .quirk = TSR_QUIRK_LOCAL_32K,
     .reason = "Apple's compiler fails or errs for AMD's cards where a kernel takes more than 32 KiB of local memory "
               "(known from hashcat)"},
};

const tsr_quirk_row *tsr_quirk_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

const char *tsr_quirk_text(tsr_quirk quirk)
{
    switch (quirk) {
#define TSR_QUIRK_CASE(name, text)                                                                                     \
    case TSR_QUIRK_##name:                                                                                             \
        return text;
        TSR_QUIRK_LIST(TSR_QUIRK_CASE)
#undef TSR_QUIRK_CASE
    }
    return "unknown";
}

/* The number at *at, which then stands behind it and a point; 0 at the end of the dotted number. */
static unsigned long take_number(const char **at)
{
    char *end;
    if (!isdigit((unsigned char)**at)) return 0;
    unsigned long number = strtoul(*at, &end, 10);
    *at = *end == '.' && isdigit((unsigned char)end[1]) ? end + 1 : "";
    return number;
}

int tsr_compare_versions(const char *a, const char *b)
{
    a += strcspn(a, "0123456789");
    b += strcspn(b, "0123456789");
    while (*a || *b) {
        unsigned long left = take_number(&a), right = take_number(&b);
        if (left != right) return left < right ? -1 : 1;
    }
    return 0;
}

bool tsr_quirk_row_holds(const tsr_quirk_row *row, const tsr_device_info *info)
{
    if (row->platform && !tsr_text_contains(info->platform, row->platform)) return false;
    if (row->device && !tsr_text_contains(info->name, row->device)) return false;
    if (row->vendors && !(row->vendors & 1u << info->vendor_kind)) return false;
    if (row->types && !(row->types & 1u << info->type)) return false;
    /* A driver that gives no version is in no range. */
    if ((row->from || row->below) && !info->driver[strcspn(info->driver, "0123456789")]) return false;
    if (row->from && tsr_compare_versions(info->driver, row->from) < 0) return false;
    return !row->below || tsr_compare_versions(info->driver, row->below) < 0;
}

void tsr_quirks_apply(tsr_device_info *info)
{
    enum { LOCAL_BYTES = 32768 };
    info->quirks = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (tsr_quirk_row_holds(&rows[i], info)) info->quirks |= 1u << rows[i].quirk;
    if (tsr_has_quirk(info, TSR_QUIRK_LOCAL_32K) && info->local_memory > LOCAL_BYTES) info->local_memory = LOCAL_BYTES;
}

bool tsr_has_quirk(const tsr_device_info *info, tsr_quirk quirk)
{
    return info->quirks >> quirk & 1;
}

bool tsr_device_quirk(const tsr_device_info *info, size_t index, tsr_device_note *note)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!tsr_quirk_row_holds(&rows[i], info) || index-- > 0) continue;
        *note = (tsr_device_note){rows[i].quirk, rows[i].quirk <= TSR_QUIRK_SHORT_LOOPS, rows[i].reason};
        return true;
    }
    return false;
}
