/* Which instruction sets the CPU has and which one the kernels use. */
#ifndef QUANTDECK_DISPATCH_H
#define QUANTDECK_DISPATCH_H

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64) || defined(__i386__)
#define QD_X86 1
#endif

/* Levels in rising order; VBMI is no level but a feature beside the highest one. Levels of another architecture
 * get numbers of their own after these. */
enum { QD_SCALAR = 0, QD_AVX2 = 1, QD_AVXVNNI = 2, QD_AVX512VNNI = 3, QD_VBMI = 4 };

/* cdef begin */
int qd_best_level(void);
int qd_has_level(int level);
int qd_has_vbmi(void);
int qd_level(void);
int qd_set_level(int level);
/* cdef end */

#endif
