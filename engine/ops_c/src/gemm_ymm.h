/* What the two ymm instruction sets share; each defines DOT before. Included after the target. */
#include <string.h>

typedef __m256i VEC;
#define LANES 8
#define STEP 32
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))

static inline VEC spread(const uint8_t *p) {
    int32_t four;
    memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}
#define SPREAD(p) spread(p)

/* high32(c * multiplier), even lanes and odd lanes apart: floor(2 * c * scale). */
static inline VEC scaled(VEC c, VEC even, VEC odd) {
    VEC p = _mm256_mul_epi32(c, even), q = _mm256_mul_epi32(_mm256_srli_epi64(c, 32), odd);
    return _mm256_blend_epi32(_mm256_srli_epi64(p, 32), q, 0xAA);
}

/* (v + 1) >> 1 of four vectors, saturated to bytes, in the order of the outputs. */
static inline VEC halved(VEC a, VEC b) {
    return _mm256_mulhrs_epi16(_mm256_packs_epi32(a, b), _mm256_set1_epi16(0x4000));
}
static inline VEC in_order(VEC bytes) {
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}
#define UNSIGNED(a, b, c, d) in_order(_mm256_packus_epi16(halved(a, b), halved(c, d)))
#define SIGNED(a, b, c, d) \
    in_order(_mm256_max_epi8(_mm256_packs_epi16(halved(a, b), halved(c, d)), _mm256_set1_epi8((char)t->low)))

static inline void put_part(const gemm_tile *t, int row, int size, const uint8_t *bytes) {
    uint8_t *to = t->out + row * t->out_stride;
    if (t->valid >= size)
        memcpy(to, bytes, (size_t)size);
    else
        memcpy(to, bytes, (size_t)t->valid);
}
static inline void put_1(const gemm_tile *t, int row, int real, VEC v) {
    uint8_t bytes[32];
    _mm256_storeu_si256((__m256i *)bytes, v);
    for (int i = 0; i < real; i++) put_part(t, row + i, 8, bytes + 8 * i);
}
static inline void put_half(const gemm_tile *t, int row, __m128i half) {
    uint8_t *to = t->out + row * t->out_stride;
    if (t->valid >= 16) {
        _mm_storeu_si128((__m128i *)to, half);
    } else {
        uint8_t bytes[16];
        _mm_storeu_si128((__m128i *)bytes, half);
        memcpy(to, bytes, (size_t)t->valid);
    }
}
static inline void put_2(const gemm_tile *t, int row, int real, VEC v) {
    put_half(t, row, _mm256_castsi256_si128(v));
    if (real > 1) put_half(t, row + 1, _mm256_extracti128_si256(v, 1));
}
#define PUT_1(row, real, bytes) put_1(t, row, real, bytes)
#define PUT_2(row, real, bytes) put_2(t, row, real, bytes)

static inline void put_int32(const gemm_tile *t, int row, int n, VEC c) {
    const VEC mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(t->valid - 8 * n),
                                        _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    _mm256_maskstore_epi32((int *)(t->out + row * t->out_stride + 32 * n), mask, c);
}
#define PUT_INT32(row, n, c) put_int32(t, row, n, c)
