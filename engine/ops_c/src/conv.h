/* Convolution, transposed convolution and matrix products: one prepared form, one call.
 *
 * Everything is seen as a 3-D convolution over [batch][channels][depth][height][width]; lower ranks have extents
 * of one, a transposed convolution is one over an input with zeros inserted, and a matrix product is a 1x1
 * convolution whose pixels are the rows. */
#ifndef QUANTDECK_CONV_H
#define QUANTDECK_CONV_H

#include <stdint.h>

/* cdef begin */
typedef struct {
    int32_t channels, outputs, groups;
    int32_t kernel[3], stride[3], dilation[3];
    int32_t insert[3];                   /* distance of input values after zeros are put between them; 1 = none */
    int32_t pad_begin[3], pad_end[3];    /* may be negative (crop) */
    int32_t level;                       /* as qd_level(): the instruction set to pack for */
    int32_t weight_unsigned;
    int64_t weight_strides[5];           /* bytes: output, channel within the group, depth, height, width */
} conv_geometry;

typedef struct {
    int32_t form;                        /* 0 int32 accumulators out, 1 multiplier and shift, 2 QDM, 3 half away */
    int32_t relu, out_signed;
    const int32_t *multiplier, *shift;   /* one per output */
} conv_requant;

typedef struct {
    const uint8_t *data;
    int32_t is_signed;
    int64_t slack;                       /* readable bytes after the last value */
    int64_t dims[5], strides[5];         /* batch, channel, depth, height, width; strides in bytes */
} conv_input;

typedef struct conv_packed conv_packed;

/* NULL when there is no memory. Weights, bias (NULL = zeros) and requant are copied. */
conv_packed *conv_pack(const conv_geometry *geometry, const conv_requant *requant, const void *weight,
                       const int32_t *bias);
void conv_free(conv_packed *packed);
/* The largest magnitude that an accumulator can reach: max over outputs of sum |w| * 255 + |bias|. */
int64_t conv_bound(const conv_packed *packed);
/* Whether unsigned activations can be read where they lie, if their memory suits. */
int conv_in_place(const conv_packed *packed);
/* "scalar", "gemm8", "gemm16" or "depthwise": the kernels that run this layer. */
const char *conv_kind(const conv_packed *packed);
/* Out: [batch][depth][height][width], pixels out_stride bytes apart, each `outputs` values of the result type.
 * Returns 0, or -1 when there is no memory. Safe to call from several threads with one `packed`. */
int conv_run(const conv_packed *packed, const conv_input *input, void *out, int64_t out_stride);
/* cdef end */

#endif
