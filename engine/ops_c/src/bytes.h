/* Element-wise kernels over bytes (spec C.4) and requantization (spec C.1.1). */
#ifndef QUANTDECK_BYTES_H
#define QUANTDECK_BYTES_H

#include <stdint.h>

/* cdef begin */
/* flip: 0x80 for an int8 array, 0 for uint8. low, high: limits of the result, relu included. All arrays have n
 * elements in the same order. form: 0 multiplier and shift, 1 QDM, 2 half away from zero. */
void qd_lookup(const void *x, int64_t n, const void *table, void *out);
void qd_add(int count, void **xs, const int32_t *flips, const int32_t *multipliers, const int32_t *shifts,
            const int32_t *signs, int64_t n, int32_t low, int32_t high, void *out);
void qd_mul(const void *a, const void *b, int32_t flip_a, int32_t flip_b, int64_t n, int32_t multiplier,
            int32_t shift, int form, int32_t low, int32_t high, void *out);
void qd_extreme(int count, void **xs, const int32_t *flips, int64_t n, int largest, int32_t low, int32_t high,
                void *out);
void qd_linear(const void *x, int32_t flip, int64_t n, int64_t multiplier, int64_t constant, int32_t shift,
               int32_t low, int32_t high, void *out);
void qd_bounded(const void *x, int32_t flip, int64_t n, int32_t floor, int32_t ceiling, int32_t multiplier,
                int32_t shift, int32_t low, int32_t high, void *out);
void qd_absolute(const void *x, int32_t flip, int64_t n, int32_t low, int32_t high, void *out);
void qd_leaky(const void *x, int32_t flip, int64_t n, int32_t multiplier, int32_t shift,
              int32_t positive_multiplier, int32_t positive_shift, int32_t low, int32_t high, void *out);
void qd_prelu(const void *x, const void *slope, int32_t flip, int32_t slope_flip, int64_t n, int32_t shift,
              int32_t positive_multiplier, int32_t positive_shift, int32_t low, int32_t high, void *out);
/* Arrays [outer][channels][inner]; multiplier and shift per channel. */
void qd_requant(const void *x, int64_t outer, int64_t channels, int64_t inner, const int32_t *multiplier,
                const int32_t *shift, int form, int32_t low, int32_t high, void *out);
void qd_scale_channels(const void *x, int32_t flip, int64_t outer, int64_t channels, int64_t inner,
                       const int32_t *weight, const int32_t *bias, const int32_t *multiplier,
                       const int32_t *shift, int form, int32_t low, int32_t high, void *out);
/* cdef end */

#endif
