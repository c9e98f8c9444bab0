/* Settings of the GNU allocator for runs of arrays of megabytes, made and dropped thousands of times a second. */
#include "memory.h"

#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

enum { FREE_KEPT = 256 << 20, MAPPED_FROM = 32 << 20 };

int qd_reuse_memory(void)
{
#if defined(__GLIBC__)
    /* One heap for all threads: each thread's own would give its end back after every array, and the system
     * would clear the pages again. */
    return mallopt(M_ARENA_MAX, 1) && mallopt(M_TRIM_THRESHOLD, FREE_KEPT) &&
           mallopt(M_MMAP_THRESHOLD, MAPPED_FROM);
#else
    return 0;
#endif
}
