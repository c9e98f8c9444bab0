/* 256-entry table by two permutes over 128 entries each and a blend on the top bit. */
#include "loops.h"

#include "dispatch.h"

#if defined(QD_X86)
#include "target_vbmi.h"

void qd_lookup_vbmi(const uint8_t *x, int64_t n, const uint8_t *table, uint8_t *out)
{
    const __m512i t0 = _mm512_loadu_si512(table), t1 = _mm512_loadu_si512(table + 64);
    const __m512i t2 = _mm512_loadu_si512(table + 128), t3 = _mm512_loadu_si512(table + 192);
    for (int64_t i = 0; i < n; i += 64) {
        const __mmask64 mask = n - i >= 64 ? ~(__mmask64)0 : ~(~(__mmask64)0 << (n - i));
        const __m512i v = _mm512_maskz_loadu_epi8(mask, x + i);
        const __m512i low = _mm512_permutex2var_epi8(t0, v, t1), high = _mm512_permutex2var_epi8(t2, v, t3);
        _mm512_mask_storeu_epi8(out + i, mask, _mm512_mask_blend_epi8(_mm512_movepi8_mask(v), low, high));
    }
}

#include "target_end.h"
#else
void qd_lookup_vbmi(const uint8_t *x, int64_t n, const uint8_t *table, uint8_t *out)
{
    qd_loops_scalar.lookup(x, n, table, out);
}
#endif
