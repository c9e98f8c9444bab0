/* Passes over float32 activations for calibration and similarity (spec B.3 to B.6). */
#ifndef QUANTDECK_PASSES_H
#define QUANTDECK_PASSES_H

#include <stdint.h>

/* cdef begin */
typedef struct {
    double sum, sum_abs, sum_sq;
    float min, max;
    int64_t zeros, nans, infs;
} qd_moments_out;

void qd_moments(const void *x, int64_t n, qd_moments_out *out);
/* counts: uint32 [bins + 1][columns], zeroed by the caller; row `bins` takes what does not count. columns is
 * 1 or 4: with 4, element i goes to column i mod 4, so equal neighbours do not wait for each other.
 * n < 2^32. */
void qd_histogram(const void *x, int64_t n, float width, int32_t bins, int columns, void *counts);
void qd_signed_histogram(const void *x, int64_t n, float low, float high, float factor, int32_t bins,
                         int columns, void *counts);
double qd_sum_above(const void *x, int64_t n, float bound, int64_t *count);
/* mode 0: x > bound; 1: |x| > bound, magnitudes are written; 2: x < bound. */
int64_t qd_count_beyond(const void *x, int64_t n, float bound, int mode);
void qd_take_beyond(const void *x, int64_t n, float bound, int mode, void *out);
/* out: double[5]: x.y, x.x, y.y, |x-y|^2, |x+y|^2 */
void qd_similarity(const void *x, const void *y, int64_t n, double *out);
/* cdef end */

#endif
