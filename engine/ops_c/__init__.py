"""C int8 kernels, their numpy twins and their typed wrappers."""
