/* The pass that brings activations into the form the kernels read: padded, channels innermost, coded. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "conv_internal.h"

typedef struct {
    int64_t first, last;   /* input positions that lie inside the padded extent: first <= i < last */
    int64_t begin;         /* padded position of `first` */
    int64_t step;
} span;

static span inside(int64_t extent, int64_t size, int64_t pad, int64_t insert) {
    span s = {0, size, 0, insert};
    if (pad < 0) s.first = (-pad + insert - 1) / insert;
    int64_t room = extent - 1 - pad;
    int64_t limit = room < 0 ? 0 : room / insert + 1;
    if (limit < s.last) s.last = limit;
    if (s.last < s.first) s.last = s.first;
    s.begin = pad + s.first * insert;
    return s;
}

static void flip_run(uint8_t *to, const uint8_t *from, int64_t count, uint8_t flip) {
    if (!flip) {
        memcpy(to, from, (size_t)count);
        return;
    }
    for (int64_t i = 0; i < count; i++) to[i] = from[i] ^ flip;
}

/* Four planes of neighbouring pixels become pixels of four channels. */
static void weave(uint8_t *to, ptrdiff_t pixel, const uint8_t *const plane[4], int64_t count, uint8_t flip) {
    int64_t i = 0;
#ifdef __SSE2__
    const __m128i mask = _mm_set1_epi8((char)flip);
    for (; i + 16 <= count; i += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(plane[0] + i));
        __m128i b = _mm_loadu_si128((const __m128i *)(plane[1] + i));
        __m128i c = _mm_loadu_si128((const __m128i *)(plane[2] + i));
        __m128i d = _mm_loadu_si128((const __m128i *)(plane[3] + i));
        __m128i ab0 = _mm_unpacklo_epi8(a, b), ab1 = _mm_unpackhi_epi8(a, b);
        __m128i cd0 = _mm_unpacklo_epi8(c, d), cd1 = _mm_unpackhi_epi8(c, d);
        __m128i pixels[4] = {_mm_unpacklo_epi16(ab0, cd0), _mm_unpackhi_epi16(ab0, cd0),
                             _mm_unpacklo_epi16(ab1, cd1), _mm_unpackhi_epi16(ab1, cd1)};
        uint8_t block[64];
        uint8_t *target = pixel == 4 ? to + i * 4 : block;
        for (int k = 0; k < 4; k++)
            _mm_storeu_si128((__m128i *)(target + 16 * k), _mm_xor_si128(pixels[k], mask));
        if (pixel != 4)
            for (int k = 0; k < 16; k++) memcpy(to + (i + k) * pixel, block + 4 * k, 4);
    }
#endif
    for (; i < count; i++)
        for (int k = 0; k < 4; k++) to[i * pixel + k] = plane[k][i] ^ flip;
}

/* One line of `count` pixels; `to` is the first of them, `pixel` the distance of the map's pixels that are set;
 * `between`: whether what lies between their channels may be overwritten. */
static void line_bytes(uint8_t *to, ptrdiff_t pixel, const uint8_t *from, int64_t count, int64_t channels,
                       int64_t step_c, int64_t step_w, int between, uint8_t flip) {
    if (step_c == 1 && step_w == pixel && between) {
        if (count) flip_run(to, from, (count - 1) * pixel + channels, flip);
    } else if (step_c == 1 && channels >= 16) {
        for (int64_t w = 0; w < count; w++) flip_run(to + w * pixel, from + w * step_w, channels, flip);
    } else if (step_w == 1 && channels > 1) {
        int64_t c = 0;
        for (; c + 4 <= channels; c += 4) {
            const uint8_t *plane[4];
            for (int k = 0; k < 4; k++) plane[k] = from + (c + k) * step_c;
            weave(to + c, pixel, plane, count, flip);
        }
        if (channels - c == 3 && pixel >= c + 4 && between) {
            const uint8_t *plane[4];
            for (int k = 0; k < 4; k++) plane[k] = from + (c + (k < 3 ? k : 2)) * step_c;
            weave(to + c, pixel, plane, count, flip);
            c = channels;
        }
        for (; c < channels; c++)
            for (int64_t w = 0; w < count; w++) to[w * pixel + c] = from[c * step_c + w] ^ flip;
    } else if (step_c < step_w) {
        for (int64_t w = 0; w < count; w++)
            for (int64_t c = 0; c < channels; c++) to[w * pixel + c] = from[w * step_w + c * step_c] ^ flip;
    } else {
        for (int64_t c = 0; c < channels; c++)
            for (int64_t w = 0; w < count; w++) to[w * pixel + c] = from[w * step_w + c * step_c] ^ flip;
    }
}

