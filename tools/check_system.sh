#!/bin/sh
# Says in one sentence what is missing before anything is built: Python 3.11 or newer with venv and headers, a C compiler.
python=${1:-python3}
if ! command -v "$python" >/dev/null 2>&1; then
    echo "quantdeck needs Python 3.11 or newer, but '$python' is not on the PATH; install it or run: make PYTHON=/path/to/python3.11" >&2
    exit 2
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "quantdeck needs Python 3.11 or newer, but '$python' is $("$python" -V 2>&1); run: make PYTHON=python3.12 (or another newer one)" >&2
    exit 2
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "quantdeck needs Python's venv module, which '$python' lacks; install it (Debian: apt install python3-venv)" >&2
    exit 2
fi
if ! command -v "${CC:-cc}" >/dev/null 2>&1 && ! command -v gcc >/dev/null 2>&1; then
    echo "quantdeck compiles its int8 kernels and finds no C compiler; install one (Debian: apt install gcc) or set CC" >&2
    exit 2
fi
headers=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
if [ ! -f "$headers/Python.h" ]; then
    echo "quantdeck compiles its int8 kernels and finds no Python.h in $headers; install Python's headers (Debian: apt install python3-dev)" >&2
    exit 2
fi
