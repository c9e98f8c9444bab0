/* How the process gives memory back. */
#ifndef QUANTDECK_MEMORY_H
#define QUANTDECK_MEMORY_H

/* cdef begin */
/* Let freed arrays be used again without the system's help; 1, or 0 where the C library has no such setting. */
int qd_reuse_memory(void);
/* cdef end */

#endif
