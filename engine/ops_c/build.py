"""Build script of the C kernels (cffi, out-of-line API mode, limited API).

How a kernel family joins:

* ``src/<family>.h`` declares what Python calls between the lines ``/* cdef begin */`` and ``/* cdef end */``.
  The block goes to cffi as it stands, so it holds plain declarations only: no macro, no include. Python
  passes pointers as ``void *`` casts of array addresses, sizes as ``int64_t``.
* every ``src/*.c`` is compiled into the one extension; ``src/*.inc`` are bodies that several files include
  (one per instruction set). A file for an instruction set sets its target by pragma, there are no -m flags
  (see ``src/target_avx2.h`` and its neighbours), so the wheel runs on any CPU of the architecture.
* a kernel with variants is called through the table that ``src/dispatch.c`` chose at load; the level is
  read with ``qd_level()`` (0 scalar, 1 avx2, 2 avxvnni, 3 avx512vnni).

``-ffp-contract=off`` keeps float passes equal on every level.
"""

import os
from pathlib import Path

from cffi import FFI

SOURCES = "engine/ops_c/src"  # relative to the repository, as setuptools wants it
_FOLDER = Path(__file__).parent / "src"
_BEGIN, _END = "/* cdef begin */", "/* cdef end */"
COMPILE_ARGS = ["-O2", "-ffp-contract=off"]
MODULE = "quantdeck.engine.ops_c._kernels"


def source_folder() -> Path:
    """Where the C files lie."""
    return _FOLDER


def headers() -> list[Path]:
    """The headers that declare something for Python, in order of name."""
    return [path for path in sorted(_FOLDER.glob("*.h")) if _BEGIN in path.read_text(encoding="utf-8")]


def declarations() -> str:
    """The cdef text: the marked block of every header."""
    blocks = [path.read_text(encoding="utf-8").split(_BEGIN, 1)[1].split(_END, 1)[0] for path in headers()]
    return "\n".join(blocks)


def make_builder() -> FFI:
    """The cffi builder of the one extension module."""
    builder = FFI()
    builder.cdef(declarations())
    builder.set_source(
        MODULE,
        "\n".join(f'#include "{path.name}"' for path in headers()),
        sources=[f"{SOURCES}/{path.name}" for path in sorted(_FOLDER.glob("*.c"))],
        depends=[f"{SOURCES}/{path.name}" for path in sorted([*_FOLDER.glob("*.h"), *_FOLDER.glob("*.inc")])],
        include_dirs=[SOURCES],
        extra_compile_args=COMPILE_ARGS,
        libraries=["m"] if os.name == "posix" else [],
        py_limited_api=True,
    )
    return builder


ffibuilder = make_builder()

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