#define WIDEN(type)                                                                                       \
    if (step_c == 1 && step_w == pixel && between) {                                                      \
        const type *values = (const type *)from;                                                          \
        int64_t all = count ? (count - 1) * pixel + channels : 0;                                         \
        for (int64_t i = 0; i < all; i++) to[i] = values[i];                                              \
    } else if (step_c == 1) {                                                                             \
        for (int64_t w = 0; w < count; w++) {                                                             \
            const type *values = (const type *)(from + w * step_w);                                       \
            for (int64_t c = 0; c < channels; c++) to[w * pixel + c] = values[c];                         \
        }                                                                                                 \
    } else {                                                                                              \
        for (int64_t c = 0; c < channels; c++)                                                            \
            for (int64_t w = 0; w < count; w++)                                                           \
                to[w * pixel + c] = *(const type *)(from + w * step_w + c * step_c);                      \
    }

static void line_wide(int16_t *to, ptrdiff_t pixel, const uint8_t *from, int64_t count, int64_t channels,
                      int64_t step_c, int64_t step_w, int between, int is_signed) {
    if (is_signed) {
        WIDEN(int8_t)
    } else {
        WIDEN(uint8_t)
    }
}

/* What is left of a plane, a line or a sample, after `visit` has told where the input's lines go. */
typedef struct {
    const conv_geometry *geometry;
    const conv_input *input;
    const conv_map *map;
    uint8_t *to;
    uint8_t flip;
    int wide;
    size_t item;
} pass;

static void blank(const pass *p, uint8_t *at, int64_t bytes) {
    if (bytes > 0) memset(at, p->wide ? 0 : p->flip, (size_t)bytes);
}

static void one_line(const pass *p, uint8_t *line, const uint8_t *from) {
    const conv_map *map = p->map;
    const int64_t *dims = p->input->dims, *strides = p->input->strides;
    span w = inside(map->extent[2], dims[4], p->geometry->pad_begin[2], p->geometry->insert[2]);
    int64_t count = w.last - w.first, channels = dims[1];
    if (w.step > 1 || !count) {
        blank(p, line, map->line);
    } else {
        blank(p, line, w.begin * map->pixel);
        int64_t end = (w.begin + count) * map->pixel;
        blank(p, line + end, map->line - end);
    }
    uint8_t *at = line + w.begin * map->pixel;
    from += w.first * strides[4];
    if (p->wide)
        line_wide((int16_t *)at, map->pixel * w.step / 2, from, count, channels, strides[1], strides[4],
                  w.step == 1, p->input->is_signed);
    else
        line_bytes(at, map->pixel * w.step, from, count, channels, strides[1], strides[4],
                   w.step == 1, p->flip);
}

static void one_plane(const pass *p, uint8_t *plane, const uint8_t *from) {
    const conv_map *map = p->map;
    span h = inside(map->extent[1], p->input->dims[3], p->geometry->pad_begin[1], p->geometry->insert[1]);
    for (int64_t y = 0; y < map->extent[1]; y++) {
        int64_t behind = y - h.begin, i = h.first + behind / h.step;
        if (behind < 0 || behind % h.step || i >= h.last)
            blank(p, plane + y * map->line, map->line);
        else
            one_line(p, plane + y * map->line, from + i * p->input->strides[3]);
    }
}

static void all(const pass *p, int64_t first) {
    const conv_map *map = p->map;
    span d = inside(map->extent[0], p->input->dims[2], p->geometry->pad_begin[0], p->geometry->insert[0]);
    for (int64_t n = 0; n < map->samples; n++) {
        uint8_t *sample = p->to + n * map->sample;
        const uint8_t *from = p->input->data + (first + n) * p->input->strides[0];
        for (int64_t z = 0; z < map->extent[0]; z++) {
            int64_t behind = z - d.begin, i = d.first + behind / d.step;
            if (behind < 0 || behind % d.step || i >= d.last)
                blank(p, sample + z * map->plane, map->plane);
            else
                one_plane(p, sample + z * map->plane, from + i * p->input->strides[2]);
        }
    }
}

void conv_copy_bytes(const conv_geometry *geometry, const conv_input *input, int64_t first, conv_map *map,
                     uint8_t *to, uint8_t flip) {
    pass p = {geometry, input, map, to, flip, 0, 1};
    all(&p, first);
    map->data = to;
}

void conv_copy_wide(const conv_geometry *geometry, const conv_input *input, int64_t first, conv_map *map,
                    int16_t *to) {
    pass p = {geometry, input, map, (uint8_t *)to, 0, 1, 2};
    all(&p, first);
    map->data = (const uint8_t *)to;
}
