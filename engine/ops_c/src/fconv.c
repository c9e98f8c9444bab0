/* Float convolutions: rows of patches, then the matrix kernels of the level in use. */
#include "fconv.h"

#include <stdlib.h>
#include <string.h>

#include "dispatch.h"

static const fconv_kernels *kernels_now(void)
{
#if defined(QD_X86)
    int level = qd_level();
    if (level == QD_AVX512VNNI)
        return &fconv_avx512;
    if (level >= QD_AVX2)
        return &fconv_avx2;
#endif
    return &fconv_scalar;
}

void qd_fpack(const void *w, int64_t k, int64_t n, int64_t stride_k, int64_t stride_n, void *packed)
{
    const float *from = w;
    float *to = packed;
    for (int64_t panel = 0; panel < n; panel += FPANEL)
        for (int64_t i = 0; i < k; i++)
            for (int64_t j = panel; j < panel + FPANEL; j++)
                *to++ = j < n ? from[i * stride_k + j * stride_n] : 0.0f;
}

static int64_t packed_size(int64_t k, int64_t n) { return (n + FPANEL - 1) / FPANEL * FPANEL * k; }

/* Rows whose patches stay in the second-level cache while the panels pass. */
static int64_t rows_at_once(int64_t k)
{
    int64_t rows = (1 << 16) / (k > 0 ? k : 1) / 24 * 24;
    return rows < 48 ? 48 : rows;
}

static void gemm(const float *a, int64_t lda, int64_t rows, int64_t k, int64_t n, const float *packed,
                 const fconv_finish *finish, float *c, int64_t ldc)
{
    const fconv_kernels *kernels = kernels_now();
    const int64_t block = rows_at_once(k);
    for (int64_t row = 0; row < rows; row += block)
        kernels->gemm(a + row * lda, lda, rows - row < block ? rows - row : block, k, n, packed, finish,
                      c + row * ldc, ldc);
}

void qd_fgemm(const void *a, int64_t row_stride, int64_t rows, int64_t k, int64_t n, const void *packed,
              const void *bias, int32_t relu, float limit, int32_t via, void *out, int64_t out_stride)
{
    const fconv_finish finish = {bias, relu, via, limit};
    gemm(a, row_stride, rows, k, n, packed, &finish, out, out_stride);
}

/* The input values under the kernel for one output pixel, as one row of length k. */
static void patch(const qd_fconv_shape *s, const float *image, int64_t y, int64_t x, int64_t count, float *row)
{
    for (int64_t ky = 0; ky < s->kernel_height; ky++) {
        const int64_t in_y = y * s->stride_y - s->pad_y + ky * s->step_y;
        for (int64_t kx = 0; kx < s->kernel_width; kx++, row += count) {
            const int64_t in_x = x * s->stride_x - s->pad_x + kx * s->step_x;
            if (in_y < 0 || in_y >= s->height || in_x < 0 || in_x >= s->width)
                memset(row, 0, (size_t)count * sizeof(float));
            else
                memcpy(row, image + (in_y * s->width + in_x) * s->channels, (size_t)count * sizeof(float));
        }
    }
}

static int is_pointwise(const qd_fconv_shape *s)
{
    return s->kernel_height == 1 && s->kernel_width == 1 && s->stride_y == 1 && s->stride_x == 1 &&
           s->out_height == s->height && s->out_width == s->width && s->pad_y == 0 && s->pad_x == 0;
}

int qd_fconv(const qd_fconv_shape *s, const void *x, const void *weights, const void *bias, void *out)
{
    const int64_t count = s->channels / s->group, n = s->outputs / s->group;
    const int64_t k = s->kernel_height * s->kernel_width * count, pixels = s->out_height * s->out_width;
    const int64_t block = rows_at_once(k);
    const int direct = is_pointwise(s);
    float *rows = direct ? NULL : malloc((size_t)(block * k + 1) * sizeof(float));
    if (!direct && !rows)
        return 1;
    for (int64_t g = 0; g < s->group; g++) {
        const float *packed = (const float *)weights + g * packed_size(k, n);
        const fconv_finish finish = {bias ? (const float *)bias + g * n : NULL, s->relu, s->via, s->limit};
        const float *image = (const float *)x + g * count;
        float *result = (float *)out + g * n;
        if (direct) {
            gemm(image, s->channels, s->batch * pixels, k, n, packed, &finish, result, s->outputs);
            continue;
        }
        for (int64_t b = 0; b < s->batch; b++, image += s->height * s->width * s->channels)
            for (int64_t first = 0; first < pixels; first += block) {
                const int64_t last = first + block < pixels ? first + block : pixels;
                for (int64_t p = first; p < last; p++)
                    patch(s, image, p / s->out_width, p % s->out_width, count, rows + (p - first) * k);
                gemm(rows, k, last - first, k, n, packed, &finish, result + (b * pixels + first) * s->outputs,
                     s->outputs);
            }
    }
    free(rows);
    return 0;
}

void qd_fdepthwise(const qd_fconv_shape *s, const void *x, const void *weights, const void *bias, void *out)
{
    const fconv_kernels *kernels = kernels_now();
    const fconv_finish finish = {bias, s->relu, s->via, s->limit};
    const int64_t in = s->height * s->width * s->channels, made = s->out_height * s->out_width * s->channels;
    for (int64_t b = 0; b < s->batch; b++)
        kernels->depthwise(s, (const float *)x + b * in, weights, &finish, (float *)out + b * made);
}

void qd_fsum(const void *a, const void *b, int64_t n, int32_t relu, float limit, int32_t via, void *out)
{
    const fconv_finish finish = {NULL, relu, via, limit};
    kernels_now()->sum(a, b, n, &finish, out);
}
