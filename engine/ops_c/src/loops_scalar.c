/* The inner loops for the baseline of the architecture. */
#if !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#define QD_TABLE qd_loops_scalar
#include "loops.inc"
