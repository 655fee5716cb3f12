// Sixteen floats in two registers of AVX2, with FMA.
#pragma once

#include <immintrin.h>

#include "lanes.h"

namespace dragoman {

template <class Register>
struct Make;

inline __m256i first_eight(int count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

template <>
struct Make<__m256> {
  static constexpr int kCount = 8;
  static __m256 broadcast(float x) { return _mm256_set1_ps(x); }
  static __m256 load(const float* from) { return _mm256_loadu_ps(from); }
  static __m256 load_first(const float* from, int count) {
    return _mm256_maskload_ps(from, first_eight(count));
  }
};

template <>
struct Make<__m256i> {
  static constexpr int kCount = 8;
  static __m256i broadcast(int32_t x) { return _mm256_set1_epi32(x); }
  static __m256i load(const int32_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  static __m256i load_halves(const uint16_t* from) {
    return _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from)));
  }
  static __m256i first(int count) { return first_eight(count); }
};

inline void store(float* to, __m256 x) { _mm256_storeu_ps(to, x); }
inline void store(int32_t* to, __m256i x) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x); }
inline void store_first(float* to, __m256 x, int count) { _mm256_maskstore_ps(to, first_eight(count), x); }

// The lower halves of eight words.
inline __m128i lower_halves(__m256i x) {
  const __m256i low = _mm256_and_si256(x, _mm256_set1_epi32(0xFFFF));
  return _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi32(low, low), 0b1000));
}
inline void store_halves(uint16_t* to, __m256i x) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), lower_halves(x));
}
inline void store_bytes(uint8_t* to, __m256i x) {
  const __m128i halves = lower_halves(_mm256_and_si256(x, _mm256_set1_epi32(0xFF)));
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), _mm_packus_epi16(halves, halves));
}
// Stores eight numbers as halves, in each four of them the second and third exchanged.
inline void store_exchanged_halves(uint16_t* to, __m256i x) {
  const __m128i halves = _mm_shufflelo_epi16(lower_halves(x), _MM_SHUFFLE(3, 1, 2, 0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm_shufflehi_epi16(halves, _MM_SHUFFLE(3, 1, 2, 0)));
}

inline __m256 fma(__m256 x, __m256 y, __m256 z) { return _mm256_fmadd_ps(x, y, z); }
inline __m256 fnma(__m256 x, __m256 y, __m256 z) { return _mm256_fnmadd_ps(x, y, z); }
inline __m256 max(__m256 x, __m256 y) { return _mm256_max_ps(x, y); }
inline __m256 abs(__m256 x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
inline __m256 round_nearest(__m256 x) {
  return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline __m256 round_down(__m256 x) { return _mm256_round_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }

inline __m256i as_words(__m256 x) { return _mm256_castps_si256(x); }
inline __m256 as_floats(__m256i x) { return _mm256_castsi256_ps(x); }
inline __m256i to_words(__m256 x) { return _mm256_cvtps_epi32(x); }
inline __m256 to_floats(__m256i x) { return _mm256_cvtepi32_ps(x); }
inline __m256i add(__m256i x, __m256i y) { return _mm256_add_epi32(x, y); }
inline __m256i subtract(__m256i x, __m256i y) { return _mm256_sub_epi32(x, y); }
inline __m256i bit_and(__m256i x, __m256i y) { return _mm256_and_si256(x, y); }
inline __m256i bit_or(__m256i x, __m256i y) { return _mm256_or_si256(x, y); }
inline __m256i max_words(__m256i x, __m256i y) { return _mm256_max_epi32(x, y); }
template <int kBits>
inline __m256i shift_left(__m256i x) {
  return _mm256_slli_epi32(x, kBits);
}
template <int kBits>
inline __m256i shift_right(__m256i x) {
  return _mm256_srli_epi32(x, kBits);
}
inline __m256i halved(__m256i x) { return _mm256_srai_epi32(x, 1); }

inline __m256i not_less(__m256 x, __m256 y) { return _mm256_castps_si256(_mm256_cmp_ps(x, y, _CMP_NLT_UQ)); }
inline __m256i is_nan(__m256 x) { return _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)); }
inline uint32_t greater_bits(__m256 x, __m256 y) {
  return static_cast<uint32_t>(_mm256_movemask_ps(_mm256_cmp_ps(x, y, _CMP_GT_OQ)));
}
inline __m256 select(__m256i mask, __m256 x, __m256 y) {
  return _mm256_blendv_ps(y, x, _mm256_castsi256_ps(mask));
}
inline __m256i select(__m256i mask, __m256i x, __m256i y) { return _mm256_blendv_epi8(y, x, mask); }

inline float reduce_add(__m256 x) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
inline float reduce_max(__m256 x) {
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}
inline int32_t reduce_max_words(__m256i x) {
  const __m128i four = _mm_max_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  const __m128i two = _mm_max_epi32(four, _mm_unpackhi_epi64(four, four));
  return _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32(two, 1)));
}

// The second and fourth bytes of each word, or the first and third, as two numbers of sixteen bits.
inline __m256i odd_bytes(__m256i x) { return _mm256_srai_epi16(x, 8); }
inline __m256i even_bytes(__m256i x) { return _mm256_srai_epi16(_mm256_slli_epi16(x, 8), 8); }
// Sums of two products of numbers of sixteen bits.
inline __m256i multiply_halves(__m256i x, __m256i y) { return _mm256_madd_epi16(x, y); }

inline void prefetch_near(const void* at) { _mm_prefetch(static_cast<const char*>(at), _MM_HINT_T0); }
inline void prefetch_far(const void* at) { _mm_prefetch(static_cast<const char*>(at), _MM_HINT_T1); }

}  // namespace dragoman

#include "vector_pair.h"

namespace dragoman {

using Floats = Pair<__m256>;
using Words = Pair<__m256i>;
using Mask = Words;

}  // namespace dragoman
