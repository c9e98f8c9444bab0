/* Preparing a layer and running it: geometry, choice of the kernels, memory. */
#include "conv.h"

#include <stdlib.h>
#include <string.h>

#include "conv_internal.h"

enum { CHUNK_BYTES = 32 << 20 };  /* samples are taken together while their padded copies stay below */

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

int32_t conv_weight(const conv_geometry *g, const uint8_t *weight, int64_t output, int64_t channel, int64_t tap) {
    int64_t w = tap % g->kernel[2], h = tap / g->kernel[2] % g->kernel[1], d = tap / g->kernel[2] / g->kernel[1];
    const int64_t *s = g->weight_strides;
    uint8_t value = weight[output * s[0] + channel * s[1] + d * s[2] + h * s[3] + w * s[4]];
    return g->weight_unsigned ? value : (int8_t)value;
}

static int64_t bound_of(const conv_packed *packed, const uint8_t *weight) {
    int64_t largest = 0;
    for (int64_t o = 0; o < packed->geometry.outputs; o++) {
        int64_t sum = 0;
        for (int64_t t = 0; t < packed->taps; t++)
            for (int64_t c = 0; c < packed->in_group; c++)
                sum += abs(conv_weight(&packed->geometry, weight, o, c, t));
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
    return 0;
}

static int pack(conv_packed *packed, const conv_requant *requant, const uint8_t *weight, const int32_t *bias) {
    const conv_geometry *g = &packed->geometry;
    packed->bias = conv_keep(packed, (size_t)g->outputs, sizeof(int32_t));
    if (!packed->bias || keep_requant(packed, requant)) return -1;
    if (bias) memcpy(packed->bias, bias, (size_t)g->outputs * sizeof(int32_t));
    packed->bound = bound_of(packed, weight);
    packed->kind = KIND_SCALAR;
    return conv_pack_scalar(packed, weight);
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

static conv_map copy_map(const int64_t padded[3], int64_t samples, int64_t pixel) {
    conv_map map = {NULL, 0, 0, 0, pixel, samples, {padded[0], padded[1], padded[2]}};
    map.line = padded[2] * map.pixel;
    map.plane = padded[1] * map.line;
    map.sample = padded[0] * map.plane;
    return map;
}

/* Bytes of one pixel in the padded copy: channels, rounded up as the kernels read them. */
static int64_t pixel_bytes(const conv_packed *packed) {
    return 2 * (int64_t)packed->geometry.channels;
}

static void run_chunk(const conv_packed *packed, const conv_input *input, int64_t first, conv_map *map,
                      const int64_t result[3], uint8_t *scratch, uint8_t *out, int64_t out_stride) {
    conv_copy_wide(&packed->geometry, input, first, map, (int16_t *)scratch);
    conv_run_scalar(packed, map, result, out, out_stride);
}

int conv_run(const conv_packed *packed, const conv_input *input, void *out, int64_t out_stride) {
    int64_t padded[3], result[3];
    conv_extents(&packed->geometry, input, padded, result);
    int64_t samples = input->dims[0], pixels = result[0] * result[1] * result[2];
    conv_map one = copy_map(padded, 1, pixel_bytes(packed));
    int64_t together = one.sample ? CHUNK_BYTES / one.sample : samples;
    if (together < 1) together = 1;
    if (together > samples) together = samples;
    uint8_t *raw = malloc((size_t)(one.sample * together) + CONV_SLACK + CONV_ALIGN);
    if (!raw) return -1;
    uint8_t *scratch = raw + (CONV_ALIGN - (uintptr_t)raw % CONV_ALIGN) % CONV_ALIGN;
    for (int64_t first = 0; first < samples; first += together) {
        int64_t count = samples - first < together ? samples - first : together;
        conv_map map = copy_map(padded, count, one.pixel);
        run_chunk(packed, input, first, &map, result, scratch, (uint8_t *)out + first * pixels * out_stride,
                  out_stride);
    }
    free(raw);
    return 0;
}
