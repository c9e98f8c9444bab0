"""The allocator's settings for runs over samples."""

from ._kernels import lib


def reuse_memory() -> bool:
    """Keep up to 256 MiB of freed memory in the process, in one heap; whether the C library can.

    For the whole process. Values of layers have megabytes and live for milliseconds: given back to the system
    and fetched again each time, its clearing of pages takes a sixth of a trial, and more with several threads.
    """
    return bool(lib.qd_reuse_memory())
