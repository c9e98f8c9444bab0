/* Matrix kernels for AVX512-VNNI: 16 outputs a vector, 4 bytes of K a step. */
#include "gemm.h"
#if defined(QD_X86)
#include <string.h>

#include "target_avx512.h"

typedef __m512i VEC;
#define LANES 16
#define STEP 64
#define LOAD(p) _mm512_loadu_si512(p)
#define DOT(c, x, w) c = _mm512_dpbusd_epi32(c, x, w)

static inline VEC spread(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}
#define SPREAD(p) spread(p)

/* high32(c * multiplier), even lanes and odd lanes apart: floor(2 * c * scale). */
static inline VEC scaled(VEC c, VEC even, VEC odd) {
    VEC p = _mm512_mul_epi32(c, even), q = _mm512_mul_epi32(_mm512_srli_epi64(c, 32), odd);
    return _mm512_mask_shuffle_epi32(q, 0x5555, p, _MM_PERM_DDBB);
}

/* (v + 1) >> 1 of four vectors, saturated to bytes, in the order of the outputs. */
static inline VEC halved(VEC a, VEC b) {
    return _mm512_mulhrs_epi16(_mm512_packs_epi32(a, b), _mm512_set1_epi16(0x4000));
}
static inline VEC in_order(VEC bytes) {
    const VEC order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, bytes);
}
#define UNSIGNED(a, b, c, d) in_order(_mm512_packus_epi16(halved(a, b), halved(c, d)))
#define SIGNED(a, b, c, d) \
    in_order(_mm512_max_epi8(_mm512_packs_epi16(halved(a, b), halved(c, d)), _mm512_set1_epi8((char)t->low)))

static inline uint64_t first_bits(int32_t count) {
    return count >= 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1;
}
/* Row `row + i` takes the bytes from i * 64 / rows on. */
static inline void put(const gemm_tile *t, int row, int real, int part, VEC bytes) {
    const uint64_t mask = first_bits(t->valid);
    for (int i = 0; i < real; i++)
        _mm512_mask_storeu_epi8(t->out + (row + i) * t->out_stride - i * part, mask << i * part, bytes);
}
#define PUT_1(row, real, bytes) put(t, row, real, 16, bytes)
#define PUT_2(row, real, bytes) put(t, row, real, 32, bytes)
#define PUT_3(row, real, bytes) put(t, row, real, 0, bytes)
#define PUT_4(row, real, bytes) put(t, row, real, 0, bytes)
#define PUT_INT32(row, n, c)                                                                         \
    _mm512_mask_storeu_epi32(t->out + row * t->out_stride + 64 * n,                                  \
                             (__mmask16)(first_bits(t->valid) >> 16 * n), c)

#include "gemm_zmm.inc"

const gemm_table gemm_avx512vnni = {LANES, 4, 4, TILES};

#include "target_end.h"
#endif
