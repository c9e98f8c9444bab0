"""Build script of the C kernels (cffi, out-of-line API mode, limited API)."""

from cffi import FFI

ffibuilder = FFI()
ffibuilder.cdef("int quantdeck_abi(void);")
ffibuilder.set_source(
    "quantdeck.engine.ops_c._kernels",
    "static int quantdeck_abi(void) { return 1; }",
    py_limited_api=True,
    extra_compile_args=["-O2"],
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)
