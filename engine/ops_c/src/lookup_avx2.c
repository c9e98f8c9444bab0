/* 256-entry table by sixteen byte shuffles: each answers for one upper half of the index, the others give 0. */
#include "loops.h"

#include "dispatch.h"

#if defined(QD_X86)
#include "target_avx2.h"

void qd_lookup_avx2(const uint8_t *x, int64_t n, const uint8_t *table, uint8_t *out)
{
    __m256i part[16];
    for (int k = 0; k < 16; k++)
        part[k] = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(table + 16 * k)));
    const __m256i fill = _mm256_set1_epi8(0x70);
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        const __m256i v = _mm256_loadu_si256((const __m256i *)(x + i));
        __m256i found = _mm256_setzero_si256();
        for (int k = 0; k < 16; k++) {
            /* upper half k: the index ends up in 0x70..0x7f, all others saturate to 0x80 and more */
            const __m256i own = _mm256_xor_si256(v, _mm256_set1_epi8((char)(k << 4)));
            found = _mm256_or_si256(found, _mm256_shuffle_epi8(part[k], _mm256_adds_epu8(own, fill)));
        }
        _mm256_storeu_si256((__m256i *)(out + i), found);
    }
    for (; i < n; i++)
        out[i] = table[x[i]];
}

#include "target_end.h"
#else
void qd_lookup_avx2(const uint8_t *x, int64_t n, const uint8_t *table, uint8_t *out)
{
    qd_loops_scalar.lookup(x, n, table, out);
}
#endif
