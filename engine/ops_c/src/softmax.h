/* Softmax by a table of exponentials (spec C.5). */
#ifndef QUANTDECK_SOFTMAX_H
#define QUANTDECK_SOFTMAX_H

#include <stdint.h>

/* cdef begin */
/* Rows of `channels` bytes. table: 256 float32. scratch: 4 * channels float32. */
void qd_softmax_rows(const void *x, int32_t flip, int64_t rows, int64_t channels, const void *table,
                     float out_scale, int32_t low, int32_t high, void *scratch, void *out);
/* [outer][channels][inner], inner > 1. scratch: channels float32. */
void qd_softmax_planes(const void *x, int32_t flip, int64_t outer, int64_t channels, int64_t inner,
                       const void *table, float out_scale, int32_t low, int32_t high, void *scratch,
                       void *out);
/* cdef end */

#endif
