/* Inner loops that exist once per instruction set. The bodies are the *.inc files, plain C that the compiler
 * vectorizes, so every level computes the same by construction; loops_<level>.c compiles them for its target. */
#ifndef QUANTDECK_LOOPS_H
#define QUANTDECK_LOOPS_H

#include <stdint.h>

#define QD_STRIPES 16

/* How bytes are cut at the end: signed and unsigned types, and relu, are all a pair of limits. */
typedef struct {
    int32_t low, high;
} qd_range;

typedef struct {
    double sum, sum_abs, sum_sq;
    float min, max;
    int64_t zeros, nans, infs;
} qd_moments_result;

typedef struct {
    /* bytes.inc */
    void (*lookup)(const uint8_t *x, int64_t n, const uint8_t *table, uint8_t *out);
    void (*load)(const uint8_t *x, int64_t n, int32_t flip, int32_t *acc);
    void (*add_scaled)(const uint8_t *x, int64_t n, int32_t flip, int32_t multiplier, int32_t shift,
                       int32_t sign, int32_t *acc);
    void (*keep_larger)(const uint8_t *x, int64_t n, int32_t flip, int32_t *acc);
    void (*keep_smaller)(const uint8_t *x, int64_t n, int32_t flip, int32_t *acc);
    void (*times)(const uint8_t *x, int64_t n, int32_t flip, int32_t *acc);
    void (*shift32)(int32_t *acc, int64_t n, int32_t multiplier, int32_t shift);
    void (*slope32)(const uint8_t *slope, int64_t n, int32_t flip, int32_t shift, int32_t *acc);
    void (*store)(const int32_t *acc, int64_t n, qd_range range, uint8_t *out);
    void (*requant)(const int32_t *x, int64_t n, int32_t multiplier, int32_t shift, int form, qd_range range,
                    uint8_t *out);
    void (*requant_each)(const int32_t *x, int64_t n, const int32_t *multiplier, const int32_t *shift,
                         int form, qd_range range, uint8_t *out);
    void (*affine)(const uint8_t *x, int64_t n, int32_t flip, int32_t weight, int32_t bias, int32_t *acc);
    void (*affine_each)(const uint8_t *x, int64_t n, int32_t flip, const int32_t *weight,
                        const int32_t *bias, int32_t *acc);
    uint8_t (*top_code)(const uint8_t *x, int64_t n, int32_t flip);
    /* pool.inc */
    void (*max_bytes)(const uint8_t *x, int64_t n, int is_signed, uint8_t *out);
    void (*add_bytes)(const uint8_t *x, int64_t n, int32_t flip, int32_t *acc);
    int64_t (*sum_bytes)(const uint8_t *x, int64_t n, int32_t flip);
    /* casts.inc */
    void (*quantize)(const float *x, int64_t n, float factor, int via, int rounding, qd_range range,
                     uint8_t *out);
    void (*dequantize)(const void *x, int64_t n, int kind, float factor, int via, float *out);
    void (*round_float)(const float *x, int64_t n, int via, float *out);
    void (*ratio_bytes)(const float *e, int64_t n, float total, qd_range range, uint8_t *out);
    /* passes.inc */
    void (*moments)(const float *x, int64_t n, qd_moments_result *out);
    void (*magnitude_bins)(const float *x, int64_t n, float width, int32_t bins, int32_t *index);
    void (*signed_bins)(const float *x, int64_t n, float low, float high, float factor, int32_t bins,
                        int32_t *index);
    double (*sum_above)(const float *x, int64_t n, float bound, int64_t *count);
    int64_t (*count_beyond)(const float *x, int64_t n, float bound, int mode);
    void (*similarity)(const float *a, const float *b, int64_t n, double *out);
} qd_loops;

extern const qd_loops qd_loops_scalar;
extern const qd_loops qd_loops_avx2;
extern const qd_loops qd_loops_avx512;

/* The loops of the level in use. */
const qd_loops *qd_loops_now(void);

/* Tables held in registers; the plain loop where the architecture is not x86. */
void qd_lookup_avx2(const uint8_t *x, int64_t n, const uint8_t *table, uint8_t *out);
void qd_lookup_vbmi(const uint8_t *x, int64_t n, const uint8_t *table, uint8_t *out);

#endif
