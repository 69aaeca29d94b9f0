#include "layers/profiles.h"

#include <string.h>

#define KIB ((cl_ulong)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

/* ROCm's driver. A kernel with reqd_work_group_size may have 1024 work-items there; all others have 256. */
#define AMD                                                                                                            \
    .platform = "AMD Accelerated Parallel Processing", .platform_vendor = "Advanced Micro Devices, Inc.",              \
    .platform_version = "OpenCL 2.1 AMD-APP (3590.0)", .vendor = "Advanced Micro Devices, Inc.", .vendor_id = 0x1002,  \
    .driver = "3590.0 (HSA1.1,LC)", .version = "OpenCL 2.0 ", .extensions = "cl_amd_device_attribute_query",           \
    .pci = "0000:03:00.0", .work_group = 256, .work_items = {1024, 1024, 1024}, .local_memory = 64 * KIB,              \
    .alignment = 128, .vector_bytes = 4, .timer = 1, .no_out_of_order = true

/* The compute runtime ("NEO"). */
#define INTEL                                                                                                          \
    .platform_vendor = "Intel(R) Corporation", .platform_version = "OpenCL 3.0 ", .vendor = "Intel(R) Corporation",    \
    .extensions = "cl_khr_pci_bus_info", .pci = "0000:00:02.0", .vendor_id = 0x8086, .version = "OpenCL 3.0 NEO ",     \
    .wave = 32, .local_memory = 64 * KIB, .alignment = 128, .vector_bytes = 4

#define NVIDIA                                                                                                         \
    .platform = "NVIDIA CUDA", .platform_vendor = "NVIDIA Corporation",                                                \
    .platform_version = "OpenCL 3.0 CUDA 12.2.148", .vendor = "NVIDIA Corporation", .vendor_id = 0x10de,               \
    .driver = "535.183.01", .version = "OpenCL 3.0 CUDA", .extensions = "cl_nv_device_attribute_query",                \
    .pci = "0001:41:1f.2", .work_group = 1024, .work_items = {1024, 1024, 64}, .wave = 32, .local_memory = 48 * KIB,   \
    .alignment = 512, .vector_bytes = 1, .timer = 1000, .no_fp16 = true

