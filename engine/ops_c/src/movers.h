/* Kernels that only move elements. */
#ifndef QUANTDECK_MOVERS_H
#define QUANTDECK_MOVERS_H

#include <stdint.h>

/* cdef begin */
/* Copies an array of `rank` (0 to 16) axes; strides in bytes, a source stride may be 0 or negative. Returns -1
 * for a rank or element size (1, 2, 4, 8) outside that. */
int qd_move(int rank, const int64_t *shape, const void *src, const int64_t *src_strides, void *dst,
            const int64_t *dst_strides, int64_t item);
/* out[o][r][c][i] = x[o][rows[r]][cols[c]][i]; i are `inner` bytes. */
void qd_gather(const void *x, int64_t outer, int64_t height, int64_t width, int64_t inner,
               const int32_t *rows, int64_t row_count, const int32_t *cols, int64_t col_count, void *out);
/* cdef end */

#endif
