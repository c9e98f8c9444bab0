/* Padded depthwise layers without a padded copy: the inside reads the input where it lies, the edges a copy. */
#include <stdlib.h>

#include "depthwise.h"

enum { WORTH = 24 };  /* below this many columns or rows the copy of the whole is cheaper */

typedef struct {
    int64_t y0, y1, x0, x1;
} box;

/* Outputs [*from, *to) whose windows lie inside of `size` values. */
static void inside(const conv_geometry *g, int axis, int64_t size, int64_t count, int64_t *from, int64_t *to) {
    int64_t stride = g->stride[axis], pad = g->pad_begin[axis];
    int64_t room = size - 1 - (g->kernel[axis] - 1) * (int64_t)g->dilation[axis] + pad;
    *from = (pad + stride - 1) / stride;
    *to = room < 0 ? 0 : room / stride + 1;
    if (*to > count) *to = count;
    if (*to < *from) *to = *from;
}

static box inner_box(const conv_geometry *g, const conv_input *input, const int64_t result[3]) {
    box b;
    inside(g, 1, input->dims[3], result[1], &b.y0, &b.y1);
    inside(g, 2, input->dims[4], result[2], &b.x0, &b.x1);
    return b;
}

int depthwise_has_inside(const conv_packed *packed, const conv_input *input, const int64_t result[3]) {
    const conv_geometry *g = &packed->geometry;
    for (int i = 0; i < 3; i++)
        if (g->pad_begin[i] < 0 || g->pad_end[i] < 0) return 0;
    if (packed->kind != KIND_DEPTHWISE || g->kernel[0] != 1 || g->pad_begin[0] || g->pad_end[0]) return 0;
    box b = inner_box(g, input, result);
    return b.y1 - b.y0 >= WORTH && b.x1 - b.x0 >= WORTH;
}

static depthwise_target part(const depthwise_target *whole, box b) {
    depthwise_target t = *whole;
    t.out += b.y0 * t.line + b.x0 * t.pixel;
    t.rows = b.y1 - b.y0;
    t.columns = b.x1 - b.x0;
    return t;
}

/* The window's reach over `count` outputs. */
static int64_t extent(const conv_geometry *g, int axis, int64_t count) {
    return (count - 1) * g->stride[axis] + (g->kernel[axis] - 1) * (int64_t)g->dilation[axis] + 1;
}

static int run_edge(const conv_packed *packed, const conv_input *input, const depthwise_target *whole, box b) {
    if (b.y0 >= b.y1 || b.x0 >= b.x1) return 0;
    conv_geometry g = packed->geometry;
    g.pad_begin[1] -= (int32_t)(b.y0 * g.stride[1]);
    g.pad_begin[2] -= (int32_t)(b.x0 * g.stride[2]);
    int64_t padded[3] = {input->dims[2], extent(&g, 1, b.y1 - b.y0), extent(&g, 2, b.x1 - b.x0)};
    conv_map map = conv_copy_map(padded, input->dims[0], (g.channels + 3) / 4 * 4);
    uint8_t *scratch = malloc((size_t)(map.sample * map.samples + map.pixel + CONV_ALIGN));
    if (!scratch) return -1;
    conv_copy_bytes(&g, input, 0, &map, scratch, 0);
    depthwise_target target = part(whole, b);
    int failed = depthwise_run(packed, &map, &target, 0);
    free(scratch);
    return failed;
}

int depthwise_run_inside(const conv_packed *packed, const conv_input *input, const conv_map *map,
                         const int64_t result[3], uint8_t *out, int64_t out_stride) {
    const conv_geometry *g = &packed->geometry;
    depthwise_target whole = depthwise_whole(map->samples, result, out, out_stride);
    box b = inner_box(g, input, result);
    const box edges[4] = {{0, b.y0, 0, result[2]}, {b.y1, result[1], 0, result[2]},
                          {b.y0, b.y1, 0, b.x0}, {b.y0, b.y1, b.x1, result[2]}};
    for (int i = 0; i < 4; i++)
        if (run_edge(packed, input, &whole, edges[i])) return -1;
    conv_map from = *map;
    from.data += (b.y0 * g->stride[1] - g->pad_begin[1]) * map->line +
                 (b.x0 * g->stride[2] - g->pad_begin[2]) * map->pixel;
    depthwise_target target = part(&whole, b);
    return depthwise_run(packed, &from, &target, 0);
}
