/* The reference path: plain C, every shape, sums in 64 bits. It decides what the other paths must give. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3")
#endif
#include <string.h>

#include "conv_internal.h"

enum { CHUNK = 16384 };  /* products of 255 * 255 that certainly fit 32 bits together */

static int64_t dot(const int16_t *x, const int16_t *w, int64_t count) {
    int64_t sum = 0;
    for (int64_t start = 0; start < count; start += CHUNK) {
        int64_t end = start + CHUNK < count ? start + CHUNK : count;
        int32_t part = 0;
        for (int64_t i = start; i < end; i++) part += (int32_t)x[i] * w[i];
        sum += part;
    }
    return sum;
}

int conv_pack_scalar(conv_packed *packed, const uint8_t *weight) {
    const conv_geometry *g = &packed->geometry;
    int64_t length = (int64_t)packed->taps * packed->in_group;
    packed->values = conv_keep(packed, (size_t)(g->outputs * length), sizeof(int16_t));
    if (!packed->values) return -1;
    int16_t *to = packed->values;
    for (int64_t o = 0; o < g->outputs; o++)
        for (int64_t t = 0; t < packed->taps; t++)
            for (int64_t c = 0; c < packed->in_group; c++)
                *to++ = (int16_t)conv_weight_at(g, weight + conv_tap_offset(g, o, t), c);
    return 0;
}

static void pixel_outputs(const conv_packed *packed, const conv_map *map, const uint8_t *at, uint8_t *out) {
    const conv_geometry *g = &packed->geometry;
    const int16_t *w = packed->values;
    for (int64_t o = 0; o < g->outputs; o++) {
        int64_t sum = packed->bias[o];
        const uint8_t *group = at + 2 * (o / packed->out_group) * packed->in_group;
        for (int64_t d = 0; d < g->kernel[0]; d++)
            for (int64_t h = 0; h < g->kernel[1]; h++)
                for (int64_t v = 0; v < g->kernel[2]; v++, w += packed->in_group)
                    sum += dot((const int16_t *)(group + d * g->dilation[0] * map->plane +
                                                 h * g->dilation[1] * map->line +
                                                 v * g->dilation[2] * map->pixel),
                               w, packed->in_group);
        conv_store_exact(&packed->plain, sum, o, out);
    }
}

void conv_run_scalar(const conv_packed *packed, const conv_map *map, const int64_t result[3], uint8_t *out,
                     int64_t out_stride) {
    const int32_t *stride = packed->geometry.stride;
    for (int64_t n = 0; n < map->samples; n++)
        for (int64_t d = 0; d < result[0]; d++)
            for (int64_t h = 0; h < result[1]; h++)
                for (int64_t w = 0; w < result[2]; w++, out += out_stride)
                    pixel_outputs(packed, map,
                                  map->data + n * map->sample + d * stride[0] * map->plane +
                                      h * stride[1] * map->line + w * stride[2] * map->pixel,
                                  out);
}
