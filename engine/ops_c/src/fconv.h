/* Convolutions and matrix products in float32 whose sums have one fixed order (spec C.7).
 *
 * An output is a chain of fused multiply-adds over K from zero, in rising order: kernel row, kernel column,
 * channel; what lies outside of the input counts as zero. Then the bias is added, the result cut (ReLU and its
 * limit) and rounded to the grid of F16 or BF16. So every level and every blocking gives the same bits.
 * Activations lie with the channels innermost. Weights are packed in panels of 16 outputs: [panel][k][16]. */
#ifndef QUANTDECK_FCONV_H
#define QUANTDECK_FCONV_H

#include <stdint.h>

/* cdef begin */
typedef struct {
    int64_t batch, height, width, channels;           /* of the input, all groups */
    int64_t out_height, out_width, outputs;           /* of the result, all groups */
    int64_t kernel_height, kernel_width, group;
    int64_t stride_y, stride_x, pad_y, pad_x, step_y, step_x; /* step: dilation */
    int32_t relu, via;                                /* via: 0 F32, 1 F16, 2 BF16 */
    float limit;                                      /* of the ReLU; 0 or less: none */
} qd_fconv_shape;

/* 0, or 1 when there is no memory for a block of rows. weights: one packed matrix a group. */
int qd_fconv(const qd_fconv_shape *shape, const void *x, const void *weights, const void *bias, void *out);
/* One input channel an output; weights: [kernel row][kernel column][channel]. */
void qd_fdepthwise(const qd_fconv_shape *shape, const void *x, const void *weights, const void *bias, void *out);
/* Rows of *a* (row stride in elements) by a packed matrix of k rows and n columns. */
void qd_fgemm(const void *a, int64_t row_stride, int64_t rows, int64_t k, int64_t n, const void *packed,
              const void *bias, int32_t relu, float limit, int32_t via, void *out, int64_t out_stride);
/* a + b of n elements, cut and rounded as a product is. */
void qd_fsum(const void *a, const void *b, int64_t n, int32_t relu, float limit, int32_t via, void *out);
/* w: element (k, n) at k * stride_k + n * stride_n. packed: k * 16 * (n rounded up to 16, by 16). */
void qd_fpack(const void *w, int64_t k, int64_t n, int64_t stride_k, int64_t stride_n, void *packed);
/* cdef end */

enum { FPANEL = 16 };

typedef struct {
    const float *bias; /* or NULL */
    int relu, via;
    float limit;
} fconv_finish;

typedef struct {
    void (*gemm)(const float *a, int64_t lda, int64_t rows, int64_t k, int64_t n, const float *packed,
                 const fconv_finish *finish, float *c, int64_t ldc);
    void (*depthwise)(const qd_fconv_shape *shape, const float *image, const float *weights,
                      const fconv_finish *finish, float *out);
    void (*sum)(const float *a, const float *b, int64_t n, const fconv_finish *finish, float *out);
} fconv_kernels;

extern const fconv_kernels fconv_scalar, fconv_avx2, fconv_avx512;

#endif
