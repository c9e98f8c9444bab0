/* Packing and driving the depthwise kernels. */
#include "depthwise.h"

#include <stdlib.h>
#include <string.h>

enum { FULL = 64, NARROW = 32, STRIP = 64 };

const depthwise_table *depthwise_find(int32_t level, int wide) {
#if defined(QD_X86)
    if (level == QD_SCALAR) return NULL;
    if (wide || level == QD_AVX2) return &depthwise_avx2;
#if defined(DEPTHWISE_AVXVNNI)
    if (level == QD_AVXVNNI) return &depthwise_avxvnni;
#endif
    return level == QD_AVX512VNNI ? &depthwise_avx512vnni : &depthwise_avx2;
#else
    (void)level, (void)wide;
    return NULL;
#endif
}

/* Channels of the block that begins at `channel`. */
static int32_t block_size(const conv_packed *packed, const depthwise_table *table, int64_t channel) {
    return table->full && packed->geometry.channels - channel > NARROW ? FULL : NARROW;
}

/* The place of a lane's channel in its block of `size`: as unpacks leave it, or in order (16-bit pairs). */
static int64_t lane_channel(const depthwise_table *table, int32_t size, int64_t place) {
    int64_t lanes = size / 4, v = place / lanes, lane = place % lanes;
    return table->together == 2 ? place : lane / 4 * 16 + v * 4 + lane % 4;
}

static int32_t tap_value(const conv_geometry *g, const uint8_t *weight, int64_t channel, int64_t tap) {
    return conv_weight_at(g, weight + conv_tap_offset(g, channel, tap), 0);
}

static void put_weight(uint8_t *panel, int64_t index, int32_t together, int32_t value) {
    int16_t wide = (int16_t)value;
    if (together == 2)
        memcpy(panel + 2 * index, &wide, 2);
    else
        panel[index] = (uint8_t)value;
}

/* Generic order: [group of taps][lane][tap of the group]. */
static void pack_generic(const conv_packed *packed, const depthwise_table *table, const uint8_t *weight,
                         int64_t channel, int64_t place, int32_t size, uint8_t *panel) {
    for (int64_t t = 0; t < packed->taps; t++)
        put_weight(panel, (t / table->together * size + place) * table->together + t % table->together,
                   table->together, tap_value(&packed->geometry, weight, channel, t));
}

/* Rolling order: [kernel row][column of the pair][lane][four pixels]. */
static void pack_rolling(const conv_packed *packed, const uint8_t *weight, int64_t channel, int64_t place,
                         int32_t size, uint8_t *panel) {
    for (int64_t t = 0; t < 9; t++)
        for (int64_t column = 0; column < 2; column++)
            panel[((t / 3 * 2 + column) * size + place) * 4 + t % 3 + column] =
                (uint8_t)tap_value(&packed->geometry, weight, channel, t);
}

static void pack_lane(conv_packed *packed, const depthwise_table *table, const uint8_t *weight, int64_t first,
                      int64_t place, int32_t size) {
    int64_t channel = first + lane_channel(table, size, place), sum = 0;
    if (channel >= packed->geometry.channels) return;
    uint8_t *panel = packed->panels + first * packed->steps;
    if (packed->rolling)
        pack_rolling(packed, weight, channel, place, size, panel);
    else
        pack_generic(packed, table, weight, channel, place, size, panel);
    for (int64_t t = 0; t < packed->taps; t++) sum += tap_value(&packed->geometry, weight, channel, t);
    packed->packed_bias[0][first + place] = packed->bias[channel];
    packed->packed_bias[1][first + place] = (int32_t)((uint32_t)packed->bias[channel] - 128u * (uint32_t)sum);
    if (packed->fused) conv_keep_fused(packed, channel, first + place);
}

static int can_roll(const conv_packed *packed, const depthwise_table *table) {
    const conv_geometry *g = &packed->geometry;
    return table->rolling_narrow && packed->fused && g->kernel[0] == 1 && g->kernel[1] == 3 && g->kernel[2] == 3 &&
           g->stride[1] == 1 && g->stride[2] == 1 && g->dilation[1] == 1 && g->dilation[2] == 1;
}

int depthwise_pack(conv_packed *packed, const uint8_t *weight) {
    const depthwise_table *table = depthwise_find(packed->geometry.level, packed->wide);
    size_t channels = ((size_t)packed->geometry.channels + FULL - 1) / FULL * FULL;
    if (conv_pack_fused(packed, channels)) return -1;
    packed->rolling = can_roll(packed, table);
    packed->unit = table->together;
    packed->tap_steps = (packed->taps + table->together - 1) / table->together;
    packed->steps = packed->rolling ? 24 : packed->tap_steps * 4;  /* bytes of weights for one channel */
    packed->panels = conv_keep(packed, channels, (size_t)packed->steps);
    for (int i = 0; i < 2; i++) packed->packed_bias[i] = conv_keep(packed, channels, sizeof(int32_t));
    if (!packed->panels || !packed->packed_bias[0] || !packed->packed_bias[1]) return -1;
    for (int64_t first = 0; first < packed->geometry.channels;) {
        int32_t size = block_size(packed, table, first);
        for (int64_t place = 0; place < size; place++) pack_lane(packed, table, weight, first, place, size);
        first += size;
    }
    return 0;
}