const limits_profile limits_profiles[] = {
    {AMD, .name = "amd-gfx803", .device = "gfx803", .board = "AMD Radeon RX 580 Series", .compute_units = 36,
     .wave = 64, .memory = 8 * GIB, .max_allocation = 8 * GIB * 85 / 100},
    {AMD, .name = "amd-gfx906", .device = "gfx906:sramecc+:xnack-", .board = "AMD Radeon Instinct MI50",
     .compute_units = 60, .wave = 64, .memory = 16 * GIB, .max_allocation = 16 * GIB * 85 / 100},
    /* RDNA's compute units are counted in pairs. */
    {AMD, .name = "amd-gfx1030", .device = "gfx1030", .board = "AMD Radeon RX 6800 XT", .compute_units = 36, .wave = 32,
     .memory = 16 * GIB, .max_allocation = 16 * GIB * 85 / 100},
    {AMD, .name = "amd-gfx1100", .device = "gfx1100", .board = "AMD Radeon RX 7900 XTX", .compute_units = 48,
     .wave = 32, .memory = 24 * GIB, .max_allocation = 24 * GIB * 85 / 100},

    {INTEL, .name = "intel-gen9", .platform = "Intel(R) OpenCL HD Graphics", .device = "Intel(R) UHD Graphics 630",
     .driver = "22.43.24595.35", .compute_units = 24, .unified = true, .work_group = 256, .memory = 12 * GIB,
     .max_allocation = 4 * GIB - 64 * KIB, .timer = 83},
    {INTEL, .name = "intel-gen12", .platform = "Intel(R) OpenCL Graphics", .device = "Intel(R) Iris(R) Xe Graphics",
     .driver = "23.35.27191.42", .compute_units = 96, .unified = true, .work_group = 512, .memory = 12 * GIB,
     .max_allocation = 4 * GIB - 64 * KIB, .timer = 52, .no_fp64 = true},
    /* Kernels with large registers have half the work-items. */
    {INTEL, .name = "intel-xe-hpg", .platform = "Intel(R) OpenCL Graphics", .device = "Intel(R) Arc(TM) A770 Graphics",
     .driver = "23.35.27191.42", .compute_units = 512, .work_group = 1024, .kernel_work_group = 512, .memory = 16 * GIB,
     .max_allocation = 4 * GIB - 64 * KIB, .timer = 52, .no_fp64 = true},

    {NVIDIA, .name = "nvidia-sm75", .device = "NVIDIA GeForce RTX 2080 Ti", .compute_units = 68,
     .compute_capability = 75, .memory = 11 * GIB, .max_allocation = 11 * GIB / 4},
    {NVIDIA, .name = "nvidia-sm80", .device = "NVIDIA A100-SXM4-40GB", .compute_units = 108, .compute_capability = 80,
     .memory = 40 * GIB, .max_allocation = 10 * GIB},
    {NVIDIA, .name = "nvidia-sm90", .device = "NVIDIA H100 PCIe", .compute_units = 114, .compute_capability = 90,
     .memory = 80 * GIB, .max_allocation = 20 * GIB},

    /* A work-group that is no power of two, sides that are shorter than it, kernels that allow less. */
    {.name = "arm-mali",
     .platform = "ARM Platform",
     .platform_vendor = "ARM",
     .platform_version = "OpenCL 2.0 v1.r9p0-01rel0",
     .device = "Mali-G71",
     .vendor = "ARM",
     .vendor_id = 0x60a00002,
     .driver = "2.0",
     .version = "OpenCL 2.0 v1.r9p0-01rel0",
     .compute_units = 8,
     .unified = true,
     .work_group = 384,
     .kernel_work_group = 192,
     .work_items = {256, 256, 256},
     .wave = 4,
     .local_memory = 32 * KIB,
     .local_memory_global = true,
     .memory = 4 * GIB,
     .max_allocation = 4 * GIB,
     .alignment = 128,
     .vector_bytes = 16,
     .timer = 1000,
     .no_fp64 = true},
    {.name = "apple-m1",
     .platform = "Apple",
     .platform_vendor = "Apple",
     .platform_version = "OpenCL 1.2 (May  8 2021 03:14:28)",
     .device = "Apple M1",
     .vendor = "Apple",
     .vendor_id = 0x1027f00,
     .driver = "1.2 1.0",
     .version = "OpenCL 1.2 ",
     .compute_units = 8,
     .unified = true,
     .work_group = 256,
     .wave = 32,
     .local_memory = 32 * KIB,
     .memory = 10922 * MIB,
     .max_allocation = 2 * GIB,
     .alignment = 4096,
     .vector_bytes = 1,
     .timer = 1000,
     .no_fp64 = true,
     .no_fp16 = true,
     .no_out_of_order = true,
     .no_denormals = true},
    {.name = "qualcomm-adreno",
     .platform = "QUALCOMM Snapdragon(TM)",
     .platform_vendor = "QUALCOMM",
     .platform_version = "OpenCL 3.0 QUALCOMM build: commit unknown",
     .device = "QUALCOMM Adreno(TM) 750",
     .vendor = "QUALCOMM",
     .vendor_id = 0x5143,
     .driver = "OpenCL 3.0 QUALCOMM build: commit unknown Compiler E031.45.02.06",
     .version = "OpenCL 3.0 Adreno(TM) 750",
     .compute_units = 6,
     .unified = true,
     .work_group = 1024,
     .kernel_work_group = 128,
     .builds_for_group = true,
     .wave = 64,
     .local_memory = 32 * KIB,
     .memory = 6 * GIB,
     .max_allocation = 1 * GIB,
     .alignment = 128,
     .vector_bytes = 1,
     .timer = 1000,
     .no_fp64 = true,
     .no_denormals = true,
     .no_fma = true},

    /* One restriction each, on a graphics card of no vendor. */
    {.name = "group-1", .device = "group-1", .work_group = 1, .vector_bytes = 4},
    {.name = "group-64", .device = "group-64", .work_group = 64, .wave = 64, .vector_bytes = 4},
    {.name = "local-16k", .device = "local-16k", .work_group = 256, .local_memory = 16 * KIB, .vector_bytes = 4},
    {.name = "small-memory",
     .device = "small-memory",
     .memory = 256 * MIB,
     .max_allocation = 64 * MIB,
     .vector_bytes = 4},
};

const size_t limits_profile_count = sizeof limits_profiles / sizeof limits_profiles[0];

const limits_profile *limits_profile_find(const char *name)
{
    for (size_t i = 0; i < limits_profile_count; i++)
        if (strcmp(limits_profiles[i].name, name) == 0) return &limits_profiles[i];
    return NULL;
}
