/* One strided copy serves concat, pad, tile, upsample, depth to space and every change of layout. */
#include "movers.h"

#include <string.h>

enum { RANK_MAX = 16 };

typedef struct {
    int64_t size, from, to; /* extent and strides in bytes */
} axis;

/* Axes of size one go; the others in falling order of target stride, so that writes run forward. */
static int sorted_axes(int rank, const int64_t *shape, const int64_t *from, const int64_t *to, axis *axes)
{
    int count = 0;
    for (int i = 0; i < rank; i++) {
        if (shape[i] == 1)
            continue;
        int at = count++;
        while (at > 0 && axes[at - 1].to < to[i]) {
            axes[at] = axes[at - 1];
            at--;
        }
        axes[at] = (axis){shape[i], from[i], to[i]};
    }
    return count;
}

/* Neighbours that are one run in both arrays become one axis. */
static int joined_axes(int count, axis *axes)
{
    int kept = 0;
    for (int i = 1; i < count; i++) {
        axis *outer = &axes[kept];
        const axis inner = axes[i];
        if (outer->from == inner.from * inner.size && outer->to == inner.to * inner.size)
            *outer = (axis){outer->size * inner.size, inner.from, inner.to};
        else
            axes[++kept] = inner;
    }
    return count ? kept + 1 : 0;
}

#define COPY_LOOP(TYPE)                                                                                       \
    for (int64_t i = 0; i < run->size; i++) {                                                                 \
        TYPE value;                                                                                           \
        memcpy(&value, src + i * run->from, sizeof value);                                                    \
        memcpy(dst + i * run->to, &value, sizeof value);                                                      \
    }

static void copy_run(const axis *run, const char *src, char *dst, int64_t item)
{
    if (run->from == item && run->to == item) {
        memcpy(dst, src, (size_t)(run->size * item));
    } else if (item == 1 && run->from == 0 && run->to == 1) {
        memset(dst, *(const unsigned char *)src, (size_t)run->size);
    } else if (item == 1) {
        COPY_LOOP(uint8_t)
    } else if (item == 2) {
        COPY_LOOP(uint16_t)
    } else if (item == 4) {
        COPY_LOOP(uint32_t)
    } else {
        COPY_LOOP(uint64_t)
    }
}

static void copy_axes(int count, const axis *axes, const char *src, char *dst, int64_t item)
{
    if (count == 1) {
        copy_run(axes, src, dst, item);
        return;
    }
    for (int64_t i = 0; i < axes->size; i++)
        copy_axes(count - 1, axes + 1, src + i * axes->from, dst + i * axes->to, item);
}

/* A transposition in the last two axes reads in tiles, so that a cache line serves more than one element. */
enum { TILE = 32 };

static void copy_tiled(const axis *rows, const axis *columns, const char *src, char *dst, int64_t item)
{
    for (int64_t r = 0; r < rows->size; r += TILE)
        for (int64_t c = 0; c < columns->size; c += TILE) {
            const int64_t height = rows->size - r < TILE ? rows->size - r : TILE;
            const axis part = {columns->size - c < TILE ? columns->size - c : TILE, columns->from, columns->to};
            for (int64_t i = r; i < r + height; i++)
                copy_run(&part, src + i * rows->from + c * columns->from,
                         dst + i * rows->to + c * columns->to, item);
        }
}

static void copy_transposed(int count, const axis *axes, const char *src, char *dst, int64_t item)
{
    if (count == 2) {
        copy_tiled(axes, axes + 1, src, dst, item);
        return;
    }
    for (int64_t i = 0; i < axes->size; i++)
        copy_transposed(count - 1, axes + 1, src + i * axes->from, dst + i * axes->to, item);
}

int qd_move(int rank, const int64_t *shape, const void *src, const int64_t *src_strides, void *dst,
            const int64_t *dst_strides, int64_t item)
{
    axis axes[RANK_MAX];
    if (rank < 0 || rank > RANK_MAX || (item != 1 && item != 2 && item != 4 && item != 8))
        return -1;
    for (int i = 0; i < rank; i++)
        if (shape[i] == 0)
            return 0;
    const int count = joined_axes(sorted_axes(rank, shape, src_strides, dst_strides, axes), axes);
    if (count == 0)
        memcpy(dst, src, (size_t)item);
    else if (count >= 2 && axes[count - 2].from == item && axes[count - 1].from > TILE * item)
        copy_transposed(count, axes, src, dst, item);
    else
        copy_axes(count, axes, src, dst, item);
    return 0;
}

void qd_gather(const void *x, int64_t outer, int64_t height, int64_t width, int64_t inner,
               const int32_t *rows, int64_t row_count, const int32_t *cols, int64_t col_count, void *out)
{
    char *to = out;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t r = 0; r < row_count; r++) {
            const char *line = (const char *)x + (o * height + rows[r]) * width * inner;
            if (inner == 1) {
                for (int64_t c = 0; c < col_count; c++)
                    to[c] = line[cols[c]];
            } else {
                for (int64_t c = 0; c < col_count; c++)
                    memcpy(to + c * inner, line + cols[c] * inner, (size_t)inner);
            }
            to += col_count * inner;
        }
}
