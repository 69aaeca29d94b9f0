#include "ops/clblast_parameters.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#ifdef TSR_WITH_CLBLAST
#include <clblast_c.h>

/* Work-groups of at most 256 and, but for the last direct set, 16 KiB of local memory. From few to many sums a
 * work-item, with local memory (SA, SB) and without, which suits caches. */
static const tsr_clblast_set sets[] = {
    {"XgemmDirect", "KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=1 VWND=1 WGD=8"},
    {"XgemmDirect", "KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=16"},
    {"XgemmDirect", "KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=1 PADB=1 VWMD=4 VWND=4 WGD=32"},
    {"XgemmDirect", "KWID=2 MDIMAD=16 MDIMCD=16 NDIMBD=16 NDIMCD=16 PADA=1 PADB=1 VWMD=2 VWND=2 WGD=32"},
    {"XgemmDirect", "KWID=2 MDIMAD=8 MDIMCD=8 NDIMBD=8 NDIMCD=8 PADA=0 PADB=0 VWMD=1 VWND=8 WGD=64"},
    {"Xgemm", "GEMMK=0 KREG=1 KWG=16 KWI=2 MDIMA=16 MDIMC=16 MWG=64 NDIMB=16 NDIMC=16 NWG=64 SA=1 SB=1 STRM=0 STRN=0 "
              "VWM=4 VWN=4"},
    {"Xgemm", "GEMMK=0 KREG=1 KWG=16 KWI=2 MDIMA=16 MDIMC=16 MWG=128 NDIMB=16 NDIMC=16 NWG=128 SA=1 SB=1 STRM=0 STRN=0 "
              "VWM=4 VWN=4"},
    {"Xgemm", "GEMMK=0 KREG=1 KWG=16 KWI=2 MDIMA=8 MDIMC=8 MWG=32 NDIMB=16 NDIMC=16 NWG=64 SA=1 SB=1 STRM=0 STRN=0 "
              "VWM=2 VWN=4"},
    {"Xgemm", "GEMMK=0 KREG=1 KWG=32 KWI=2 MDIMA=16 MDIMC=16 MWG=128 NDIMB=8 NDIMC=8 NWG=64 SA=0 SB=0 STRM=0 STRN=0 "
              "VWM=4 VWN=4"},
    {"Xgemm", "GEMMK=0 KREG=1 KWG=32 KWI=2 MDIMA=8 MDIMC=8 MWG=64 NDIMB=8 NDIMC=8 NWG=64 SA=0 SB=0 STRM=0 STRN=0 "
              "VWM=8 VWN=8"},
    {"GemmRoutine", "XGEMM_MIN_INDIRECT_SIZE=1"},
    {"GemmRoutine", "XGEMM_MIN_INDIRECT_SIZE=128"},
    {"GemmRoutine", "XGEMM_MIN_INDIRECT_SIZE=256"},
    {"GemmRoutine", "XGEMM_MIN_INDIRECT_SIZE=512"},
    {"GemmRoutine", "XGEMM_MIN_INDIRECT_SIZE=1024"},
    {"GemmRoutine", "XGEMM_MIN_INDIRECT_SIZE=1000000"},
    {NULL, NULL}};

/* Takes the copy of a set's text apart; returns how many parameters it has. */
static size_t take_apart(char *text, const char *names[], size_t values[], size_t most)
{
    size_t count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word && count < most; word = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(word, '=');
        *value = '\0';
        names[count] = word;
        values[count++] = strtoul(value + 1, NULL, 10);
    }
    return count;
}

tsr_status tsr_clblast_override(tsr_device *device, const char *kernel, const char *text)
{
    enum { MOST = 20 };
    const char *names[MOST];
    size_t values[MOST];
    const tsr_clblast_set *set = sets;
    while (set->kernel && (strcmp(set->kernel, kernel) != 0 || strcmp(set->text, text) != 0)) set++;
    if (!set->kernel)
        return tsr_fail(TSR_NOT_FOUND, "the stored parameters of CLBlast's %.40s are none that this version knows",
                        kernel);
    char *copy = tsr_copy_text(text);
    if (!copy) return tsr_fail_memory("CLBlast's parameters", strlen(text));
    size_t count = take_apart(copy, names, values, MOST);
    CLBlastStatusCode code =
        CLBlastOverrideParameters(device->id, kernel, CLBlastPrecisionSingle, count, names, values);
    free(copy);
    if (code != CLBlastSuccess)
        return tsr_fail(TSR_DEVICE, "CLBlast does not take parameters of its kernel %s on %s: code %d", kernel,
                        device->info.name, (int)code);
    return TSR_OK;
}
#else
static const tsr_clblast_set sets[] = {{NULL, NULL}};

tsr_status tsr_clblast_override(tsr_device *device, const char *kernel, const char *text)
{
    (void)device, (void)text;
    return tsr_fail(TSR_NOT_FOUND, "parameters of CLBlast's %.40s: this build of the library is without it", kernel);
}
#endif

tsr_status tsr_clblast_apply(tsr_device *device, const tsr_tuning *tuning)
{
    tsr_status status = TSR_OK;
    for (size_t i = 0; i < tuning->count && !status; i++) {
        const char *kernel = tsr_tuning_clblast_kernel(&tuning->entries[i]);
        if (kernel) status = tsr_clblast_override(device, kernel, tuning->entries[i].choice);
    }
    return status;
}

const tsr_clblast_set *tsr_clblast_sets(void)
{
    return sets;
}
