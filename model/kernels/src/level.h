// The instructions that these sources are compiled for. A file of kernels is compiled for one level, which
// `../levels.py` names, and loaded on processors that have all of its instructions.
#pragma once

namespace dragoman {

#if defined(__AMX_INT8__) && defined(__AMX_BF16__)
#define DRAGOMAN_LEVEL "amx"
#elif defined(__AVX512VNNI__)
#define DRAGOMAN_LEVEL "avx512-vnni"
#elif defined(__AVX512F__)
#define DRAGOMAN_LEVEL "avx512"
#elif defined(__AVXVNNI__)
#define DRAGOMAN_LEVEL "avx-vnni"
#elif defined(__AVX2__)
#define DRAGOMAN_LEVEL "avx2"
#elif defined(__ARM_FEATURE_MATMUL_INT8)
#define DRAGOMAN_LEVEL "neon-i8mm"
#elif defined(__ARM_FEATURE_DOTPROD)
#define DRAGOMAN_LEVEL "neon-dot"
#elif defined(__ARM_NEON)
#define DRAGOMAN_LEVEL "neon"
#else
#error "the kernels need AVX2 or NEON"
#endif

#ifdef __AMX_INT8__
constexpr bool kHasTiles = true;
#else
constexpr bool kHasTiles = false;
#endif

#ifdef __AVX512F__
constexpr int kRegisters = 32;  // each of sixteen floats
#else
constexpr int kRegisters = 8;  // sixteen of eight floats, or thirty-two of four
#endif

#ifdef __ARM_NEON
constexpr int kBlocksOfOneRow = 2;  // that are multiplied together: weights are loaded to registers first
#else
constexpr int kBlocksOfOneRow = 4;
#endif

}  // namespace dragoman
