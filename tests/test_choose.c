/* One piece of hardware through several drivers, and drivers that are not to be chosen. */
#include "device/choose.h"
#include "device/quirks.h"
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AMD_PLATFORM "AMD Accelerated Parallel Processing"
#define POCL         "Portable Computing Language"
#define DISCRETE     TSR_DEVICE_DISCRETE_GPU
#define CPU          TSR_DEVICE_CPU
#define AMD          TSR_VENDOR_AMD
#define INTEL        TSR_VENDOR_INTEL
#define OTHER        TSR_VENDOR_OTHER

/* Candidates as the loader would list them; `where` stands for the platform's identity. */
typedef struct listed {
    int where;
    const char *platform, *name, *driver;
    tsr_vendor vendor;
    tsr_device_type type;
    uint32_t units;
    const char *pci;
} listed;

static char platforms[8];

static size_t make_candidates(const listed *list, size_t count, tsr_candidate *candidates)
{
    for (size_t i = 0; i < count; i++) {
        const listed *l = &list[i];
        tsr_device_info info = {.vendor_kind = l->vendor, .type = l->type, .compute_units = l->units};
        snprintf(info.platform, sizeof info.platform, "%s", l->platform);
        snprintf(info.name, sizeof info.name, "%s", l->name);
        snprintf(info.driver, sizeof info.driver, "%s", l->driver);
        snprintf(info.pci, sizeof info.pci, "%s", l->pci ? l->pci : "");
        tsr_quirks_apply(&info);
        candidates[i] = (tsr_candidate){.platform = (cl_platform_id)(void *)&platforms[l->where], .info = info};
    }
    tsr_find_duplicates(candidates, count);
    return count;
}

/* `same` holds the expected same_as of each. */
static void check_choice(const listed *list, size_t count, size_t expected, const int *same)
{
    tsr_candidate candidates[8];
    size_t chosen = 99;
    make_candidates(list, count, candidates);
    unsetenv("TESSERA_DEVICE");
    check_ok(tsr_choose(candidates, count, NULL, &chosen));
    ck_assert_uint_eq(chosen, expected);
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(candidates[i].info.same_as == same[i], "device %zu is the same as %d", i,
                      (int)candidates[i].info.same_as);
}

#define ROCM_CARD(units, pci)                                                                                          \
    {                                                                                                                  \
        1, AMD_PLATFORM, "gfx1032", "3635.0 (HSA1.1,LC)", AMD, DISCRETE, units, pci                                    \
    }
#define RUSTICL_CARD(units, pci)                                                                                       \
    {                                                                                                                  \
        2, "rusticl", "AMD Radeon RX 6600", "24.0.5", AMD, DISCRETE, units, pci                                        \
    }
#define CLOVER_CARD(units, pci)                                                                                        \
    {                                                                                                                  \
        3, "Clover", "AMD Radeon RX 6600", "24.0.5", AMD, DISCRETE, units, pci                                         \
    }
#define CLVK_CARD(units, pci)                                                                                          \
    {                                                                                                                  \
        4, "clvk", "AMD Radeon RX 6600", "1", AMD, DISCRETE, units, pci                                                \
    }
#define POCL_CPU(units)                                                                                                \
    {                                                                                                                  \
        5, POCL, "pthread-znver3", "3.1+debian", AMD, CPU, units, NULL                                                 \
    }
#define INTEL_CPU(units)                                                                                               \
    {                                                                                                                  \
        6, "Intel(R) OpenCL", "AMD EPYC", "2026.22.10", INTEL, CPU, units, NULL                                        \
    }
#define LLVMPIPE                                                                                                       \
    {                                                                                                                  \
        2, "rusticl", "llvmpipe", "22.3.6", OTHER, TSR_DEVICE_SOFTWARE, 8, NULL                                        \
    }

