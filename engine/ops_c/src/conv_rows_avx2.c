/* Requantization of rows for AVX2: four accumulators at a time in 64-bit lanes. */
#include <string.h>

#include "conv_internal.h"
#if defined(QD_X86)
#include "target_avx2.h"

typedef __m256i VEC;

static inline VEC four(const int32_t *p) { return _mm256_cvtepi32_epi64(_mm_loadu_si128((const __m128i *)p)); }

static inline VEC half(VEC n) { return _mm256_srli_epi64(_mm256_sllv_epi64(_mm256_set1_epi64x(1), n), 1); }

/* v >> n of signed values with logical shifts: both sides are raised by 2^63. */
static inline VEC right(VEC v, VEC n) {
    const VEC top = _mm256_set1_epi64x(INT64_MIN);
    return _mm256_sub_epi64(_mm256_srlv_epi64(_mm256_xor_si256(v, top), n), _mm256_srlv_epi64(top, n));
}

static inline VEC half_up(VEC v, VEC n) { return right(_mm256_add_epi64(v, half(n)), n); }

/* One more is taken from negative values where there is something to round. */
static inline VEC half_away(VEC v, VEC n) {
    const VEC zero = _mm256_setzero_si256();
    VEC away = _mm256_and_si256(_mm256_cmpgt_epi64(zero, v), _mm256_cmpgt_epi64(n, zero));
    return half_up(_mm256_add_epi64(v, away), n);
}

static inline VEC smaller(VEC a, VEC b) { return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b)); }
static inline VEC larger(VEC a, VEC b) { return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(b, a)); }

static inline VEC scaled(int32_t form, VEC p, VEC n) {
    if (form == FORM_MULTIPLIER_SHIFT) return half_up(p, n);
    if (form == FORM_HALF_AWAY) return half_away(p, n);
    VEC t = half_up(p, _mm256_set1_epi64x(31));
    return half_away(smaller(t, _mm256_set1_epi64x(INT32_MAX)), n);
}

static inline void store_bytes(uint8_t *out, VEC v) {
    const VEC lowest = _mm256_setr_epi8(0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
                                        -1, -1, 0, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    VEC bytes = _mm256_shuffle_epi8(v, lowest);
    int32_t all = _mm_cvtsi128_si32(
        _mm_or_si128(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1)));
    memcpy(out, &all, 4);
}

int64_t conv_rows_avx2(const requant_plain *plain, const int32_t *accumulators, int64_t from, int64_t count,
                       uint8_t *out) {
    const VEC low = _mm256_set1_epi64x(plain->low), high = _mm256_set1_epi64x(plain->high);
    int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
        VEC p = _mm256_mul_epi32(four(accumulators + i), four(plain->multiplier + from + i));
        VEC v = scaled(plain->form, p, four(plain->shift + from + i));
        store_bytes(out + i, smaller(larger(v, low), high));
    }
    return i;
}

#include "target_end.h"
#endif
