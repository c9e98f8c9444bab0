/* Run-time choice of the instruction set. The level is one int, read once at the head of a kernel. */
#include "dispatch.h"

#if defined(QD_X86)
#include <cpuid.h>

/* The operating system saves the vector registers: bits 1, 2 (ymm) and 5 to 7 (zmm) of XCR0. */
static int saved(unsigned mask)
{
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & mask) == mask;
}

static int has_avx2(void)
{
    unsigned a, b, c, d;
    return saved(0x06u) && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & (1u << 5)) &&
           __get_cpuid(1, &a, &b, &c, &d) && (c & (1u << 12));
}

static int has_avxvnni(void)
{
    unsigned a, b, c, d;
    if (!has_avx2() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || a < 1)
        return 0;
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 4));
}

/* avx512f, dq, bw, vl in EBX; vnni in ECX bit 11 of leaf 7. */
static int has_avx512vnni(void)
{
    const unsigned wanted = (1u << 16) | (1u << 17) | (1u << 30) | (1u << 31);
    unsigned a, b, c, d;
    return has_avx2() && saved(0xe6u) && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
           (b & wanted) == wanted && (c & (1u << 11));
}

static int has_vbmi(void)
{
    unsigned a, b, c, d;
    return has_avx512vnni() && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (c & (1u << 1));
}

static int detect(void)
{
    return 1 << QD_SCALAR | !!has_avx2() << QD_AVX2 | !!has_avxvnni() << QD_AVXVNNI |
           !!has_avx512vnni() << QD_AVX512VNNI | !!has_vbmi() << QD_VBMI;
}
#else
static int detect(void) { return 1 << QD_SCALAR; }
#endif

/* Asked once: in a virtual machine every CPUID traps, which costs more than a small kernel. */
static int features(void)
{
    static int known = 0;
    int found = __atomic_load_n(&known, __ATOMIC_RELAXED);
    if (!found) {
        found = detect();
        __atomic_store_n(&known, found, __ATOMIC_RELAXED);
    }
    return found;
}

int qd_has_level(int level) { return level >= 0 && level <= QD_AVX512VNNI && (features() >> level & 1); }

int qd_has_vbmi(void) { return features() >> QD_VBMI & 1; }

int qd_best_level(void)
{
    for (int level = QD_AVX512VNNI; level > QD_SCALAR; level--)
        if (qd_has_level(level))
            return level;
    return QD_SCALAR;
}

/* Set at import and by tests, read by every kernel. */
static int current_level = -1;

int qd_level(void)
{
    int level = __atomic_load_n(&current_level, __ATOMIC_RELAXED);
    if (level < 0) {
        level = qd_best_level();
        __atomic_store_n(&current_level, level, __ATOMIC_RELAXED);
    }
    return level;
}

/* Returns 0 and changes nothing where the CPU lacks the level. */
int qd_set_level(int level)
{
    if (!qd_has_level(level))
        return 0;
    __atomic_store_n(&current_level, level, __ATOMIC_RELAXED);
    return 1;
}
