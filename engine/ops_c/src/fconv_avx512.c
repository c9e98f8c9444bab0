/* Float kernels for AVX-512: a panel is one vector; 8 rows by 3 panels fill the registers. */
#include "fconv.h"

#include "dispatch.h"
#if defined(QD_X86)
#include "target_avx512.h"

#define V __m512
#define LANES 16
#define VECTORS 1
#define ROWS 12
#define ZERO _mm512_setzero_ps()
#define SET _mm512_set1_ps
#define LOAD _mm512_loadu_ps
#define MASK(valid) (__mmask16)((1u << (valid)) - 1u)
#define LOAD_PART(p, valid) ((valid) == LANES ? _mm512_loadu_ps(p) : _mm512_maskz_loadu_ps(MASK(valid), p))
#define STORE _mm512_storeu_ps
#define STORE_PART(p, valid, v) _mm512_mask_storeu_ps(p, MASK(valid), v)
#define FMA _mm512_fmadd_ps
#define ADD _mm512_add_ps
#define MAX _mm512_max_ps
#define MIN _mm512_min_ps

static inline V to_f16(V x) { return _mm512_cvtph_ps(_mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT)); }

static inline V to_bf16(V x)
{
    const __m512i bits = _mm512_castps_si512(x), high = _mm512_set1_epi32((int)0xffff0000u);
    const __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i up = _mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), even);
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    return _mm512_castsi512_ps(_mm512_and_si512(_mm512_mask_blend_epi32(nan, up, bits), high));
}

#include "fconv.inc"

TILES(1, 12)
TILES(2, 12)
TILES(3, 8)
TILES(4, 6)

static void gemm(const float *a, int64_t lda, int64_t rows, int64_t k, int64_t n, const float *packed,
                 const fconv_finish *f, float *c, int64_t ldc)
{
    int64_t panels = (n + FPANEL - 1) / FPANEL, column = 0;
    while (panels > 0) {
        const float *from = packed + column * k;
        /* Threes, and the rest without a strip of one. */
        const int64_t now = panels == 4 ? 4 : panels >= 5 || panels == 3 ? 3 : panels;
        if (now == 4)
            strip_4(a, lda, rows, k, n, column, from, f, c, ldc);
        else if (now == 3)
            strip_3(a, lda, rows, k, n, column, from, f, c, ldc);
        else if (now == 2)
            strip_2(a, lda, rows, k, n, column, from, f, c, ldc);
        else
            strip_1(a, lda, rows, k, n, column, from, f, c, ldc);
        panels -= now;
        column += now * FPANEL;
    }
}

const fconv_kernels fconv_avx512 = {gemm, depthwise, sum};

#include "target_end.h"
#endif
