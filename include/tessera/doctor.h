/* What surrounds the library on a machine - loader, drivers, rights, caches, environment -, and what is wrong with it.
 */
#ifndef TESSERA_DOCTOR_H
#define TESSERA_DOCTOR_H

#include "tessera/device.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What became of a driver that was tried, in a process of its own: that is the caller's to do. */
typedef enum tsr_driver_outcome {
    TSR_DRIVER_UNTRIED,
    TSR_DRIVER_WORKS,
    TSR_DRIVER_BROKEN, /* its library cannot be loaded, for the reason in `problem` */
    TSR_DRIVER_CRASHES,
    TSR_DRIVER_HANGS
} tsr_driver_outcome;

/* A driver that the loader is to load. */
typedef struct tsr_driver {
    char file[512];    /* that names it: an .icd file, or the library itself */
    char library[512]; /* as it is named there; empty where the file cannot be read or names none */
    tsr_driver_outcome outcome;
    char problem[512]; /* with BROKEN, and with CRASHES where it ends the process itself: a sentence */
    bool bad_end;      /* it works, but the process did not end by itself, or not well, when all was done */
} tsr_driver;

/* The OpenCL loader and the drivers that it finds. */
typedef struct tsr_loader {
    char library[512]; /* path of libOpenCL in this process; empty where the system does not tell */
    char version[128]; /* from tsr_loader_version, if the caller has asked for it */
    char vendors[512]; /* where it looks for drivers: a directory, or a file */
    bool asked;        /* by the environment variable OCL_ICD_VENDORS, rather than by itself */
    tsr_driver *drivers;
    size_t driver_count;
} tsr_loader;

/* Reads what the loader would read, without loading a driver. Cleared with tsr_loader_clear. */
TSR_API tsr_status tsr_loader_describe(tsr_loader *loader);
TSR_API void tsr_loader_clear(tsr_loader *loader);

/* Loads a driver's library, which may crash or hang, to find out why the loader would not: TSR_NOT_FOUND with the
 * system's reason. */
TSR_API tsr_status tsr_driver_load(const char *library);

/* What the loader says of itself, such as "OpenCL ICD Loader 2.3.1"; false where it says nothing. Loads all drivers. */
TSR_API bool tsr_loader_version(char *text, size_t size);

/* A platform, whether it has devices or not. */
typedef struct tsr_platform {
    char name[128];   /* CL_PLATFORM_NAME */
    uint32_t devices; /* of any type */
} tsr_platform;

/* Every platform; *list is the caller's, freed with free(). None is no failure. Loads all drivers. */
TSR_API tsr_status tsr_platform_list(tsr_platform **list, size_t *count);

/* A file in /dev that a graphics card is used through. */
typedef struct tsr_node {
    char path[64];   /* such as "/dev/dri/renderD128" */
    char group[64];  /* to which it belongs */
    bool usable;     /* this user may read and write it */
    uint32_t vendor; /* PCI number of the card's maker, 0 where the system does not tell */
} tsr_node;

enum { TSR_NODES = 32 };

/* What else may matter. */
typedef struct tsr_surroundings {
    char groups[512]; /* of this user, with commas between */
    bool wsl;         /* the Windows Subsystem for Linux */
    tsr_node nodes[TSR_NODES];
    size_t node_count;
    char cache[512]; /* the directory of compiled kernels and tuning; empty where none can be named */
    bool cache_there, cache_private, cache_writable;
    uint32_t cache_mode;      /* permission bits */
    uint32_t cache_programs;  /* files of compiled kernels in it */
    uint32_t cache_tunings;   /* of tuning */
    uint32_t cache_leftovers; /* that processes which were ended left behind */
    uint64_t cache_bytes;     /* of all of them */
} tsr_surroundings;

TSR_API void tsr_surroundings_describe(tsr_surroundings *surroundings);

/* Environment variables that decide what the library or a driver does; *count names. */
TSR_API const char *const *tsr_environment_names(size_t *count);

/* What a device was found to do, in a process of its own. */
typedef struct tsr_device_trial {
    tsr_device_info info;
    bool chosen;
    bool complete;                 /* it came to the end */
    bool timed_out;                /* it did not, as the time was over */
    bool bad_end;                  /* it did, but the process did not end by itself, or not well, afterwards */
    uint32_t right, wrong, failed; /* implementations that plans or tunings take on it */
    char *errors;                  /* sentences and compilers' logs that were met on it; NULL: none */
    double flops;                  /* what it reaches; 0: not known */
} tsr_device_trial;

/* All that symptoms are seen in. Pointers may be NULL where their count is 0. */
typedef struct tsr_facts {
    const tsr_loader *loader;
    bool clash; /* no driver is bad alone, but a process that loads all of them does not live */
    const tsr_platform *platforms;
    size_t platform_count;
    const tsr_device_trial *trials;
    size_t trial_count;
    const tsr_surroundings *surroundings;
    const char *(*variable)(const char *name); /* the environment: NULL where a variable is not set */
    const char *errors;                        /* likewise, met on no device in particular */
} tsr_facts;

/* Something that is wrong, and what to do. */
typedef struct tsr_finding {
    const char *symptom; /* name of the row in the table (host/device/symptoms.c) */
    bool hint;           /* things work as they are; doing it would make them better */
    char text[1024];     /* what is seen, why, and what to do */
} tsr_finding;

/* What the table of symptoms says of the facts, the most important first; *findings is the caller's, freed with
 * free(). */
TSR_API tsr_status tsr_diagnose(const tsr_facts *facts, tsr_finding **findings, size_t *count);

#ifdef __cplusplus
}
#endif
#endif
