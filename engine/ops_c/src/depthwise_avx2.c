/* Depthwise kernel for AVX2: two taps of a channel side by side as int16, 32 channels a block. Exact for all bytes;
 * vector v holds the channels from 8 v on. */
#include <string.h>

#include "depthwise.h"
#if defined(QD_X86)
#include "target_avx2.h"

#include "depthwise_ymm.h"

static inline VEC scaled(VEC c, const int32_t *even, const int32_t *odd) {
    return MERGE(MUL(c, LOAD(even)), MUL(MOVE_DOWN(c), LOAD(odd)));
}

static inline void put(const depthwise_block *b, uint8_t *out, VEC c0, VEC c1, VEC c2, VEC c3) {
    const VEC half = SET16(0x4000);
    VEC s0 = scaled(c0, b->even, b->odd), s1 = scaled(c1, b->even + 8, b->odd + 8);
    VEC s2 = scaled(c2, b->even + 16, b->odd + 16), s3 = scaled(c3, b->even + 24, b->odd + 24);
    VEC low = MULHRS(PACKS32(s0, s1), half), high = MULHRS(PACKS32(s2, s3), half);
    VEC bytes = b->store == STORE_SIGNED ? MAX8(PACKS16(low, high), SET8((char)b->low)) : PACKUS16(low, high);
    store_first(out, _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7)), b->valid);
}

static inline __m128i sixteen(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }

#define PAIR(c, unpacked, w) c = _mm256_add_epi32(c, _mm256_madd_epi16(_mm256_cvtepu8_epi16(unpacked), LOAD(w)))

static void generic(const depthwise_block *b) {
    for (int64_t y = 0; y < b->rows; y++) {
        const uint8_t *at = b->at + y * b->line;
        uint8_t *out = b->out + y * b->out_line;
        for (int64_t x = 0; x < b->columns; x++, at += b->pixel, out += b->out_pixel) {
            VEC c0 = LOAD(b->bias), c1 = LOAD(b->bias + 8), c2 = LOAD(b->bias + 16), c3 = LOAD(b->bias + 24);
            const uint8_t *w = b->weights;
            const ptrdiff_t *taps = b->taps;
            for (int64_t g = 0; g < b->groups; g++, taps += 2, w += 128) {
                __m128i p0 = sixteen(at + taps[0]), p1 = sixteen(at + taps[1]);
                __m128i q0 = sixteen(at + taps[0] + 16), q1 = sixteen(at + taps[1] + 16);
                PAIR(c0, _mm_unpacklo_epi8(p0, p1), w);
                PAIR(c1, _mm_unpackhi_epi8(p0, p1), w + 32);
                PAIR(c2, _mm_unpacklo_epi8(q0, q1), w + 64);
                PAIR(c3, _mm_unpackhi_epi8(q0, q1), w + 96);
            }
            if (b->store == STORE_INT32) {
                STORE_ALL(out, c0);
                STORE_ALL(out + 32, c1);
                STORE_ALL(out + 64, c2);
                STORE_ALL(out + 96, c3);
            } else {
                put(b, out, c0, c1, c2, c3);
            }
        }
    }
}

const depthwise_table depthwise_avx2 = {2, generic, NULL, NULL, NULL};

#include "target_end.h"
#endif
