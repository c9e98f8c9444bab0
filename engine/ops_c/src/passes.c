/* Calibration passes: blocks of indices from the vector loops, counted here. */
#include "passes.h"

#include <math.h>

#include "loops.h"

enum { BLOCK = 1024 };

void qd_moments(const void *x, int64_t n, qd_moments_out *out)
{
    qd_moments_result r;
    qd_loops_now()->moments(x, n, &r);
    out->sum = r.sum;
    out->sum_abs = r.sum_abs;
    out->sum_sq = r.sum_sq;
    out->min = r.min;
    out->max = r.max;
    out->zeros = r.zeros;
    out->nans = r.nans;
    out->infs = r.infs;
}

static void count(const int32_t *index, int64_t n, int columns, uint32_t *counts)
{
    if (columns == 1) {
        for (int64_t i = 0; i < n; i++)
            counts[index[i]]++;
        return;
    }
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        counts[(int64_t)index[i] * 4]++;
        counts[(int64_t)index[i + 1] * 4 + 1]++;
        counts[(int64_t)index[i + 2] * 4 + 2]++;
        counts[(int64_t)index[i + 3] * 4 + 3]++;
    }
    for (; i < n; i++)
        counts[(int64_t)index[i] * 4]++;
}

void qd_histogram(const void *x, int64_t n, float width, int32_t bins, int columns, void *counts)
{
    const qd_loops *loops = qd_loops_now();
    int32_t index[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t size = n - i < BLOCK ? n - i : BLOCK;
        loops->magnitude_bins((const float *)x + i, size, width, bins, index);
        count(index, size, columns, counts);
    }
}

void qd_signed_histogram(const void *x, int64_t n, float low, float high, float factor, int32_t bins,
                         int columns, void *counts)
{
    const qd_loops *loops = qd_loops_now();
    int32_t index[BLOCK];
    for (int64_t i = 0; i < n; i += BLOCK) {
        const int64_t size = n - i < BLOCK ? n - i : BLOCK;
        loops->signed_bins((const float *)x + i, size, low, high, factor, bins, index);
        count(index, size, columns, counts);
    }
}

double qd_sum_above(const void *x, int64_t n, float bound, int64_t *count_out)
{
    return qd_loops_now()->sum_above(x, n, bound, count_out);
}

int64_t qd_count_beyond(const void *x, int64_t n, float bound, int mode)
{
    return qd_loops_now()->count_beyond(x, n, bound, mode);
}

/* Most blocks hold nothing beyond the bound: they are only counted. */
void qd_take_beyond(const void *x, int64_t n, float bound, int mode, void *out)
{
    const qd_loops *loops = qd_loops_now();
    float *to = out;
    for (int64_t i = 0; i < n; i += BLOCK) {
        const float *from = (const float *)x + i;
        const int64_t size = n - i < BLOCK ? n - i : BLOCK;
        if (loops->count_beyond(from, size, bound, mode) == 0)
            continue;
        for (int64_t j = 0; j < size; j++) {
            const float v = mode == 1 ? fabsf(from[j]) : from[j];
            if (mode == 2 ? v < bound : v > bound)
                *to++ = v;
        }
    }
}

void qd_similarity(const void *x, const void *y, int64_t n, double *out)
{
    qd_loops_now()->similarity(x, y, n, out);
}
