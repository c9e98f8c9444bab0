/* Quantize and dequantize (spec C.8). */
#ifndef QUANTDECK_CASTS_H
#define QUANTDECK_CASTS_H

#include <stdint.h>

/* cdef begin */
/* via: 0 F32, 1 F16, 2 BF16, 3 BF16 truncated. rounding: 0 half away, 1 half even, 2 half up. */
void qd_quantize(const void *x, int64_t n, float factor, int via, int rounding, int32_t low, int32_t high,
                 void *out);
/* kind: 0 uint8, 1 int8, 2 int32. */
void qd_dequantize(const void *x, int64_t n, int kind, float factor, int via, void *out);
void qd_round_float(const void *x, int64_t n, int via, void *out);
/* cdef end */

#endif
