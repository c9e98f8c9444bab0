/* Preparing a layer and running it: geometry, choice of the kernels, memory. */
#include "conv.h"

#include <stdlib.h>
#include <string.h>

#include "conv_internal.h"
#include "depthwise.h"
#include "gemm.h"

enum { CHUNK_BYTES = 1 << 20 };  /* samples are taken together while their padded copies stay below */

void *conv_keep(conv_packed *packed, size_t count, size_t size) {
    if (size && count > (SIZE_MAX - CONV_SLACK - CONV_ALIGN) / size) return NULL;
    char *raw = malloc(count * size + CONV_SLACK + CONV_ALIGN);
    if (!raw) return NULL;
    packed->memory[packed->memory_count++] = raw;
    char *aligned = raw + (CONV_ALIGN - (uintptr_t)raw % CONV_ALIGN) % CONV_ALIGN;
    memset(aligned, 0, count * size + CONV_SLACK);
    return aligned;
}

void conv_free(conv_packed *packed) {
    if (!packed) return;
    for (int i = 0; i < packed->memory_count; i++) free(packed->memory[i]);
    free(packed);
}

static int64_t bound_of(const conv_packed *packed, const uint8_t *weight) {
    const conv_geometry *g = &packed->geometry;
    int64_t largest = 0;
    for (int64_t o = 0; o < g->outputs; o++) {
        int64_t sum = 0;
        for (int64_t t = 0; t < packed->taps; t++)
            for (int64_t c = 0; c < packed->in_group; c++)
                sum += abs(conv_weight_at(g, weight + conv_tap_offset(g, o, t), c));
        sum = sum * 255 + llabs((long long)packed->bias[o]);
        if (sum > largest) largest = sum;
    }
    return largest;
}

static int keep_requant(conv_packed *packed, const conv_requant *requant) {
    requant_plain *plain = &packed->plain;
    size_t outputs = (size_t)packed->geometry.outputs;
    plain->form = requant->form;
    plain->low = requant->out_signed && !requant->relu ? -128 : 0;
    plain->high = requant->out_signed ? 127 : 255;
    if (plain->form == FORM_INT32) return 0;
    plain->multiplier = conv_keep(packed, outputs, sizeof(int32_t));
    plain->shift = conv_keep(packed, outputs, sizeof(int32_t));
    if (!plain->multiplier || !plain->shift) return -1;
    memcpy(plain->multiplier, requant->multiplier, outputs * sizeof(int32_t));
    memcpy(plain->shift, requant->shift, outputs * sizeof(int32_t));
    plain->level = packed->geometry.level;
    for (size_t o = 0; o < outputs; o++)
        if (plain->shift[o] < 0) plain->level = QD_SCALAR;
    return 0;
}

static int above_127(const conv_packed *packed, const uint8_t *weight) {
    const conv_geometry *g = &packed->geometry;
    for (int64_t o = 0; g->weight_unsigned && o < g->outputs; o++)
        for (int64_t t = 0; t < packed->taps; t++)
            for (int64_t c = 0; c < packed->in_group; c++)
                if (conv_weight_at(g, weight + conv_tap_offset(g, o, t), c) > 127) return 1;
    return 0;
}

/* Sums that may leave int32 only fit the scalar path; weights above 127 need 16 bits. */
static int32_t choose(const conv_packed *packed) {
    const conv_geometry *g = &packed->geometry;
    const gemm_table *table = gemm_find(g->level, packed->wide);
    if (!table || packed->bound > INT32_MAX) return KIND_SCALAR;
    if (g->groups > 1 && packed->in_group == 1 && packed->out_group == 1) return KIND_DEPTHWISE;
    return table->unit == 2 ? KIND_GEMM16 : KIND_GEMM8;
}

static int pack(conv_packed *packed, const conv_requant *requant, const uint8_t *weight, const int32_t *bias) {
    const conv_geometry *g = &packed->geometry;
    packed->bias = conv_keep(packed, (size_t)g->outputs, sizeof(int32_t));
    if (!packed->bias || keep_requant(packed, requant)) return -1;
    if (bias) memcpy(packed->bias, bias, (size_t)g->outputs * sizeof(int32_t));
    packed->bound = bound_of(packed, weight);
    packed->wide = above_127(packed, weight);
    packed->kind = choose(packed);
    if (packed->kind == KIND_DEPTHWISE) return depthwise_pack(packed, weight);
    if (packed->kind == KIND_SCALAR) return conv_pack_scalar(packed, weight);
    return gemm_pack(packed, gemm_find(g->level, packed->wide), weight);
}

conv_packed *conv_pack(const conv_geometry *geometry, const conv_requant *requant, const void *weight,
                       const int32_t *bias) {
    conv_packed *packed = calloc(1, sizeof *packed);
    if (!packed) return NULL;
    packed->geometry = *geometry;
    packed->in_group = geometry->channels / geometry->groups;
    packed->out_group = geometry->outputs / geometry->groups;
    packed->taps = geometry->kernel[0] * geometry->kernel[1] * geometry->kernel[2];
    if (pack(packed, requant, weight, bias)) {
        conv_free(packed);
        return NULL;
    }
    return packed;
}

int64_t conv_bound(const conv_packed *packed) { return packed->bound; }

const char *conv_kind(const conv_packed *packed) {
    static const char *const names[] = {"scalar", "gemm8", "gemm16", "depthwise"};
    return names[packed->kind];
}

