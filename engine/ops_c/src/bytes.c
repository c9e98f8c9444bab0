/* Element-wise kernels. A function of one byte becomes a table of 256 entries, so it is exact by construction;
 * functions of several bytes run in blocks of int32, or in int64 where the factors could overflow. */
#include "bytes.h"

#include "dispatch.h"
#include "fixed.h"
#include "loops.h"

enum { BLOCK = 1024 };

static void apply_table(const uint8_t *x, int64_t n, const uint8_t *table, uint8_t *out)
{
    const int level = qd_level();
    if (level == QD_AVX512VNNI && qd_has_vbmi())
        qd_lookup_vbmi(x, n, table, out);
    else if (level >= QD_AVX2 && n >= 64)
        qd_lookup_avx2(x, n, table, out);
    else
        qd_loops_now()->lookup(x, n, table, out);
}

void qd_lookup(const void *x, int64_t n, const void *table, void *out)
{
    apply_table(x, n, table, out);
}

static int64_t magnitude(int64_t v) { return v < 0 ? -v : v; }

/* The scaled inputs and their sum stay inside int32. */
static int sum_fits(int count, const int32_t *multipliers, const int32_t *shifts)
{
    int64_t bound = 0;
    for (int k = 0; k < count; k++) {
        if (shifts[k] < 0 || shifts[k] > 30 || magnitude(multipliers[k]) >= 1 << 22)
            return 0;
        bound += ((255 * magnitude(multipliers[k])) >> shifts[k]) + 1;
    }
    return bound <= INT32_MAX;
}

static void add_wide(int count, void **xs, const int32_t *flips, const int32_t *multipliers,
                     const int32_t *shifts, const int32_t *signs, int64_t n, qd_range range, uint8_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t sum = 0;
        for (int k = 0; k < count; k++) {
            int64_t v = qd_value(((const uint8_t *)xs[k])[i], flips[k]);
            v = qd_shift_round(v * multipliers[k], shifts[k], 0);
            sum += signs[k] * qd_clip64(v, INT32_MIN, INT32_MAX);
        }
        out[i] = (uint8_t)qd_clip64(sum, range.low, range.high);
    }
}

void qd_add(int count, void **xs, const int32_t *flips, const int32_t *multipliers, const int32_t *shifts,
            const int32_t *signs, int64_t n, int32_t low, int32_t high, void *out)
{
    const qd_range range = {low, high};
    if (!sum_fits(count, multipliers, shifts)) {
        add_wide(count, xs, flips, multipliers, shifts, signs, n, range, out);
        return;
    }
    const qd_loops *loops = qd_loops_now();
    int32_t acc[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t size = n - i < BLOCK ? n - i : BLOCK;
        for (int64_t j = 0; j < size; j++)
            acc[j] = 0;
        for (int k = 0; k < count; k++)
            loops->add_scaled((const uint8_t *)xs[k] + i, size, flips[k], multipliers[k], shifts[k], signs[k],
                              acc);
        loops->store(acc, size, range, (uint8_t *)out + i);
    }
}

void qd_mul(const void *a, const void *b, int32_t flip_a, int32_t flip_b, int64_t n, int32_t multiplier,
            int32_t shift, int form, int32_t low, int32_t high, void *out)
{
    const qd_loops *loops = qd_loops_now();
    const qd_range range = {low, high};
    const int narrow =
        form == QD_MULTIPLIER_SHIFT && shift >= 0 && shift <= 30 && magnitude(multiplier) <= 1 << 14;
    int32_t acc[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t size = n - i < BLOCK ? n - i : BLOCK;
        loops->load((const uint8_t *)a + i, size, flip_a, acc);
        loops->times((const uint8_t *)b + i, size, flip_b, acc);
        if (narrow) {
            loops->shift32(acc, size, multiplier, shift);
            loops->store(acc, size, range, (uint8_t *)out + i);
        } else {
            loops->requant(acc, size, multiplier, shift, form, range, (uint8_t *)out + i);
        }
    }
}

void qd_extreme(int count, void **xs, const int32_t *flips, int64_t n, int largest, int32_t low, int32_t high,
                void *out)
{
    const qd_loops *loops = qd_loops_now();
    const qd_range range = {low, high};
    int32_t acc[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t size = n - i < BLOCK ? n - i : BLOCK;
        loops->load((const uint8_t *)xs[0] + i, size, flips[0], acc);
        for (int k = 1; k < count; k++)
            (largest ? loops->keep_larger : loops->keep_smaller)((const uint8_t *)xs[k] + i, size, flips[k],
                                                                 acc);
        loops->store(acc, size, range, (uint8_t *)out + i);
    }
}

void qd_linear(const void *x, int32_t flip, int64_t n, int64_t multiplier, int64_t constant, int32_t shift,
               int32_t low, int32_t high, void *out)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++) {
        const int64_t v = qd_value((uint8_t)i, flip) * multiplier + constant;
        table[i] = (uint8_t)qd_clip64(qd_shift_round(v, shift, 0), low, high);
    }
    apply_table(x, n, table, out);
}

void qd_bounded(const void *x, int32_t flip, int64_t n, int32_t floor, int32_t ceiling, int32_t multiplier,
                int32_t shift, int32_t low, int32_t high, void *out)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++) {
        const int64_t v = qd_clip64(qd_value((uint8_t)i, flip), floor, ceiling) * multiplier;
        table[i] = (uint8_t)qd_clip64(qd_shift_round(v, shift, 0), low, high);
    }
    apply_table(x, n, table, out);
}

