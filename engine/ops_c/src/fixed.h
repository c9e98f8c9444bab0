/* Integer rounding of the chips (spec C.1): the scalar form that every vector path must equal. */
#ifndef QUANTDECK_FIXED_H
#define QUANTDECK_FIXED_H

#include <stdint.h>

enum { QD_MULTIPLIER_SHIFT = 0, QD_QDM = 1, QD_HALF_AWAY = 2 };

static inline int64_t qd_clip64(int64_t v, int64_t low, int64_t high)
{
    return v < low ? low : v > high ? high : v;
}

static inline int32_t qd_clip32(int32_t v, int32_t low, int32_t high)
{
    return v < low ? low : v > high ? high : v;
}

/* v * 2^-n, half up, or half away from zero where `away`; n in -32..62, |v| <= 2^62. A negative n shifts left,
 * after saturation to int32, which no later clamp to a byte can see. */
static inline int64_t qd_shift_round(int64_t v, int32_t n, int away)
{
    if (n < 0)
        return qd_clip64(v, INT32_MIN, INT32_MAX) * ((int64_t)1 << -n);
    int64_t half = ((int64_t)1 << n) >> 1;
    return (v + half - (away && n > 0 && v < 0)) >> n;
}

/* acc * multiplier * 2^-n in one of the forms; not clamped. */
static inline int64_t qd_scale(int64_t acc, int32_t multiplier, int32_t n, int form)
{
    int64_t product = acc * multiplier;
    if (form == QD_QDM) {
        int64_t doubled = qd_clip64(qd_shift_round(product, 31, 0), INT32_MIN, INT32_MAX);
        return qd_shift_round(doubled, n, 1);
    }
    return qd_shift_round(product, n, form == QD_HALF_AWAY);
}

/* A stored byte as an integer: flip is 0x80 for int8 and 0 for uint8. */
static inline int32_t qd_value(uint8_t byte, int32_t flip)
{
    return (int32_t)(uint8_t)(byte ^ (uint8_t)flip) - flip;
}

#endif
