/* The drivers of the matrix kernels: which rows meet which block of outputs. */
#include "gemm.h"

#include <stdlib.h>

enum { SEGMENTS = 128 };

/* Goes over the output pixels in order and knows where each one's window begins. */
typedef struct {
    const uint8_t *at, *start[3];        /* next pixel; starts of its line, plane, sample */
    ptrdiff_t step[4];                   /* to the next pixel, line, plane, sample */
    int64_t count[3], index[3];          /* along pixels, lines, planes */
} walk;

static walk walk_from(const conv_map *map, const int32_t stride[3], const int64_t result[3], ptrdiff_t offset) {
    walk w = {map->data + offset, {0}, {map->pixel * stride[2], map->line * stride[1], map->plane * stride[0],
              map->sample}, {result[2], result[1], result[0]}, {0, 0, 0}};
    for (int merged = 0; merged < 2; merged++) {  /* lines that follow without a gap are one long line */
        if (w.step[1] != w.step[0] * w.count[0] && w.count[1] != 1) break;
        w.count[0] *= w.count[1];
        w.count[1] = w.count[2];
        w.count[2] = 1;
        w.step[1] = w.step[2];
        w.step[2] = map->sample;
    }
    if (w.count[1] == 1 && w.count[2] == 1) {
        w.step[1] = w.step[2] = map->sample;
        w.count[1] = INT64_MAX;
        if (map->sample == w.step[0] * w.count[0]) w.count[0] = INT64_MAX;
    }
    for (int i = 0; i < 3; i++) w.start[i] = w.at;
    return w;
}

static void wrap(walk *w) {
    w->index[0] = 0;
    if (++w->index[1] < w->count[1]) {
        w->at = w->start[0] += w->step[1];
        return;
    }
    w->index[1] = 0;
    if (++w->index[2] < w->count[2]) {
        w->at = w->start[0] = w->start[1] += w->step[2];
        return;
    }
    w->index[2] = 0;
    w->at = w->start[0] = w->start[1] = w->start[2] += w->step[3];
}

static inline void take_rows(walk *w, gemm_tile *tile, int64_t rows) {
    for (int64_t i = 0; i < rows; i++) {
        tile->rows[i] = w->at;
        w->at += w->step[0];
        if (++w->index[0] == w->count[0]) wrap(w);
    }
}

/* The pieces of K that lie together: whole kernel lines where pixels follow without a gap, else taps. */
static int64_t find_segments(const conv_packed *packed, const conv_map *map, ptrdiff_t *segments,
                             ptrdiff_t *bytes) {
    const conv_geometry *g = &packed->geometry;
    ptrdiff_t tap = 4 * (ptrdiff_t)packed->tap_steps;
    int joined = g->kernel[2] > 1 && g->dilation[2] == 1 && g->groups == 1 && map->pixel == tap;
    int64_t count = 0;
    *bytes = joined ? tap * g->kernel[2] : tap;
    for (int64_t d = 0; d < g->kernel[0]; d++)
        for (int64_t h = 0; h < g->kernel[1]; h++)
            for (int64_t w = 0; w < (joined ? 1 : g->kernel[2]); w++)
                segments[count++] = d * g->dilation[0] * map->plane + h * g->dilation[1] * map->line +
                                    w * g->dilation[2] * map->pixel;
    return count;
}

static void finish_rows(const conv_packed *packed, const int32_t *accumulators, int64_t first, int32_t valid,
                        int64_t rows, uint8_t *out, int64_t out_stride) {
    for (int64_t i = 0; i < rows; i++)
        conv_requant_row(&packed->plain, accumulators + i * GEMM_OUTPUTS, first, valid,
                         out + i * out_stride + first);
}

/* All rows against one block of outputs; `first` is the block's first output. */
static void run_block(const conv_packed *packed, const gemm_kernel *kernels, int32_t most, walk at, gemm_tile *tile,
                      int64_t rows, int64_t first, uint8_t *out, int64_t out_stride) {
    int32_t accumulators[GEMM_ROWS * GEMM_OUTPUTS];
    int direct = packed->plain.form == FORM_INT32 || packed->fused;
    int64_t item = packed->plain.form == FORM_INT32 ? 4 : 1, tiles = (rows + most - 1) / most;
    for (int64_t i = 0; i < tiles; i++) {
        int64_t count = rows / tiles + (i < rows % tiles);
        take_rows(&at, tile, count);
        tile->out = direct ? out + first * item : (uint8_t *)accumulators;
        tile->out_stride = direct ? out_stride : GEMM_OUTPUTS * 4;
        kernels[count](tile);
        if (!direct) finish_rows(packed, accumulators, first, tile->valid, count, out, out_stride);
        out += count * out_stride;
    }
}

static void run_group(const conv_packed *packed, const gemm_table *table, int64_t group, walk at, gemm_tile *tile,
                      int64_t rows, const int32_t *bias, uint8_t *out, int64_t out_stride) {
    int64_t place = group * packed->padded_group, inside = 0;
    for (int32_t b = 0; b < packed->block_count; b++) {
        int32_t width = packed->block_width[b], outputs = width * packed->lanes;
        tile->weights = packed->panels + place * packed->steps * 4;
        tile->bias = bias + place;
        tile->even = packed->even + place;
        tile->odd = packed->odd + place;
        tile->valid = packed->out_group - inside < outputs ? (int32_t)(packed->out_group - inside) : outputs;
        run_block(packed, table->kernel[width], table->rows[width], at, tile, rows,
                  group * packed->out_group + inside, out, out_stride);
        place += outputs;
        inside += outputs;
    }
}

int gemm_run(const conv_packed *packed, const conv_map *map, const int64_t result[3], int is_signed,
             uint8_t *out, int64_t out_stride) {
    ptrdiff_t few[SEGMENTS], *segments = few;
    if (packed->taps > SEGMENTS) segments = malloc((size_t)packed->taps * sizeof *segments);
    if (!segments) return -1;
    gemm_tile tile = {.segments = segments, .low = packed->plain.low};
    tile.segment_count = find_segments(packed, map, segments, &tile.segment_bytes);
    tile.store = packed->plain.form == FORM_INT32 || !packed->fused ? STORE_INT32
                 : packed->plain.high == 127                             ? STORE_SIGNED
                                                                          : STORE_UNSIGNED;
    const gemm_table *table = gemm_find(packed->geometry.level, packed->wide);
    int64_t rows = map->samples * result[0] * result[1] * result[2];
    for (int64_t group = 0; group < packed->geometry.groups; group++) {
        ptrdiff_t offset = group * packed->in_group * (4 / packed->unit);
        run_group(packed, table, group, walk_from(map, packed->geometry.stride, result, offset), &tile, rows,
                  packed->packed_bias[is_signed], out, out_stride);
    }
    if (segments != few) free(segments);
    return 0;
}