static void find_taps(const conv_packed *packed, const conv_map *map, ptrdiff_t *taps) {
    const conv_geometry *g = &packed->geometry;
    int64_t count = 0, all = (int64_t)packed->tap_steps * packed->unit;
    for (int64_t d = 0; d < g->kernel[0]; d++)
        for (int64_t h = 0; h < g->kernel[1]; h++)
            for (int64_t w = 0; w < g->kernel[2]; w++)
                taps[count++] = d * g->dilation[0] * map->plane + h * g->dilation[1] * map->line +
                                w * g->dilation[2] * map->pixel;
    for (; count < all; count++) taps[count] = taps[0];  /* their weights are zero */
}

/* Where there is no vector form of the requantization: accumulators of a strip of pixels, then one by one. */
static void plain_line(const conv_packed *packed, const depthwise_table *table, depthwise_kernel kernel,
                       depthwise_block block, int64_t first, int32_t size) {
    int32_t strip[STRIP * FULL], row[FULL];
    uint8_t *out = block.out;
    int64_t columns = block.columns, item = packed->plain.form == FORM_INT32 ? 4 : 1, out_pixel = block.out_pixel;
    block.out = (uint8_t *)strip;
    block.out_pixel = 4 * size;
    block.rows = 1;
    for (int64_t x = 0; x < columns; x += STRIP) {
        block.columns = columns - x < STRIP ? columns - x : STRIP;
        kernel(&block);
        block.at += block.columns * block.pixel;
        for (int64_t i = 0; i < block.columns; i++, out += out_pixel) {
            for (int64_t place = 0; place < size; place++)
                row[lane_channel(table, size, place)] = strip[i * size + place];
            if (item == 4)
                memcpy(out, row, 4 * (size_t)block.valid);
            else
                conv_requant_row(&packed->plain, row, first, block.valid, out);
        }
    }
}

static void run_plane(const conv_packed *packed, const depthwise_table *table, const depthwise_block *plane,
                      const int32_t *bias) {
    int64_t item = packed->plain.form == FORM_INT32 ? 4 : 1;
    for (int64_t first = 0; first < packed->geometry.channels;) {
        int32_t size = block_size(packed, table, first);
        depthwise_block block = *plane;
        block.at += first;
        block.out += first * item;
        block.weights = packed->panels + first * packed->steps;
        block.bias = bias + first;
        block.even = packed->even + first;
        block.odd = packed->odd + first;
        block.valid = packed->geometry.channels - first < size ? (int32_t)(packed->geometry.channels - first) : size;
        depthwise_kernel kernel = packed->rolling ? (size == FULL ? table->rolling_full : table->rolling_narrow)
                                                  : (size == FULL ? table->full : table->narrow);
        if (block.store != STORE_INT32) {
            kernel(&block);
        } else {
            for (int64_t y = 0; y < plane->rows; y++) {
                plain_line(packed, table, kernel, block, first, size);
                block.at += block.line;
                block.out += block.out_line;
            }
        }
        first += size;
    }
}

depthwise_target depthwise_whole(int64_t samples, const int64_t result[3], uint8_t *out, int64_t out_stride) {
    depthwise_target target = {.out = out, .samples = samples, .planes = result[0], .rows = result[1],
                               .columns = result[2], .pixel = out_stride};
    target.line = target.columns * target.pixel;
    target.plane = target.rows * target.line;
    target.sample = target.planes * target.plane;
    return target;
}

int depthwise_run(const conv_packed *packed, const conv_map *map, const depthwise_target *target, int is_signed) {
    const conv_geometry *g = &packed->geometry;
    ptrdiff_t *taps = malloc((size_t)packed->tap_steps * (size_t)packed->unit * sizeof *taps);
    if (!taps) return -1;
    find_taps(packed, map, taps);
    depthwise_block plane = {.pixel = map->pixel * g->stride[2], .line = map->line * g->stride[1],
                             .columns = target->columns, .rows = target->rows, .taps = taps,
                             .groups = packed->tap_steps, .out_pixel = target->pixel, .out_line = target->line,
                             .low = packed->plain.low};
    plane.store = !packed->fused ? STORE_INT32 : packed->plain.high == 127 ? STORE_SIGNED : STORE_UNSIGNED;
    const depthwise_table *table = depthwise_find(g->level, packed->wide);
    for (int64_t n = 0; n < target->samples; n++)
        for (int64_t d = 0; d < target->planes; d++) {
            plane.at = map->data + n * map->sample + d * g->stride[0] * map->plane;
            plane.out = target->out + n * target->sample + d * target->plane;
            run_plane(packed, table, &plane, packed->packed_bias[is_signed]);
        }
    free(taps);
    return 0;
}
