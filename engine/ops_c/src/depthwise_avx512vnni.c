/* Depthwise kernels for AVX512-VNNI: 64 channels a block, 32 in the last where that is enough. */
#include <string.h>

#include "depthwise.h"
#if defined(QD_X86)
#include "target_avx512.h"

#define ROLLING 1

#include "depthwise_ymm.h"
#define NAME(x) narrow_##x
#define DOT _mm256_dpbusd_epi32
#define STORE(out, bytes, valid) \
    _mm256_mask_storeu_epi8(out, (__mmask32)((valid) >= 32 ? 0xFFFFFFFFu : (1u << (valid)) - 1), bytes)
#include "depthwise_dot.inc"

#undef NAME
#undef DOT
#undef STORE
#undef VEC
#undef LANES
#undef LOAD
#undef STORE_ALL
#undef LOW8
#undef HIGH8
#undef LOW16
#undef HIGH16
#undef MUL
#undef MOVE_DOWN
#undef MERGE
#undef PACKS32
#undef PACKS16
#undef PACKUS16
#undef MULHRS
#undef MAX8
#undef SET16
#undef SET8
#undef WEIGHT
#undef TAKE
#undef ADD
#undef BEGIN
#undef ROW

#define VEC __m512i
#define LANES 16
#define LOAD(p) _mm512_loadu_si512(p)
#define STORE_ALL(p, v) _mm512_storeu_si512(p, v)
#define LOW8 _mm512_unpacklo_epi8
#define HIGH8 _mm512_unpackhi_epi8
#define LOW16 _mm512_unpacklo_epi16
#define HIGH16 _mm512_unpackhi_epi16
#define MUL _mm512_mul_epi32
#define MOVE_DOWN(c) _mm512_srli_epi64(c, 32)
#define MERGE(even, odd) _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB)
#define PACKS32 _mm512_packs_epi32
#define PACKS16 _mm512_packs_epi16
#define PACKUS16 _mm512_packus_epi16
#define MULHRS _mm512_mulhrs_epi16
#define MAX8 _mm512_max_epi8
#define SET16 _mm512_set1_epi16
#define SET8 _mm512_set1_epi8
#define NAME(x) full_##x
#define DOT _mm512_dpbusd_epi32
#define STORE(out, bytes, valid) \
    _mm512_mask_storeu_epi8(out, (valid) >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << (valid)) - 1, bytes)
#include "depthwise_dot.inc"

const depthwise_table depthwise_avx512vnni = {4, narrow_generic, full_generic, narrow_rolling, full_rolling};

#include "target_end.h"
#endif
