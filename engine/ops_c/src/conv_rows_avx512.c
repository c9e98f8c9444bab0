/* Requantization of rows for AVX-512: eight accumulators at a time in 64-bit lanes. */
#include "conv_internal.h"
#if defined(QD_X86)
#include "target_avx512.h"

typedef __m512i VEC;

static inline VEC eight(const int32_t *p) {
    return _mm512_cvtepi32_epi64(_mm256_loadu_si256((const __m256i *)p));
}

static inline VEC half(VEC n) { return _mm512_srli_epi64(_mm512_sllv_epi64(_mm512_set1_epi64(1), n), 1); }

/* v * 2^-n, half up; half away from zero takes one more from negative values where there is something to round. */
static inline VEC half_up(VEC v, VEC n) { return _mm512_srav_epi64(_mm512_add_epi64(v, half(n)), n); }

static inline VEC half_away(VEC v, VEC n) {
    const VEC zero = _mm512_setzero_si512();
    __mmask8 away = _mm512_cmplt_epi64_mask(v, zero) & _mm512_cmpgt_epi64_mask(n, zero);
    return half_up(_mm512_mask_sub_epi64(v, away, v, _mm512_set1_epi64(1)), n);
}

static inline VEC scaled(int32_t form, VEC p, VEC n) {
    if (form == FORM_MULTIPLIER_SHIFT) return half_up(p, n);
    if (form == FORM_HALF_AWAY) return half_away(p, n);
    VEC t = half_up(p, _mm512_set1_epi64(31));
    return half_away(_mm512_min_epi64(t, _mm512_set1_epi64(INT32_MAX)), n);
}

int64_t conv_rows_avx512(const requant_plain *plain, const int32_t *accumulators, int64_t from, int64_t count,
                         uint8_t *out) {
    const VEC low = _mm512_set1_epi64(plain->low), high = _mm512_set1_epi64(plain->high);
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        VEC p = _mm512_mul_epi32(eight(accumulators + i), eight(plain->multiplier + from + i));
        VEC v = scaled(plain->form, p, eight(plain->shift + from + i));
        v = _mm512_min_epi64(_mm512_max_epi64(v, low), high);
        _mm_storel_epi64((__m128i *)(out + i), _mm512_cvtepi64_epi8(v));
    }
    return i;
}

#include "target_end.h"
#endif
