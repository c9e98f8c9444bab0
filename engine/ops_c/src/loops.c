/* Chooses the inner loops of the level in use. */
#include "loops.h"

#include "dispatch.h"

const qd_loops *qd_loops_now(void)
{
#if defined(QD_X86)
    int level = qd_level();
    if (level == QD_AVX512VNNI)
        return &qd_loops_avx512;
    if (level >= QD_AVX2)
        return &qd_loops_avx2;
#endif
    return &qd_loops_scalar;
}
