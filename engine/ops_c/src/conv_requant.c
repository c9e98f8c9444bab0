/* Requantization as the chips define it (spec C section 1.1), one accumulator at a time. */
#include "conv_internal.h"

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

/* value * 2^-shift, half up or half away from zero; a negative shift goes left, saturated to int32 before. */
static int64_t shifted(int64_t value, int32_t shift, int away) {
    if (shift <= 0) return clamp(value, INT32_MIN, INT32_MAX) * ((int64_t)1 << -shift);
    return (value + ((int64_t)1 << (shift - 1)) - (away && value < 0)) >> shift;
}

static uint8_t finished(const requant_plain *plain, int32_t accumulator, int64_t output) {
    int64_t value = (int64_t)accumulator * plain->multiplier[output];
    int32_t shift = plain->shift[output];
    if (plain->form == FORM_QDM)
        value = shifted(clamp(shifted(value, 31, 0), INT32_MIN, INT32_MAX), shift, 1);
    else
        value = shifted(value, shift, plain->form == FORM_HALF_AWAY);
    return (uint8_t)clamp(value, plain->low, plain->high);
}

void conv_store_exact(const requant_plain *plain, int64_t accumulator, int64_t output, void *out) {
    int32_t saturated = (int32_t)clamp(accumulator, INT32_MIN, INT32_MAX);
    if (plain->form == FORM_INT32)
        ((int32_t *)out)[output] = saturated;
    else
        ((uint8_t *)out)[output] = finished(plain, saturated, output);
}

void conv_requant_row(const requant_plain *plain, const int32_t *accumulators, int64_t from, int64_t count,
                      uint8_t *out) {
    int64_t i = 0;
#if defined(QD_X86)
    if (plain->level == QD_AVX512VNNI)
        i = conv_rows_avx512(plain, accumulators, from, count, out);
    else if (plain->level != QD_SCALAR)
        i = conv_rows_avx2(plain, accumulators, from, count, out);
#endif
    for (; i < count; i++) out[i] = finished(plain, accumulators[i], from + i);
}

static int fits(const requant_plain *plain, int32_t outputs) {
    if (plain->form != FORM_MULTIPLIER_SHIFT) return 0;
    for (int32_t o = 0; o < outputs; o++) {
        int32_t up = 33 - plain->shift[o];
        int64_t size = plain->multiplier[o] < 0 ? -(int64_t)plain->multiplier[o] : plain->multiplier[o];
        if (size && (up < 0 || up > 31 || size << up > INT32_MAX)) return 0;
    }
    return 1;
}

int conv_pack_fused(conv_packed *packed, size_t count) {
    packed->fused = fits(&packed->plain, packed->geometry.outputs);
    packed->even = conv_keep(packed, count, sizeof(int32_t));
    packed->odd = conv_keep(packed, count, sizeof(int32_t));
    return packed->even && packed->odd ? 0 : -1;
}

void conv_keep_fused(conv_packed *packed, int64_t output, int64_t place) {
    int32_t multiplier = packed->plain.multiplier[output];
    if (!multiplier) return;
    packed->even[place] = (int32_t)(multiplier * ((int64_t)1 << (33 - packed->plain.shift[output])));
    if (place % 2) packed->odd[place - 1] = packed->even[place];
}
