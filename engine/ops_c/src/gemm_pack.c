/* Weights, biases and multipliers in the order in which the matrix kernels read them. */
#include <string.h>

#include "gemm.h"

const gemm_table *gemm_find(int32_t level, int wide) {
#if defined(QD_X86)
    if (level == QD_SCALAR) return NULL;
    if (wide || level == QD_AVX2) return &gemm_avx2;
#if defined(GEMM_AVXVNNI)
    if (level == QD_AVXVNNI) return &gemm_avxvnni;
#endif
    return level == QD_AVX512VNNI ? &gemm_avx512vnni : &gemm_avx2;
#else
    (void)level, (void)wide;
    return NULL;
#endif
}

/* Cuts the vectors of one group into blocks of nearly equal width. */
static int cut_blocks(conv_packed *packed, const gemm_table *table) {
    int32_t vectors = (packed->out_group + table->lanes - 1) / table->lanes;
    packed->block_count = (vectors + table->widest - 1) / table->widest;
    packed->block_width = conv_keep(packed, (size_t)packed->block_count, sizeof(int32_t));
    if (!packed->block_width) return -1;
    for (int32_t b = 0; b < packed->block_count; b++)
        packed->block_width[b] = vectors / packed->block_count + (b < vectors % packed->block_count);
    packed->padded_group = vectors * table->lanes;
    return 0;
}

/* One output's weights go to `to`, whose steps are `apart` units of 4 bytes from each other. */
static int32_t one_output(const conv_packed *packed, const uint8_t *weight, int64_t output, uint8_t *to,
                          ptrdiff_t apart) {
    const conv_geometry *g = &packed->geometry;
    int32_t sum = 0;
    for (int64_t t = 0; t < packed->taps; t++)
        for (int32_t c = 0; c < packed->in_group; c++) {
            int32_t value = conv_weight_at(g, weight + conv_tap_offset(g, output, t), c);
            uint8_t *step = to + (t * packed->tap_steps + c / packed->unit) * apart;
            sum += value;
            if (packed->unit == 4) {
                step[c % 4] = (uint8_t)value;
            } else {
                int16_t wide = (int16_t)value;
                memcpy(step + 2 * (c % 2), &wide, 2);
            }
        }
    return sum;
}

static void channel_values(conv_packed *packed, int64_t output, int64_t place, int32_t sum) {
    uint32_t bias = (uint32_t)packed->bias[output];
    packed->packed_bias[0][place] = (int32_t)bias;
    packed->packed_bias[1][place] = (int32_t)(packed->unit == 4 ? bias - 128u * (uint32_t)sum : bias);
    if (packed->fused) conv_keep_fused(packed, output, place);
}

int gemm_pack(conv_packed *packed, const gemm_table *table, const uint8_t *weight) {
    const conv_geometry *g = &packed->geometry;
    packed->unit = table->unit;
    packed->lanes = table->lanes;
    packed->tap_steps = (packed->in_group + packed->unit - 1) / packed->unit;
    packed->steps = packed->tap_steps * packed->taps;
    if (cut_blocks(packed, table)) return -1;
    size_t outputs = (size_t)g->groups * (size_t)packed->padded_group;
    if (conv_pack_fused(packed, outputs)) return -1;
    packed->panels = conv_keep(packed, outputs * (size_t)packed->steps, 4);
    for (int i = 0; i < 2; i++) packed->packed_bias[i] = conv_keep(packed, outputs, sizeof(int32_t));
    if (!packed->panels || !packed->packed_bias[0] || !packed->packed_bias[1]) return -1;
    for (int64_t group = 0; group < g->groups; group++) {
        int64_t place = group * packed->padded_group, inside = 0;
        for (int32_t b = 0; b < packed->block_count; b++) {
            int64_t width = (int64_t)packed->block_width[b] * packed->lanes;
            uint8_t *panel = packed->panels + place * packed->steps * 4;
            for (int64_t i = 0; i < width && inside + i < packed->out_group; i++) {
                int64_t output = group * packed->out_group + inside + i;
                int32_t sum = one_output(packed, weight, output, panel + 4 * i, width * 4);
                channel_values(packed, output, place + i, sum);
            }
            place += width;
            inside += width;
        }
    }
    return 0;
}
