/* Every function after this line is compiled for avx2,fma,avxvnni. */
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,avxvnni"))), apply_to = function)
#else
#pragma GCC optimize("no-tree-pre")
#pragma GCC target("avx2,fma,avxvnni")
#endif