START_TEST(one_card_through_several_drivers)
{
    /* By its address, though one driver counts half the compute units; the maker's driver comes first. */
    check_choice((const listed[]){RUSTICL_CARD(28, "0000:03:00.0"), ROCM_CARD(14, "0000:03:00.0")}, 2, 1,
                 (int[]){1, -1});
    /* Two cards, told apart by their addresses. */
    check_choice((const listed[]){RUSTICL_CARD(28, "0000:04:00.0"), RUSTICL_CARD(28, "0000:03:00.0"),
                                  ROCM_CARD(28, "0000:03:00.0")},
                 3, 0, (int[]){-1, 2, -1});
    /* Without addresses: by vendor, type and units, in order. */
    check_choice((const listed[]){ROCM_CARD(28, "0000:03:00.0"), ROCM_CARD(28, "0000:04:00.0"), RUSTICL_CARD(28, NULL),
                                  RUSTICL_CARD(28, NULL), CLVK_CARD(30, NULL)},
                 5, 4, (int[]){-1, -1, 0, 1, -1});
    /* The order of drivers. */
    check_choice((const listed[]){CLOVER_CARD(28, NULL), CLVK_CARD(28, NULL), RUSTICL_CARD(28, NULL)}, 3, 2,
                 (int[]){2, 2, -1});
    check_choice((const listed[]){CLOVER_CARD(28, NULL), CLVK_CARD(28, NULL)}, 2, 1, (int[]){1, -1});
    /* One driver listed twice by the loader. */
    listed twice[] = {ROCM_CARD(28, "0000:03:00.0"), ROCM_CARD(28, "0000:03:00.0")};
    twice[1].where = 7;
    check_choice(twice, 2, 0, (int[]){-1, 0});
    /* Two equal cards of one platform are two. */
    check_choice((const listed[]){ROCM_CARD(28, NULL), ROCM_CARD(28, NULL)}, 2, 0, (int[]){-1, -1});
}
END_TEST

START_TEST(one_processor_through_several_drivers)
{
    check_choice((const listed[]){INTEL_CPU(8), POCL_CPU(4)}, 2, 1, (int[]){1, -1});
    check_choice((const listed[]){LLVMPIPE, INTEL_CPU(8)}, 2, 1, (int[]){1, -1});
    check_choice((const listed[]){LLVMPIPE, INTEL_CPU(8), POCL_CPU(8)}, 3, 2, (int[]){2, 2, -1});
    check_choice((const listed[]){POCL_CPU(8), ROCM_CARD(28, NULL)}, 2, 1, (int[]){-1, -1});
    check_choice((const listed[]){LLVMPIPE}, 1, 0, (int[]){-1});
}
END_TEST

START_TEST(duplicates_can_be_asked_for)
{
    tsr_candidate candidates[2];
    size_t chosen, count = make_candidates((const listed[]){INTEL_CPU(8), POCL_CPU(8)}, 2, candidates);
    check_ok(tsr_choose(candidates, count, "intel", &chosen));
    ck_assert_uint_eq(chosen, 0);
    check_ok(tsr_choose(candidates, count, "0", &chosen));
    ck_assert_uint_eq(chosen, 0);
}
END_TEST

/* UNUSABLE and AVOID. */
START_TEST(bad_drivers_are_not_chosen)
{
    static const listed old_pocl = {5, POCL, "pthread", "1.4", INTEL, CPU, 8, NULL};
    static const listed oclgrind = {7, "Oclgrind", "Oclgrind Simulator", "21.10", OTHER, CPU, 1, NULL};
    tsr_candidate candidates[2];
    size_t chosen;
    check_choice((const listed[]){CLOVER_CARD(28, NULL), POCL_CPU(2)}, 2, 1, (int[]){-1, -1});
    check_choice((const listed[]){old_pocl, INTEL_CPU(2)}, 2, 1, (int[]){1, -1});
    check_choice((const listed[]){oclgrind, POCL_CPU(2)}, 2, 1, (int[]){1, -1});
    check_choice((const listed[]){oclgrind, LLVMPIPE}, 2, 1, (int[]){1, -1});
    check_choice((const listed[]){oclgrind}, 1, 0, (int[]){-1});
    make_candidates((const listed[]){CLOVER_CARD(28, NULL), old_pocl}, 2, candidates);
    check_fails(tsr_choose(candidates, 2, NULL, &chosen), TSR_NOT_FOUND,
                "no device here is fit, unless you ask for one by its number or name, or install");
    ck_assert(strstr(tsr_last_error(), "0: Clover AMD Radeon RX 6600: Mesa's Clover") &&
              strstr(tsr_last_error(), "; 1: Portable Computing Language pthread: PoCL computes wrongly"));
    check_ok(tsr_choose(candidates, 2, "clover", &chosen));
    ck_assert_uint_eq(chosen, 0);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_add_test(tests, one_card_through_several_drivers);
    tcase_add_test(tests, one_processor_through_several_drivers);
    tcase_add_test(tests, duplicates_can_be_asked_for);
    tcase_add_test(tests, bad_drivers_are_not_chosen);
}

int main(void)
{
    return test_run("choose", add_tests);
}
