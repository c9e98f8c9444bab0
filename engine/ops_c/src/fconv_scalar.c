/* Float kernels in plain C. */
#include <math.h>
#include <string.h>

#include "fconv.h"

#define V float
#define LANES 1
#define VECTORS 16
#define ROWS 4
#define ZERO 0.0f
#define SET(x) (x)
#define LOAD(p) (*(p))
#define LOAD_PART(p, valid) (*(p))
#define STORE(p, v) (*(p) = (v))
#define STORE_PART(p, valid, v) (*(p) = (v))
#define FMA fmaf
#define ADD(a, b) ((a) + (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

static inline int32_t bits_of(float x)
{
    int32_t bits;
    memcpy(&bits, &x, 4);
    return bits;
}

static inline float of_bits(int32_t bits)
{
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* The steps of casts.inc. */
static inline float to_f16(float x)
{
    const int32_t bits = bits_of(x), size = bits & 0x7fffffff, sign = bits ^ size;
    const int32_t normal = (int32_t)((uint32_t)size + 0xfffu + ((uint32_t)size >> 13 & 1u)) & ~0x1fff;
    int32_t found = size < 0x38800000 ? bits_of((of_bits(size) + 0.75f) - 0.75f) : normal;
    found = size >= 0x477ff000 ? 0x7f800000 : found;
    found = size > 0x7f800000 ? (size & ~0x1fff) | 0x400000 : found;
    return of_bits(found | sign);
}

static inline float to_bf16(float x)
{
    const int32_t bits = bits_of(x);
    const int32_t up = (int32_t)((uint32_t)bits + 0x7fffu + ((uint32_t)bits >> 16 & 1u));
    return of_bits((x != x ? bits : up) & ~0xffff);
}

#include "fconv.inc"

TILES(1, 4)

static void gemm(const float *a, int64_t lda, int64_t rows, int64_t k, int64_t n, const float *packed,
                 const fconv_finish *f, float *c, int64_t ldc)
{
    for (int64_t column = 0; column < n; column += FPANEL)
        strip_1(a, lda, rows, k, n, column, packed + column * k, f, c, ldc);
}

const fconv_kernels fconv_scalar = {gemm, depthwise, sum};
