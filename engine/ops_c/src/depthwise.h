/* Convolution of every channel with its own window: a block of channels over one plane of output pixels. */
#ifndef QUANTDECK_DEPTHWISE_H
#define QUANTDECK_DEPTHWISE_H

#include "conv_internal.h"

typedef struct {
    const uint8_t *at;                   /* first tap of the first output, at the block's first channel */
    ptrdiff_t pixel, line;               /* bytes from output to output, line to line */
    int64_t columns, rows;
    const ptrdiff_t *taps;               /* offsets of the taps, in whole groups */
    int64_t groups;
    const uint8_t *weights;
    const int32_t *bias, *even, *odd;
    uint8_t *out;
    ptrdiff_t out_pixel, out_line;
    int32_t store;                       /* STORE_INT32: four vectors as they are */
    int32_t low, valid;
} depthwise_block;

typedef void (*depthwise_kernel)(const depthwise_block *);

/* Where the taps of one channel lie, see depthwise_dot.inc: four together or two, and the channel of a lane. */
typedef struct {
    int32_t together;                    /* taps in one 32-bit lane: 4 bytes or 2 int16 */
    depthwise_kernel narrow, full;       /* blocks of 32 and of 64 channels; full may be NULL */
    depthwise_kernel rolling_narrow, rolling_full;  /* 3x3 with stride 1; may be NULL */
} depthwise_table;

const depthwise_table *depthwise_find(int32_t level, int wide);
int depthwise_pack(conv_packed *packed, const uint8_t *weight);

/* A box of output pixels. */
typedef struct {
    uint8_t *out;
    int64_t samples, planes, rows, columns;
    ptrdiff_t sample, plane, line, pixel;  /* bytes */
} depthwise_target;

depthwise_target depthwise_whole(int64_t samples, const int64_t result[3], uint8_t *out, int64_t out_stride);
int depthwise_run(const conv_packed *packed, const conv_map *map, const depthwise_target *target, int is_signed);

/* Whether it pays to read the inside of a padded map where it lies and to copy only its edges; and that. */
int depthwise_has_inside(const conv_packed *packed, const conv_input *input, const int64_t result[3]);
int depthwise_run_inside(const conv_packed *packed, const conv_input *input, const conv_map *map,
                         const int64_t result[3], uint8_t *out, int64_t out_stride);

#if defined(QD_X86)
extern const depthwise_table depthwise_avx2, depthwise_avx512vnni;
#if defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11
#define DEPTHWISE_AVXVNNI 1
extern const depthwise_table depthwise_avxvnni;
#endif
#endif

#endif
