/* The inner loops for the target in the file's name. */
#include "dispatch.h"
#if defined(QD_X86)
#include "target_avx512.h"
#if !defined(__clang__)
#pragma GCC optimize("O3,no-trapping-math")
#endif
#define QD_DOUBLES 8
#define QD_TABLE qd_loops_avx512
#include "loops.inc"
#include "target_end.h"
#endif
