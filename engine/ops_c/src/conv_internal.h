/* What the files of the convolution share. Not part of the Python interface. */
#ifndef QUANTDECK_CONV_INTERNAL_H
#define QUANTDECK_CONV_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "conv.h"
#include "dispatch.h"

enum { FORM_INT32, FORM_MULTIPLIER_SHIFT, FORM_QDM, FORM_HALF_AWAY };
enum { KIND_SCALAR, KIND_GEMM8, KIND_GEMM16, KIND_DEPTHWISE };
enum { STORE_INT32, STORE_UNSIGNED, STORE_SIGNED };  /* what a kernel writes */
enum { CONV_SLACK = 256, CONV_ALIGN = 64 };

/* Requantization of one accumulator, as the definition has it (spec C section 1.1). */
typedef struct {
    int32_t form, low, high;  /* the relu is in `low` */
    int32_t *multiplier, *shift;  /* one per output */
    int32_t level;                /* of the vector form; scalar where a shift goes left */
} requant_plain;

struct conv_packed {
    conv_geometry geometry;
    int32_t kind;
    int32_t wide;                        /* weights above 127: the 16-bit kernels */
    int32_t rolling;                     /* depthwise 3x3 by columns */
    int32_t in_group, out_group;         /* channels and outputs of one group */
    int32_t taps;
    int64_t bound;
    requant_plain plain;
    /* Vector form "A", used where all scales are below 1/4: out = (high32(acc * M) + 1) >> 1 with the multipliers
     * M = multiplier << (33 - shift), as they are and with odd places moved to even ones. */
    int32_t fused;
    int32_t *even, *odd;
    int32_t *bias;                       /* true bias, one per output */
    /* scalar: int16 [output][tap][channel of the group] */
    int16_t *values;
    /* gemm: panels; depthwise: blocks. Biases for unsigned and for stored signed (+128) activations. */
    uint8_t *panels;
    int32_t *packed_bias[2];
    int32_t unit;                        /* channels in one 4-byte step of K */
    int32_t tap_steps, steps;            /* 4-byte steps of one tap, of one output */
    int32_t lanes;                       /* int32 lanes of a vector */
    int32_t padded_group;                /* outputs of one group, rounded up to whole vectors */
    int32_t block_count;                 /* of one group */
    int32_t *block_width;                /* vectors in each block */
    void *memory[12];                    /* everything that conv_free gives back */
    int32_t memory_count;
};

/* A map whose bytes are laid out [sample][plane][line][pixel][channel]. */
typedef struct {
    const uint8_t *data;
    ptrdiff_t sample, plane, line, pixel;
    int64_t samples, extent[3];          /* padded extents */
} conv_map;

/* The layout of a padded copy. */
conv_map conv_copy_map(const int64_t padded[3], int64_t samples, int64_t pixel);
void *conv_keep(conv_packed *packed, size_t count, size_t size);
/* Extents after insertion and padding, and of the result. */
void conv_extents(const conv_geometry *geometry, const conv_input *input, int64_t padded[3], int64_t result[3]);

/* Copies samples [first, first + count) into a padded map, adding `flip` to the bits of every byte (0 or 0x80),
 * `fill` where the padding is; or, with wide, as int16 true values over zeros. */
void conv_copy_bytes(const conv_geometry *geometry, const conv_input *input, int64_t first, conv_map *map,
                     uint8_t *to, uint8_t flip);
void conv_copy_wide(const conv_geometry *geometry, const conv_input *input, int64_t first, conv_map *map,
                    int16_t *to);

void conv_requant_row(const requant_plain *plain, const int32_t *accumulators, int64_t from, int64_t count,
                      uint8_t *out);
void conv_store_exact(const requant_plain *plain, int64_t accumulator, int64_t output, void *out);

#if defined(QD_X86)
/* As many of the first results as fill whole vectors; returns their number. */
int64_t conv_rows_avx2(const requant_plain *plain, const int32_t *accumulators, int64_t from, int64_t count,
                       uint8_t *out);
int64_t conv_rows_avx512(const requant_plain *plain, const int32_t *accumulators, int64_t from, int64_t count,
                         uint8_t *out);
#endif

int conv_pack_scalar(conv_packed *packed, const uint8_t *weight);
void conv_run_scalar(const conv_packed *packed, const conv_map *map, const int64_t result[3], uint8_t *out,
                     int64_t out_stride);

/* Bytes from the first weight to that of an output and a tap. */
static inline int64_t conv_tap_offset(const conv_geometry *g, int64_t output, int64_t tap) {
    int64_t w = tap % g->kernel[2], line = tap / g->kernel[2];
    const int64_t *s = g->weight_strides;
    return output * s[0] + line / g->kernel[1] * s[2] + line % g->kernel[1] * s[3] + w * s[4];
}

static inline int32_t conv_weight_at(const conv_geometry *g, const uint8_t *tap, int64_t channel) {
    uint8_t value = tap[channel * g->weight_strides[1]];
    return g->weight_unsigned ? value : (int8_t)value;
}

/* Whether form "A" applies, and space for its multipliers: `count` of them. */
int conv_pack_fused(conv_packed *packed, size_t count);
void conv_keep_fused(conv_packed *packed, int64_t output, int64_t place);

#endif
