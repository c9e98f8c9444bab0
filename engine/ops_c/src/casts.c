/* Casts: the loops do all. */
#include "casts.h"

#include "loops.h"

void qd_quantize(const void *x, int64_t n, float factor, int via, int rounding, int32_t low, int32_t high,
                 void *out)
{
    const qd_range range = {low, high};
    qd_loops_now()->quantize(x, n, factor, via, rounding, range, out);
}

void qd_dequantize(const void *x, int64_t n, int kind, float factor, int via, void *out)
{
    qd_loops_now()->dequantize(x, n, kind, factor, via, out);
}

void qd_round_float(const void *x, int64_t n, int via, void *out)
{
    qd_loops_now()->round_float(x, n, via, out);
}
