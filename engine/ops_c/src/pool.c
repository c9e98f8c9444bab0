/* Pooling runs over the channels of one output pixel at a time, window element by window element. */
#include "pool.h"

#include <math.h>
#include <string.h>

#include "fixed.h"
#include "loops.h"

enum { BLOCK = 512 };

typedef struct {
    int64_t begin[3], end[3]; /* the part of the window inside the input */
    int64_t counted;          /* elements that the divisor counts */
} window;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static window window_at(const qd_pool *p, const int64_t *at, int include_pad)
{
    window w;
    w.counted = 1;
    for (int i = 0; i < 3; i++) {
        const int64_t from = at[i] * p->stride[i] - p->pad_begin[i], to = from + p->kernel[i];
        w.begin[i] = most(from, 0);
        w.end[i] = least(to, p->size[i]);
        w.counted *= include_pad ? least(to, p->counted_end[i]) - from : most(w.end[i] - w.begin[i], 0);
    }
    return w;
}

/* The statement after it runs with `pixel` at each element of the window inside the input. */
#define EACH_PIXEL(p, w, image, pixel)                                                                        \
    for (int64_t d_ = (w).begin[0]; d_ < (w).end[0]; d_++)                                                    \
        for (int64_t h_ = (w).begin[1]; h_ < (w).end[1]; h_++)                                                \
            for (int64_t w_ = (w).begin[2]; w_ < (w).end[2]; w_++)                                            \
                if (((pixel) = (image) + ((d_ * (p)->size[1] + h_) * (p)->size[2] + w_) * (p)->channels), 1)

/* Goes through the output pixels in memory order. */
static int next(const qd_pool *p, int64_t *at)
{
    for (int i = 2; i >= 0; i--) {
        if (++at[i] < p->out_size[i])
            return 1;
        at[i] = 0;
    }
    return 0;
}

static int64_t volume(const int64_t *size) { return size[0] * size[1] * size[2]; }

void qd_max_pool(const qd_pool *p, const void *x, void *out)
{
    const qd_loops *loops = qd_loops_now();
    const uint8_t *pixel;
    uint8_t *to = out;
    if (volume(p->out_size) == 0)
        return;
    for (int64_t n = 0; n < p->batch; n++) {
        const uint8_t *image = (const uint8_t *)x + n * volume(p->size) * p->channels;
        int64_t at[3] = {0, 0, 0};
        do {
            const window w = window_at(p, at, 0);
            memset(to, p->flip, (size_t)p->channels); /* 0x80 is -128 */
            EACH_PIXEL(p, w, image, pixel)
                loops->max_bytes(pixel, p->channels, p->flip != 0, to);
            if (p->low == 0 && p->flip)
                for (int64_t c = 0; c < p->channels; c++)
                    to[c] = to[c] & 0x80 ? 0 : to[c];
            to += p->channels;
        } while (next(p, at));
    }
}

/* A window that is not full: the float32 mean over what counts, times one side after the other. */
static int32_t spread(const qd_pool *p, int32_t sum, int64_t counted, int half_up)
{
    if (counted == 0)
        return 0;
    float v = (float)sum / (float)counted;
    for (int i = 0; i < 3; i++)
        v *= (float)p->kernel[i];
    if (half_up)
        return (int32_t)floorf(v + 0.5f);
    const int32_t whole = (int32_t)v;
    const float rest = v - (float)whole;
    return whole + (rest >= 0.5f) - (rest <= -0.5f);
}

void qd_avg_pool(const qd_pool *p, const void *x, int include_pad, int half_up, int32_t multiplier,
                 int32_t shift, void *out)
{
    const qd_loops *loops = qd_loops_now();
    const uint8_t *pixel;
    uint8_t *to = out;
    const qd_range range = {p->low, p->high};
    int32_t acc[BLOCK];
    if (volume(p->out_size) == 0)
        return;
    for (int64_t n = 0; n < p->batch; n++) {
        const uint8_t *image = (const uint8_t *)x + n * volume(p->size) * p->channels;
        int64_t at[3] = {0, 0, 0};
        do {
            const window w = window_at(p, at, include_pad);
            for (int64_t c = 0; c < p->channels; c += BLOCK) {
                const int64_t size = least(p->channels - c, BLOCK);
                memset(acc, 0, (size_t)size * sizeof *acc);
                EACH_PIXEL(p, w, image, pixel)
                    loops->add_bytes(pixel + c, size, p->flip, acc);
                if (w.counted != volume(p->kernel))
                    for (int64_t j = 0; j < size; j++)
                        acc[j] = spread(p, acc[j], w.counted, half_up);
                loops->requant(acc, size, multiplier, shift, QD_MULTIPLIER_SHIFT, range, to + c);
            }
            to += p->channels;
        } while (next(p, at));
    }
}

static int32_t extreme(const uint8_t *x, int64_t n, int32_t flip, int largest)
{
    int32_t best = qd_value(x[0], flip);
    for (int64_t i = 1; i < n; i++) {
        const int32_t v = qd_value(x[i], flip);
        best = (largest ? v > best : v < best) ? v : best;
    }
    return best;
}

void qd_reduce(const void *x, int32_t flip, int64_t outer, int64_t inner, int kind, int32_t multiplier,
               int32_t shift, int32_t low, int32_t high, void *out)
{
    const qd_loops *loops = qd_loops_now();
    for (int64_t o = 0; o < outer; o++) {
        const uint8_t *row = (const uint8_t *)x + o * inner;
        int64_t v = kind == 0 ? qd_clip64(loops->sum_bytes(row, inner, flip), INT32_MIN, INT32_MAX)
                              : extreme(row, inner, flip, kind == 1);
        v = qd_shift_round(v * multiplier, shift, 0);
        ((uint8_t *)out)[o] = (uint8_t)qd_clip64(v, low, high);
    }
}
