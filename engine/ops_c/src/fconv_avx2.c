/* Float kernels for AVX2: a panel is two vectors; 6 rows by one panel fill the registers. */
#include "fconv.h"

#include "dispatch.h"
#if defined(QD_X86)
#include "target_avx2.h"

#define V __m256
#define LANES 8
#define VECTORS 2
#define ROWS 6
#define ZERO _mm256_setzero_ps()
#define SET _mm256_set1_ps
#define LOAD _mm256_loadu_ps
#define LOAD_PART(p, valid) ((valid) == LANES ? _mm256_loadu_ps(p) : _mm256_maskload_ps(p, lanes(valid)))
#define STORE _mm256_storeu_ps
#define STORE_PART(p, valid, v) _mm256_maskstore_ps(p, lanes(valid), v)
#define FMA _mm256_fmadd_ps
#define ADD _mm256_add_ps
#define MAX _mm256_max_ps
#define MIN _mm256_min_ps

static inline __m256i lanes(int64_t valid)
{
    const __m256i numbers = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)valid), numbers);
}

/* The steps of casts.inc, eight at a time. */
static inline V to_f16(V x)
{
    const __m256i bits = _mm256_castps_si256(x), all = _mm256_set1_epi32(0x7fffffff);
    const __m256i size = _mm256_and_si256(bits, all), sign = _mm256_xor_si256(bits, size);
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(size, 13), _mm256_set1_epi32(1));
    const __m256i low = _mm256_set1_epi32(0x1fff), infinity = _mm256_set1_epi32(0x7f800000);
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(size, _mm256_set1_epi32(0xfff)), even);
    const __m256i normal = _mm256_andnot_si256(low, up);
    const V shift = SET(0.75f);
    const __m256i small =
        _mm256_castps_si256(_mm256_sub_ps(_mm256_add_ps(_mm256_castsi256_ps(size), shift), shift));
    const __m256i quiet = _mm256_or_si256(_mm256_andnot_si256(low, size), _mm256_set1_epi32(0x400000));
    __m256i found = _mm256_blendv_epi8(normal, small, _mm256_cmpgt_epi32(_mm256_set1_epi32(0x38800000), size));
    found = _mm256_blendv_epi8(found, infinity, _mm256_cmpgt_epi32(size, _mm256_set1_epi32(0x477fefff)));
    found = _mm256_blendv_epi8(found, quiet, _mm256_cmpgt_epi32(size, infinity));
    return _mm256_castsi256_ps(_mm256_or_si256(found, sign));
}

static inline V to_bf16(V x)
{
    const __m256i bits = _mm256_castps_si256(x), high = _mm256_set1_epi32((int)0xffff0000u);
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i up = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), even);
    const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    return _mm256_castsi256_ps(_mm256_and_si256(_mm256_blendv_epi8(up, bits, nan), high));
}

#include "fconv.inc"

TILES(1, 6)

static void gemm(const float *a, int64_t lda, int64_t rows, int64_t k, int64_t n, const float *packed,
                 const fconv_finish *f, float *c, int64_t ldc)
{
    for (int64_t column = 0; column < n; column += FPANEL)
        strip_1(a, lda, rows, k, n, column, packed + column * k, f, c, ldc);
}

const fconv_kernels fconv_avx2 = {gemm, depthwise, sum};

#include "target_end.h"
#endif
