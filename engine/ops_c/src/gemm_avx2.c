/* Matrix kernels for AVX2: 8 outputs a vector, two 16-bit values of K a step. Exact for all bytes. */
#include "gemm.h"
#if defined(QD_X86)
#include "target_avx2.h"

#define DOT(c, x, w) c = _mm256_add_epi32(c, _mm256_madd_epi16(x, w))
#include "gemm_ymm.h"
#include "gemm_ymm.inc"

const gemm_table gemm_avx2 = {LANES, 2, 2, TILES};

#include "target_end.h"
#endif
