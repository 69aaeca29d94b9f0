/* Kernels that are wrong on purpose: a copy of cl/ with something put into one of them, for TESSERA_KERNEL_PATH. */
#ifndef TSR_TESTS_POISON_H
#define TSR_TESTS_POISON_H

/* What is put in front of a kernel's own statements. */
#define POISON_WRONG "return;"
#define POISON_HANG  "for (volatile int i = 0; i >= 0; i = i ? 0 : 1) {}"
#define POISON_CRASH "*(volatile __global int *)4 = 1;"
#define POISON_SLOW  "for (volatile int i = 0; i < 300000; i++) {}"

/* "TESSERA_KERNEL_PATH=..." of a copy of the kernels in which `kernel` of `file` begins with `code`. Valid until the
 * next call. */
const char *poison_kernels(const char *file, const char *kernel, const char *code);
/* Does the same to another kernel of that copy. */
void poison_also(const char *file, const char *kernel, const char *code);

#endif
