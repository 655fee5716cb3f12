// Sixteen floats in one register of AVX-512.
#pragma once

#include <immintrin.h>

#include "lanes.h"

namespace dragoman {

template <class Register>
struct Make;

using Floats = __m512;  // sixteen float32
using Words = __m512i;  // sixteen words of four bytes
using Mask = __mmask16;

inline Mask mask_of(Lanes lanes) { return static_cast<Mask>((1u << lanes.count) - 1u); }

template <>
struct Make<Floats> {
  static constexpr int kCount = 16;
  static Floats broadcast(float x) { return _mm512_set1_ps(x); }
  static Floats load(const float* from) { return _mm512_loadu_ps(from); }
};

template <>
struct Make<Words> {
  static constexpr int kCount = 16;
  static Words broadcast(int32_t x) { return _mm512_set1_epi32(x); }
  static Words load(const int32_t* from) { return _mm512_loadu_si512(from); }
};

inline Floats load(const float* from, Lanes lanes) { return _mm512_maskz_loadu_ps(mask_of(lanes), from); }
inline Words load_halves(const void* from) {
  return _mm512_cvtepu16_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(from)));
}
inline void store(float* to, Floats x) { _mm512_storeu_ps(to, x); }
inline void store_words(void* to, Words x) { _mm512_storeu_si512(to, x); }
inline void store(float* to, Floats x, Lanes lanes) { _mm512_mask_storeu_ps(to, mask_of(lanes), x); }
inline void store_halves(void* to, Words x) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), _mm512_cvtepi32_epi16(x));
}
inline void store_bytes(void* to, Words x) {
  _mm_storeu_si128(static_cast<__m128i*>(to), _mm512_cvtepi32_epi8(x));
}

inline Floats fma(Floats x, Floats y, Floats z) { return _mm512_fmadd_ps(x, y, z); }
inline Floats fnma(Floats x, Floats y, Floats z) { return _mm512_fnmadd_ps(x, y, z); }
inline Floats max(Floats x, Floats y) { return _mm512_max_ps(x, y); }
inline Floats abs(Floats x) { return _mm512_abs_ps(x); }
inline Floats round_nearest(Floats x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}
inline Floats round_down(Floats x) {
  return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}
inline Floats times_power(Floats x, Floats exponent) { return _mm512_scalef_ps(x, exponent); }

inline Words as_words(Floats x) { return _mm512_castps_si512(x); }
inline Floats as_floats(Words x) { return _mm512_castsi512_ps(x); }
inline Words to_words(Floats x) { return _mm512_cvtps_epi32(x); }
inline Floats to_floats(Words x) { return _mm512_cvtepi32_ps(x); }
inline Words add(Words x, Words y) { return _mm512_add_epi32(x, y); }
inline Words bit_and(Words x, Words y) { return _mm512_and_si512(x, y); }
inline Words bit_or(Words x, Words y) { return _mm512_or_si512(x, y); }
inline Words max_words(Words x, Words y) { return _mm512_max_epi32(x, y); }
template <int kBits>
inline Words shift_left(Words x) {
  return _mm512_slli_epi32(x, kBits);
}
template <int kBits>
inline Words shift_right(Words x) {
  return _mm512_srli_epi32(x, kBits);
}

inline Mask not_less(Floats x, Floats y) { return _mm512_cmp_ps_mask(x, y, _CMP_NLT_UQ); }
inline Mask is_nan(Floats x) { return _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q); }
inline uint32_t greater_bits(Floats x, Floats y) { return _mm512_cmp_ps_mask(x, y, _CMP_GT_OQ); }
inline Floats select(Mask mask, Floats x, Floats y) { return _mm512_mask_mov_ps(y, mask, x); }
inline Words select(Mask mask, Words x, Words y) { return _mm512_mask_mov_epi32(y, mask, x); }

inline float reduce_add(Floats x) { return _mm512_reduce_add_ps(x); }
inline float reduce_max(Floats x) { return _mm512_reduce_max_ps(x); }
inline int32_t reduce_max_words(Words x) { return _mm512_reduce_max_epi32(x); }

// The second and fourth bytes of each word, or the first and third, as two numbers of sixteen bits.
inline Words odd_bytes(Words x) { return _mm512_srai_epi16(x, 8); }
inline Words even_bytes(Words x) { return _mm512_srai_epi16(_mm512_slli_epi16(x, 8), 8); }
// Sums of two products of numbers of sixteen bits.
inline Words multiply_halves(Words x, Words y) { return _mm512_madd_epi16(x, y); }
// Stores sixteen numbers as halves, in each four of them the second and third exchanged.
inline void store_exchanged_halves(void* to, Words x) {
  const __m256i halves = _mm256_shufflelo_epi16(_mm512_cvtepi32_epi16(x), _MM_SHUFFLE(3, 1, 2, 0));
  _mm256_storeu_si256(static_cast<__m256i*>(to), _mm256_shufflehi_epi16(halves, _MM_SHUFFLE(3, 1, 2, 0)));
}

inline void prefetch_near(const void* at) { _mm_prefetch(static_cast<const char*>(at), _MM_HINT_T0); }
inline void prefetch_far(const void* at) { _mm_prefetch(static_cast<const char*>(at), _MM_HINT_T1); }

}  // namespace dragoman
