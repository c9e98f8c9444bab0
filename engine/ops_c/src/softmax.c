/* The float32 sum runs in index order, one addition after the other; four rows at a time hide its latency. */
#include "softmax.h"

#include "loops.h"

enum { ROWS = 4 };

static void exponentials(const qd_loops *loops, const uint8_t *x, int32_t flip, int64_t n, const float *table,
                         float *e)
{
    const uint8_t top = loops->top_code(x, n, flip);
    for (int64_t i = 0; i < n; i++)
        e[i] = table[top - (uint8_t)(x[i] ^ flip)];
}

static float sum_in_order(const float *e, int64_t n)
{
    float total = 0.0f;
    for (int64_t i = 0; i < n; i++)
        total += e[i];
    return total;
}

static void four_sums(const float *e, int64_t n, float *total)
{
    float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        a += e[i];
        b += e[n + i];
        c += e[2 * n + i];
        d += e[3 * n + i];
    }
    total[0] = a;
    total[1] = b;
    total[2] = c;
    total[3] = d;
}

void qd_softmax_rows(const void *x, int32_t flip, int64_t rows, int64_t channels, const void *table,
                     float out_scale, int32_t low, int32_t high, void *scratch, void *out)
{
    float *e = scratch;
    const qd_loops *loops = qd_loops_now();
    const qd_range range = {low, high};
    for (int64_t r = 0; r < rows; r += ROWS) {
        const int64_t count = rows - r < ROWS ? rows - r : ROWS;
        float total[ROWS];
        for (int64_t k = 0; k < count; k++)
            exponentials(loops, (const uint8_t *)x + (r + k) * channels, flip, channels, table,
                         e + k * channels);
        if (count == ROWS)
            four_sums(e, channels, total);
        else
            for (int64_t k = 0; k < count; k++)
                total[k] = sum_in_order(e + k * channels, channels);
        for (int64_t k = 0; k < count; k++)
            loops->ratio_bytes(e + k * channels, channels, total[k] * out_scale, range,
                               (uint8_t *)out + (r + k) * channels);
    }
}

/* One column of a plane at a time, gathered into the scratch. */
void qd_softmax_planes(const void *x, int32_t flip, int64_t outer, int64_t channels, int64_t inner,
                       const void *table, float out_scale, int32_t low, int32_t high, void *scratch,
                       void *out)
{
    const float *entries = table;
    float *e = scratch;
    const qd_loops *loops = qd_loops_now();
    const qd_range range = {low, high};
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++) {
            const uint8_t *from = (const uint8_t *)x + o * channels * inner + i;
            uint8_t *to = (uint8_t *)out + o * channels * inner + i;
            uint8_t top = 0;
            for (int64_t c = 0; c < channels; c++) {
                const uint8_t code = (uint8_t)(from[c * inner] ^ flip);
                top = code > top ? code : top;
            }
            for (int64_t c = 0; c < channels; c++)
                e[c] = entries[top - (uint8_t)(from[c * inner] ^ flip)];
            const float total = sum_in_order(e, channels) * out_scale;
            for (int64_t c = 0; c < channels; c++)
                loops->ratio_bytes(e + c, 1, total, range, to + c * inner);
        }
}
