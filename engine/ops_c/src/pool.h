/* Pooling and reduction (spec C.5). */
#ifndef QUANTDECK_POOL_H
#define QUANTDECK_POOL_H

#include <stdint.h>

/* cdef begin */
/* Arrays are [batch][depth][height][width][channels]; sizes of one stand for missing axes. */
typedef struct {
    int64_t batch, channels;
    int64_t size[3], out_size[3], kernel[3], stride[3], pad_begin[3];
    int64_t counted_end[3]; /* first position after the input that a divisor no longer counts */
    int32_t flip, low, high;
} qd_pool;

void qd_max_pool(const qd_pool *pool, const void *x, void *out);
/* include_pad: padding counts in the divisor. half_up: rounding of the mean times the window, else half away. */
void qd_avg_pool(const qd_pool *pool, const void *x, int include_pad, int half_up, int32_t multiplier,
                 int32_t shift, void *out);
/* Rows of `inner` bytes to one byte each. kind: 0 sum, 1 max, 2 min. */
void qd_reduce(const void *x, int32_t flip, int64_t outer, int64_t inner, int kind, int32_t multiplier,
               int32_t shift, int32_t low, int32_t high, void *out);
/* cdef end */

#endif
