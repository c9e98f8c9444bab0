/* The inner loops for the baseline of the architecture. */
#if !defined(__clang__)
#pragma GCC optimize("O3,no-trapping-math")
#endif
#define QD_DOUBLES 2
#define QD_TABLE qd_loops_scalar
#include "loops.inc"
