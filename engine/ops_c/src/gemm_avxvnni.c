/* Matrix kernels for AVX-VNNI: 8 outputs a vector, 4 bytes of K a step. */
#include "gemm.h"
#if defined(GEMM_AVXVNNI)
#include "target_avxvnni.h"

#define DOT(c, x, w) c = _mm256_dpbusd_avx_epi32(c, x, w)
#include "gemm_ymm.h"
#include "gemm_ymm.inc"

const gemm_table gemm_avxvnni = {LANES, 4, 2, TILES};

#include "target_end.h"
#endif
