/* The inner loops for the target in the file's name. */
#include "dispatch.h"
#if defined(QD_X86)
#include "target_avx2.h"
#if !defined(__clang__)
#pragma GCC optimize("O3,no-trapping-math")
#endif
#define QD_DOUBLES 4
#define QD_TABLE qd_loops_avx2
#include "loops.inc"
#include "target_end.h"
#endif