void qd_absolute(const void *x, int32_t flip, int64_t n, int32_t low, int32_t high, void *out)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++)
        table[i] = (uint8_t)qd_clip64(magnitude(qd_value((uint8_t)i, flip)), low, high);
    apply_table(x, n, table, out);
}

void qd_leaky(const void *x, int32_t flip, int64_t n, int32_t multiplier, int32_t shift,
              int32_t positive_multiplier, int32_t positive_shift, int32_t low, int32_t high, void *out)
{
    uint8_t table[256];
    for (int i = 0; i < 256; i++) {
        const int64_t v = qd_value((uint8_t)i, flip);
        const int64_t r = v >= 0 ? qd_shift_round(v * positive_multiplier, positive_shift, 0)
                                 : qd_shift_round(v * multiplier, shift, 0);
        table[i] = (uint8_t)qd_clip64(r, low, high);
    }
    apply_table(x, n, table, out);
}

static void prelu_wide(const uint8_t *x, const uint8_t *slope, int32_t flip, int32_t slope_flip, int64_t n,
                       int32_t shift, int32_t positive_multiplier, int32_t positive_shift, qd_range range,
                       uint8_t *out)
{
    for (int64_t i = 0; i < n; i++) {
        const int64_t v = qd_value(x[i], flip);
        const int64_t r = v >= 0 ? qd_shift_round(v * positive_multiplier, positive_shift, 0)
                                 : qd_shift_round(v * qd_value(slope[i], slope_flip), shift, 0);
        out[i] = (uint8_t)qd_clip64(r, range.low, range.high);
    }
}

void qd_prelu(const void *x, const void *slope, int32_t flip, int32_t slope_flip, int64_t n, int32_t shift,
              int32_t positive_multiplier, int32_t positive_shift, int32_t low, int32_t high, void *out)
{
    const qd_loops *loops = qd_loops_now();
    const qd_range range = {low, high};
    int32_t acc[BLOCK];
    if (shift < 0 || shift > 30 || positive_multiplier != 1 || positive_shift != 0) {
        prelu_wide(x, slope, flip, slope_flip, n, shift, positive_multiplier, positive_shift, range, out);
        return;
    }
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t size = n - i < BLOCK ? n - i : BLOCK;
        loops->load((const uint8_t *)x + i, size, flip, acc);
        loops->slope32((const uint8_t *)slope + i, size, slope_flip, shift, acc);
        loops->store(acc, size, range, (uint8_t *)out + i);
    }
}

void qd_requant(const void *x, int64_t outer, int64_t channels, int64_t inner, const int32_t *multiplier,
                const int32_t *shift, int form, int32_t low, int32_t high, void *out)
{
    const qd_loops *loops = qd_loops_now();
    const qd_range range = {low, high};
    const int32_t *from = x;
    uint8_t *to = out;
    for (int64_t o = 0; o < outer; o++) {
        if (inner == 1) {
            loops->requant_each(from, channels, multiplier, shift, form, range, to);
        } else {
            for (int64_t c = 0; c < channels; c++)
                loops->requant(from + c * inner, inner, multiplier[c], shift[c], form, range, to + c * inner);
        }
        from += channels * inner;
        to += channels * inner;
    }
}

static void scale_row(const qd_loops *loops, const uint8_t *x, int32_t flip, int64_t n, int32_t weight,
                      int32_t bias, int32_t multiplier, int32_t shift, int form, qd_range range, uint8_t *out)
{
    int32_t acc[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t size = n - i < BLOCK ? n - i : BLOCK;
        loops->affine(x + i, size, flip, weight, bias, acc);
        loops->requant(acc, size, multiplier, shift, form, range, out + i);
    }
}

static void scale_pixel(const qd_loops *loops, const uint8_t *x, int32_t flip, int64_t n,
                        const int32_t *weight, const int32_t *bias, const int32_t *multiplier,
                        const int32_t *shift, int form, qd_range range, uint8_t *out)
{
    int32_t acc[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t size = n - i < BLOCK ? n - i : BLOCK;
        loops->affine_each(x + i, size, flip, weight + i, bias + i, acc);
        loops->requant_each(acc, size, multiplier + i, shift + i, form, range, out + i);
    }
}

void qd_scale_channels(const void *x, int32_t flip, int64_t outer, int64_t channels, int64_t inner,
                       const int32_t *weight, const int32_t *bias, const int32_t *multiplier,
                       const int32_t *shift, int form, int32_t low, int32_t high, void *out)
{
    const qd_loops *loops = qd_loops_now();
    const qd_range range = {low, high};
    const uint8_t *from = x;
    uint8_t *to = out;
    for (int64_t o = 0; o < outer; o++) {
        if (inner == 1) {
            scale_pixel(loops, from, flip, channels, weight, bias, multiplier, shift, form, range, to);
        } else {
            for (int64_t c = 0; c < channels; c++)
                scale_row(loops, from + c * inner, flip, inner, weight[c], bias[c], multiplier[c], shift[c],
                          form, range, to + c * inner);
        }
        from += channels * inner;
        to += channels * inner;
    }
}
