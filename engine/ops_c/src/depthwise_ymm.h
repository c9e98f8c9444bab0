/* The ymm vocabulary of the depthwise kernels; DOT and STORE come from the including file. */
#define VEC __m256i
#define LANES 8
#define LOAD(p) _mm256_loadu_si256((const __m256i *)(p))
#define STORE_ALL(p, v) _mm256_storeu_si256((__m256i *)(p), v)
#define LOW8 _mm256_unpacklo_epi8
#define HIGH8 _mm256_unpackhi_epi8
#define LOW16 _mm256_unpacklo_epi16
#define HIGH16 _mm256_unpackhi_epi16
#define MUL _mm256_mul_epi32
#define MOVE_DOWN(c) _mm256_srli_epi64(c, 32)
#define MERGE(even, odd) _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA)
#define PACKS32 _mm256_packs_epi32
#define PACKS16 _mm256_packs_epi16
#define PACKUS16 _mm256_packus_epi16
#define MULHRS _mm256_mulhrs_epi16
#define MAX8 _mm256_max_epi8
#define SET16 _mm256_set1_epi16
#define SET8 _mm256_set1_epi8

/* The first `valid` of 32 bytes, without masks. */
static inline void store_first(uint8_t *out, VEC bytes, int32_t valid) {
    if (valid >= 32) {
        STORE_ALL(out, bytes);
    } else {
        uint8_t kept[32];
        STORE_ALL(kept, bytes);
        memcpy(out, kept, (size_t)valid);
    }
}
