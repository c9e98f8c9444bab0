"""The one setting that pyproject.toml cannot hold: the cffi build script of the kernels."""

from setuptools import setup

setup(cffi_modules=["engine/ops_c/build.py:ffibuilder"])