void conv_extents(const conv_geometry *g, const conv_input *input, int64_t padded[3], int64_t result[3]) {
    for (int i = 0; i < 3; i++) {
        int64_t size = input->dims[2 + i];
        padded[i] = (size ? (size - 1) * g->insert[i] + 1 : 0) + g->pad_begin[i] + g->pad_end[i];
        result[i] = (padded[i] - (g->kernel[i] - 1) * (int64_t)g->dilation[i] - 1) / g->stride[i] + 1;
    }
}

conv_map conv_copy_map(const int64_t padded[3], int64_t samples, int64_t pixel) {
    conv_map map = {NULL, 0, 0, 0, pixel, samples, {padded[0], padded[1], padded[2]}};
    map.line = padded[2] * map.pixel;
    map.plane = padded[1] * map.line;
    map.sample = padded[0] * map.plane;
    return map;
}

/* Bytes of one pixel in the padded copy: channels, rounded up as the kernels read them. */
static int64_t pixel_bytes(const conv_packed *packed) {
    int64_t channels = packed->geometry.channels;
    if (packed->kind == KIND_SCALAR) return 2 * channels;
    if (packed->kind == KIND_GEMM16) return (channels + 1) / 2 * 4;
    return (channels + 3) / 4 * 4;
}

/* Bytes after the last value that the kernels may read: a vector, and for pairs of columns one pixel more. */
static int64_t slack(const conv_packed *packed, int64_t pixel) {
    return CONV_ALIGN + (packed->kind == KIND_DEPTHWISE ? (pixel < 0 ? -pixel : pixel) : 0);
}

static int any_padding(const conv_geometry *g) {
    int any = 0;
    for (int i = 0; i < 3; i++) any |= g->pad_begin[i] | g->pad_end[i];
    return any != 0;
}

/* 8-bit codes as stored and nothing between them; around them only where the edges can be taken apart. */
int conv_in_place(const conv_packed *packed) {
    const conv_geometry *g = &packed->geometry;
    if (packed->kind == KIND_SCALAR || packed->kind == KIND_GEMM16) return 0;
    if (g->insert[0] != 1 || g->insert[1] != 1 || g->insert[2] != 1) return 0;
    return packed->kind == KIND_DEPTHWISE || !any_padding(g);
}

/* Unsigned, channels innermost, and enough to read behind the end. */
static int suits(const conv_packed *packed, const conv_input *input) {
    return !input->is_signed && input->slack >= slack(packed, input->strides[4]) &&
           (packed->geometry.channels == 1 || input->strides[1] == 1);
}

static conv_map input_map(const conv_input *input) {
    const int64_t *d = input->dims, *s = input->strides;
    conv_map map = {input->data, s[0], s[2], s[3], s[4], d[0], {d[2], d[3], d[4]}};
    return map;
}

static int run_map(const conv_packed *packed, const conv_map *map, const int64_t result[3], int is_signed,
                   uint8_t *out, int64_t out_stride) {
    if (packed->kind == KIND_DEPTHWISE) {
        depthwise_target target = depthwise_whole(map->samples, result, out, out_stride);
        return depthwise_run(packed, map, &target, is_signed);
    }
    if (packed->kind != KIND_SCALAR) return gemm_run(packed, map, result, is_signed, out, out_stride);
    conv_run_scalar(packed, map, result, out, out_stride);
    return 0;
}

/* Samples go through the padded copy in portions that stay in the cache or at least in bounds. */
static int run_copied(const conv_packed *packed, const conv_input *input, const int64_t padded[3],
                      const int64_t result[3], uint8_t *out, int64_t out_stride) {
    int64_t samples = input->dims[0], pixels = result[0] * result[1] * result[2];
    conv_map one = conv_copy_map(padded, 1, pixel_bytes(packed));
    int64_t together = CHUNK_BYTES / one.sample < 1 ? 1 : CHUNK_BYTES / one.sample;
    if (together > samples) together = samples;
    uint8_t *raw = malloc((size_t)(one.sample * together + slack(packed, one.pixel)) + CONV_ALIGN);
    if (!raw) return -1;
    uint8_t *scratch = raw + (CONV_ALIGN - (uintptr_t)raw % CONV_ALIGN) % CONV_ALIGN;
    int failed = 0;
    for (int64_t first = 0; first < samples && !failed; first += together) {
        conv_map map = conv_copy_map(padded, samples - first < together ? samples - first : together, one.pixel);
        if (packed->kind == KIND_SCALAR || packed->kind == KIND_GEMM16)
            conv_copy_wide(&packed->geometry, input, first, &map, (int16_t *)scratch);
        else
            conv_copy_bytes(&packed->geometry, input, first, &map, scratch, input->is_signed ? 0x80 : 0);
        failed = run_map(packed, &map, result, input->is_signed, out + first * pixels * out_stride, out_stride);
    }
    free(raw);
    return failed;
}

int conv_run(const conv_packed *packed, const conv_input *input, void *out, int64_t out_stride) {
    int64_t padded[3], result[3];
    conv_extents(&packed->geometry, input, padded, result);
    if (conv_in_place(packed) && suits(packed, input)) {
        conv_map map = input_map(input);
        if (!any_padding(&packed->geometry)) return run_map(packed, &map, result, 0, out, out_stride);
        if (depthwise_has_inside(packed, input, result))
            return depthwise_run_inside(packed, input, &map, result, out, out_stride);
    }
    return run_copied(packed, input, padded, result, out, out_stride);
}
