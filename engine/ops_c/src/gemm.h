/* The matrix kernels: one tile of rows by one block of output channels, any number of steps over K. */
#ifndef QUANTDECK_GEMM_H
#define QUANTDECK_GEMM_H

#include <stddef.h>
#include <stdint.h>

#include "conv_internal.h"
#include "dispatch.h"

enum { GEMM_ROWS = 12, GEMM_WIDTH = 4, GEMM_OUTPUTS = 64 };

typedef struct {
    const uint8_t *rows[GEMM_ROWS];      /* first byte of each row (output pixel) */
    const ptrdiff_t *segments;           /* byte offsets from there */
    int64_t segment_count;
    ptrdiff_t segment_bytes;             /* bytes of K at each offset, a multiple of 4 */
    const uint8_t *weights;              /* [step][vector][lane][4 bytes] */
    const int32_t *bias, *even, *odd;    /* [vector][lane] */
    uint8_t *out;
    ptrdiff_t out_stride;                /* bytes from row to row */
    int32_t store;
    int32_t low;                         /* smallest result of STORE_SIGNED */
    int32_t valid;                       /* outputs of the block that exist */
} gemm_tile;

/* Keeps the compiler from holding fields of a structure in registers. */
#define FORGET __asm__ volatile("" ::: "memory")
/* Keeps it from moving arithmetic on a vector past this point. */
#define HOLD(c) __asm__("" : "+v"(c))

typedef void (*gemm_kernel)(const gemm_tile *);

typedef struct {
    int32_t lanes, unit, widest;
    int32_t rows[GEMM_WIDTH + 1];        /* most rows of a tile of this many vectors */
    gemm_kernel kernel[GEMM_WIDTH + 1][GEMM_ROWS + 1];
} gemm_table;

#if defined(QD_X86)
extern const gemm_table gemm_avx2, gemm_avx512vnni;
#if defined(__clang__) ? __clang_major__ >= 12 : __GNUC__ >= 11
#define GEMM_AVXVNNI 1
extern const gemm_table gemm_avxvnni;
#endif
#endif

/* The kernels of a level, NULL for the scalar one. `wide`: those that take 16-bit weights. */
const gemm_table *gemm_find(int32_t level, int wide);
int gemm_pack(conv_packed *packed, const gemm_table *table, const uint8_t *weight);
int gemm_run(const conv_packed *packed, const conv_map *map, const int64_t result[3], int is_signed,
              uint8_t *out, int64_t out_stride);

#endif
