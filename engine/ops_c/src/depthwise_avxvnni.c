/* Depthwise kernels for AVX-VNNI: 32 channels a block. The rolling form needs more than 16 registers. */
#include <string.h>

#include "depthwise.h"
#if defined(DEPTHWISE_AVXVNNI)
#include "target_avxvnni.h"

#include "depthwise_ymm.h"
#define NAME(x) narrow_##x
#define DOT _mm256_dpbusd_avx_epi32
#define STORE store_first
#include "depthwise_dot.inc"

const depthwise_table depthwise_avxvnni = {4, narrow_generic, NULL, NULL, NULL};

#include "target_end.h"
#endif
